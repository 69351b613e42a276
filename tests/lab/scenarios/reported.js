// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Cases as they were reported to the projects, with the reporter's configuration
// (only the timeouts are shorter). The issue is named, so that one can read how
// long people looked.

const fs = require('fs');
const path = require('path');
const { passTo } = require('../software');

const base = { confidence: 'high', fast: false };

async function silence(t, options, count = 5) {
  const sessions = [];
  for (let i = 0; i < count; i++) {
    sessions.push(await t.open(options));
    await t.sleep(200);
  }
  await Promise.all(sessions.map((session) => session.closed()));
}

module.exports = [
  {
    ...base,
    name: 'reported-ws-1598',
    pattern: ['session.closed_without_close_frame'],
    broken: 'websockets/ws#1598 "1006. again.": reconnects every minute, proxy_read_timeout of nginx.',
    cause: 'session.proxy_idle_timeout',
    async run(t) {
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 3s;') });
      await silence(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'reported-gorilla-833',
    pattern: ['session.closed_without_close_frame'],
    broken: 'gorilla/websocket#833: SetReadDeadline once at the start, never extended; i/o timeout after a minute.',
    cause: 'session.lifetime_limit',
    async run(t) {
      await t.server('go', { 'read-deadline': '3s' });
      const sessions = [];
      for (let i = 0; i < 4; i++) {
        const session = await t.open();
        const timer = setInterval(() => session.say('hello').catch(() => {}), 300);
        sessions.push(session.closed().finally(() => clearInterval(timer)));
        await t.sleep(250);
      }
      await Promise.all(sessions);
    },
  },
  {
    ...base,
    name: 'reported-gorilla-651',
    broken: 'gorilla/websocket#651: panic: concurrent write to websocket connection, exit status 2.',
    cause: 'session.process_exited',
    patienceMs: 12000,
    async run(t) {
      const server = await t.server('go', { 'two-writers': true, 'say-every': '1ms', 'say-size': 60000 });
      const client = t.program('go', t.url());
      await client.says(/open/);
      await t.gone(server, 20000);
    },
  },
  {
    ...base,
    name: 'reported-gorilla-323',
    broken: 'gorilla/websocket#323: nothing is broken, a page was reloaded and the log says 1006 unexpected EOF.',
    cause: 'session.normal',
    async run(t) {
      await t.server('go');
      await t.nginx({ server: `location / { try_files $uri =404; }\n${passTo(t.upstream()).replace('location /', 'location /lab/')}` });
      const browser = await t.browser();
      const session = await t.open({ to: 'proxy', browser });
      await session.call('reload');
    },
  },
  {
    ...base,
    name: 'reported-ws-1256',
    broken: "websockets/ws#1256: no 'error' listener, ECONNRESET of one client crashes the server for all.",
    cause: 'session.process_exited',
    async run(t) {
      const server = await t.server('node', { noErrorListener: true });
      const others = await t.opens(2);
      // An illegal frame is what makes the error certain.
      const bad = await t.open({ raw: true, cause: ['session.protocol_error', 'session.process_exited'] });
      await bad.write(Buffer.from('f200', 'hex'));
      await t.gone(server);
      await Promise.all(others.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'reported-ws-2016',
    broken: 'websockets/ws#2016: the client offers a subprotocol and gets none back; the browser closes at once.',
    cause: 'upgrade.subprotocol_mismatch',
    async run(t) {
      await t.server('node');
      await t.nginx({ server: `location / { try_files $uri =404; }\n${passTo(t.upstream()).replace('location /', 'location /lab/')}` });
      const browser = await t.browser();
      await t.attempt({ to: 'proxy', browser, protocols: ['graphql-ws'] });
    },
  },
  {
    ...base,
    name: 'reported-nextcloud-harp-115',
    pattern: ['session.closed_without_close_frame'],
    broken: 'nextcloud/HaRP#115: HAProxy without timeout tunnel falls back to timeout client.',
    cause: 'session.proxy_idle_timeout',
    async run(t) {
      await t.server('python', {});
      await t.haproxy({ defaults: 'timeout client 3s\ntimeout server 3s', backend: `server a ${t.upstream()}` });
      await silence(t, { to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'reported-ingress-2461',
    broken: 'kubernetes/ingress-nginx#2461: an unrelated reload, and worker_shutdown_timeout drops all sessions.',
    cause: 'session.proxy_worker_shutdown',
    async run(t) {
      await t.server('go', { 'ping-every': '300ms' });
      const nginx = await t.nginx({
        server: passTo(t.upstream(), 'proxy_read_timeout 1h;'), main: 'worker_processes 2; worker_shutdown_timeout 3s;',
      });
      const sessions = await t.opens(5, { to: 'proxy' });
      await t.sleep(500);
      t.kill(nginx, 'SIGHUP');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  {
    ...base,
    name: 'reported-otf-772',
    broken: 'leg100/otf#772: behind nginx the Host is the upstream name and gorilla refuses the Origin.',
    cause: 'upgrade.forbidden_origin',
    async run(t) {
      await t.server('go');
      await t.nginx({
        http: `upstream otf-otfd { server ${t.upstream()}; }`,
        server: passTo('otf-otfd', '', `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";`),
      });
      await t.attempt({ to: 'proxy', headers: { Origin: 'https://otf.example.com', Host: 'otf.example.com' } });
    },
  },
  {
    ...base,
    name: 'reported-obelisk-353',
    broken: 'obsidiansystems/obelisk#353: the reverse proxy forwards no Upgrade, the backend answers 426.',
    cause: 'upgrade.headers_not_forwarded',
    async run(t) {
      await t.server('python', {});
      await t.nginx({ server: passTo(t.upstream(), '', 'proxy_http_version 1.1;') });
      await t.program('python', t.url('proxy')).says(/failed/);
    },
  },
  {
    ...base,
    name: 'reported-openclaw-105698',
    broken: 'openclaw/openclaw#105698: the blocked loop of Node makes its heartbeat terminate healthy sockets.',
    cause: 'session.ping_timeout_own_stall',
    async run(t) {
      await t.server('node', { heartbeatMs: 800, blockMs: 1200 });
      const sessions = await t.opens(5);
      await t.victims(sessions, 9000, () => sessions[0].say('compute'));
    },
  },
  {
    ...base,
    name: 'reported-socketio-4040',
    broken: 'socketio/socket.io#4040: a throttled tab does not answer pings, the server says "ping timeout".',
    cause: 'session.ping_timeout_peer_unresponsive',
    async run(t) {
      await t.server('socketio', { pingInterval: 1500, pingTimeout: 1000 });
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 60s;') });
      const client = t.program('socketio', t.url('proxy', { path: '', scheme: 'http' }), { mute: true },
        { expected: '/socket.io/' });
      await client.says(/closed/);
    },
  },
  {
    ...base,
    name: 'reported-socketio-4881',
    broken: 'socketio/socket.io#4881: two instances, no sticky sessions, "Session ID unknown".',
    cause: 'upgrade.session_unknown',
    async run(t) {
      await t.server('socketio', {}, { port: 8000 });
      await t.server('socketio', {}, { port: 8001 });
      await t.haproxy({
        backend: `balance roundrobin\nserver a ${t.upstream(8000)}\nserver b ${t.upstream(8001)}`,
      });
      const url = t.url('proxy', { scheme: 'http', path: '/socket.io/?EIO=4&transport=polling' });
      const sid = await t.poll(url);
      await t.attempt({ to: 'proxy', path: '/socket.io/', query: `?EIO=4&transport=websocket&sid=${sid}` });
    },
  },
  {
    ...base,
    name: 'reported-socketio-1e6',
    broken: 'Socket.IO: a message over maxHttpBufferSize, the client only sees "transport close".',
    cause: 'session.message_too_big',
    async run(t) {
      await t.server('socketio', { maxHttpBufferSize: 10000 });
      const client = t.program('socketio', t.url('backend', { path: '', scheme: 'http' }), { sayBytes: 50000 },
        { expected: '/socket.io/' });
      await client.says(/closed/);
    },
  },
  {
    ...base,
    name: 'reported-node-http-proxy-1664',
    broken: 'http-party/node-http-proxy#1664: "HTTP/1.1 408 Request Timeout" is written into the WebSocket.',
    cause: 'session.http_in_stream',
    async run(t) {
      await t.server('obedientNode');
      const session = await t.open();
      await t.sleep(1500);
      const answer = Buffer.from('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
      await session.order('raw_then_end', { hex: answer.toString('hex') });
      await session.closed();
    },
  },
  {
    ...base,
    name: 'reported-flask-socketio-1572',
    broken: 'miguelgrinberg/Flask-SocketIO#1572: the supervisor kills the worker that is stuck in blocking code.',
    cause: ['session.process_killed', 'session.process_crashed'], // SIGABRT from the parent, then SIGKILL
    async run(t) {
      const script = path.join(t.world.folder, 'supervisor.sh');
      fs.writeFileSync(script, '"$@" & worker=$!\nuntil [ -e stuck ]; do sleep 0.1; done\n'
        + 'sleep 2\nkill -ABRT $worker\nsleep 1\nkill -KILL $worker\nwait\nsleep 20\n');
      await t.server('python', { habit: 'block', block_s: 30 }, { wrap: ['/bin/sh', script] });
      const session = await t.open();
      await session.say('compute');
      fs.writeFileSync(path.join(t.world.folder, 'stuck'), '');
      await session.closed();
    },
  },
  {
    ...base,
    name: 'reported-graphql-ws-4408',
    broken: 'graphql-ws: the client never sends connection_init, the server closes with 4408.',
    cause: 'session.application_code',
    async run(t) {
      await t.server('graphql', { connectionInitWaitTimeout: 2000 });
      const session = await t.attempt({ path: '/graphql', protocols: ['graphql-transport-ws'] });
      await session.closed();
    },
  },
  {
    ...base,
    name: 'reported-thingsboard-15219',
    broken: 'thingsboard/thingsboard#15219: 1008 "Max tenant sessions limit reached!" right after the open.',
    cause: 'session.policy_violation',
    async run(t) {
      await t.server('go', { 'max-members': 1 });
      const first = await t.open({ cause: 'session.normal' });
      const second = await t.attempt();
      await second.closed();
      await t.bye(first);
    },
  },
];
