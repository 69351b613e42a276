// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions that live: many at once, long ones, IPv6, compression, and messages
// of every length encoding.

const browserToGo = { client: 'browser', route: 'nginx', backend: 'go' };
const normal = { seen: [1000, true], initiator: 'client', cause: 'session.normal' };

async function chatAndLeave(session, texts = ['hello']) {
  for (const text of texts) {
    await session.say(text);
    await session.next('said');
  }
  await session.close(1000, 'bye');
  await session.closed();
}

const overIpv6 = (name, where) => ({
  name,
  ...where,
  ipv6: true,
  ...normal,
  async run(t) {
    await chatAndLeave(await t.open());
  },
});

const atOnce = (name, where, count) => ({
  name,
  ...where,
  ...normal,
  async run(t) {
    const numbers = Array.from({ length: count }, (_, i) => i);
    const sessions = await Promise.all(numbers.map((i) => t.open({ suffix: `/${i}` })));
    await Promise.all(sessions.map((session) => chatAndLeave(session)));
  },
});

const SIZES = [0, 1, 100, 125, 126, 1000, 20000, 65500];

module.exports = [
  overIpv6('ipv6-go', { client: 'node', route: 'direct', backend: 'go' }),
  overIpv6('ipv6-node', { client: 'node', route: 'direct', backend: 'node' }),
  overIpv6('ipv6-behind-proxy', { client: 'node', route: 'nginx', backend: 'go' }),
  atOnce('many-nodes', { client: 'node', route: 'nginx', backend: 'go', query: { room: 'support' } }, 12),
  atOnce('many-tabs', { client: 'browser', route: 'nginx', backend: 'node', query: { room: 'support' } }, 3),
  {
    name: 'ipv6-server-killed',
    client: 'node',
    route: 'direct',
    backend: 'node',
    ipv6: true,
    own: {},
    seen: [1006, false],
    initiator: 'server',
    cause: 'session.process_killed',
    async run(t) {
      const session = await t.open();
      process.kill(t.backend.pid, 'SIGKILL');
      await session.closed();
    },
  },
  {
    name: 'long-with-pings',
    ...browserToGo,
    own: {},
    query: { ping_ms: 250 },
    ...normal,
    minDurationMs: 5000,
    minPings: 15,
    async run(t) {
      const session = await t.open();
      await new Promise((resolve) => { setTimeout(resolve, 5000); });
      await chatAndLeave(session);
    },
  },
  {
    name: 'compressed',
    ...browserToGo,
    own: {},
    query: { compress: 1 },
    ...normal,
    async run(t) {
      await chatAndLeave(await t.open(), ['compress me '.repeat(500), 'and me']);
    },
  },
  {
    // The key comes after the cookies, and so beyond the first KiB, as it does
    // when a browser has many of them.
    name: 'big-cookie',
    client: 'node',
    route: 'nginx',
    backend: 'node',
    headers: { Cookie: `sid=SECRET-${'c'.repeat(3000)}` },
    ...normal,
    async run(t) {
      await chatAndLeave(await t.open());
    },
  },
  {
    name: 'every-length',
    ...browserToGo,
    own: { limit: 1 << 20 },
    ...normal,
    async run(t) {
      await chatAndLeave(await t.open(), SIZES.map((size) => 'x'.repeat(size)));
    },
  },
];
