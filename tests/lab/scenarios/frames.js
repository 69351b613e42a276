// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions whose end is in the frames: Close codes, limits, broken protocol.

const { OPCODE, closePayload, frame } = require('../../e2e/frames');
const { passTo } = require('../software');

const base = { confidence: 'high', fast: true };

const closes = (name, broken, cause, code, reason, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server('obedientNode');
    const session = await t.open(row.open);
    await session.say('hello');
    // Not right after the open, which has a meaning of its own.
    await t.sleep(2500);
    await session.order('close', { code, reason });
    await session.closed();
  },
  ...row,
});

const clientBreaks = (name, broken, cause, bytes, kind, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server(kind);
    const session = await t.open({ raw: true });
    await session.write(bytes);
    await session.ended();
    await session.end();
  },
  ...row,
});

const serverBreaks = (name, broken, cause, bytes, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server('obedientNode');
    const session = await t.open();
    await session.order('raw', { hex: bytes.toString('hex') });
    await session.closed();
  },
  ...row,
});

const tooBig = (name, broken, kind, settings, row = {}) => ({
  ...base,
  name,
  broken,
  cause: 'session.message_too_big',
  async run(t) {
    await t.server(kind, settings);
    const session = await t.open();
    await session.say('x'.repeat(20000));
    await session.closed();
  },
  ...row,
});

module.exports = [
  closes('close-1011', 'The backend meets an error and says so.', 'session.internal_error', 1011, 'database is down',
    { fast: false }),
  {
    ...base,
    name: 'handler-raises',
    broken: 'The handler of the Python server raises; the library closes with 1011.',
    cause: 'session.internal_error',
    async run(t) {
      await t.server('python', { habit: 'raise' });
      const session = await t.open();
      await session.say('hello');
      await session.closed();
    },
  },
  closes('close-1013', 'The backend is overloaded and says so.', 'session.try_again_later', 1013, 'try later'),
  closes('close-1012', 'The backend announces its restart.', 'session.service_restart', 1012, 'deploy', { fast: false }),
  {
    ...base,
    name: 'python-server-stops',
    broken: 'The Python server gets SIGTERM; the library says 1001 to everyone and exits.',
    cause: 'session.service_restart',
    async run(t) {
      const server = await t.server('python');
      const sessions = await t.opens(3);
      t.kill(server, 'SIGTERM');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'go-server-drains',
    broken: 'The Go server behind nginx gets SIGTERM, says 1012 and exits.',
    cause: 'session.service_restart',
    fast: false,
    async run(t) {
      const server = await t.server('go', { goodbye: 1012 });
      await t.nginx({ server: passTo(t.upstream()) });
      const sessions = await t.opens(3, { to: 'proxy' });
      t.kill(server, 'SIGTERM');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  closes('close-1008', 'The backend bans the user.', 'session.policy_violation', 1008, 'banned'),
  // 3000 means something else to SockJS and Centrifugo; the reason settles it.
  closes('close-3000', 'The token of the user expired during the session.', 'session.policy_violation', 3000, 'unauthorized',
    { fast: false }),
  closes('close-3000-without-a-reason', 'The same, but the server does not say so.', 'session.policy_violation', 3000, '',
    { fast: false, confidence: 'medium', atMost: 'medium' }),
  {
    ...base,
    name: 'binary-to-text-server',
    broken: 'The client sends a binary message to a server that takes text.',
    cause: 'session.unsupported_data',
    async run(t) {
      await t.server('obedientNode');
      const session = await t.open();
      await session.call('sendBinary', 300);
      await session.closed();
    },
  },
  {
    ...base,
    name: 'rejected-after-open',
    broken: 'The backend accepts every session and hangs up at once.',
    cause: 'session.rejected_after_open',
    async run(t) {
      await t.server('node', { hangUpMs: 100 });
      const sessions = await t.opens(3);
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'no-auth-message',
    pattern: ['session.closed_without_close_frame'],
    broken: 'The backend waits 3 s for a token in the first message, some clients send none.',
    cause: 'session.auth_deadline',
    async run(t) {
      await t.server('node', { authMs: 3000 });
      // Who did send one may be silent for longer: it is no idle timeout.
      const member = await t.open({ cause: 'session.normal' });
      await member.say('token');
      setTimeout(() => t.bye(member).catch(() => {}), 5000);
      await t.sleep(2500);
      const sessions = [];
      for (let i = 0; i < 5; i++) {
        sessions.push(await t.open());
        await t.sleep(300);
      }
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  tooBig('too-big-for-ws', 'The message is larger than maxPayload of the Node server.', 'node', { maxPayload: 4096 }),
  tooBig('too-big-for-gorilla', 'The message is larger than SetReadLimit of the Go server.', 'go',
    { 'read-limit': 4096 }, { fast: false }),
  tooBig('too-big-for-python', 'The message is larger than max_size of the Python server.', 'python',
    { max_size: 4096 }, { fast: false }),
  clientBreaks('invalid-utf8', 'A text message of the client is not UTF-8.', 'session.invalid_payload',
    frame(OPCODE.text, Buffer.from('c328a0ff', 'hex')), 'node'),
  clientBreaks('rsv-bit', 'The client sets RSV1, compression was not negotiated.', 'session.protocol_error',
    frame(OPCODE.text, 'compressed', { rsv: 4 }), 'go'),
  clientBreaks('unmasked-client', 'The client does not mask its frames.', 'session.protocol_error',
    frame(OPCODE.text, 'hello', { masked: false }), 'node', { fast: false }),
  clientBreaks('unknown-opcode', 'The client sends opcode 3.', 'session.protocol_error',
    frame(3, 'hello'), 'python', { fast: false }),
  serverBreaks('masked-server', 'The server masks its frames.', 'session.protocol_error',
    frame(OPCODE.text, '{}', { masked: true })),
  serverBreaks('code-1006-on-the-wire', 'The server sends Close 1006, which must not be on the wire.',
    'session.protocol_error', frame(OPCODE.close, closePayload(1006), { masked: false }), { fast: false }),
  {
    ...base,
    name: 'close-unanswered',
    broken: 'The server sends Close, the client never answers, the server hangs up.',
    cause: 'session.close_unanswered',
    async run(t) {
      await t.server('obedientGo');
      const session = await t.open({ raw: true, path: '/e2e/close-unanswered' });
      await session.order('close_and_leave', { code: 1000, reason: 'bye', hold_ms: 800 });
      await session.ended();
      await session.end();
    },
  },
  closes('pusher-limit', 'The Pusher app is over its connection limit (4004).', 'session.application_code', 4004,
    'Application is over connection quota', { open: { path: '/app/0123456789abcdef', query: '?protocol=7&client=js' } }),
  closes('unknown-private-code', 'The backend closes with 4321, in no protocol that anybody knows.',
    'session.application_code', 4321, 'left the lobby', { fast: false }),
];
