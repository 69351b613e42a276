// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Facts about many connections.

const { passTo } = require('../software');
const { childrenOf } = require('../world');
const { until } = require('../../e2e/wait');

const base = { confidence: 'high', fast: true };

// A client library that tries so many more times, and how it was seen coming back.
const comesBack = (name, broken, cause, { kind, settings, more, observed, serve, path, incident }) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await serve(t);
    if (incident) {
      t.expectIncident(incident);
    }
    const url = t.url();
    const client = t.program(kind, url, settings, { expected: path });
    t.expect(client.path, cause, more);
    t.expectAtLast(({ recovery }) => observed(recovery));
    if (!await until(() => client.output.split('closed').length > more + 1, 30000)) {
      throw new Error(`${client.title} gave up early: ${client.output}`);
    }
  },
});

async function twoBehindHaproxy(t, balance) {
  await t.server('node', {}, { port: 8000 });
  await t.server('node', {}, { port: 8001 });
  const lines = [8000, 8001].map((port) => `server s${port} ${t.upstream(port)}`);
  await t.haproxy({ defaults: 'timeout tunnel 1m', backend: [balance, ...lines].join('\n') });
}

const pauses = (shortest, longest) => ({ minReconnectionDelay: shortest, maxReconnectionDelay: longest });

module.exports = [
  {
    ...base,
    name: 'one-process-many-sessions',
    broken: 'The backend is killed and takes eight sessions with it.',
    cause: 'session.process_killed',
    async run(t) {
      const server = await t.server('go');
      const sessions = await t.opens(8);
      t.expectIncident('incident.process_exit');
      t.kill(server);
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'process-comes-back',
    broken: 'The backend is killed, and somebody starts it again two seconds later.',
    cause: 'session.process_killed',
    async run(t) {
      const server = await t.server('go');
      const sessions = await t.opens(3);
      t.kill(server);
      await Promise.all(sessions.map((session) => session.closed()));
      t.expectIncident('incident.process_exit',
        ({ state, count, restart }) => state === 'started' && count === 3 && restart.state === 'not_back');
      await t.sleep(2000);
      const next = await t.server('go');
      t.expectIncident('incident.process_exit', ({ state, restart: { after_ms: after, process } }) => (
        state === 'ended' && (process || {}).pid === next.pid && after > 1900 && after < 8000));
    },
  },
  {
    ...base,
    name: 'supervisor-restarts-at-once',
    broken: 'A worker that its master started is killed with a session; the master has another one at once.',
    cause: 'session.process_killed',
    async run(t) {
      const master = await t.server('node', { cluster: true });
      const session = await t.open();
      const [worker] = childrenOf(master.pid);
      process.kill(worker, 'SIGKILL');
      await session.closed();
      await t.sleep(1000);
      const again = await t.open({ cause: 'session.normal' });
      t.expectIncident('incident.process_exit', ({ count, restart: { state, process } }) => (
        count === 1 && state === 'back' && (process || {}).pid > 0));
      await t.bye(again);
    },
  },
  comesBack('client-hammers', 'A client library without a pause opens again, whatever the reason of its 1008 was.',
    'session.policy_violation', {
      kind: 'reconnecting',
      settings: { ...pauses(0, 0), maxRetries: 12 },
      more: 12,
      serve: (t) => t.server('node', { greeting: [1008, 'trial expired'] }),
      observed: ({ observed, reconnect_attempts: attempts }) => observed === 'hammering' && attempts === 12,
      incident: 'incident.reconnect_storm',
    }),
  comesBack('comes-back-every-half-second', 'A client library with a fixed pause of 500 ms meets a server that answers 503.',
    'upgrade.unavailable', {
      kind: 'reconnecting',
      settings: { ...pauses(500, 500), maxRetries: 7 },
      more: 7,
      serve: (t) => t.server('node', { answer: { status: 503 } }),
      observed: ({ observed, reconnect_attempts: attempts, reconnect_interval_ms: pause }) => (
        observed === 'fixed_interval' && attempts === 7 && pause >= 480 && pause <= 600),
    }),
  comesBack('comes-back-later-and-later', 'Socket.IO doubles its pauses, with jitter, while nothing listens.',
    'connect.refused', {
      kind: 'socketio',
      settings: { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 9000, reconnectionAttempts: 6, randomizationFactor: 0.5 },
      more: 6,
      path: null,
      serve: () => {},
      observed: ({ observed, reconnect_attempts: attempts }) => observed === 'exponential_backoff' && attempts === 6,
    }),
  {
    ...base,
    name: 'handshakes-fail',
    broken: 'A release made most handshakes fail with 500.',
    cause: 'upgrade.server_error',
    fast: false,
    async run(t) {
      await t.server('obedientNode');
      t.expectIncident('incident.failure_rate');
      for (let i = 0; i < 24; i++) {
        if (i % 4 === 0) {
          await t.bye(await t.open({ cause: 'session.normal' }));
        } else {
          await t.attempt({ query: '?answer=500' });
        }
      }
    },
  },
  {
    ...base,
    name: 'handshakes-not-taken',
    broken: 'A release made the server forget the subprotocols, and most clients insist on one.',
    cause: 'upgrade.subprotocol_mismatch',
    confidence: 'medium', // how fast a client leaves depends on how busy it is
    fast: false,
    async run(t) {
      await t.server('node');
      t.expectIncident('incident.failure_rate', (_, { cause: { evidence } }) => evidence.some(({ fact, detail }) => {
        const [failed, attempts] = (/^(\d+) of (\d+) attempts/.exec(detail) || []).slice(1).map(Number);
        return fact === 'count' && failed >= 5 && failed < attempts && attempts <= 16;
      }));
      for (let i = 0; i < 16; i++) {
        if (i % 4 === 0) {
          await t.bye(await t.open({ cause: 'session.normal' }));
        } else {
          await t.attempt({ protocols: ['chat.v2'] });
        }
      }
    },
  },
  {
    ...base,
    name: 'uneven-backends',
    broken: 'One of two backends behind nginx gets nearly all sessions: a weight was left over.',
    cause: 'incident.upstream_imbalance',
    fast: false,
    async run(t) {
      await t.server('node', {}, { port: 8000 });
      await t.server('node', {}, { port: 8001 });
      await t.nginx({
        http: `upstream chat { server ${t.upstream(8000)} weight=23; server ${t.upstream(8001)} weight=1; }`,
        server: passTo('chat'),
      });
      t.expectIncident('incident.upstream_imbalance', ({ count }, { cause: { evidence } }) => (
        count >= 1 && evidence.some(({ fact, detail }) => fact === 'most' && detail.startsWith(`${t.upstream(8000)} took`))
        && evidence.some(({ fact, detail }) => fact === 'least' && detail.startsWith(`${t.upstream(8001)} took`))));
      const sessions = [];
      for (let i = 0; i < 24; i++) {
        sessions.push(await t.open({ to: 'proxy', cause: 'session.normal' }));
      }
      await t.sleep(1000);
      await Promise.all(sessions.map((session) => t.bye(session)));
    },
  },
  {
    ...base,
    name: 'hot-room',
    broken: 'HAProxy chooses among two backends by the room, and nearly everybody is in one room.',
    cause: 'incident.upstream_imbalance',
    fast: false,
    async run(t) {
      await twoBehindHaproxy(t, 'balance url_param room');
      t.expectIncident('incident.upstream_imbalance', (_, { cause: { evidence } }) => (
        evidence.some(({ fact, detail }) => fact === 'count' && parseInt(detail, 10) >= 12)));
      const sessions = [];
      for (const room of ['a', 'b', 'c', 'd', ...Array(26).fill('lobby')]) {
        sessions.push(await t.open({ to: 'proxy', query: `?room=${room}`, cause: 'session.normal' }));
      }
      await t.sleep(1000);
      await Promise.all(sessions.map((session) => t.bye(session)));
    },
  },
  {
    ...base,
    name: 'even-backends',
    broken: 'Nothing: HAProxy gives sessions to two backends in turn, and to the one with fewest.',
    cause: 'session.normal',
    noIncidents: true,
    async run(t) {
      await twoBehindHaproxy(t, 'balance leastconn');
      const sessions = await t.opens(13, { to: 'proxy' });
      for (let i = 0; i < 17; i++) {
        await t.bye(sessions.shift());
        sessions.push(await t.open({ to: 'proxy' }));
      }
      await Promise.all(sessions.map((session) => t.bye(session)));
    },
  },
  {
    ...base,
    name: 'rolling-replacement',
    broken: 'Three backends behind HAProxy are killed and replaced one after the other; their clients move on.',
    cause: 'session.process_killed',
    noIncidents: ['incident.upstream_imbalance', 'incident.reconnect_storm', 'incident.failure_rate', 'incident.periodic_disconnect'],
    fast: false,
    async run(t) {
      const ports = [8000, 8001, 8002];
      const servers = [];
      for (const port of ports) {
        servers.push(await t.server('go', {}, { port }));
      }
      const lines = ports.map((port) => `server s${port} ${t.upstream(port)} check inter 200ms fall 1 rise 1`);
      await t.haproxy({ defaults: 'timeout tunnel 1m\noption redispatch', backend: ['balance roundrobin', ...lines].join('\n') });
      const open = () => t.open({ to: 'proxy', cause: 'session.normal' });
      let sessions = [];
      for (let i = 0; i < 15; i++) {
        sessions.push(await open());
      }
      for (const [i, port] of ports.entries()) {
        const { pid } = servers[i];
        t.expectIncident('incident.process_exit', ({ process, restart, count }) => (
          process.pid === pid && restart.state === 'back' && count >= 3));
        sessions.forEach((session) => session.closed(60000).catch(() => {}));
        t.kill(servers[i]);
        await t.sleep(500);
        const lost = sessions.filter((session) => session.event);
        sessions = sessions.filter((session) => !session.event);
        for (const session of lost) {
          session.want.causes = ['session.process_killed'];
          sessions.push(await open());
        }
        await t.server('go', {}, { port });
        await t.sleep(600);
      }
      await Promise.all(sessions.map((session) => t.bye(session)));
    },
    // HAProxy looks whether the dead one is back, and it was not for a while.
    besides: 'connect.refused',
  },
  {
    ...base,
    name: 'another-backend-each-time',
    broken: 'The servers hang up after a while, and HAProxy leads the client to another of three each time.',
    // The servers' limit is less than half a second, too short to be told from an answer.
    cause: 'session.closed_without_close_frame',
    confidence: 'medium',
    async run(t) {
      const ports = [8000, 8001, 8002];
      for (const port of ports) {
        await t.server('node', { hangUpMs: 400 }, { port });
      }
      await t.haproxy({
        defaults: 'timeout tunnel 1m',
        backend: ['balance roundrobin', ...ports.map((port) => `server s${port} ${t.upstream(port)}`)].join('\n'),
      });
      t.expectAtLast(({ recovery }) => recovery.backends === 3 && recovery.observed === 'hammering');
      t.expectIncident('incident.backend_churn', ({ count }, { cause: { confidence, evidence } }) => (
        count === 8 && confidence === 'high' && evidence.filter(({ fact }) => fact === 'backend').length === 3));
      for (let i = 0; i < 9; i++) {
        const session = await t.open({ to: 'proxy' });
        await session.say('hello');
        await session.closed();
      }
    },
  },
  {
    ...base,
    name: 'one-bad-backend',
    broken: 'One of two backends behind HAProxy hangs up soon; the other one keeps its sessions.',
    cause: 'session.closed_without_close_frame',
    confidence: 'medium',
    noIncidents: ['incident.backend_churn'],
    async run(t) {
      await t.server('node', { hangUpMs: 400 }, { port: 8000 });
      await t.server('node', {}, { port: 8001 });
      await t.haproxy({
        defaults: 'timeout tunnel 1m',
        backend: ['balance roundrobin', ...[8000, 8001].map((port) => `server s${port} ${t.upstream(port)}`)].join('\n'),
      });
      const kept = [];
      for (let i = 0; i < 18; i++) {
        const session = await t.open({ to: 'proxy' });
        await session.say('hello');
        if (i % 2) {
          session.want.causes = ['session.normal'];
          kept.push(session);
        } else {
          await session.closed();
        }
      }
      await Promise.all(kept.map((session) => t.bye(session)));
    },
  },
];
