// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Facts about many connections.

const { passTo } = require('../software');
const { childrenOf } = require('../world');

const base = { confidence: 'high', fast: true };

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
  {
    ...base,
    name: 'client-hammers',
    broken: 'A client opens again at once, whatever the reason of its 1008 was.',
    cause: 'session.policy_violation',
    async run(t) {
      await t.server('node', { greeting: [1008, 'trial expired'] });
      t.expectIncident('incident.reconnect_storm');
      for (let i = 0; i < 25; i++) {
        const session = await t.attempt();
        await session.closed();
        await t.sleep(30);
      }
    },
  },
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
    name: 'uneven-backends',
    broken: 'One of two backends behind nginx gets nearly all sessions (ip_hash with one client network).',
    cause: 'incident.upstream_imbalance',
    fast: false,
    async run(t) {
      await t.server('node', {}, { port: 8000 });
      await t.server('node', {}, { port: 8001 });
      await t.nginx({
        http: `upstream chat { server ${t.upstream(8000)} weight=23; server ${t.upstream(8001)} weight=1; }`,
        server: passTo('chat'),
      });
      t.expectIncident('incident.upstream_imbalance');
      const sessions = [];
      for (let i = 0; i < 24; i++) {
        sessions.push(await t.open({ to: 'proxy', cause: 'session.normal' }));
      }
      await t.sleep(1000);
      await Promise.all(sessions.map((session) => t.bye(session)));
    },
  },
];
