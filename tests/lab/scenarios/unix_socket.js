// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Proxies that reach their backend through a Unix socket, which is no leg that is followed.

const fs = require('fs');
const path = require('path');
const { passTo } = require('../software');
const { until } = require('../../e2e/wait');
const { childrenOf } = require('../world');

const base = { confidence: 'high', fast: false };

// Later than what is taken for a refusal right after the open.
const SETTLED_MS = 2200;

const PYTHON = '/usr/bin/python3';
const SERVERS = path.join(__dirname, '../servers');
const here = (name) => path.join(SERVERS, name);
const UVICORN = ['chat_asgi:app', '--app-dir', SERVERS];

// kind -> argv of a server that listens on the socket at that path
const BACKENDS = {
  aiohttp: (at, settings) => [PYTHON, here('chat_aiohttp.py'), JSON.stringify({ path: at, ...settings })],
  python: (at) => [PYTHON, here('chat.py'), JSON.stringify({ path: at })],
  uvicorn: (at) => ['/usr/bin/uvicorn', ...UVICORN, '--uds', at],
  gunicorn: (at, { workers = 1, timeout = 30 }) => ['/usr/bin/gunicorn', 'chat_asgi:app', '--chdir', SERVERS,
    '--bind', `unix:${at}`, '-k', 'uvicorn.workers.UvicornWorker', '--workers', `${workers}`, '--timeout', `${timeout}`],
  puma: (at) => ['/usr/bin/puma', '-b', `unix://${at}`, here('chat.ru')],
  node: (at) => [process.execPath, path.join(__dirname, '../../e2e/backend_node/server.js'), at, ''],
  cluster: (at) => [process.execPath, here('cluster.js'), JSON.stringify({ port: at, workers: 1 })],
  // in a pid namespace of its own, as in a container
  contained: (at) => ['/usr/bin/unshare', '--pid', '--fork', '--kill-child', ...BACKENDS.aiohttp(at)],
};

async function startBackend(t, kind, settings = {}, name = 'backend.sock') {
  const at = name.startsWith('\0') ? name : path.join(t.world.folder, name);
  const started = t.world.start('proxy', BACKENDS[kind](at, settings), { title: kind });
  const abstract = at === name;
  const names = () => fs.readFileSync(`/proc/${started.pid}/net/unix`, 'utf8');
  if (!await until(() => (abstract ? names().includes(at.replace('\0', '@')) : fs.existsSync(at)), 15000)) {
    throw new Error(`${kind} made no socket`);
  }
  if (!abstract) {
    fs.chmodSync(at, 0o777);
  }
  return Object.assign(started, { at });
}

const PROXIES = {
  nginx: (t, at, more = '') => t.nginx({ server: passTo(`unix:${at}:`, more), main: 'worker_processes 2;' }),
  haproxy: (t, at) => t.haproxy({ backend: `server one unix@${at}` }),
  caddy: (t, at) => t.proxy('caddy', { upstream: `unix/${at.replace('\0', '@')}` }),
};

async function behindUnixSocket(t, more = '', settings = {}) {
  const backend = await startBackend(t, 'aiohttp', settings);
  await PROXIES.nginx(t, backend.at, more);
  return backend;
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

const signal = (name) => (t, backend) => t.kill(backend, name);
const order = (how, details) => (t, backend, [session]) => session.order(how, details);
const killWorker = (name) => (t, backend) => process.kill(childrenOf(backend.pid).pop(), name);

// Sessions with a backend of that kind, and what befalls it.
const befalls = (name, broken, cause, kind, what, { proxy = 'nginx', sessions = 1, settings, socket, ...row } = {}) => ({
  ...base,
  name: `unix-socket-${name}`,
  broken,
  cause,
  async run(t) {
    const backend = await startBackend(t, kind, settings, socket);
    await PROXIES[proxy](t, backend.at);
    const opened = await t.opens(sessions, { to: 'proxy' });
    await t.sleep(SETTLED_MS);
    await what(t, backend, opened);
    await Promise.all(opened.map((session) => session.closed()));
  },
  ...row,
});

// It closes its connections itself: that its proxy ends the sessions for that is likely, not proved.
const likely = { confidence: 'medium', atMost: 'medium' };

module.exports = [
  befalls('backend-killed', 'nginx reaches its backend through a Unix socket, and the backend is killed.',
    'session.process_killed', 'aiohttp', signal('SIGKILL'), { fast: true, initiator: 'server' }),
  befalls('backend-oom-killed', 'A Node backend behind a Unix socket of nginx reaches the memory limit of its cgroup.',
    'session.process_oom_killed', 'node', (t, backend, [session]) => {
      t.world.limitMemory(backend.pid, 96 << 20);
      return session.order('eat_memory');
    }),
  befalls('backend-throws', 'A Node backend behind a Unix socket of nginx throws where nobody catches.',
    'session.process_exited', 'node', order('throw')),
  befalls('backend-aborts', 'A Node backend behind a Unix socket of nginx aborts.',
    'session.process_crashed', 'node', order('abort'), { sessions: 2 }),
  befalls('backend-terminated', 'A Node backend behind a Unix socket gets SIGTERM and has no handler for it.',
    'session.process_terminated', 'node', signal('SIGTERM'), { sessions: 3, fast: true }),
  befalls('gunicorn-worker-killed', 'A worker of gunicorn, behind a Unix socket of nginx, is killed.',
    'session.process_killed', 'gunicorn', killWorker('SIGKILL'), { sessions: 3 }),
  befalls('gunicorn-worker-timeout', 'A handler behind a Unix socket blocks for longer than --timeout of gunicorn.',
    'session.process_killed', 'gunicorn', order('block', { s: 8 }), { settings: { timeout: 2 } }),
  // uvicorn 0.17 on websockets sends no Close frame.
  befalls('gunicorn-stopped', 'gunicorn, behind a Unix socket of nginx, gets SIGTERM, and its workers with it.',
    'session.process_terminated', 'gunicorn', signal('SIGTERM'), { sessions: 2, ...likely, atMost: undefined }),
  befalls('cluster-worker-throws', 'A worker of a Node cluster, which got its Unix sockets from the primary, throws.',
    'session.process_exited', 'cluster', order('throw'), { sessions: 2 }),
  befalls('python-shutdown', 'Python websockets behind a Unix socket gets SIGTERM and closes with 1001.',
    'session.service_restart', 'python', signal('SIGTERM'), { sessions: 2, ...likely }),
  befalls('puma-killed', 'puma, behind a Unix socket of nginx, is killed.',
    'session.process_killed', 'puma', signal('SIGKILL')),
  befalls('haproxy-backend-killed', 'HAProxy reaches uvicorn through a Unix socket, and uvicorn is killed.',
    'session.process_killed', 'uvicorn', signal('SIGKILL'), { proxy: 'haproxy', sessions: 2 }),
  befalls('caddy-backend-killed', 'Caddy reaches its backend through an abstract Unix socket, and it is killed.',
    'session.process_killed', 'aiohttp', signal('SIGKILL'), { proxy: 'caddy', socket: '\0lab' }),
  befalls('contained-backend-killed', 'The backend behind a Unix socket is killed in a pid namespace of its own.',
    'session.process_killed', 'contained', killWorker('SIGKILL')),
  befalls('backend-hangs-up', 'The living backend behind a Unix socket drops its connection.',
    'session.closed_without_close_frame', 'node', order('drop'), likely),
  befalls('backend-says-why', 'The backend behind a Unix socket closes with 1011.',
    'session.internal_error', 'node', order('close', { code: 1011, reason: 'oops' })),
  {
    ...base,
    name: 'unix-socket-other-backend-killed',
    broken: 'nginx has two backends behind Unix sockets; one is killed, and the other drops its session later.',
    cause: 'session.closed_without_close_frame',
    ...likely,
    async run(t) {
      const mine = await startBackend(t, 'node');
      const other = await startBackend(t, 'aiohttp', {}, 'other.sock');
      await t.nginx({
        server: passTo(`unix:${mine.at}:`),
        http: `server { listen ${t.world.address('client', 'proxy')}:8081; ${passTo(`unix:${other.at}:`)} }`,
      });
      const session = await t.open({ to: 'proxy' });
      const lost = await t.open({ to: 'proxy', port: 8081, cause: 'session.process_killed' });
      await t.sleep(SETTLED_MS);
      t.kill(other);
      await lost.closed();
      await t.sleep(1500);
      await session.order('drop');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'unix-socket-backend-halted',
    broken: 'The backend behind a Unix socket is halted; proxy_read_timeout of nginx is two seconds.',
    cause: 'session.proxy_idle_timeout',
    // A single silence is no pattern.
    ...likely,
    async run(t) {
      const backend = await behindUnixSocket(t, 'proxy_read_timeout 2s;');
      const session = await t.open({ to: 'proxy' });
      await session.say('hello');
      t.kill(backend, 'SIGSTOP');
      await session.closed();
      t.kill(backend, 'SIGCONT');
    },
  },
  {
    ...base,
    name: 'unix-socket-read-timeout',
    broken: 'nginx reaches its backend through a Unix socket; proxy_read_timeout is two seconds.',
    cause: 'session.proxy_idle_timeout',
    pattern: ['session.closed_without_close_frame'],
    // A timer of the backend would look the same: see the next one.
    confidence: 'medium',
    atMost: 'medium',
    async run(t) {
      await behindUnixSocket(t, 'proxy_read_timeout 2s;');
      await fallSilent(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'unix-socket-backend-idles',
    broken: 'nginx reaches its backend through a Unix socket; receive_timeout of the backend is two seconds.',
    // Nothing on the sockets that are followed tells whose timer it is, so neither may be sure.
    cause: ['session.server_idle_timeout', 'session.proxy_idle_timeout'],
    pattern: ['session.closed_without_close_frame'],
    confidence: 'low',
    atMost: 'medium',
    async run(t) {
      await behindUnixSocket(t, '', { receive_timeout: 2 });
      await fallSilent(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'unix-socket-backend-killed-in-silence',
    broken: 'The same, of three sessions that began together and have been silent for six seconds.',
    cause: 'session.process_killed',
    async run(t) {
      const backend = await behindUnixSocket(t);
      const sessions = await t.opens(3, { to: 'proxy' });
      await t.sleep(6000);
      t.kill(backend);
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
];
