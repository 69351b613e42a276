// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The path between the ends breaks, or was never there. A packet filter on
// this very host does the breaking, which a tracer may also put into words.

const { ADDRESS } = require('../stack');

const nodeToGo = { client: 'node', route: 'direct', backend: 'go' };
const DROPPED = 'session.firewall_dropped';

const connect = (name, address, cause, more = {}) => ({
  name,
  client: 'node',
  route: 'direct',
  address,
  port: 8080,
  legs: 1,
  initiator: undefined,
  seen: [1006, false],
  cause,
  async run(t) {
    const session = await t.attempt();
    await session.closed();
  },
  ...more,
});

module.exports = [
  {
    name: 'blackhole-server-sends',
    ...nodeToGo,
    own: {},
    query: { user_timeout_ms: 1500 },
    close: [1006, false],
    cause: ['session.network_timeout', DROPPED],
    async run(t) {
      const session = await t.open();
      await session.order('chatter', { hold_ms: 100 });
      await session.next('said');
      t.cut(t.stack.client);
      // The client notices nothing. Its socket outlives the verdict.
    },
  },
  {
    name: 'blackhole-behind-proxy',
    client: 'browser',
    route: 'nginx',
    backend: 'go',
    own: {},
    query: { user_timeout_ms: 1500 },
    seen: [1006, false],
    cause: ['session.network_timeout', DROPPED],
    async run(t) {
      const session = await t.open();
      await session.order('chatter', { hold_ms: 100 });
      await session.next('said');
      t.cut(t.stack.backend);
      await session.closed();
    },
  },
  {
    name: 'blackhole-browser-sends',
    client: 'browser',
    route: 'direct',
    backend: 'node',
    own: {},
    seen: [1006, false],
    cause: ['session.network_timeout', DROPPED],
    async run(t) {
      const session = await t.open();
      t.cut(t.stack.backend);
      await session.say('is anyone there?');
      await session.closed();
    },
  },
  {
    name: 'keepalive-unanswered',
    ...nodeToGo,
    own: {},
    query: { keepalive_idle_s: 1, keepalive_interval_s: 1, keepalive_probes: 2 },
    close: [1006, false],
    cause: ['session.keepalive_timeout', DROPPED],
    async run(t) {
      await t.open();
      t.cut(t.stack.client);
    },
  },
  connect('connection-refused', ADDRESS.refused, 'connect.refused'),
  connect('connection-refused-to-browser', ADDRESS.refusedToBrowser, 'connect.refused',
    { client: 'browser' }),
  connect('connect-timeout', ADDRESS.deadNeighbour, 'connect.timeout'),
  connect('connect-timeout-client-hasty', ADDRESS.deadNeighbourHasty, 'connect.timeout',
    { options: { handshakeTimeout: 2500 } }),
  connect('connect-firewalled', ADDRESS.firewalled,
    ['connect.firewall_dropped', 'connect.timeout']),
  connect('connect-unreachable', ADDRESS.nobody, 'connect.unreachable'),
];
