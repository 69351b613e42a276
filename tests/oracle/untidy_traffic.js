// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Many short sessions, each another mixture: `server`, or `client ADDRESS SESSIONS`, which prints
// one JSON line: the path, the client's port and what did not come of each session. Session N is
// the same in every run.

const { WebSocket, WebSocketServer } = require('../e2e/node_modules/ws');
const { sleep } = require('../e2e/wait');

const PORT = 9401;
const AT_ONCE = 40;
const SIZES = [0, 1, 5, 40, 125, 126, 300, 1000, 1447, 4000, 20000];
const CODES = [1000, 1001, 1003, 1008, 1011, 1012, 3000, 4321];

// mulberry32: small, and good enough to mix things up
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function planOf(number) {
  const pick = generator(number);
  const script = () => Array.from({ length: 3 + pick(15) }, () => ({
    kind: ['text', 'text', 'binary', 'ping'][pick(4)],
    size: SIZES[pick(SIZES.length)],
    pauseMs: [0, 0, 0, 3, 15][pick(5)],
  }));
  return {
    client: script(),
    server: script(),
    closer: ['client', 'server'][pick(2)],
    code: CODES[pick(CODES.length)],
    deflate: pick(5) === 0,
  };
}

// What each end sends, for those who compare.
function messagesOf(number) {
  const plan = planOf(number);
  const count = (script, kind) => script.filter((item) => item.kind === kind).length;
  const sent = (script) => ({ text: count(script, 'text'), binary: count(script, 'binary') });
  return { client: sent(plan.client), server: sent(plan.server) };
}

const messages = (script) => script.filter(({ kind }) => kind !== 'ping').length;

// One end's part; the closer closes when all messages of the other end have come.
async function play(socket, plan, side) {
  const other = side === 'client' ? 'server' : 'client';
  let missing = messages(plan[other]);
  const closed = new Promise((resolve) => { socket.on('close', resolve); });
  const all = new Promise((resolve) => {
    const look = () => missing || resolve();
    socket.on('message', () => { missing--; look(); });
    look();
  });
  for (const { kind, size, pauseMs } of plan[side]) {
    const bytes = Buffer.alloc(kind === 'ping' ? Math.min(size, 125) : size, 0x78);
    if (kind === 'ping') {
      socket.ping(bytes);
    } else {
      socket.send(bytes, { binary: kind === 'binary' });
    }
    if (pauseMs) {
      await sleep(pauseMs);
    }
  }
  await Promise.race([all, closed]);
  if (plan.closer === side) {
    socket.close(plan.code, 'done');
  }
  await closed;
  return missing;
}

function serve() {
  const server = new WebSocketServer({ port: PORT, perMessageDeflate: { threshold: 0 }, maxPayload: 1 << 20 });
  server.on('connection', (socket, request) => {
    socket.on('error', () => {});
    play(socket, planOf(Number(request.url.split('/').pop())), 'server');
  });
  server.on('listening', () => process.stdout.write('listening\n'));
}

function connect(address, number) {
  const plan = planOf(number);
  const path = `/untidy/${number}`;
  const socket = new WebSocket(`ws://${address}:${PORT}${path}`,
    // A port of its own: a random one may come back before the run is over.
    { perMessageDeflate: plan.deflate ? { threshold: 0 } : false, localPort: 20000 + number });
  let open = false;
  socket.on('error', () => {});
  return new Promise((resolve) => {
    socket.on('open', async () => {
      open = true;
      const port = socket._socket.localPort;
      const missing = await play(socket, plan, 'client');
      resolve({ number, path, port, missing });
    });
    socket.on('close', () => open || resolve({ path, failed: true }));
  });
}

async function connectAll(address, count) {
  const sessions = [];
  let next = 1;
  const worker = async () => {
    while (next <= count) {
      sessions.push(await connect(address, next++));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  process.stdout.write(`${JSON.stringify(sessions)}\n`);
}

if (require.main === module) {
  if (process.argv[2] === 'server') {
    serve();
  } else {
    connectAll(process.argv[3], Number(process.argv[4]));
  }
}

module.exports = { PORT, messagesOf };
