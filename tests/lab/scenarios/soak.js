// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Healthy traffic: whatever wstrace finds here is a false alarm.

const { passTo } = require('../software');
const { until } = require('../../e2e/wait');

// Statuses, a broken answer, and a stream of server-sent events.
const API = `
  require('http').createServer((request, response) => {
    const what = request.url.split('/').pop();
    if (what === 'events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\\n\\n'), 50);
      setTimeout(() => { clearInterval(timer); response.destroy(); }, 600);
    } else if (what === 'broken') {
      response.writeHead(200, { 'Content-Length': 1000 });
      response.write('half');
      setTimeout(() => response.destroy(), 50);
    } else {
      response.writeHead(Number(what)).end();
    }
  }).listen(9000, () => console.log('ready'));`;

const API_CLIENT = `
  const http = require('http');
  const agent = new http.Agent({ keepAlive: true });
  const asked = ['200', '404', '500', '401', '503', '302', 'broken', 'events', '404', '500', 'events', '200'];
  const next = () => {
    const what = asked.shift();
    if (!what) { agent.destroy(); return; }
    const over = () => setTimeout(next, 50);
    http.get(process.argv[1] + what, { agent }, (r) => { r.resume(); r.on('error', () => {}); r.on('close', over); }).on('error', over);
  };
  next();`;

// A SYN and no more, a connection closed or reset at once or after a while, and plain requests.
const PROBES = `
  const net = require('net');
  const [, host, port] = process.argv;
  const probe = (text, after, way) => new Promise((resolve) => {
    const socket = net.connect(Number(port), host, () => {
      if (text) socket.write(text);
      setTimeout(() => { way === 'reset' ? socket.resetAndDestroy() : socket.destroy(); }, after);
    });
    socket.on('error', () => {}).on('data', () => {}).on('close', resolve);
  });
  (async () => {
    for (let i = 0; i < 3; i++) {
      await probe('', 0);
      await probe('', 0, 'reset');
      await probe('', 500);
      await probe('HEAD / HTTP/1.0\\r\\n\\r\\n', 100);
      await probe('OPTIONS / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n', 100, 'reset');
      await probe('GET /health HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n', 100);
    }
  })();`;

// A scanner that looks whether a port speaks TLS: a ClientHello without ALPN.
const TLS_PROBE = `
  const socket = require('tls').connect({ host: process.argv[1], port: Number(process.argv[2]), rejectUnauthorized: false });
  socket.on('error', () => {}).on('close', () => {});`;

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
  {
    ...base,
    name: 'soak-failing-apis',
    broken: 'Nothing of the chat: beside it, HTTP APIs answer 404 and 500, and streams of server-sent events break off.',
    async run(t) {
      await t.server('node');
      await t.nginx({ server: `location /api/ { proxy_pass http://${t.upstream(9000)}; }
        ${passTo(t.upstream())}` });
      const apis = t.world.start('backend', [process.execPath, '-e', API]);
      await until(() => /ready/.test(apis.output));
      const session = await t.open({ to: 'proxy' });
      const client = t.world.start('client', [process.execPath, '-e', API_CLIENT,
        `http://${t.world.address('client', 'proxy')}:8080/api/`]);
      await client.ended;
      await session.say('hello');
      await session.next('said');
      await t.bye(session);
      t.kill(apis);
      await t.sleep(1000);
    },
  },
  {
    ...base,
    name: 'soak-slow-consumers',
    broken: 'Nothing: readers fall seconds behind and catch up, through nginx and without it, and nobody gives them up.',
    fast: false,
    async run(t) {
      const small = { 'net.ipv4.tcp_rmem': '4096 8192 16384', 'net.ipv4.tcp_wmem': '4096 8192 16384' };
      ['client', 'proxy', 'backend'].forEach((role) => t.world.namespace(role, small));
      await t.server('go', { 'say-every': '20ms', 'say-size': 8000, 'write-wait': '20s' });
      await t.nginx({ server: passTo(t.upstream(), 'send_timeout 20s;') });
      const sessions = [await t.open({ client: 'slow' }), await t.open({ client: 'slow', to: 'proxy' }), await t.open()];
      const { pid } = t.agent('client', 'slow');
      for (let i = 0; i < 4; i++) {
        process.kill(pid, 'SIGSTOP');
        await t.sleep(2500);
        process.kill(pid, 'SIGCONT');
        await t.sleep(700);
      }
      await Promise.all(sessions.map((session) => t.bye(session)));
      await t.sleep(1000);
    },
  },
  {
    ...base,
    name: 'soak-probes-from-outside',
    broken: 'Nothing: scanners on other hosts look what the port of the chat speaks, TLS among it.',
    outside: ['client'],
    async run(t) {
      await t.server('node');
      const session = await t.open();
      const address = t.world.address('client', 'backend');
      for (const probe of [TLS_PROBE, PROBES]) {
        await t.world.start('client', [process.execPath, '-e', probe, address, '8000'], { cgroup: t.cgroup('client') }).ended;
      }
      await session.say('hello');
      await session.next('said');
      await t.bye(session);
      await t.sleep(1000);
    },
  },
  {
    ...base,
    name: 'soak-probes',
    broken: 'Nothing: load balancers and scanners look whether the port of the chat is open.',
    async run(t) {
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream()) });
      const session = await t.open({ to: 'proxy' });
      const client = t.world.start('client', [process.execPath, '-e', PROBES,
        t.world.address('client', 'proxy'), '8080']);
      await client.ended;
      await session.say('hello');
      await session.next('said');
      await t.bye(session);
      await t.sleep(1000);
    },
  },
];
