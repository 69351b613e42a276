// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Several things at once: neighbours of a victim, two faults in one moment, a stack that stops,
// a laptop that sleeps.

const { passTo } = require('../software');
const { childrenOf, listening } = require('../world');

const base = { confidence: 'high', fast: false };

// Later than what is taken for a refusal right after the open.
const SETTLED_MS = 2200;

const DROPPED = 'session.closed_without_close_frame';
const talked = (sessions) => Promise.all(sessions.map((session) => session.say('hello')));
const allClosed = (sessions) => Promise.all(sessions.map((session) => session.closed()));

// Two servers of one host, the same clients: what befalls the one is nothing that befell the other.
const neighbours = (name, broken, [kindA, kindB], what) => ({
  ...base,
  name,
  broken,
  cause: 'session.process_killed',
  async run(t) {
    const a = await t.server(kindA, {}, { port: 8000 });
    const b = await t.server(kindB, {}, { port: 8001 });
    const open = (port, cause) => t.opens(3, { port, cause });
    const ofA = await open(8000);
    const ofB = await open(8001, 'session.normal');
    await talked([...ofA, ...ofB]);
    await t.sleep(SETTLED_MS);
    await what(t, { a, b, ofA, ofB });
    await allClosed(ofA);
    await Promise.all(ofB.map((s) => (s.event || s.leaving ? s.closed() : t.bye(s))));
  },
});

// Sessions through that proxy, and what befalls the whole stack.
const together = (name, broken, cause, kind, strike) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    const backend = await t.server('node');
    const proxy = kind === 'nginx' ? await t.nginx({ server: passTo(t.upstream()) })
      : await t.haproxy({ backend: `server one ${t.upstream()}` });
    const sessions = await t.opens(3, { to: 'proxy' });
    await talked(sessions);
    await t.sleep(SETTLED_MS);
    strike(t, { backend, proxy });
    await allClosed(sessions);
  },
});

function killAll(t, started) {
  for (const one of started) {
    [one.pid, ...childrenOf(one.pid)].forEach((pid) => process.kill(pid, 'SIGKILL'));
  }
}

module.exports = [
  neighbours('neighbour-drops-own-at-once', 'One server is killed; in the same moment a client of the other drops its sockets.',
    ['node', 'node'], async (t, { a, ofB }) => {
      ofB.slice(0, 2).forEach((s) => { s.want.causes = [DROPPED]; s.leaving = true; });
      t.kill(a);
      await Promise.all(ofB.slice(0, 2).map((s) => s.call('terminate')));
    }),
  neighbours('neighbour-ends-one', 'One server is killed; in the same moment the other refuses a message that is too big.',
    ['node', 'python'], async (t, { a, ofB }) => {
      ofB[0].want.causes = ['session.message_too_big'];
      ofB[0].leaving = true;
      ofB[0].say('x'.repeat(1 << 21)).catch(() => {});
      t.kill(a);
    }),
  neighbours('neighbour-terminated', 'One server is killed, the other gets SIGTERM in the same moment.',
    ['node', 'tornado'], async (t, { a, b, ofB }) => {
      ofB.forEach((s) => { s.want.causes = ['session.process_terminated']; s.leaving = true; });
      t.kill(a);
      t.kill(b, 'SIGTERM');
    }),

  together('stack-killed', 'nginx and the backend are killed together.',
    ['session.process_killed', 'session.proxy_exited'], 'nginx', (t, { proxy, backend }) => killAll(t, [proxy, backend])),
  together('stack-killed-backend-first', 'The backend and then HAProxy are killed together.',
    ['session.process_killed', 'session.proxy_exited'], 'haproxy', (t, { proxy, backend }) => killAll(t, [backend, proxy])),
  together('stack-stopped', 'nginx and the backend get SIGTERM together.',
    ['session.process_terminated', 'session.proxy_exited', 'session.service_restart'], 'nginx', (t, { proxy, backend }) => {
      t.kill(proxy, 'SIGTERM');
      t.kill(backend, 'SIGTERM');
    }),
  {
    ...base,
    name: 'client-and-backend-killed',
    broken: 'The client and, 5 ms later, the backend behind nginx are killed.',
    cause: 'session.process_killed',
    async run(t) {
      const backend = await t.server('node');
      await t.nginx({ server: passTo(t.upstream()) });
      const client = t.program('aiohttp', t.url('proxy'), {});
      await client.says(/open/);
      await t.sleep(SETTLED_MS);
      t.kill(client);
      await t.sleep(5);
      t.kill(backend);
    },
  },
  {
    ...base,
    name: 'tab-closed-of-two',
    broken: 'Nothing: of two tabs one drops its socket, the other stays and leaves later.',
    cause: DROPPED,
    async run(t) {
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream()) });
      const [one, two] = await t.opens(2, { to: 'proxy' });
      await t.sleep(SETTLED_MS);
      two.want.causes = ['session.normal'];
      await one.say('bye');
      await one.next('said');
      await one.call('terminate');
      await t.sleep(500);
      await t.bye(two);
    },
  },
  {
    ...base,
    name: 'reload-under-load',
    broken: 'nginx is reloaded while sessions talk and clients come and go.',
    cause: 'session.proxy_worker_shutdown',
    async run(t) {
      await t.server('node', { sayEveryMs: 50 });
      const nginx = await t.nginx({ main: 'worker_processes 2;\nworker_shutdown_timeout 1s;', server: passTo(t.upstream()) });
      const old = await t.opens(12, { to: 'proxy' });
      const passing = async (n) => {
        for (let i = 0; i < n; i++) {
          await t.bye(await t.open({ to: 'proxy', cause: 'session.normal' }));
          await t.sleep(60);
        }
      };
      const visitors = passing(30);
      await t.sleep(1000);
      t.kill(nginx, 'SIGHUP');
      await allClosed(old);
      await visitors;
    },
  },
  {
    ...base,
    name: 'link-down-then-killed',
    broken: 'The link of the client goes down, and 0.2 s later the server is killed.',
    cause: 'session.process_killed',
    async run(t) {
      const server = await t.server('node');
      const sessions = await t.opens(3);
      await t.sleep(SETTLED_MS);
      t.world.namespace('client').ip('link', 'set', 'to-backend', 'down');
      await t.sleep(200);
      t.kill(server);
      sessions.forEach((session) => session.closed(60000).catch(() => {}));
    },
  },
  {
    ...base,
    name: 'heartbeat-shorter-than-round-trip',
    broken: 'The server expects a pong within 1.2 s, over a path whose round trip takes 1.8 s.',
    // Whether the path or the client is slow cannot be told before an answer has come.
    cause: ['session.ping_timeout_peer_gone', 'session.ping_timeout_peer_unresponsive'],
    confidence: 'medium',
    async run(t) {
      const wire = await t.world.wire('client', 'backend', { delay_ms: 900 });
      await t.server('node', { heartbeatMs: 1200 });
      const session = await t.attempt({ to: wire.address });
      await session.closed();
    },
  },
  {
    ...base,
    name: 'laptop-sleeps',
    broken: 'A laptop with a session sleeps: its processes stop and its link is down; it wakes later.',
    cause: 'session.ping_timeout_peer_gone',
    async run(t) {
      await t.server('node', { heartbeatMs: 1500 });
      const session = await t.open();
      await t.sleep(SETTLED_MS);
      const agent = t.agent().child;
      agent.kill('SIGSTOP');
      t.world.namespace('client').ip('link', 'set', 'to-backend', 'down');
      await t.sleep(5000);
      t.world.namespace('client').ip('link', 'set', 'to-backend', 'up');
      agent.kill('SIGCONT');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'laptop-sleeps-behind-nginx',
    broken: 'A laptop sleeps with a session through nginx, whose read timeout is three seconds; the backend pings every five.',
    // Three seconds of silence before the ping of the backend, and one silence alone is no proof.
    cause: ['session.proxy_idle_timeout', 'session.ping_timeout_peer_gone'],
    confidence: 'medium',
    async run(t) {
      await t.server('node', { heartbeatMs: 5000 });
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 3s;') });
      const session = await t.open({ to: 'proxy' });
      await t.sleep(500);
      const agent = t.agent().child;
      agent.kill('SIGSTOP');
      t.world.namespace('client').ip('link', 'set', 'to-proxy', 'down');
      await t.sleep(6000);
      t.world.namespace('client').ip('link', 'set', 'to-proxy', 'up');
      agent.kill('SIGCONT');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'path-dies-behind-nginx',
    broken: 'The network between nginx and its backend dies, and the pings of the backend with it; proxy_read_timeout is 3s.',
    // The timer did end them, but nothing has to be changed about it: no proof, and no regularity.
    cause: ['session.proxy_idle_timeout', 'session.ping_timeout_peer_gone', 'session.network_timeout'],
    confidence: 'medium',
    atMost: 'medium',
    noIncidents: true,
    async run(t) {
      const wire = await t.world.wire('proxy', 'backend');
      await t.server('go', { 'ping-every': '1s' });
      await t.nginx({ server: passTo(`${wire.address}:8000`, 'proxy_read_timeout 3s;') });
      const sessions = await t.opens(4, { to: 'proxy' });
      await t.sleep(1500);
      await wire.set('cut', 1);
      await allClosed(sessions);
    },
  },
  {
    ...base,
    name: 'backend-hangs-behind-nginx',
    broken: 'The backend hangs with a message unread until proxy_read_timeout of nginx, 3s, is over; then it goes on.',
    // nginx waited too long for an answer, and the backend gave none: the first sessions cannot tell.
    cause: ['session.proxy_idle_timeout', 'session.ping_timeout_peer_unresponsive'],
    confidence: 'medium',
    async run(t) {
      const backend = await t.server('node');
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 3s;') });
      const session = await t.open({ to: 'proxy' });
      t.kill(backend, 'SIGSTOP');
      await session.say('hello');
      await session.closed();
      t.kill(backend, 'SIGCONT');
    },
  },
  {
    ...base,
    name: 'crash-loop',
    broken: 'A supervisor starts a server again and again; it is killed by SIGSEGV after a while each time.',
    cause: 'session.process_crashed',
    async run(t) {
      const again = ['/bin/sh', '-c', 'while :; do "$@"; sleep 0.3; done', 'supervisor'];
      const supervisor = await t.server('node', {}, { wrap: again });
      for (let i = 0; i < 3; i++) {
        await listening(supervisor.pid, 8000);
        const session = await t.open();
        await t.sleep(SETTLED_MS);
        process.kill(childrenOf(supervisor.pid)[0], 'SIGSEGV');
        await session.closed();
        await t.sleep(1000);
      }
    },
  },
  {
    ...base,
    name: 'neighbour-out-of-memory',
    broken: 'One of two servers meets the limit of its memory cgroup, the other serves on.',
    cause: 'session.process_oom_killed',
    async run(t) {
      const server = await t.server('node', { leak: true, v8: ['--max-old-space-size=2000'] });
      await t.server('node', {}, { port: 8001 });
      t.world.limitMemory(server.pid, 100 << 20);
      const fine = await t.opens(3, { port: 8001, cause: 'session.normal' });
      const sessions = await t.opens(3);
      await t.sleep(500);
      await sessions[0].say('go');
      await allClosed(sessions);
      await Promise.all(fine.map((s) => t.bye(s)));
    },
  },
];
