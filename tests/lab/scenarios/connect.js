// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// No TCP connection, or none that anybody serves.

const fs = require('fs');
const { execFileSync } = require('child_process');
const { selfSigned } = require('../deps');
const { passTo } = require('../software');

// What a readiness probe does: connects and is content.
const PROBE = `import socket, sys, time
for i in range(5):
    socket.create_connection((sys.argv[1], 8000)).close()
    time.sleep(0.2)
`;

const HASTY = { 'net.ipv4.tcp_syn_retries': 1 };

// The server runs; what is between it and the client is `prepare`d.
const blocked = (name, broken, cause, prepare, more = {}) => ({
  name,
  broken,
  cause,
  confidence: 'high',
  fast: true,
  async run(t) {
    t.world.namespace('client', HASTY);
    await t.server('node');
    t.url();
    await prepare(t);
    await t.attempt();
  },
  ...more,
});

// From now on that process gets no further file descriptor; it keeps what it has.
function limitFiles(pid) {
  execFileSync('prlimit', ['--pid', `${pid}`, '--nofile=3:3']);
}

const outOfFiles = (kind, broken) => ({
  name: `fd-limit-${kind}`,
  broken,
  cause: 'connect.fd_exhausted',
  confidence: 'high',
  fast: kind === 'go',
  async run(t) {
    const server = await t.server(kind);
    const first = await t.open({ cause: 'session.normal' });
    limitFiles(server.pid);
    await t.attempt({ handshakeTimeout: 2500 });
    await t.bye(first);
  },
});

module.exports = [
  {
    name: 'nobody-listens',
    broken: 'The backend process is not running, its port is closed.',
    cause: 'connect.refused',
    confidence: 'high',
    fast: true,
    run: (t) => t.attempt(),
  },
  {
    name: 'served-and-gone',
    broken: 'The server is stopped for good; its port is one that nobody named, but it has served WebSockets.',
    cause: 'connect.refused',
    confidence: 'high',
    fast: true,
    async run(t) {
      const server = await t.server('node', {}, { port: 9393 });
      await t.bye(await t.open({ port: 9393, cause: 'session.normal' }));
      t.kill(server);
      await t.gone(server);
      await t.attempt({ port: 9393 });
    },
  },
  {
    name: 'refusals-of-something-else',
    broken: 'Nothing of WebSocket: a client that has a session is refused on a port of something else.',
    cause: 'session.normal',
    fast: true,
    noIncidents: true,
    async run(t) {
      await t.server('node');
      const session = await t.open();
      for (let i = 0; i < 3; i++) {
        const other = await t.attempt({ port: 9494 });
        t.expected.splice(t.expected.indexOf(other.want), 1); // no line
      }
      await t.bye(session);
    },
  },
  {
    name: 'health-checks-of-a-dead-backend',
    broken: 'The backend is not running, and HAProxy asks once a second whether it is.',
    cause: 'connect.refused',
    confidence: 'high',
    async run(t) {
      await t.haproxy({ backend: `server a ${t.upstream()} check inter 1s` });
      // That it is regular shows with the third; from then on a line a minute will do.
      t.expect(null, 'connect.refused', 3);
      await t.sleep(9000);
    },
  },
  {
    name: 'health-checks-of-a-living-backend',
    broken: 'Nothing: HAProxy and a probe connect to the backend and leave without a word.',
    cause: 'session.normal',
    fast: true,
    async run(t) {
      await t.server('node');
      await t.haproxy({ backend: `server a ${t.upstream()} check inter 200ms` });
      t.world.start('client', ['/usr/bin/python3', '-c', PROBE, t.world.address('client', 'backend')]);
      await t.sleep(1500);
      await t.bye(await t.open({ to: 'proxy' }));
    },
  },
  {
    name: 'bound-to-loopback',
    broken: 'The server listens on 127.0.0.1 only, clients come from another host.',
    cause: 'connect.refused',
    confidence: 'high',
    async run(t) {
      const url = t.url();
      t.world.start('backend', ['/usr/sbin/haproxy', '-db', '-f', loopbackConfiguration(t)]);
      await t.sleep(500);
      const client = t.program('go', url);
      await client.says(/closed/);
    },
  },
  {
    name: 'host-is-off',
    broken: 'The address of the server belongs to a machine that does not answer at all.',
    cause: 'connect.timeout',
    confidence: 'high',
    fast: true,
    async run(t) {
      t.world.namespace('client', HASTY);
      t.url();
      t.world.namespace('client').addDeadNeighbour('to-backend', t.world.host(20));
      await t.attempt({ to: t.world.host(20), port: 8000 });
    },
  },
  {
    name: 'syn-lost-on-the-wire',
    broken: 'The network between the hosts swallows every packet.',
    cause: 'connect.timeout',
    confidence: 'high',
    async run(t) {
      t.world.namespace('client', HASTY);
      const wire = await t.world.wire('client', 'backend', { cut: 1 });
      await t.server('node');
      await t.attempt({ to: wire.address, port: 8000 });
    },
  },
  blocked('firewall-drops-syn', 'A packet filter on the server drops connections to the chat port.',
    'connect.firewall_dropped', (t) => t.world.namespace('backend').drop('input', 'tcp dport 8000')),
  blocked('firewall-drops-answer', 'A packet filter on the server drops the answers of the chat port.',
    'connect.firewall_dropped', (t) => t.world.namespace('backend').drop('output', 'tcp sport 8000'),
    { fast: false }),
  blocked('firewall-drops-at-client', 'A packet filter on the client drops connections to the chat port.',
    'connect.firewall_dropped', (t) => t.world.namespace('client').drop('output', 'tcp dport 8000'),
    { fast: false }),
  // The server listens, and it is the packet filter that says no.
  blocked('firewall-rejects', 'A packet filter on the server answers connections with a reset.',
    'connect.firewall_dropped', (t) => t.world.namespace('backend')
      .nft('add rule inet wse2e input tcp dport 8000 reject with tcp reset'), { fast: false }),
  // The default of REJECT: an ICMP error, which connect() calls refused as well.
  blocked('firewall-rejects-with-icmp', 'A packet filter on the server answers connections with an ICMP error.',
    'connect.firewall_dropped', (t) => t.world.namespace('backend')
      .nft('add rule inet wse2e input tcp dport 8000 reject'), { fast: false }),
  {
    name: 'no-such-neighbour',
    broken: 'The address of the server is in the local network, but nobody has it.',
    cause: 'connect.unreachable',
    confidence: 'high',
    fast: true,
    async run(t) {
      t.url();
      await t.attempt({ to: t.world.host(21), port: 8000 });
    },
  },
  {
    name: 'no-route',
    broken: 'The client host has no route to the network of the server.',
    cause: 'connect.unreachable',
    // The decisive ENETUNREACH is nowhere but in what connect() returned, which only hooks see that
    // slow every system call of the machine down; a rule against connecting would look the same.
    confidence: 'medium',
    async run(t) {
      t.url();
      await t.attempt({ to: t.world.host(60), port: 8000 });
    },
  },
  {
    name: 'ports-exhausted',
    broken: 'The client host has used up its local ports towards the server.',
    cause: 'connect.ports_exhausted',
    confidence: 'high',
    fast: true,
    async run(t) {
      t.world.namespace('client', { 'net.ipv4.ip_local_port_range': '40000 40001' });
      await t.server('node');
      const two = [await t.open({ cause: 'session.normal' }), await t.open({ cause: 'session.normal' })];
      await t.attempt();
      for (const session of two) {
        await t.bye(session);
      }
    },
  },
  {
    name: 'tiny-backlog',
    broken: 'The server listens with a backlog of 1 and is too busy to accept.',
    cause: 'connect.backlog_overflow',
    confidence: 'high',
    fast: true,
    async run(t) {
      const server = await t.server('node', { backlog: 1 });
      t.url();
      t.kill(server, 'SIGSTOP');
      const first = [1, 2].map(() => t.attempt({ cause: 'session.normal' }));
      await t.sleep(700);
      await t.attempt({ handshakeTimeout: 2500 });
      t.kill(server, 'SIGCONT');
      for (const session of await Promise.all(first)) {
        await t.bye(session);
      }
    },
  },
  outOfFiles('go', 'The Go server is at its limit of open files and cannot accept.'),
  outOfFiles('node', 'The Node server is at its limit of open files; libuv accepts and closes.'),
  {
    name: 'docker-proxy-to-dead-port',
    broken: 'The published port of a container leads to a port where nothing listens.',
    cause: 'connect.closed_unserved',
    confidence: 'high',
    fast: true,
    async run(t) {
      await t.proxy('dockerProxy');
      await t.attempt({ to: 'proxy' });
    },
  },
  {
    name: 'worker-connections',
    broken: 'nginx has worker_connections 4, all in use by other sessions.',
    cause: 'connect.closed_unserved',
    confidence: 'high',
    async run(t) {
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream()), connections: 6 });
      const first = await t.open({ to: 'proxy', cause: 'session.normal' });
      // Connections that ask for nothing take up the rest.
      for (let i = 0; i < 4; i++) {
        t.world.start('client', ['/usr/bin/python3', '-c', 'import socket, sys, time\n'
          + `s = socket.create_connection(("${t.world.address('client', 'proxy')}", 8080))\ntime.sleep(20)`]);
      }
      await t.sleep(1500);
      await t.attempt({ to: 'proxy' });
      await t.bye(first);
    },
    besides: 'connect.closed_unserved',
  },
  {
    name: 'tls-version-too-old',
    broken: 'The client speaks TLS 1.2 at most, nginx demands 1.3.',
    cause: 'connect.tls_failed',
    confidence: 'high',
    fast: true,
    async run(t) {
      const { key, cert } = selfSigned(t.world.folder, 'chat.example');
      await t.nginx({
        tls: true,
        port: 443,
        server: `ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;`,
      });
      const url = t.url('proxy', { scheme: 'wss', port: 443 });
      await t.program('go', url, { 'max-tls': 12 }).says(/closed/);
    },
  },
  {
    name: 'tls-unknown-authority',
    broken: 'The certificate of the server is signed by nobody whom the client trusts.',
    cause: 'connect.tls_failed',
    confidence: 'high',
    async run(t) {
      const { key, cert } = selfSigned(t.world.folder, 'chat.example');
      await t.nginx({ tls: true, port: 443, server: `ssl_certificate ${cert}; ssl_certificate_key ${key};` });
      const url = t.url('proxy', { scheme: 'wss', port: 443 });
      await t.program('go', url, { 'max-tls': 12 }).says(/closed/);
    },
  },
];

function loopbackConfiguration(t) {
  const file = `${t.world.folder}/loopback.cfg`;
  fs.writeFileSync(file, 'defaults\n  mode http\n  timeout connect 1s\n  timeout client 9s\n  timeout server 9s\n'
    + 'frontend f\n  bind 127.0.0.1:8000\n  http-request return status 200\n');
  return file;
}
