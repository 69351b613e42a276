// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A TCP connection, but never a 101.

const crypto = require('crypto');
const fs = require('fs');
const { passTo } = require('../software');

const base = { confidence: 'high', fast: true };

// nginx in front of a server of that kind, with these directives.
const behindNginx = (name, broken, cause, { kind = 'go', settings, more, headers, http, attempt = {}, ...row } = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server(kind, settings);
    await t.nginx({ server: passTo(t.upstream(), more, headers), http });
    await t.attempt({ to: 'proxy', ...attempt });
  },
  ...row,
});

// nginx answers by itself.
const nginxAlone = (name, broken, cause, server, row = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.nginx({ server });
    await t.attempt({ to: 'proxy' });
  },
  ...row,
});

const direct = (name, broken, cause, { kind = 'go', settings, attempt = {}, ...row } = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server(kind, settings);
    await t.attempt(attempt);
  },
  ...row,
});

// The same client has a session already, which lives on; `between` happens meanwhile.
async function attemptBesideAnother(t, between = () => {}) {
  const first = await t.open({ to: 'proxy', cause: 'session.normal' });
  between();
  await t.attempt({ to: 'proxy' });
  await t.bye(first);
}

// Asks twice with one key, the second time with credentials, and leaves in order.
const AGAIN = `
const ask = (headers, then) => require('http').get(process.argv[1], {
  headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
    'Sec-WebSocket-Key': '\${KEY}', ...headers } })
  .on('response', (r) => r.resume().on('end', () => { process.stdout.write(r.statusCode + ' '); then(); }))
  .on('upgrade', (r, socket) => {
    process.stdout.write(r.statusCode + ' ');
    socket.on('error', () => {}).on('end', () => socket.end()).resume();
    setTimeout(() => socket.write(Buffer.from('888200000000' + '03e8', 'hex')), 500);
  });
ask({}, () => ask({ Authorization: 'Basic YTpi' }));`.replace('${KEY}', crypto.randomBytes(16).toString('base64'));

const answering = (status, headers, body) => ({ kind: 'node', settings: { answer: { status, headers, body } } });
const HTML = { 'Content-Type': 'text/html' };

module.exports = [
  behindNginx('upgrade-headers-missing', 'The nginx location forwards neither Upgrade nor Connection.',
    'upgrade.headers_not_forwarded', { headers: 'proxy_http_version 1.1;' }),
  behindNginx('http-1.0-to-backend', 'The nginx location has proxy_pass alone, so HTTP/1.0 without Upgrade.',
    'upgrade.headers_not_forwarded', { headers: '', kind: 'python' }),
  behindNginx('connection-header-typo', 'The nginx location says Connection "$connection_upgarde" by mistake.',
    'upgrade.headers_not_forwarded', {
      headers: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "connection_upgarde";`,
      fast: false,
    }),
  {
    ...base,
    name: 'upgrade-stripped-before-us',
    broken: 'Something between client and proxy removed the Upgrade header from the request.',
    cause: 'upgrade.not_a_websocket_request',
    async run(t) {
      await t.server('go');
      await t.nginx({ server: passTo(t.upstream()) });
      await t.attempt({ to: 'proxy', raw: true, headers: { Upgrade: 'none', Connection: 'keep-alive' } });
    },
  },
  direct('protocol-version-7', 'The client speaks a draft version of the protocol.',
    'upgrade.not_a_websocket_request',
    { attempt: { raw: true, headers: { 'Sec-WebSocket-Version': '7' } }, fast: false }),
  {
    ...base,
    name: 'again-with-the-same-key',
    broken: 'A simple client is asked for credentials, and sends the same request again with them, its key too.',
    cause: 'upgrade.unauthorized',
    fast: false,
    async run(t) {
      await t.server('node');
      await t.nginx({ server: `${passTo(t.upstream(), 'if ($http_authorization = "") { return 401; }')}` });
      t.expect(t.path);
      t.expect(t.path, 'session.normal');
      const client = t.world.start('client', [process.execPath, '-e', AGAIN, t.url('proxy', { scheme: 'http' })], { title: 'client' });
      await t.gone(client);
      if (!/401 101/.test(client.output)) {
        throw new Error(`the client got ${client.output}`);
      }
    },
  },
  direct('expired-token', 'The token of the client has expired.', 'upgrade.unauthorized',
    { settings: { token: 'fresh' }, attempt: { headers: { Authorization: 'Bearer stale' } } }),
  nginxAlone('basic-auth-at-proxy', 'nginx asks for a password that the client does not send.',
    'upgrade.unauthorized', 'location / { auth_basic chat; auth_basic_user_file /dev/null; }', { fast: false }),
  behindNginx('host-not-forwarded', 'nginx passes its own Host on, so the Origin check of the backend fails.',
    'upgrade.forbidden_origin', {
      headers: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;`,
      attempt: { headers: { Origin: 'http://chat.example' } },
    }),
  direct('wrong-origin', 'The page comes from a host that the backend does not allow.',
    'upgrade.forbidden_origin', { attempt: { headers: { Origin: 'http://evil.example' } }, fast: false }),
  direct('forbidden-by-backend', 'The backend refuses this user with 403, there is no Origin at all.',
    'upgrade.forbidden', { ...answering(403), fast: false }),
  nginxAlone('forbidden-by-waf', 'A rule of nginx forbids the path before the backend is asked.',
    'upgrade.forbidden', 'location / { deny all; }'),
  nginxAlone('login-redirect', 'The session has expired and the proxy redirects to the login host.',
    'upgrade.login_redirect', 'location / { return 302 http://login.example/oauth2/sign_in; }'),
  direct('login-page', 'The single sign-on in front answers with its login page.',
    // A 200 with HTML; what the page is about is in the body, which nobody reads: nobody can be sure.
    ['upgrade.login_redirect', 'upgrade.wrong_route'], {
      confidence: 'medium',
      atMost: 'medium',
      ...answering(200, HTML, '<html><title>Sign in</title><form action="/login"><input type="password"></form>'),
      fast: false,
    }),
  nginxAlone('redirect-to-https', 'nginx redirects ws to wss, which clients do not follow.',
    'upgrade.redirected', 'location / { return 301 https://$http_host$request_uri; }'),
  {
    ...base,
    name: 'redirect-for-slash',
    broken: 'The URL lacks the slash at its end and the Go mux redirects.',
    cause: 'upgrade.redirected',
    fast: false,
    async run(t) {
      await t.server('go');
      await t.attempt({ path: '/chat' });
    },
  },
  nginxAlone('single-page-fallback', 'nginx has no location for the path and serves index.html instead.',
    'upgrade.wrong_route', 'location / { try_files $uri /index.html; }', { confidence: 'medium', atMost: 'medium' }),
  {
    ...base,
    name: 'path-not-found',
    broken: 'The client asks for a path that the backend does not have.',
    cause: 'upgrade.wrong_route',
    fast: false,
    async run(t) {
      await t.server('go');
      await t.attempt({ path: '/wss/misspelt' });
    },
  },
  {
    ...base,
    name: 'no-sticky-sessions',
    broken: 'Two Socket.IO servers behind nginx without ip_hash: the sid is of the other one.',
    cause: 'upgrade.session_unknown',
    async run(t) {
      await t.server('socketio', {}, { port: 8000 });
      await t.server('socketio', {}, { port: 8001 });
      await t.nginx({
        http: `upstream io { server ${t.upstream(8000)}; server ${t.upstream(8001)}; }`,
        server: passTo('io'),
      });
      const sid = await t.poll(t.url('proxy', { scheme: 'http', path: '/socket.io/?EIO=4&transport=polling' }));
      await t.attempt({ to: 'proxy', path: '/socket.io/', query: `?EIO=4&transport=websocket&sid=${sid}` });
    },
  },
  {
    ...base,
    name: 'session-of-earlier-process',
    broken: 'The Socket.IO server was restarted between polling and upgrade.',
    cause: 'upgrade.session_unknown',
    // The new process alone cannot tell whose the sid was.
    confidence: 'medium',
    fast: false,
    async run(t) {
      const server = await t.server('socketio');
      const sid = await t.poll(t.url('backend', { scheme: 'http', path: '/socket.io/?EIO=4&transport=polling' }));
      t.kill(server);
      await t.gone(server);
      await t.server('socketio');
      await t.attempt({ path: '/socket.io/', query: `?EIO=4&transport=websocket&sid=${sid}` });
    },
  },
  {
    ...base,
    name: 'limit-conn',
    broken: 'nginx allows one connection for each client address, this is the second.',
    cause: 'upgrade.rate_limited',
    // With `return 503` in the moment before, the wire would show the same.
    confidence: 'medium',
    atMost: 'medium',
    async run(t) {
      await t.server('node');
      await t.nginx({
        http: 'limit_conn_zone $binary_remote_addr zone=one:1m;',
        server: passTo(t.upstream(), 'limit_conn one 1;'),
      });
      await attemptBesideAnother(t);
    },
  },
  {
    ...base,
    name: 'maintenance-503',
    broken: 'nginx was told to answer 503 for maintenance; the client has a session from before.',
    // The other side of limit-conn: nothing on the wire tells them apart, so neither may be sure.
    cause: ['upgrade.unavailable', 'upgrade.rate_limited'],
    confidence: 'low',
    atMost: 'medium',
    async run(t) {
      const flag = `${t.world.folder}/maintenance`;
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream(), `if (-f ${flag}) { return 503; }`) });
      await attemptBesideAnother(t, () => fs.writeFileSync(flag, ''));
    },
  },
  {
    ...base,
    name: 'limit-req-429',
    broken: 'nginx limits the rate of requests of one client and answers 429.',
    cause: 'upgrade.rate_limited',
    fast: false,
    async run(t) {
      await t.server('node');
      await t.nginx({
        http: 'limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m; limit_req_status 429;',
        server: passTo(t.upstream(), 'limit_req zone=one;'),
      });
      await attemptBesideAnother(t);
    },
  },
  {
    ...base,
    name: 'backend-down-behind-nginx',
    broken: 'nginx runs, the backend behind it does not.',
    cause: 'upgrade.bad_gateway',
    async run(t) {
      await t.nginx({ server: passTo(t.upstream()) });
      await t.attempt({ to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'backend-down-on-another-port',
    broken: 'The backend does not run on its port, of which nothing says that WebSockets are spoken there.',
    cause: 'upgrade.bad_gateway',
    async run(t) {
      await t.nginx({ server: passTo(t.upstream(9393)) });
      await t.attempt({ to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'stale-container-address',
    broken: 'nginx still has the address of a container that is gone.',
    cause: 'upgrade.bad_gateway',
    fast: false,
    async run(t) {
      t.upstream();
      await t.nginx({ server: passTo(`${t.world.host(12)}:8000`) });
      await t.attempt({ to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'ports-exhausted-at-proxy',
    broken: 'nginx has no local port left towards the backend.',
    cause: 'upgrade.bad_gateway',
    fast: false,
    async run(t) {
      t.world.namespace('proxy', { 'net.ipv4.ip_local_port_range': '40000 40000' });
      await t.server('node');
      await t.nginx({ server: passTo(t.upstream()) });
      await attemptBesideAnother(t);
    },
  },
  {
    ...base,
    name: 'backend-down-behind-haproxy',
    broken: 'HAProxy runs, the backend behind it does not.',
    // HAProxy says 503 where nginx says 502; its refused connection tells.
    cause: 'upgrade.bad_gateway',
    fast: false,
    async run(t) {
      await t.haproxy({ backend: `retries 0\nserver a ${t.upstream()}` });
      await t.attempt({ to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'backend-given-up-by-haproxy',
    broken: 'The backend does not run; HAProxy knows it from its health checks and does not even try.',
    cause: 'upgrade.bad_gateway',
    // A 503 of HAProxy's own has other reasons too (maxconn, maintenance).
    confidence: 'medium',
    fast: false,
    besides: 'connect.refused',
    async run(t) {
      await t.haproxy({ backend: `server a ${t.upstream()} check inter 300ms fall 1` });
      await t.sleep(1000);
      await t.attempt({ to: 'proxy' });
    },
  },
  {
    ...base,
    name: 'backend-silent',
    broken: 'The backend takes longer to answer the handshake than proxy_read_timeout.',
    cause: 'upgrade.gateway_timeout',
    async run(t) {
      await t.server('go');
      await t.nginx({ server: passTo(t.upstream(), 'proxy_read_timeout 1s;') });
      await t.attempt({ to: 'proxy', path: '/slow/1' });
    },
  },
  {
    ...base,
    name: 'backend-host-dead-504',
    broken: 'The backend host does not answer SYNs, nginx gives up after proxy_connect_timeout.',
    cause: 'upgrade.gateway_timeout',
    fast: false,
    async run(t) {
      t.upstream();
      t.world.namespace('proxy').addDeadNeighbour('to-backend', t.world.host(13));
      await t.nginx({ server: passTo(`${t.world.host(13)}:8000`, 'proxy_connect_timeout 2s;') });
      await t.attempt({ to: 'proxy' });
    },
  },
  direct('backend-overloaded-503', 'The backend says that it is overloaded.', 'upgrade.unavailable',
    { ...answering(503) }),
  behindNginx('backend-error-500', 'The handshake handler of the backend fails.', 'upgrade.server_error',
    { ...answering(500), fast: false }),
  {
    ...base,
    name: 'engine-io-version',
    broken: 'A Socket.IO 2 client speaks to a Socket.IO 4 server (EIO=3).',
    // engine.io opens the WebSocket before it looks at EIO, and then writes "HTTP/1.1 400" into it.
    cause: 'session.http_in_stream',
    async run(t) {
      await t.server('socketio');
      await t.attempt({ path: '/socket.io/', query: '?EIO=3&transport=websocket' });
    },
  },
  {
    ...base,
    name: 'engine-io-transport',
    broken: 'The client asks the Socket.IO server for a transport that it does not have.',
    cause: 'upgrade.bad_request',
    fast: false,
    async run(t) {
      await t.server('socketio');
      await t.attempt({ path: '/socket.io/', query: '?EIO=4&transport=flashsocket' });
    },
  },
  {
    ...base,
    name: 'server-hangs-up',
    broken: 'The server reads the request and closes without an answer.',
    cause: 'upgrade.no_response',
    async run(t) {
      await t.server('obedientNode');
      await t.attempt({ query: '?handshake=hang_up' });
    },
  },
  {
    ...base,
    name: 'server-stopped-before-answer',
    broken: 'The server process is stopped, the request waits unread in its socket.',
    cause: 'upgrade.no_response',
    fast: false,
    async run(t) {
      const server = await t.server('node');
      t.kill(server, 'SIGSTOP');
      await t.attempt({ handshakeTimeout: 2500 });
    },
  },
  {
    ...base,
    name: 'client-gives-up',
    broken: 'The client waits half a second, the server needs two.',
    cause: 'upgrade.client_gave_up',
    async run(t) {
      await t.server('go');
      await t.attempt({ path: '/slow/1', handshakeTimeout: 500 });
    },
  },
  {
    ...base,
    name: 'subprotocol-not-echoed',
    broken: 'The client offers a subprotocol and the server chooses none.',
    cause: 'upgrade.subprotocol_mismatch',
    async run(t) {
      await t.server('node');
      await t.attempt({ protocols: ['mqtt'] });
    },
  },
  {
    ...base,
    name: 'wrong-accept',
    broken: 'The server computes Sec-WebSocket-Accept wrongly.',
    cause: 'upgrade.bad_accept',
    async run(t) {
      await t.server('obedientNode');
      await t.attempt({ query: '?handshake=wrong_accept' });
    },
  },
];
