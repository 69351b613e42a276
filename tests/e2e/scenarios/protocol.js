// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions in which one side breaks the protocol.

const { OPCODE, closePayload, frame } = require('../frames');

const browserToGo = { client: 'browser', route: 'nginx', backend: 'go' };
const browserToNode = { client: 'browser', route: 'nginx', backend: 'node' };
const nodeToGo = { client: 'node', route: 'direct', backend: 'go' };
const nodeToNode = { client: 'node', route: 'direct', backend: 'node' };
const rawToGo = { client: 'raw', route: 'direct', backend: 'go' };
const rawToNode = { client: 'raw', route: 'nginx', backend: 'node' };

const RSV3_TEXT = frame(OPCODE.text, 'hello', { rsv: 1, masked: false });
const MASKED_TEXT = frame(OPCODE.text, 'hello', { masked: true });
const BAD_TEXT = frame(OPCODE.text, Buffer.from('c328a0ff', 'hex'), { masked: false });
const CLOSE_1006 = frame(OPCODE.close, closePayload(1006), { masked: false });
const SPLIT_PING = frame(OPCODE.ping, 'x', { fin: false, masked: false });
const HTTP_408 = Buffer.from('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');

// Having met a protocol error, ws reports 1006 and hangs up at once, but the
// server's answering Close frame may still be seen to arrive.
const ANSWERED_TOO_LATE = { close: { oneOf: [[1006, false], [1002, true]] } };

const serverSends = (name, where, bytes, cause, more = {}) => ({
  name,
  ...where,
  seen: [1006, false],
  initiator: 'client',
  cause,
  async run(t) {
    const session = await t.open();
    await session.order(more.how || 'raw', { hex: bytes.toString('hex') });
    await session.closed();
  },
  ...more,
});

// The raw client misbehaves; the server says 1002 and hangs up.
const clientSends = (name, where, bytes) => ({
  name,
  ...where,
  initiator: 'server',
  fromServer: { code: 1002 },
  close: [1002, false],
  cause: 'session.protocol_error',
  async run(t) {
    const session = await t.open();
    await session.write(bytes);
    await session.ended();
    await session.end();
  },
});

const unanswered = (name, where, code) => ({
  name,
  ...where,
  initiator: 'server',
  fromServer: { code },
  close: [code, false],
  cause: 'session.close_unanswered',
  async run(t) {
    const session = await t.open();
    await session.order('close_and_leave', { code, reason: 'bye', hold_ms: 500 });
    await session.ended();
    await session.destroy();
  },
});

module.exports = [
  serverSends('rsv-bit-to-browser', browserToNode, RSV3_TEXT, 'session.protocol_error'),
  serverSends('rsv-bit-to-node', nodeToGo, RSV3_TEXT, 'session.protocol_error', ANSWERED_TOO_LATE),
  serverSends('masked-frame-to-browser', browserToGo, MASKED_TEXT, 'session.protocol_error'),
  serverSends('split-ping-to-node', nodeToGo, SPLIT_PING, 'session.protocol_error', ANSWERED_TOO_LATE),
  serverSends('reserved-close-code', nodeToNode, CLOSE_1006, 'session.protocol_error', ANSWERED_TOO_LATE),
  serverSends('invalid-utf8-to-node', nodeToGo, BAD_TEXT, 'session.invalid_payload',
    { close: { oneOf: [[1006, false], [1007, true]] }, fromClient: { code: 1007 } }),
  serverSends('invalid-utf8-to-browser', browserToGo, BAD_TEXT,
    ['session.invalid_payload', 'session.protocol_error']),
  // The server's FIN and the client's Close 1002 cross: it was over when the text was written.
  serverSends('http-in-stream', browserToNode, HTTP_408, 'session.http_in_stream',
    { how: 'raw_then_end', initiator: 'server' }),
  serverSends('http-in-stream-node', nodeToNode, HTTP_408, 'session.http_in_stream',
    { how: 'raw_then_end', initiator: 'server' }),
  clientSends('unmasked-frame', rawToNode, frame(OPCODE.text, 'hi', { masked: false })),
  clientSends('unmasked-frame-go', rawToGo, frame(OPCODE.text, 'hi', { masked: false })),
  clientSends('unknown-opcode', rawToGo, frame(3, 'hi')),
  unanswered('server-close-unanswered', rawToGo, 1000),
  unanswered('server-close-unanswered-behind-proxy',
    { ...rawToGo, route: 'nginx' }, 1000),
  {
    name: 'client-close-unanswered',
    ...rawToGo,
    initiator: 'client',
    fromClient: { code: 1000 },
    close: [1006, false],
    cause: 'session.close_unanswered',
    async run(t) {
      const session = await t.open();
      await session.order('deaf', { hold_ms: 500 });
      await session.next('ready');
      await session.close(1000, 'bye');
      await session.ended();
      await session.destroy();
    },
  },
];
