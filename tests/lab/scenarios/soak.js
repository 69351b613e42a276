// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Healthy traffic: whatever wstrace finds here is a false alarm.

const { passTo } = require('../software');

const base = { cause: 'session.normal', noIncidents: true, fast: true };
const PAGE = (upstream) => `location / { try_files $uri =404; }
    ${passTo(upstream).replace('location /', 'location /lab/')}`;

module.exports = [
  {
    ...base,
    name: 'soak-many-short',
    broken: 'Nothing: sessions come, chat and go, from Node, Go and Python, through nginx.',
    async run(t) {
      await t.server('go', { 'ping-every': '500ms', 'pong-wait': '5s' });
      await t.nginx({ server: passTo(t.upstream()) });
      const programs = ['go', 'python'].map((kind) => t.program(kind, t.url('proxy'),
        kind === 'go' ? { stay: '2s', 'say-every': '200ms' } : { stay_s: 2, say_every_s: 0.2 }));
      for (let i = 0; i < 10; i++) {
        const session = await t.open({ to: 'proxy' });
        await session.say('hello');
        await session.next('said');
        await t.bye(session);
        await t.sleep(100 + 37 * i);
      }
      await Promise.all(programs.map((program) => program.says(/closed/)));
    },
  },
  {
    ...base,
    name: 'soak-long-idle',
    broken: 'Nothing: sessions idle for long, with pings below every timeout.',
    fast: false,
    async run(t) {
      await t.server('go', { 'ping-every': '1s', 'pong-wait': '4s' });
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 3s;') });
      const sessions = await t.opens(6, { to: 'proxy' });
      await t.sleep(20000);
      await Promise.all(sessions.map((session) => t.bye(session)));
    },
  },
  {
    ...base,
    name: 'soak-browser',
    broken: 'Nothing: pages are reloaded and tabs are closed.',
    fast: false,
    async run(t) {
      await t.server('go', { 'ping-every': '1s', 'pong-wait': '10s' });
      await t.nginx({ server: PAGE(t.upstream()) });
      const browser = await t.browser();
      for (let i = 0; i < 3; i++) {
        const reloaded = await t.open({ to: 'proxy', browser });
        await reloaded.say('hello');
        await reloaded.call('reload');
        const tab = await t.open({ to: 'proxy', browser });
        await t.sleep(300);
        await tab.call('closePage');
      }
    },
  },
  {
    ...base,
    name: 'soak-rolling-restart',
    broken: 'Nothing: two backends are restarted one after the other, with 1001 and 1012.',
    // Announced and answered; that it was a restart may be said, at level info.
    cause: ['session.normal', 'session.service_restart'],
    besides: ['upgrade.bad_gateway', 'connect.refused'],
    fast: false,
    async run(t) {
      for (const [port, code] of [[8000, 1001], [8001, 1012]]) {
        const server = await t.server('node', { goodbye: [code, 'rolling restart'] }, { port });
        const sessions = await t.opens(3, { port });
        await t.sleep(1000);
        t.kill(server, 'SIGTERM');
        await Promise.all(sessions.map((session) => session.closed()));
        await t.gone(server);
        await t.server('node', {}, { port });
        const again = await t.opens(3, { port, cause: 'session.normal' });
        await Promise.all(again.map((session) => t.bye(session)));
      }
    },
  },
  {
    ...base,
    name: 'soak-plain-http',
    broken: 'Nothing: plain HTTP with keep-alive on the port of the chat, no WebSocket at all.',
    async run(t) {
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream()) });
      const client = t.world.start('client', [process.execPath, '-e', `
        const http = require('http');
        const agent = new http.Agent({ keepAlive: true });
        const get = (left) => (left ? http.get({ agent, host: '${t.world.address('client', 'proxy')}', port: 8080 },
          (r) => { r.resume(); r.on('end', () => setTimeout(get, 100, left - 1)); }) : agent.destroy());
        get(20);`]);
      await client.ended;
      await t.sleep(1000);
    },
  },
];
