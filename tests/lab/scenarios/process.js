// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions that end because of what happened to a process, or because a living
// one closed its socket.

const fs = require('fs');
const path = require('path');
const { passTo } = require('../software');
const { runContainer } = require('../container');
const { childrenOf } = require('../world');

const base = { confidence: 'high', fast: true };

// Sessions through an nginx with one worker, which gives them two seconds when it has to go.
async function retiring(t, count) {
  await t.server('node');
  const nginx = await t.nginx({
    server: passTo(t.upstream()), main: 'worker_processes 1; worker_shutdown_timeout 2s;',
  });
  return { nginx, sessions: await t.opens(count, { to: 'proxy' }) };
}

// A server of that kind with sessions, and what befalls it.
const befalls = (name, broken, cause, kind, what, { settings, sessions = 1, proxy, path: at, ...row } = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    const server = await t.server(kind, settings);
    if (proxy) {
      await t.nginx({ server: passTo(t.upstream()) });
    }
    const opened = [];
    for (let i = 0; i < sessions; i++) {
      opened.push(await t.open({ to: proxy ? 'proxy' : 'backend', ...(at && { path: `${at}/${name}/${i}` }) }));
    }
    await what(t, server, opened);
    await Promise.all(opened.map((session) => session.closed()));
  },
  ...row,
});

const signal = (name) => (t, server) => t.kill(server, name);
const order = (how, details) => (t, server, [session]) => session.order(how, details);

module.exports = [
  befalls('backend-killed', 'Somebody sends SIGKILL to the Go backend behind nginx.',
    'session.process_killed', 'go', signal('SIGKILL'), { proxy: true }),
  befalls('backend-aborted', 'A watchdog sends SIGABRT to the Go backend, which prints its stacks and exits with status 2.',
    'session.process_killed', 'go', signal('SIGABRT'), { sessions: 2 }),
  befalls('backend-terminated', 'The Node backend gets SIGTERM and has no handler for it.',
    'session.process_terminated', 'node', signal('SIGTERM'), { sessions: 2 }),
  befalls('backend-interrupted', 'Somebody presses Ctrl-C on the Go backend.',
    'session.process_terminated', 'go', signal('SIGINT'), { fast: false }),
  befalls('backend-segfaults', 'A native module of the Node backend crashes.',
    'session.process_crashed', 'node', signal('SIGSEGV'), { proxy: true }),
  befalls('heap-limit', 'The JavaScript heap of the backend reaches its limit and V8 aborts.',
    'session.process_crashed', 'node', (t, server, [session]) => session.say('fill up'),
    { settings: { leak: true, v8: ['--max-old-space-size=24'] }, fast: false }),
  befalls('unhandled-exception', 'The Node backend throws where nobody catches.',
    'session.process_exited', 'obedientNode', order('throw')),
  befalls('exits-with-status', 'The Go backend calls os.Exit(3) with sessions open.',
    'session.process_exited', 'obedientGo', order('exit', { code: 3 }), { path: '/e2e', fast: false }),
  befalls('panic-with-core', 'The Go backend panics with GOTRACEBACK=crash and aborts.',
    'session.process_crashed', 'obedientNode', order('abort'), { fast: false }),
  befalls('oom-killed', 'The backend reaches the memory limit of its cgroup.',
    'session.process_oom_killed', 'obedientNode', (t, server, [session]) => {
      t.world.limitMemory(server.pid, 96 << 20);
      return session.order('eat_memory');
    }, { proxy: true }),
  {
    ...base,
    name: 'stop-grace-exceeded',
    broken: 'A supervisor sends SIGTERM, which the backend ignores, and SIGKILL two seconds later.',
    cause: 'session.process_killed',
    async run(t) {
      // The shape of docker stop, without a container: the sender is the supervisor.
      const command = '"$0" "$@" & child=$!; until [ -e stop ]; do sleep 0.1; done; '
        + 'kill -TERM $child; sleep 2; kill -KILL $child; wait; sleep 9';
      await t.server('node', { ignoreTerm: true }, { wrap: ['/bin/sh', '-c', command] });
      const session = await t.open();
      fs.writeFileSync(path.join(t.world.folder, 'stop'), '');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'container-stopped',
    broken: 'The container runtime stops the container of the backend: SIGTERM, then SIGKILL.',
    cause: 'session.container_stopped',
    async run(t) {
      const container = await runContainer(t, ['node', {}], 8000);
      const session = await t.open();
      container.kill('TERM');
      await t.sleep(1000);
      container.kill('KILL');
      await session.closed();
    },
  },
  befalls('hangs-up', 'The living backend closes its socket without a Close frame.',
    'session.closed_without_close_frame', 'obedientNode', async (t, server, [session]) => {
      await session.say('hello');
      await t.sleep(2500);
      await session.order('drop');
    }, { fast: false }),
  befalls('unread-data', 'The backend closes its socket while received data waits unread.',
    'session.aborted_with_unread_data', 'obedientGo', async (t, server, [session]) => {
      await session.order('unread', { hold_ms: 500 });
      await session.next('ready');
      await session.say('too late');
    }, { path: '/e2e' }),
  befalls('lingers-zero', 'The backend resets the connection on purpose (SO_LINGER 0).',
    'session.aborted_by_application', 'obedientNode', order('reset'), { proxy: true }),
  {
    ...base,
    name: 'admin-kills-socket',
    broken: 'An administrator destroys the socket of the server with ss -K.',
    // Neither end did it: an abort from the side has no cause of its own in the catalogue.
    cause: ['session.unknown', 'session.aborted_by_application'],
    confidence: 'low',
    fast: false,
    async run(t) {
      await t.server('node');
      const session = await t.open();
      await session.say('hello');
      await t.sleep(2500);
      t.world.namespace('backend').run('ss', '-K', 'state', 'established', 'sport', '=', ':8000');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'nginx-worker-killed',
    broken: 'The OOM killer or an operator kills the worker of nginx.',
    cause: 'session.proxy_exited',
    async run(t) {
      await t.server('node');
      const nginx = await t.nginx({ server: passTo(t.upstream()) });
      const sessions = await t.opens(2, { to: 'proxy' });
      for (const pid of childrenOf(nginx.pid)) {
        process.kill(pid, 'SIGKILL');
      }
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'nchan-worker-killed',
    broken: 'nginx is the WebSocket server itself (Nchan), and its worker is killed.',
    cause: 'session.process_killed',
    async run(t) {
      const nginx = await t.nginx({
        main: 'worker_processes 1;\nload_module /usr/lib/nginx/modules/ngx_nchan_module.so;',
        server: 'location / { nchan_pubsub websocket; nchan_channel_id chat; }',
      });
      const sessions = [await t.attempt({ to: 'proxy' }), await t.attempt({ to: 'proxy' })];
      childrenOf(nginx.pid).forEach((pid) => process.kill(pid, 'SIGKILL'));
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'nginx-stopped-at-night',
    broken: 'nginx is stopped for the renewal of its certificate.',
    cause: 'session.proxy_exited',
    fast: false,
    async run(t) {
      await t.server('go');
      const nginx = await t.nginx({ server: passTo(t.upstream()) });
      const sessions = await t.opens(2, { to: 'proxy' });
      t.kill(nginx, 'SIGTERM');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'haproxy-killed',
    broken: 'HAProxy gets SIGTERM with sessions open.',
    cause: 'session.proxy_exited',
    fast: false,
    async run(t) {
      await t.server('go');
      const haproxy = await t.haproxy({ backend: `server a ${t.upstream()}` });
      const sessions = await t.opens(2, { to: 'proxy' });
      t.kill(haproxy, 'SIGTERM');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'nginx-reload',
    broken: 'nginx is reloaded and worker_shutdown_timeout ends the sessions of the old worker.',
    cause: 'session.proxy_worker_shutdown',
    async run(t) {
      const { nginx, sessions } = await retiring(t, 4);
      t.kill(nginx, 'SIGHUP');
      // Traffic does not help, and the idle times differ.
      for (const session of sessions) {
        await session.say('still here');
        await t.sleep(300);
      }
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'nginx-worker-asked-to-quit',
    broken: 'Somebody sends SIGQUIT to the worker of nginx, whose master has a new one at once.',
    cause: 'session.proxy_worker_shutdown',
    async run(t) {
      const { nginx, sessions } = await retiring(t, 2);
      childrenOf(nginx.pid).forEach((pid) => process.kill(pid, 'SIGQUIT'));
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'stopped-by-timeout',
    broken: 'timeout(1) sends SIGTERM to Node, which catches it, tidies up and sends it to itself again.',
    cause: 'session.process_terminated',
    fast: false,
    async run(t) {
      await t.server('node', {}, { wrap: ['/usr/bin/timeout', '4'] });
      const session = await t.open();
      t.expectAtLast((line) => / was asked to stop by timeout /.test(line.message));
      await session.closed();
    },
  },
  {
    ...base,
    name: 'client-killed',
    broken: 'The process of the client is killed, the server is fine.',
    cause: 'session.process_killed',
    fast: false,
    async run(t) {
      await t.server('go');
      const client = t.program('go', t.url(), { 'say-every': '200ms' });
      await client.says(/open/);
      await t.sleep(500);
      t.kill(client);
    },
  },
];
