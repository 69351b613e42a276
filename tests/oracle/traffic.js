// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A mixed bag of sessions, run in the namespace that is being captured. Prints
// one JSON line: for each session the client's port and what each end sent.

const { End, Server, Tally, close, pair, rawClient, trickle } = require('./pair');
const { OPCODE, closePayload, frame } = require('../e2e/frames');
const { until } = require('../e2e/wait');

const MIB = 1 << 20;
const LENGTHS = [0, 1, 125, 126, 127, 1000, 65535, 65536];

const text = (size) => 'x'.repeat(size);
const bytes = (size) => Buffer.alloc(size, 0x81);
const squares = (size) => Buffer.from(Array.from({ length: size }, (_, i) => (i * i) & 255));
// So that what was sent is also received before the session goes on.
const delivered = (end, count) => until(() => end.received >= count, 10000, 2);

function bothWays(make, sizes, options) {
  return {
    options,
    async talk({ client, server }) {
      for (const size of sizes) {
        await client.message(make(size));
        await server.message(make(size));
      }
      await delivered(client, sizes.length);
      await delivered(server, sizes.length);
      await close(client, server, 1000, 'bye');
    },
  };
}

function closing(from, code, reason) {
  return {
    async talk({ client, server }) {
      await client.message('hello');
      await delivered(server, 1);
      await (from === 'client' ? close(client, server, code, reason) : close(server, client, code, reason));
    },
  };
}

const pingPong = {
  async talk({ client, server }) {
    for (const data of ['', 'hb', text(125)]) {
      await client.ping(data);
      await server.ping(data);
    }
    await client.pong('unasked');
    const heard = new Promise((resolve) => { client.socket.once('pong', resolve); });
    await client.ping('last');
    await heard;
    await close(server, client, 1000);
  },
};

const fragmented = (make) => ({
  async talk({ client, server }) {
    await client.fragments(make(10), make(0), make(126));
    await server.fragments(make(70000), make(5));
    // A control frame may stand between the fragments of a message.
    await client.message(make(3), { fin: false });
    await client.ping('between');
    await client.message(make(4), { first: false });
    await delivered(server, 2);
    await delivered(client, 1);
    await close(client, server, 1000);
  },
});

const together = (count) => ({
  async talk({ client, server }) {
    const burst = (end) => end.together(() => Promise.all(
      Array.from({ length: count }, (_, i) => (i % 10 === 9 ? end.ping('b') : end.message(text(i))))));
    await burst(client);
    await burst(server);
    await delivered(server, count - Math.floor(count / 10));
    await delivered(client, count - Math.floor(count / 10));
    await close(client, server, 1000);
  },
});

const dropped = {
  async talk({ client, server }) {
    await client.message('hello');
    await delivered(server, 1);
    server.socket.terminate();
    await client.closed;
  },
};

// Frames written by hand, in pieces: headers end up split over segments.
function split(frames, pieces, requestPieces) {
  return {
    raw: true,
    async talk(server, path) {
      const arriving = server.expect(path);
      const [client, socket] = await Promise.all([rawClient(path, { requestPieces }), arriving]);
      const end = new End(socket);
      for (const [name, payload] of frames) {
        await trickle(client.socket, frame(OPCODE[name], payload), pieces);
        client.sent.add(name, payload.length);
      }
      client.sent.closeCode = 1000;
      end.tallyClose(1000, '');
      await Promise.all([end.closed, client.closed]);
      return { client, server: end, port: client.port };
    },
  };
}

// The answer to the handshake and the first frames in one segment.
const answerAndFrames = {
  raw: true,
  async talk(server, path) {
    const arriving = server.expectRaw(path);
    const opening = rawClient(path);
    const { socket, answer } = await arriving;
    const end = { sent: new Tally() };
    const frames = [['text', 'first'], ['ping', ''], ['text', text(200)]];
    socket.write(Buffer.concat([Buffer.from(answer),
      ...frames.map(([name, payload]) => frame(OPCODE[name], payload, { masked: false }))]));
    frames.forEach(([name, payload]) => end.sent.add(name, payload.length));
    const client = await opening;
    client.socket.write(frame(OPCODE.close, closePayload(1001)));
    client.sent.add('close', 2);
    client.sent.closeCode = 1001;
    socket.on('data', () => {});
    await new Promise((resolve) => { socket.once('data', resolve); });
    socket.end();
    client.socket.end();
    await client.closed;
    return { client, server: end, port: client.port };
  },
};

const CLOSE = ['close', closePayload(1000)];
const DEFLATE = { deflate: true };
const V6 = { host: '[::1]' };

const SESSIONS = {
  'text-lengths': bothWays(text, LENGTHS),
  'binary-lengths': bothWays(bytes, LENGTHS),
  'text-1mib': bothWays(text, [MIB]),
  'binary-1mib': bothWays(bytes, [MIB, 5, MIB]),
  'text-lengths-v6': bothWays(text, LENGTHS, V6),
  'binary-1mib-v6': bothWays(bytes, [MIB], V6),
  'deflate-text': bothWays(text, [0, 10, 1000, 100000], DEFLATE),
  'deflate-binary': bothWays(squares, [300, 70000], DEFLATE),
  'deflate-v6': bothWays(text, [500], { ...DEFLATE, ...V6 }),
  'ping-pong': pingPong,
  'ping-pong-v6': { ...pingPong, options: V6 },
  'fragmented-text': fragmented(text),
  'fragmented-binary': fragmented(bytes),
  'together-20': together(20),
  'together-200': together(200),
  'client-1000': closing('client', 1000),
  'client-1001': closing('client', 1001, 'leaving'),
  'client-empty': closing('client', 0),
  'client-4999': closing('client', 4999, text(123)),
  'server-1000': closing('server', 1000, 'done'),
  'server-1003': closing('server', 1003),
  'server-1008': closing('server', 1008, 'é'.repeat(60)),
  'server-1011': closing('server', 1011, 'oops'),
  'server-1012': closing('server', 1012),
  'server-3000': closing('server', 3000),
  'server-empty': closing('server', 0),
  'server-drops': dropped,
  'split-7-bit': split([['text', text(3)], ['text', text(125)], CLOSE], 9),
  'split-16-bit': split([['text', text(126)], ['binary', bytes(1000)], CLOSE], 100),
  'split-every-byte': split([['text', text(126)], ['ping', 'p'.repeat(5)], ['text', ''], CLOSE], 1000),
  'split-64-bit': split([['binary', bytes(65536)], ['text', text(70000)], CLOSE], 50),
  'split-request': split([['text', text(10)], CLOSE], 2, 4),
  'answer-and-frames': answerAndFrames,
};

async function main() {
  const server = new Server();
  await server.listen();
  const result = [];
  for (const [name, { raw, talk, options }] of Object.entries(SESSIONS)) {
    const path = `/oracle/${name}`;
    let ends;
    if (raw) {
      ends = await talk(server, path);
    } else {
      ends = await pair(server, path, options);
      await talk(ends);
    }
    result.push({
      name,
      path,
      port: ends.port,
      deflate: Boolean(options && options.deflate),
      client: ends.client.sent,
      server: ends.server.sent,
    });
  }
  server.stop();
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
