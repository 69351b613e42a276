// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Opening handshakes that look unlike those of browsers and libraries on the wire, or
// that come behind something else. What breaks after them is simple.

const { passTo } = require('../software');

const base = { confidence: 'high', fast: false };

const KILLED_AFTER_MS = 2200;

// A handshake made by hand, after which the backend is killed.
const odd = (name, broken, options, prepare = () => ({})) => ({
  ...base,
  name,
  broken: `${broken}; then the backend is killed.`,
  cause: 'session.process_killed',
  async run(t) {
    const server = await t.server('aiohttp');
    const { proxy, ...to } = await prepare(t);
    const session = await t.open({ raw: true, ...to, ...options });
    await t.sleep(KILLED_AFTER_MS);
    t.kill(server);
    await session.ended();
  },
});

// A load balancer that tells nginx with the PROXY protocol who the client is.
async function balanced(t, inside) {
  const address = t.world.address('edge', 'proxy');
  await t.nginx({
    from: 'edge',
    server: 'return 404;',
    http: `server { listen ${address}:8081 proxy_protocol; ${inside} }`,
  });
  await t.haproxy({ role: 'edge', mode: 'tcp', backend: `server nginx ${address}:8081 send-proxy-v2` });
}

// An HTTP proxy that opens tunnels to the backend.
async function forward(t) {
  await t.proxy('apache', {
    pass: '',
    main: `LoadModule proxy_connect_module /usr/lib/apache2/modules/mod_proxy_connect.so
      AcceptFilter http none
      ProxyRequests On
      AllowCONNECT 8000`,
  });
  const upstream = t.upstream();
  return { to: 'proxy', first: `CONNECT ${upstream} HTTP/1.1\r\nHost: ${upstream}\r\n\r\n` };
}

// A proxy that asks for the backend in SOCKS 5 (RFC 1928): no authentication, then CONNECT.
async function socks(t) {
  const [host, port] = t.upstream().split(':');
  const proxy = await t.proxy('microsocks');
  const address = [...host.split('.').map(Number), port >> 8, port & 255];
  return { to: 'proxy', first: ['\x05\x01\x00', String.fromCharCode(5, 1, 0, 1, ...address)], proxy };
}

module.exports = [
  odd('head-in-pieces', 'The request comes in pieces of seven bytes', { slice: 7 }),
  odd('key-after-long-cookie', 'The request has a cookie of six kilobytes', { headers: { Cookie: 'c'.repeat(6000) } }),
  // RFC 9112, 2.2: a server should ignore it
  odd('empty-line-before-request', 'An empty line comes before the request', { ahead: '\r\n' }),
  odd('page-before-upgrade', 'The same connection was used for a page', { first: 'GET /page HTTP/1.1\r\nHost: lab\r\n\r\n' }),
  odd('tunnel-through-forward-proxy', 'The client asked Apache for a tunnel (CONNECT)', {}, forward),
  odd('tunnel-through-socks', 'The client asked microsocks for the backend (SOCKS 5)', {}, socks),
  {
    ...base,
    name: 'socks-killed',
    broken: 'microsocks is killed, through which the client reached the backend.',
    cause: 'session.proxy_exited',
    async run(t) {
      await t.server('aiohttp');
      const { proxy, ...to } = await socks(t);
      const session = await t.open({ raw: true, ...to });
      await t.sleep(KILLED_AFTER_MS);
      t.kill(proxy);
      await session.ended();
    },
  },
  {
    ...base,
    name: 'proxy-protocol-backend-killed',
    broken: 'HAProxy sends the PROXY protocol to nginx, and the backend behind both is killed.',
    cause: 'session.process_killed',
    async run(t) {
      const server = await t.server('aiohttp');
      await balanced(t, passTo(t.upstream()));
      const session = await t.open({ to: 'edge' });
      await session.say('hello');
      await t.sleep(KILLED_AFTER_MS);
      t.kill(server);
      await session.closed();
    },
  },
  {
    ...base,
    name: 'proxy-protocol-unauthorized',
    broken: 'A load balancer elsewhere sends the PROXY protocol to nginx, which answers 401.',
    cause: 'upgrade.unauthorized',
    outside: ['client', 'edge'],
    async run(t) {
      await balanced(t, 'return 401;');
      await t.attempt({ to: 'edge' });
    },
  },
];
