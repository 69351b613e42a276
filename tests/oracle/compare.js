// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

const OPCODES = ['continuation', 'text', 'binary', 'close', 'ping', 'pong'];

const all = (opcodes) => OPCODES.map((name) => (opcodes && opcodes[name]) || 0);

// tshark against what the ends know they sent. Compression changes the sizes
// on the wire, which the ends do not know.
function compareWithSent(report, session, stream) {
  for (const end of ['client', 'server']) {
    const [sent, seen] = [session[end], stream[end]];
    const sizes = (count) => (session.deflate ? 'compressed' : count.payloadBytes);
    report.equal(`${session.name}: tshark, sent by ${end}`,
      [all(seen.opcodes), sizes(seen), seen.closeCode],
      [all(sent.opcodes), sizes(sent), sent.closeCode]);
  }
}

function framesOf(websocket, direction) {
  return [
    websocket[`frames_${direction}`],
    websocket[`payload_bytes_${direction}`],
    all(websocket[`opcodes_${direction}`]),
  ];
}

// wstrace against tshark, at both sockets of the connection.
function compareWithTracer(report, session, stream, lines) {
  const { name, port } = session;
  if (!report.check(`${name}: one line`, lines.length === 1, `${lines.length} lines`)) {
    return;
  }
  const [line] = lines;
  const expected = (count) => [count.frames, count.payloadBytes, all(count.opcodes)];
  for (const side of ['client', 'server']) {
    const leg = line.legs.find((l) => l.side === side);
    const other = side === 'client' ? 'server' : 'client';
    if (!report.check(`${name}: ${side} leg`, leg && leg.websocket, JSON.stringify(line.legs))) {
      continue;
    }
    report.equal(`${name}: ${side} port`, (side === 'client' ? leg.local : leg.remote).port, port);
    report.equal(`${name}: sent by ${side}`, framesOf(leg.websocket, 'out'), expected(stream[side]));
    report.equal(`${name}: received by ${side}`, framesOf(leg.websocket, 'in'), expected(stream[other]));
  }
  for (const side of ['client', 'server']) {
    // An empty Close frame has no code of its own: 1005 stands for it.
    const count = stream[side];
    const code = count.opcodes.close && count.closeCode === null ? 1005 : count.closeCode;
    report.equal(`${name}: Close code from ${side}`, line.close[`from_${side}`].code, code);
  }
}

module.exports = { compareWithSent, compareWithTracer };
