// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The path of an open session breaks, is slow, or has a reader that does not read.

const { passTo } = require('../software');

const base = { confidence: 'high', fast: true };
const TALKS = { 'say-every': '100ms', 'user-timeout': '2s' };

// A session over the wire, and what befalls the wire.
const overWire = (name, broken, cause, { kind = 'go', settings = TALKS, wire: options, what, ...row }) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    const outside = Boolean(row.outside);
    const wire = await t.world.wire('client', 'backend', options);
    await t.server(kind, settings, { port: outside ? 9000 : 8000 });
    const session = await t.open({ to: wire.address, port: outside ? 9000 : 8000 });
    await t.sleep(500);
    await what(t, wire, session);
  },
  ...row,
});

// The packet filter of a namespace interferes with an open session.
const filtered = (name, broken, cause, interfere, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server('go', TALKS);
    await t.open();
    await t.sleep(500);
    interfere(t);
    await t.sleep(3500);
  },
  ...row,
});

// A client whose process is stopped reads nothing; its kernel advertises a zero window.
const notReading = (name, broken, cause, settings, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    t.world.namespace('client', { 'net.ipv4.tcp_rmem': '4096 8192 16384' });
    t.world.namespace('backend', { 'net.ipv4.tcp_wmem': '4096 8192 16384' });
    await t.server('go', { 'say-every': '50ms', 'say-size': 8000, ...settings });
    await t.open();
    process.kill(t.agent().pid, 'SIGSTOP');
    await t.sleep(6000);
  },
  ...row,
});

module.exports = [
  overWire('cable-pulled', 'The network loses everything while the server sends.', 'session.network_timeout',
    { what: async (t, wire) => { await wire.set('cut', 1); await t.sleep(3500); } }),
  overWire('acks-lost', 'Only what the client sends is lost, its ACKs among it.', 'session.network_timeout',
    { what: async (t, wire) => { await wire.set('cut', 'a'); await t.sleep(3500); }, fast: false }),
  {
    ...base,
    name: 'retries-used-up',
    broken: 'The client is unreachable behind nginx until tcp_retries2 is used up.',
    cause: 'session.network_timeout',
    fast: false,
    async run(t) {
      t.world.namespace('proxy', { 'net.ipv4.tcp_retries2': 3 });
      const wire = await t.world.wire('client', 'proxy');
      await t.server('go', { 'say-every': '100ms' });
      await t.nginx({ address: wire.address, server: passTo(t.upstream()) });
      await t.open({ to: wire.address, port: 8080 });
      await t.sleep(500);
      await wire.set('cut', 1);
      await t.sleep(6000);
    },
  },
  overWire('keepalive-unanswered', 'The client host is gone, and keepalive of the server notices.',
    'session.keepalive_timeout', {
      kind: 'obedientNode',
      what: () => {},
      async run(t) {
        const wire = await t.world.wire('client', 'backend');
        await t.server('obedientGo');
        await t.open({
          to: wire.address,
          path: '/e2e/keepalive-unanswered',
          query: '?keepalive_idle_s=1&keepalive_interval_s=1&keepalive_probes=2',
        });
        await wire.set('cut', 1);
        await t.sleep(5000);
      },
    }),
  notReading('zero-window', 'The client reads nothing, and TCP_USER_TIMEOUT of the server ends it.',
    'session.zero_window_timeout', { 'user-timeout': '2s' }),
  notReading('slow-consumer', 'The client reads nothing, and the write deadline of gorilla passes.',
    'session.slow_consumer', { 'write-wait': '2s' }),
  {
    ...base,
    name: 'slow-consumer-at-nginx',
    broken: 'The client reads nothing, and send_timeout of nginx passes.',
    cause: 'session.slow_consumer',
    fast: false,
    async run(t) {
      t.world.namespace('client', { 'net.ipv4.tcp_rmem': '4096 8192 16384' });
      t.world.namespace('proxy', { 'net.ipv4.tcp_wmem': '4096 8192 16384' });
      await t.server('go', { 'say-every': '50ms', 'say-size': 8000 });
      await t.nginx({ server: passTo(t.upstream(), 'send_timeout 2s; proxy_read_timeout 60s;') });
      await t.open({ to: 'proxy' });
      process.kill(t.agent().pid, 'SIGSTOP');
      await t.sleep(6000);
    },
  },
  overWire('icmp-unreachable', 'A router answers everything with ICMP host unreachable.', 'session.unreachable',
    { what: async (t, wire) => { await wire.set('unreachable', 'b'); await t.sleep(3500); } }),
  {
    ...base,
    name: 'interface-down',
    broken: 'The network interface of the server goes down under an open session.',
    cause: 'session.unreachable',
    fast: false,
    async run(t) {
      await t.server('go', TALKS);
      await t.open();
      await t.sleep(500);
      t.world.namespace('backend').ip('link', 'set', 'to-client', 'down');
      await t.sleep(4000);
    },
  },
  filtered('firewall-drops-session', 'A new rule of the packet filter on the server drops what it sends.',
    'session.firewall_dropped', (t) => t.world.namespace('backend').drop('output', 'tcp sport 8000')),
  filtered('firewall-drops-at-peer', 'A new rule of the packet filter on the client drops what arrives.',
    'session.firewall_dropped', (t) => t.world.namespace('client').drop('input', 'tcp sport 8000'), { fast: false }),
  filtered('firewall-resets-session', 'A new rule of the packet filter on the client answers with resets.',
    'session.firewall_reset', (t) => t.world.namespace('client')
      .nft('add rule inet wse2e input tcp sport 8000 reject with tcp reset')),
  {
    ...base,
    name: 'firewall-resets-what-is-invalid',
    broken: 'The firewall of the client begins to follow connections, calls the open one invalid and rejects it with resets.',
    cause: 'session.firewall_reset',
    async run(t) {
      t.world.namespace('client', { 'net.netfilter.nf_conntrack_tcp_loose': 0 });
      await t.server('go', TALKS);
      await t.open();
      await t.sleep(500);
      t.world.namespace('client').nft('add rule inet wse2e input ct state invalid reject with tcp reset');
      await t.sleep(3500);
    },
  },
  overWire('mtu-black-hole', 'The network loses packets over 700 bytes without a word.', 'session.mtu_blackhole', {
    wire: { lose_above: 700 },
    // Two full segments and a short one, which arrives.
    settings: { 'say-every': '300ms', 'say-size': 3000, 'user-timeout': '3s' },
    what: (t) => t.sleep(5000),
  }),
  overWire('mtu-black-hole-later', 'The same, but it begins in the middle of the session.', 'session.mtu_blackhole', {
    wire: {},
    settings: { 'say-every': '300ms', 'say-size': 3000, 'user-timeout': '3s' },
    // Large segments have passed: that it is their size is likely, not proved.
    confidence: 'medium',
    atMost: 'medium',
    fast: false,
    what: async (t, wire) => {
      await t.sleep(1500);
      await wire.set('lose_above', 700);
      await t.sleep(5000);
    },
  }),
  overWire('mtu-black-hole-of-the-client', 'The same, and what is too large comes from the client, whose host nobody traces.', 'session.mtu_blackhole', {
    wire: { lose_above: 700 },
    settings: { 'ping-every': '500ms', 'pong-wait': '4s' },
    outside: ['client'],
    // How large the segments were is known to their sender alone.
    confidence: 'medium',
    what: async (t, wire, session) => {
      await session.say('x'.repeat(3000));
      await session.closed(30000);
    },
  }),
  {
    ...base,
    name: 'peer-resets',
    broken: 'A client on another host resets the connection.',
    cause: 'session.peer_reset',
    outside: ['client'],
    async run(t) {
      await t.server('go', {}, { port: 9000 });
      const session = await t.open({ port: 9000 });
      await t.sleep(500);
      await session.call('reset');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'peer-hangs-up',
    broken: 'A client on another host closes its socket without a Close frame.',
    cause: 'session.peer_closed_without_close_frame',
    // In the middle of a conversation, so it was no timer.
    outside: ['client'],
    async run(t) {
      await t.server('go', {}, { port: 9000 });
      const session = await t.open({ port: 9000 });
      await session.say('hello');
      await t.sleep(300);
      await session.call('terminate');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'lossy-but-alive',
    broken: 'Nothing: the network loses a tenth of the packets, and TCP copes.',
    cause: 'session.normal',
    async run(t) {
      const wire = await t.world.wire('client', 'backend', { loss: 0.1 });
      await t.server('go', { 'say-every': '50ms' });
      const session = await t.open({ to: wire.address });
      await t.sleep(3000);
      await t.bye(session);
    },
  },
  {
    ...base,
    name: 'slow-but-alive',
    broken: 'Nothing: the link is slow (tbf, 64 kbit/s), and everybody waits.',
    cause: 'session.normal',
    fast: false,
    async run(t) {
      await t.server('go', { 'say-every': '500ms', 'say-size': 1000 });
      t.url();
      t.world.namespace('backend').run('tc', 'qdisc', 'add', 'dev', 'to-client', 'root', 'tbf',
        'rate', '64kbit', 'burst', '2kb', 'latency', '2s');
      const session = await t.open();
      await t.sleep(5000);
      await t.bye(session);
    },
  },
];
