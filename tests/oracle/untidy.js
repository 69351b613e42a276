// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions over a network that loses 5 % of the packets, lets 25 % overtake the others and doubles
// some. For each, both sockets as wstrace tells them are compared with tshark, which captures at the
// client: counts of frames by kind, payload bytes, Close codes. At least 99.9 % have to agree, and
// the others have to say that they lost track. Now and then tshark misses frames: what both sockets
// tell alike, with all the messages that the ends know they sent and got, outranks it. A socket whose
// peer's FIN is under way for longer than a line waits is told to be open, without counts.

const path = require('path');
const child = require('../e2e/child');
const { Namespace } = require('../e2e/netns');
const { until, within } = require('../e2e/wait');
const { dissect, startCapture, stopCapture } = require('./dissect');
const { PORT, messagesOf } = require('./untidy_traffic');

const CLIENT = '198.18.77.1';
const SERVER = '198.18.77.2';
const AGREE = 0.999;
const TSHARK_WRONG = 0.01;
const TOLD_OPEN = 0.005;
const WIRE = ['--loss', '0.05', '--reorder', '0.25', '--duplicate', '0.02', '--delay-ms', '8'];
const KINDS = ['continuation', 'text', 'binary', 'close', 'ping', 'pong'];

const counts = (opcodes) => KINDS.map((kind) => (opcodes && opcodes[kind]) || 0);

async function startWire(a, b) {
  const wire = child.start(null, ['/usr/bin/python3', path.join(__dirname, '../lab/tools/middlebox.py'),
    a.name, CLIENT, b.name, SERVER, ...WIRE], { stdin: 'pipe' });
  await child.waitForOutput(wire, /carrying/, 10000);
}

// What both sockets of the session tell of each direction, as tshark's streams have it.
function told(line, side) {
  const leg = line.legs.find((l) => l.side === side);
  const websocket = (leg && leg.websocket) || {};
  const other = side === 'client' ? 'server' : 'client';
  const direction = (d) => [counts(websocket[`opcodes_${d}`]), websocket[`payload_bytes_${d}`]];
  return {
    [side]: direction('out'),
    [other]: direction('in'),
    synchronised: websocket.synchronised,
  };
}

// Text and binary messages, not compressed or fragmented: what ws makes of each is one frame.
function knowsAllMessages(session, opcodes) {
  return ['client', 'server'].every((from) => {
    const sent = messagesOf(session.number)[from];
    return ['text', 'binary'].every((kind) => (opcodes[from][kind] || 0) === sent[kind]);
  });
}

function legOpcodes(line, side) {
  const { websocket } = line.legs.find((leg) => leg.side === side) || {};
  const [sent, got] = websocket ? [websocket.opcodes_out, websocket.opcodes_in] : [{}, {}];
  return side === 'client' ? { client: sent, server: got } : { client: got, server: sent };
}

// Each socket is followed on its own, and what one sends is walked in order.
function outrankTshark(session, line) {
  const [client, server] = ['client', 'server'].map((side) => legOpcodes(line, side));
  return JSON.stringify(client) === JSON.stringify(server) && knowsAllMessages(session, client);
}

// What is wrong with the session, or nothing.
function disagreement(session, stream, lines) {
  if (lines.length !== 1) {
    return { silent: true, why: `${lines.length} lines` };
  }
  const [line] = lines;
  if (line.legs.some((leg) => leg.tcp.ended_by === 'open' && !leg.websocket)) {
    return { open: true, why: 'told while one socket was open' };
  }
  for (const side of ['client', 'server']) {
    const leg = told(line, side);
    for (const from of ['client', 'server']) {
      const [got, expected] = [leg[from], [counts(stream[from].opcodes), stream[from].payloadBytes]];
      if (JSON.stringify(got) !== JSON.stringify(expected)) {
        return {
          tshark: outrankTshark(session, line),
          silent: leg.synchronised !== false,
          why: `${side} leg, from ${from}: ${JSON.stringify(got)}, tshark ${JSON.stringify(expected)}`,
        };
      }
    }
  }
  for (const from of ['client', 'server']) {
    const { code } = line.close[`from_${from}`];
    if (code !== stream[from].closeCode) {
      return { silent: true, why: `Close from ${from}: ${code}, tshark ${stream[from].closeCode}` };
    }
  }
  return null;
}

function judge(report, sessions, streams, tracer) {
  const found = [];
  const byPath = new Map();
  tracer.ends.forEach((line) => {
    const key = line.session && line.session.path;
    byPath.set(key, [...(byPath.get(key) || []), line]);
  });
  for (const session of sessions) {
    const stream = streams.get(session.port);
    const finding = stream ? disagreement(session, stream, byPath.get(session.path) || [])
      : { silent: true, why: 'not captured' };
    if (finding) {
      found.push(finding);
      process.stdout.write(`     ${session.path} port ${session.port}: ${finding.why}\n`);
    }
  }
  const wrong = found.filter((finding) => !finding.tshark && !finding.open);
  const count = (kind) => found.filter((finding) => finding[kind]).length;
  report.check('untidy: tshark is a judge', count('tshark') <= sessions.length * TSHARK_WRONG,
    `it misses frames in ${count('tshark')} of ${sessions.length} sessions`);
  report.check('untidy: sockets have ended when they are told of', count('open') <= sessions.length * TOLD_OPEN,
    `${count('open')} of ${sessions.length} had not`);
  const agree = 1 - wrong.length / sessions.length;
  report.check(`untidy: ${sessions.length - wrong.length} of ${sessions.length} sessions agree with tshark`,
    agree >= AGREE, `${(agree * 100).toFixed(2)} %`);
  report.equal('untidy: sessions that disagree and do not say so', wrong.filter((w) => w.silent).length, 0);
}

async function untidy(report, tracer, folder, count) {
  const [client, server] = [new Namespace('untidy-c'), new Namespace('untidy-s')];
  try {
    await startWire(client, server);
    const file = path.join(folder, 'untidy.pcapng');
    const capture = await startCapture(client, PORT, file, 'wire0');
    const traffic = path.join(__dirname, 'untidy_traffic.js');
    await child.waitForOutput(child.start(server, [process.execPath, traffic, 'server']), /listening/, 10000);
    const clients = child.start(client, [process.execPath, traffic, 'client', SERVER, String(count)]);
    await within(clients.ended, 90000 + count * 300, 'the untidy sessions');
    const sessions = JSON.parse(clients.output).filter((session) => !session.failed);
    report.check('untidy: most sessions open', sessions.length > count * 0.95, `${sessions.length} of ${count}`);
    await stopCapture(capture);
    await until(() => sessions.every(({ path: name }) => tracer.ends.some((line) => line.session
      && line.session.path === name)), 8000);
    judge(report, sessions, dissect(file, PORT), tracer);
  } finally {
    await child.stopAll();
    [client, server].forEach((namespace) => namespace.remove());
  }
}

module.exports = { untidy };
