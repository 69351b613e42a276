// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Proxies besides nginx and HAProxy, and hops that know nothing of HTTP.

const { selfSigned } = require('../deps');
const { caddyReload } = require('../proxies');
const { until } = require('../../e2e/wait');
const { childrenOf } = require('../world');

const base = { confidence: 'high', fast: false };

// Later than what is taken for a refusal right after the open.
const SETTLED_MS = 2200;

async function before(t, kind, options) {
  const tls = kind === 'stunnel';
  const proxy = await t.proxy(kind, { ...options, ...(tls && { cert: selfSigned(t.world.folder, 'proxy') }) });
  return { proxy, to: { to: 'proxy', ...(tls && { tls, rejectUnauthorized: false }) } };
}

// Sessions through that proxy, one after the other, that fall silent.
async function fallSilent(t, to) {
  for (let i = 0; i < 4; i++) {
    const session = await t.open(to);
    await t.sleep(250 * i);
    await session.say('hello');
    await session.closed();
  }
}

const idle = (name, broken, kind, options) => ({
  ...base,
  name,
  broken,
  cause: 'session.proxy_idle_timeout',
  pattern: ['session.closed_without_close_frame', 'session.aborted_by_application'],
  async run(t) {
    await t.server('aiohttp');
    const { to } = await before(t, kind, options);
    await fallSilent(t, to);
  },
});

// A session through that proxy that talked, and what befalls whom.
const through = (kind, what, broken, cause, befall) => ({
  ...base,
  name: `${kind}-${what}`,
  broken: broken.replace('PROXY', kind),
  cause,
  async run(t) {
    const backend = await t.server('node');
    const { proxy, to } = await before(t, kind);
    const session = await t.open(to);
    await session.say('hello');
    await t.sleep(SETTLED_MS);
    await befall(t, { backend, proxy, session });
    await session.closed();
  },
});

function killWhole(t, { proxy }) {
  childrenOf(proxy.pid).forEach((pid) => process.kill(pid, 'SIGKILL'));
  t.kill(proxy);
}

const backendKilled = (kind) => through(kind, 'backend-killed', 'The backend behind PROXY is killed.',
  'session.process_killed', (t, { backend }) => t.kill(backend));
const killed = (kind) => through(kind, 'killed', 'PROXY is killed, with its workers.',
  'session.proxy_exited', killWhole);
const leaves = (kind) => through(kind, 'client-leaves', 'Nothing: the client leaves PROXY with Close 1000.',
  'session.normal', (t, { session }) => session.close(1000, 'bye'));
const vanishes = (kind) => through(kind, 'client-drops', 'The client behind PROXY drops its socket.',
  'session.closed_without_close_frame', async (t, { session }) => {
    // No silence before it, so that no timer can be behind it.
    await session.next('said');
    await session.say('one more');
    await session.next('said');
    await session.call('terminate');
  });

const refused = (name, broken, cause, kind, options) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server('node');
    await t.proxy(kind, options);
    await t.attempt({ to: 'proxy' });
  },
});

// Nobody listens behind that proxy, whose own failure to connect is a line, too.
const nobody = (kind, cause) => ({
  ...base,
  name: `${kind}-backend-down`,
  broken: `Nobody listens behind ${kind}.`,
  cause,
  besides: 'connect.refused',
  async run(t) {
    await t.proxy(kind);
    await t.attempt({ to: 'proxy' });
  },
});

const TUNNELS = ['apache', 'caddy', 'dockerProxy', 'goProxy', 'h2o', 'lighttpd', 'nghttpx', 'nodeProxy', 'squid', 'varnish', 'socat', 'stunnel'];

module.exports = [
  ...TUNNELS.map(backendKilled),
  ...TUNNELS.map(killed),
  ...['apache', 'caddy', 'dockerProxy', 'socat', 'squid', 'stunnel'].map(leaves),
  ...['caddy', 'dockerProxy', 'socat', 'squid'].map(vanishes),

  idle('apache-proxy-timeout', 'ProxyTimeout of Apache is two seconds.', 'apache', { main: 'ProxyTimeout 2\nTimeout 2' }),
  idle('lighttpd-read-idle', 'server.max-read-idle of lighttpd is two seconds.', 'lighttpd', { main: 'server.max-read-idle = 2' }),
  idle('varnish-pipe-timeout', 'pipe_timeout of Varnish is two seconds.', 'varnish', { parameters: ['pipe_timeout=2'] }),
  // Squid looks at its clocks once a second.
  { ...idle('squid-read-timeout', 'read_timeout of Squid is two seconds.', 'squid', { main: 'read_timeout 2 seconds' }), confidence: 'medium' },
  idle('stunnel-idle', 'TIMEOUTidle of stunnel, which ends TLS, is two seconds.', 'stunnel', { main: 'TIMEOUTidle = 2' }),
  idle('h2o-timeout', 'proxy.websocket.timeout of H2O is two seconds.', 'h2o', { main: 'proxy.websocket.timeout: 2000' }),
  idle('nghttpx-read-timeout', 'Both read timeouts of nghttpx are two seconds.', 'nghttpx',
    { options: ['--frontend-read-timeout=2s', '--backend-read-timeout=2s'] }),
  idle('nginx-stream-timeout', 'proxy_timeout of nginx is two seconds, in its stream module.', 'nginxStream', { main: 'proxy_timeout 2s;' }),
  idle('socat-idle', 'socat -T 2 forwards TCP.', 'socat', { options: ['-T', '2'] }),

  refused('apache-without-tunnel', 'Apache passes the request on as one of HTTP.', 'upgrade.headers_not_forwarded',
    'apache', { pass: 'ProxyPass / http://UPSTREAM/' }),
  refused('lighttpd-without-upgrade', 'lighttpd does not pass Upgrade on.', 'upgrade.headers_not_forwarded',
    'lighttpd', { upgrade: 'disable' }),
  refused('varnish-without-upgrade', 'vcl_pipe of Varnish does not pass Upgrade on.', 'upgrade.headers_not_forwarded',
    'varnish', { pipe: '' }),

  refused('squid-without-upgrade', 'Squid is not told to pass Upgrade on.', 'upgrade.headers_not_forwarded',
    'squid', { upgrade: '' }),

  // A 503 of the proxy itself, because of what it met at its backend.
  nobody('apache', ['upgrade.bad_gateway', 'upgrade.unavailable']),
  // Squid tries its peers when it starts, and may not ask a dead one again for a request.
  { ...nobody('squid', ['upgrade.bad_gateway', 'upgrade.unavailable']), confidence: 'medium' },
  nobody('lighttpd', ['upgrade.bad_gateway', 'upgrade.unavailable']),
  nobody('caddy', 'upgrade.bad_gateway'),
  nobody('goProxy', 'upgrade.bad_gateway'),
  // These hang up without an answer; whether the request was read before is their affair.
  nobody('nodeProxy', ['upgrade.no_response', 'connect.closed_unserved']),
  nobody('varnish', ['upgrade.no_response', 'connect.closed_unserved']),
  nobody('socat', ['upgrade.no_response', 'connect.closed_unserved']),

  through('rinetd', 'terminated', 'rinetd, which is one process, gets SIGTERM.', 'session.proxy_exited',
    (t, { proxy }) => t.kill(proxy, 'SIGTERM')),
  through('apache', 'restarted', 'Apache gets SIGHUP: its workers end at once.',
    ['session.proxy_worker_shutdown', 'session.proxy_exited'], (t, { proxy }) => t.kill(proxy, 'SIGHUP')),
  // Only its parent gets the signal, and tells the workers.
  through('apache', 'terminated', 'Apache gets SIGTERM.', 'session.proxy_exited', (t, { proxy }) => t.kill(proxy, 'SIGTERM')),
  {
    ...base,
    name: 'caddy-reload',
    broken: 'caddy reload ends what talks under the old configuration, with Close 1001 to both sides.',
    cause: 'session.service_restart',
    async run(t) {
      await t.server('node');
      await t.proxy('caddy');
      // Neither of one age, nearly, nor silent: no timer can be behind it.
      const sessions = [];
      for (let i = 0; i < 3; i++) {
        sessions.push(await t.open({ to: 'proxy' }));
        await t.sleep(i ? 700 : 4500);
      }
      const talk = sessions.map((session) => setInterval(() => session.say('hello').catch(() => {}), 200));
      await t.sleep(SETTLED_MS);
      t.world.start('proxy', caddyReload({ folder: t.world.folder }), { title: 'caddy reload' });
      await Promise.all(sessions.map((session) => session.closed()));
      talk.forEach(clearInterval);
    },
  },
  {
    ...base,
    name: 'caddy-reload-in-silence',
    broken: 'caddy is reloaded when all sessions are of one age, and have been silent all the time.',
    cause: 'session.service_restart',
    // A timer of the gateway, or a limit of their age, would look the same.
    confidence: 'medium',
    atMost: 'medium',
    async run(t) {
      await t.server('node');
      await t.proxy('caddy');
      const sessions = await t.opens(3, { to: 'proxy' });
      await t.sleep(SETTLED_MS);
      t.world.start('proxy', caddyReload({ folder: t.world.folder }), { title: 'caddy reload' });
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'deferred-accept',
    broken: 'nginx accepts only when the request is there (TCP_DEFER_ACCEPT), and answers 401 to a client elsewhere.',
    cause: 'upgrade.unauthorized',
    outside: ['client'],
    async run(t) {
      const address = t.world.address('client', 'proxy');
      await t.nginx({ server: 'return 404;', http: `server { listen ${address}:8081 deferred; return 401; }` });
      await t.attempt({ to: 'proxy', port: 8081 });
    },
  },
  {
    ...base,
    name: 'gateway-backend-killed',
    broken: 'The backend of a gateway that makes keys of its own is killed; the gateway then drops its client.',
    // That both have to do with each other is likely, not proved: two keys are two sessions.
    cause: 'session.closed_without_close_frame',
    confidence: 'medium',
    atMost: 'medium',
    besides: ['session.process_killed'],
    fast: true,
    async run(t) {
      const server = await t.server('go');
      await t.proxy('gateway');
      const session = await t.open({ to: 'proxy' });
      await session.say('hello');
      await t.sleep(SETTLED_MS);
      await session.say('again');
      await t.sleep(300);
      t.kill(server);
      await session.closed();
    },
  },
  {
    ...base,
    name: 'gateway-calls-a-loss-normal',
    broken: 'The backend of a gateway is killed, and the gateway tells its client Close 1000.',
    // As above: it has lost what is behind it, in all likelihood.
    cause: 'session.try_again_later',
    confidence: 'medium',
    atMost: 'medium',
    besides: ['session.process_killed'],
    async run(t) {
      const server = await t.server('go');
      await t.proxy('gateway', { goodbye: 1000 });
      const session = await t.open({ to: 'proxy' });
      await session.say('hello');
      await t.sleep(SETTLED_MS);
      t.kill(server);
      await session.closed();
    },
  },
  {
    ...base,
    name: 'gateway-client-drops',
    broken: 'The client of a gateway that makes keys of its own drops its connection; the gateway drops the one behind it.',
    cause: 'session.closed_without_close_frame',
    initiator: 'client',
    async run(t) {
      // The gateway is the client of the connection behind it, and had a reason that is not proved.
      Object.assign(t.expect('/lab/behind'), { confidence: 'medium', atMost: 'medium' });
      await t.server('go');
      await t.proxy('gateway');
      const session = await t.open({ to: 'proxy' });
      await session.say('hello');
      await t.sleep(300); // until nothing is unread
      await session.call('terminate');
      await session.closed();
    },
  },
];
