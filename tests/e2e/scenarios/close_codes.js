// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions that end with a Close frame.

const byServer = (name, where, code, reason, cause, more = {}) => ({
  name,
  ...where,
  seen: [code, true],
  fromServer: { code, reason },
  initiator: 'server',
  cause,
  async run(t) {
    const session = await t.open();
    await session.order('close', { code, reason });
    await session.closed();
  },
  ...more,
});

const byClient = (name, where, codeAndReason, cause, more = {}) => ({
  name,
  ...where,
  seen: [codeAndReason[0], true],
  initiator: 'client',
  cause,
  async run(t) {
    const session = await t.open();
    await session.say(`${t.stack.secret}-payload`);
    await session.next('said');
    await session.close(...codeAndReason);
    await session.closed();
  },
  ...more,
});

const browserToGo = { client: 'browser', route: 'nginx', backend: 'go' };
const browserToNode = { client: 'browser', route: 'nginx', backend: 'node' };
const nodeToGo = { client: 'node', route: 'direct', backend: 'go' };
const nodeToNode = { client: 'node', route: 'direct', backend: 'node' };

// The server hangs up as soon as it has sent its Close frame, with the rest of
// the message unread. How much of that gets through a proxy is a race: the
// frame or nothing; and the browser's answer may find the door closed.
const RACE = { oneOf: [[1009, true], [1009, false], [1006, false]] };

const tooBig = (name, where, seen) => ({
  name,
  ...where,
  own: { limit: 4096 },
  seen,
  close: seen,
  initiator: 'server',
  fromServer: { code: 1009 },
  cause: 'session.message_too_big',
  async run(t) {
    const session = await t.open();
    await session.say('x'.repeat(8192));
    await session.closed();
  },
});

module.exports = [
  byClient('client-close-1000', browserToGo, [1000, 'bye'], 'session.normal'),
  byClient('client-close-1000-node', nodeToNode, [1000, 'bye'], 'session.normal'),
  byClient('client-close-empty', browserToNode, [], 'session.normal', { seen: [1005, true] }),
  byClient('client-close-4000', browserToGo, [4000, 'left the room'], 'session.application_code'),
  byServer('server-close-1000', browserToGo, 1000, 'done', 'session.normal'),
  byServer('server-close-1000-node', nodeToNode, 1000, '', 'session.normal'),
  byServer('server-close-empty', browserToNode, 0, '', 'session.normal',
    { seen: [1005, true], fromServer: { code: 1005 } }),
  byServer('server-close-1001', browserToNode, 1001, 'going away',
    ['session.normal', 'session.service_restart']),
  byServer('server-close-1008', browserToGo, 1008, 'banned', 'session.policy_violation'),
  byServer('server-close-1011', browserToGo, 1011, 'database is down', 'session.internal_error'),
  byServer('server-close-1011-node', nodeToNode, 1011, '', 'session.internal_error'),
  byServer('server-close-1012', browserToNode, 1012, 'new version', 'session.service_restart'),
  byServer('server-close-1013', browserToGo, 1013, 'overloaded', 'session.try_again_later'),
  byServer('server-close-3000', nodeToGo, 3000, 'unauthorized', 'session.policy_violation'),
  byServer('server-close-4001', browserToNode, 4001, 'token expired', 'session.application_code'),
  tooBig('message-too-big', nodeToNode, [1009, true]),
  tooBig('message-too-big-ws', browserToNode, RACE),
  tooBig('message-too-big-gorilla', browserToGo, RACE),
  {
    name: 'unsupported-binary',
    ...browserToGo,
    seen: [1003, true],
    initiator: 'server',
    fromServer: { code: 1003, reason: 'text only' },
    cause: 'session.unsupported_data',
    async run(t) {
      const session = await t.open();
      await session.call('sendBinary', 300);
      await session.closed();
    },
  },
  {
    name: 'invalid-utf8-to-server',
    client: 'node',
    route: 'nginx',
    backend: 'node',
    seen: [1007, true],
    initiator: 'server',
    fromServer: { code: 1007 },
    cause: 'session.invalid_payload',
    async run(t) {
      const session = await t.open();
      await session.call('sendTextBytes', 'c328a0ff');
      await session.closed();
    },
  },
  {
    name: 'graceful-restart',
    ...browserToGo,
    own: {},
    seen: [1012, true],
    initiator: 'server',
    fromServer: { code: 1012, reason: 'deploy' },
    cause: 'session.service_restart',
    async run(t) {
      const session = await t.open();
      await session.order('restart', { code: 1012, reason: 'deploy', hold_ms: 300 });
      await session.closed();
      await t.backendGone();
    },
  },
  {
    name: 'tab-closed',
    ...browserToGo,
    fromClient: { code: 1001 },
    initiator: 'client',
    cause: 'session.normal',
    async run(t) {
      const session = await t.open();
      await session.call('closePage');
    },
  },
  {
    name: 'page-reload',
    ...browserToNode,
    fromClient: { code: 1001 },
    initiator: 'client',
    cause: 'session.normal',
    async run(t) {
      const session = await t.open();
      await session.call('reload');
    },
  },
];
