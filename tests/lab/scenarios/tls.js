// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A proxy ends TLS: the handshake and its key are seen only behind it.

const { selfSigned } = require('../deps');
const { passTo } = require('../software');
const { childrenOf } = require('../world');

// The client's leg is known by process and time alone, which is never certain.
const base = { confidence: 'medium', fast: true };
const SECURE = { to: 'proxy', tls: true, port: 8443, rejectUnauthorized: false };

function nginx(t, more = '') {
  const { key, cert } = selfSigned(t.world.folder, 'chat.example');
  return t.nginx({
    tls: true,
    port: 8443,
    server: `ssl_certificate ${cert}; ssl_certificate_key ${key}; ${passTo(t.upstream(), more)}`,
  });
}

// A client that asks for the wrong scheme.
const wrongScheme = (name, broken, cause, serve, open, row = {}) => ({
  name,
  broken,
  cause,
  confidence: 'high',
  fast: true,
  async run(t) {
    await serve(t);
    await open(t);
  },
  ...row,
});

const secureNode = (t, port = 8443) => t.server('node', { tls: selfSigned(t.world.folder, 'chat.example') }, { port });
const once = (kind, url) => async (t) => t.program(kind, url(t), {}, { expected: null }).says(/closed|failed/);

const closed = (sessions) => Promise.all(sessions.map((session) => session.closed()));

module.exports = [
  {
    ...base,
    name: 'tls-worker-killed',
    broken: 'The worker of the nginx that ends TLS is killed.',
    cause: 'session.proxy_exited',
    async run(t) {
      await t.server('node');
      const proxy = await nginx(t);
      const sessions = await t.opens(2, SECURE);
      await t.sleep(300);
      childrenOf(proxy.pid).forEach((pid) => process.kill(pid, 'SIGKILL'));
      await closed(sessions);
    },
  },
  {
    ...base,
    name: 'tls-backend-killed',
    broken: 'The backend behind the nginx that ends TLS is killed.',
    cause: 'session.process_killed',
    confidence: 'high', // nothing of it depends on the client's leg
    async run(t) {
      const server = await t.server('node');
      await nginx(t);
      const sessions = await t.opens(2, SECURE);
      await t.sleep(300);
      t.kill(server);
      await closed(sessions);
    },
  },
  {
    ...base,
    name: 'tls-client-leaves',
    broken: 'The client drops its TLS connection; nginx passes that on.',
    // Its own socket carries TLS as well: what it did there is not followed.
    cause: ['session.peer_closed_without_close_frame', 'session.closed_without_close_frame'],
    async run(t) {
      await t.server('node');
      await nginx(t);
      const session = await t.open(SECURE);
      await session.say('hello');
      await t.sleep(2500);
      await session.call('terminate');
      await session.closed();
    },
    initiator: 'client',
  },
  {
    ...base,
    name: 'tls-read-timeout',
    broken: 'proxy_read_timeout of the nginx that ends TLS is 2s and nobody pings.',
    cause: 'session.proxy_idle_timeout',
    pattern: ['session.closed_without_close_frame'],
    async run(t) {
      await t.server('go');
      await nginx(t, 'proxy_read_timeout 2s;');
      for (let i = 0; i < 4; i++) {
        const session = await t.open(SECURE);
        await t.sleep(200 * i);
        await session.say('hello');
        await session.closed();
      }
    },
  },
  {
    name: 'tls-never-accepted',
    broken: 'The server with TLS is stuck and accepts nobody, until somebody kills it.',
    cause: 'upgrade.no_response',
    // What the client would have asked for is hidden in TLS that never began.
    confidence: 'medium',
    async run(t) {
      const server = await secureNode(t, 8000);
      const url = t.url('backend', { scheme: 'wss' });
      t.kill(server, 'SIGSTOP');
      const client = t.program('go', url, {}, { expected: null });
      await t.sleep(2500);
      t.kill(server);
      await client.says(/closed/);
    },
  },
  wrongScheme('wss-to-plain-node', 'The client asks for wss://, the port of the Node server speaks no TLS.', 'connect.tls_failed',
    (t) => t.server('node'), (t) => t.attempt({ tls: true, port: 8000, rejectUnauthorized: false })),
  wrongScheme('wss-to-plain-go', 'A Go client asks for wss://, the port of the Go server speaks no TLS.', 'connect.tls_failed',
    (t) => t.server('go'), once('go', (t) => t.url('backend', { scheme: 'wss' }))),
  wrongScheme('wss-to-plain-python', 'A Python client asks for wss://, the port of the Python server speaks no TLS.',
    'connect.tls_failed', (t) => t.server('python'), once('python', (t) => t.url('backend', { scheme: 'wss' }))),
  wrongScheme('wss-to-plain-nginx', 'A Python client asks for wss://, nginx listens without ssl.', 'connect.tls_failed',
    (t) => t.nginx({ server: passTo(t.upstream()) }), once('python', (t) => t.url('proxy', { scheme: 'wss' }))),
  wrongScheme('wss-to-plain-haproxy', 'A Go client asks for wss://, HAProxy binds without ssl.', 'connect.tls_failed',
    (t) => t.haproxy({ backend: `server a ${t.upstream()}` }), once('go', (t) => t.url('proxy', { scheme: 'wss' }))),
  wrongScheme('wss-to-plain-from-outside', 'Clients on other hosts ask for wss:// again and again, the port speaks no TLS.',
    'connect.tls_failed', (t) => t.server('node'), async (t) => {
      // The first time it may be a scanner: nothing is said of it.
      for (let i = 0; i < 3; i++) {
        await t.attempt({ tls: true, rejectUnauthorized: false, cause: i ? 'connect.tls_failed' : [] });
      }
      t.expected.shift();
    }, { outside: ['client'] }),
  wrongScheme('ws-to-tls-nginx', 'The client asks for ws://, the port of nginx speaks TLS.', 'upgrade.bad_request',
    (t) => nginx(t), (t) => t.attempt({ to: 'proxy', port: 8443 })),
  wrongScheme('ws-to-tls-node', 'The client asks for ws://, the port of the Node server speaks TLS.', 'upgrade.no_response',
    secureNode, (t) => t.attempt({ port: 8443 })),
];
