// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Ends that are made by a clock: idle timers, lifetimes, heartbeats.

const { passTo } = require('../software');

// What such an end looks like before anything has repeated.
const CLOSED = ['session.closed_without_close_frame'];
const FIN = ['session.peer_closed_without_close_frame'];
const RESET = ['session.peer_reset'];
const SILENCE = ['session.network_timeout'];

const base = { confidence: 'high', fast: true };

// Sessions with different pasts and one idle time: all talk, and then fall silent
// one after the other. (With a server that passes messages on to all members none is
// silent before the last one is, and they end as one. The silences begin further apart
// than the 0.3 s that nginx may fire early.)
async function fallSilent(t, options, count = 5) {
  const talking = [];
  for (let i = 0; i < count; i++) {
    const session = await t.open(options);
    await session.say('hello');
    talking.push([session, setInterval(() => session.say('hello').catch(() => {}), 300)]);
  }
  for (const [, timer] of talking) {
    await t.sleep(700);
    clearInterval(timer);
  }
  await Promise.all(talking.map(([session]) => session.closed()));
}

// Sessions of different idle: each goes on talking until it is ended.
async function keepTalking(t, options, count = 5) {
  const sessions = [];
  for (let i = 0; i < count; i++) {
    const session = await t.open(options);
    const timer = setInterval(() => session.say('hello').catch(() => {}), 150 + 110 * i);
    sessions.push(session.closed().finally(() => clearInterval(timer)));
    await t.sleep(200);
  }
  await Promise.all(sessions);
}

const heartbeat = (name, broken, cause, kind, settings, what, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server(kind, settings);
    await what(t);
  },
  ...row,
});

module.exports = [
  {
    ...base,
    name: 'nginx-read-timeout',
    pattern: CLOSED,
    broken: 'proxy_read_timeout of nginx is 2s and nobody pings.',
    cause: 'session.proxy_idle_timeout',
    async run(t) {
      await t.server('go');
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 2s;') });
      t.expectIncident('incident.periodic_disconnect');
      await fallSilent(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'nginx-read-timeout-once',
    broken: 'proxy_read_timeout of nginx is 2s; one session alone.',
    cause: 'session.proxy_idle_timeout',
    // One session does not make a regularity, unless the configuration is read.
    confidence: 'medium',
    fast: false,
    async run(t) {
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 2s;') });
      const session = await t.open({ to: 'proxy' });
      await session.closed();
    },
  },
  {
    ...base,
    name: 'ping-slower-than-proxy',
    pattern: CLOSED,
    broken: 'The backend pings every 3 s, proxy_read_timeout of nginx is 2 s.',
    cause: 'session.proxy_idle_timeout',
    fast: false,
    async run(t) {
      await t.server('go', { 'ping-every': '3s' });
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 2s;') });
      await fallSilent(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'haproxy-timeout-tunnel',
    pattern: CLOSED,
    broken: 'timeout tunnel of HAProxy is 2s and nobody pings.',
    cause: 'session.proxy_idle_timeout',
    fast: false,
    async run(t) {
      await t.server('node');
      await t.haproxy({ defaults: 'timeout tunnel 2s', backend: `server a ${t.upstream()}` });
      await fallSilent(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'backend-halted-behind-haproxy',
    broken: 'The backend, which pings every 0.5 s, is halted; timeout tunnel of HAProxy is 2s.',
    // Who halted it is in the evidence: nobody closed anything but HAProxy.
    cause: 'session.proxy_idle_timeout',
    confidence: 'medium',
    fast: false,
    async run(t) {
      const backend = await t.server('go', { 'ping-every': '500ms' });
      await t.haproxy({ defaults: 'timeout tunnel 2s', backend: `server a ${t.upstream()}` });
      const sessions = await t.opens(3, { to: 'proxy' });
      await t.sleep(1200);
      t.kill(backend, 'SIGSTOP');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'load-balancer-idle',
    pattern: FIN,
    broken: 'A load balancer that is not ours closes idle connections to our nginx after 2 s, with FIN.',
    cause: 'session.middlebox_idle_timeout',
    outside: ['client', 'edge'],
    async run(t) {
      await t.server('node', {}, { port: 9000 });
      await t.haproxy({ from: 'edge', port: 9001, backend: `server a ${t.upstream(9000)}` });
      await t.nginx({
        role: 'edge',
        port: 9002,
        server: passTo(`${t.world.address('edge', 'proxy')}:9001`, 'proxy_read_timeout 2s;'),
      });
      await fallSilent(t, { to: 'edge', port: 9002 });
    },
  },
  {
    ...base,
    name: 'load-balancer-idle-reset',
    pattern: RESET,
    broken: 'The same with HAProxy in the place of the load balancer, which resets what it gives up.',
    cause: 'session.middlebox_idle_timeout',
    outside: ['client', 'edge'],
    fast: false,
    async run(t) {
      await t.server('node', {}, { port: 9000 });
      await t.nginx({ from: 'edge', port: 9001, server: passTo(t.upstream(9000), 'proxy_read_timeout 60s;') });
      await t.haproxy({
        role: 'edge',
        port: 9002,
        defaults: 'timeout tunnel 2s',
        backend: `server a ${t.world.address('edge', 'proxy')}:9001`,
      });
      await fallSilent(t, { to: 'edge', port: 9002 });
    },
  },
  {
    ...base,
    name: 'server-idle-timeout',
    pattern: CLOSED,
    broken: 'The backend itself hangs up on clients that are silent for 2 s.',
    cause: 'session.server_idle_timeout',
    async run(t) {
      await t.server('node', { idleMs: 2000 });
      await fallSilent(t);
    },
  },
  {
    ...base,
    name: 'server-idle-timeout-behind-nginx',
    pattern: CLOSED,
    broken: 'The backend hangs up after 2 s of silence, nginx in front would wait a minute.',
    cause: 'session.server_idle_timeout',
    fast: false,
    async run(t) {
      await t.server('node', { idleMs: 2000 });
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 60s;') });
      await fallSilent(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'server-idle-close-1000',
    broken: 'The backend closes with 1000 "Idle for 2000ms" after 2 s of silence, as Jetty does.',
    // The frame is in order; that it comes at a regular idle is the better answer.
    cause: ['session.server_idle_timeout', 'session.normal'],
    fast: false,
    async run(t) {
      await t.server('node', { idleMs: 2000, idleClose: [1000, 'Idle for 2000ms > 2000ms'] });
      await fallSilent(t);
    },
  },
  {
    ...base,
    name: 'lifetime-of-server',
    pattern: CLOSED,
    broken: 'The backend ends every session 3 s after its open, busy or not.',
    cause: 'session.lifetime_limit',
    async run(t) {
      await t.server('node', { hangUpMs: 3000 });
      await keepTalking(t);
    },
  },
  {
    ...base,
    name: 'lifetime-of-middlebox',
    pattern: RESET,
    broken: 'Something in the network resets every connection that is 3 s old.',
    cause: 'session.lifetime_limit',
    outside: ['client'],
    fast: false,
    async run(t) {
      const wire = await t.world.wire('client', 'backend', { reset_age_s: 3 });
      await t.server('node', {}, { port: 9000 });
      await keepTalking(t, { to: wire.address, port: 9000 });
    },
  },
  {
    ...base,
    name: 'nat-forgets-rst',
    pattern: RESET,
    broken: 'A NAT forgets flows that are silent for 2 s and answers their next segment with RST.',
    cause: 'session.silent_drop',
    outside: ['client'],
    fast: false,
    run: (t) => forgetful(t, 'rst'),
  },
  {
    ...base,
    name: 'nat-forgets-silently',
    pattern: SILENCE,
    broken: 'A NAT forgets flows that are silent for 2 s and swallows their next segments.',
    cause: 'session.silent_drop',
    outside: ['client'],
    fast: false,
    run: (t) => forgetful(t, 'drop'),
  },
  heartbeat('client-vanished', 'The host of the client is gone; its pongs are missed by gorilla.',
    'session.ping_timeout_peer_gone', 'go', { 'ping-every': '500ms', 'pong-wait': '3s' }, async (t) => {
      const wire = await t.world.wire('client', 'backend');
      await t.open({ to: wire.address });
      await t.sleep(1200);
      await wire.set('cut', 1);
      await t.sleep(3500);
    }),
  heartbeat('client-frozen', 'The client process is stopped; its kernel acknowledges pings, nobody answers them.',
    'session.ping_timeout_peer_unresponsive', 'go', { 'ping-every': '500ms', 'pong-wait': '3s' }, async (t) => {
      await t.open();
      await t.sleep(1200);
      process.kill(t.agent().pid, 'SIGSTOP');
      await t.sleep(4000);
    }),
  heartbeat('client-frozen-python', 'The same with the Python library, which says 1011 "keepalive ping timeout".',
    'session.ping_timeout_peer_unresponsive', 'python', { ping_interval: 1, ping_timeout: 1 }, async (t) => {
      await t.open();
      process.kill(t.agent().pid, 'SIGSTOP');
      await t.sleep(4500);
    }, { fast: false }),
  heartbeat('client-frozen-socketio', 'A frozen tab does not answer the pings of Socket.IO.',
    'session.ping_timeout_peer_unresponsive', 'socketio', { pingInterval: 1000, pingTimeout: 1000 }, async (t) => {
      const client = t.program('socketio', t.url('backend', { path: '', scheme: 'http' }), {}, { expected: '/socket.io/' });
      await client.says(/open/);
      t.kill(client, 'SIGSTOP');
      // ws waits 30 s for the answer to its Close frame.
      await t.sleep(34000);
    }, { fast: false }),
  heartbeat('loop-blocked-node', 'The event loop of the server is blocked while pongs wait in its sockets.',
    'session.ping_timeout_own_stall', 'node', { heartbeatMs: 1000, blockMs: 1300 }, async (t) => {
      const sessions = await t.opens(4);
      await t.sleep(300);
      await t.victims(sessions, 6000, () => sessions[0].say('compute'));
    }),
  heartbeat('loop-blocked-python', 'Whisper computes on the event loop; the library then misses pongs that are there.',
    'session.ping_timeout_own_stall', 'python', { ping_interval: 0.5, ping_timeout: 0.5, habit: 'block', block_s: 0.8 }, async (t) => {
      const sessions = await t.opens(4);
      await t.sleep(300);
      await t.victims(sessions, 9000, () => overload(t, sessions));
    }, { fast: false }),
];

// While the first request keeps the loop busy the others arrive; those are served
// before the pongs, which come later, and the heartbeat does not wait.
async function overload(t, sessions) {
  for (const session of [...sessions, ...sessions]) {
    await session.say('compute');
    await t.sleep(80);
  }
}

// The server speaks every 3 s, which is too late for the silent sessions; the
// busy one lives for longer than that, and leaves in order.
async function forgetful(t, forgotten) {
  t.world.namespace('backend', { 'net.ipv4.tcp_retries2': 3 });
  const wire = await t.world.wire('client', 'backend', { forget_s: 2, forgotten });
  await t.server('node', { sayEveryMs: 3000 }, { port: 9000 });
  const to = { to: wire.address, port: 9000 };
  const busy = await t.open({ ...to, cause: 'session.normal' });
  const chatter = setInterval(() => busy.say('hello').catch(() => {}), 400);
  for (let i = 0; i < 5; i++) {
    // They fall silent one after the other, and so die at different ages.
    const session = await t.open(to);
    const early = setInterval(() => session.say('hello').catch(() => {}), 400);
    setTimeout(() => clearInterval(early), 200 + 700 * i);
  }
  await t.sleep(4500);
  clearInterval(chatter);
  await t.bye(busy);
  await t.sleep(forgotten === 'rst' ? 3500 : 8500);
}
