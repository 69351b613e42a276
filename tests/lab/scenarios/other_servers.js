// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Servers of other languages and frameworks, and their own ways to end a session.

const { passTo } = require('../software');
const { childrenOf } = require('../world');

const base = { confidence: 'high', fast: false };

// Later than what is taken for a refusal right after the open.
const SETTLED_MS = 2200;

// A server of that kind with sessions that talked, and what befalls it.
const befalls = (name, broken, cause, kind, what, { settings, open, sessions = 1, ...row } = {}) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    const server = await t.server(kind, settings);
    const opened = await t.opens(sessions, open);
    await Promise.all(opened.map((session) => session.say('hello')));
    await t.sleep(SETTLED_MS);
    await what(t, server, opened);
    await Promise.all(opened.map((session) => session.closed()));
  },
  ...row,
});

const signal = (name) => (t, server) => t.kill(server, name);
const order = (how, details) => (t, server, [session]) => session.order(how, details);
const sayMuch = (t, server, [session]) => session.say('x'.repeat(1 << 17));

// A client that never answers a ping, while its kernel acknowledges them.
const mute = (name, kind, settings) => ({
  ...base,
  name,
  broken: `The client answers no ping of ${kind}.`,
  cause: 'session.ping_timeout_peer_unresponsive',
  async run(t) {
    await t.server(kind, settings);
    const session = await t.open({ raw: true });
    await session.ended();
  },
});

// Sessions, one after the other, that fall silent.
const silent = (name, broken, kind, settings, pattern) => ({
  ...base,
  name,
  broken,
  cause: 'session.server_idle_timeout',
  pattern,
  async run(t) {
    await t.server(kind, settings);
    for (let i = 0; i < 3; i++) {
      const session = await t.open();
      await t.sleep(300 * i);
      await session.say('hello');
      await session.closed();
    }
  },
});

const refuses = (name, broken, cause, kind, options) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    await t.server(kind);
    await t.attempt(options);
  },
});

// A client that is a program of a few lines, and what befalls its server.
const pinging = (name, broken, cause, what) => ({
  ...base,
  name,
  broken,
  cause,
  async run(t) {
    const server = await t.server('tornado');
    const client = t.program('aiohttp', t.url(), { heartbeat: 2 });
    await client.says(/open/);
    await t.sleep(SETTLED_MS);
    what(t, server);
    await client.says(/closed/);
  },
});

const CLOSED = ['session.closed_without_close_frame'];

module.exports = [
  mute('aiohttp-heartbeat', 'aiohttp', { heartbeat: 1 }),
  mute('tornado-ping-timeout', 'tornado', { ping_interval: 1, ping_timeout: 2 }),
  mute('uvicorn-ping-timeout', 'uvicorn', { 'ws-ping-interval': 1, 'ws-ping-timeout': 1 }),
  // A clock of whole seconds: it runs out anything up to a second after the ping.
  { ...mute('daphne-ping-timeout', 'daphne', { 'ping-interval': 1, 'ping-timeout': 1 }), confidence: 'medium' },
  pinging('tornado-stopped', 'Tornado is stopped (SIGSTOP), and its client, aiohttp, pings.',
    'session.ping_timeout_peer_unresponsive', (t, server) => t.kill(server, 'SIGSTOP')),
  pinging('tornado-link-down', 'The link of Tornado goes down, and its client, aiohttp, pings.',
    'session.ping_timeout_peer_gone', (t) => t.world.namespace('backend').ip('link', 'set', 'to-client', 'down')),

  mute('websocket-keepalive', 'websocket', { keepaliveInterval: 1500, keepaliveGracePeriod: 900 }),
  // Its ping cannot even be sent.
  {
    ...base,
    name: 'websocket-keepalive-link-down',
    broken: 'The link of the client goes down before the next ping of websocket, which waits for 0.9 s.',
    cause: 'session.ping_timeout_peer_gone',
    // The ping never leaves the server's host: its own link may be the one that is down.
    confidence: 'medium',
    patienceMs: 15000,
    async run(t) {
      await t.server('websocket', { keepaliveInterval: 1500, keepaliveGracePeriod: 900 });
      const session = await t.open();
      await session.say('hello');
      await t.sleep(SETTLED_MS);
      t.world.namespace('client').ip('link', 'set', 'to-backend', 'down');
      session.closed(60000).catch(() => {});
    },
  },

  silent('aiohttp-receive-timeout', 'receive_timeout of aiohttp is two seconds.', 'aiohttp',
    { receive_timeout: 2 }, CLOSED),
  silent('mojolicious-inactivity', 'inactivity_timeout of Mojolicious is two seconds.', 'mojolicious',
    { idle_s: 2 }, CLOSED),
  // Tomcat looks once a second, and says Close 1001 "... idle timeout expired".
  silent('tomcat-idle', 'setMaxIdleTimeout of Tomcat is two seconds.', 'tomcat', { idle_ms: 2000 }, ['session.normal']),

  // EventMachine looks at its timer once in 3.3 s: those who said something early go at the second
  // look, all at one age, after silences that differ. Which of the two it was is not seen.
  {
    ...base,
    name: 'em-idle-looked-at-seldom',
    broken: 'comm_inactivity_timeout of em-websocket is 3.3 seconds.',
    cause: ['session.server_idle_timeout', 'session.lifetime_limit'],
    confidence: 'medium',
    atMost: 'medium',
    pattern: CLOSED,
    async run(t) {
      await t.server('em', { idle: 3.3 });
      for (let i = 1; i <= 4; i++) {
        const session = await t.open();
        await t.sleep(370 * i);
        await session.say('hello');
        await session.closed();
      }
    },
  },

  befalls('tomcat-too-big', 'A message is larger than the text buffer of Tomcat.',
    'session.message_too_big', 'tomcat', sayMuch),
  befalls('puma-too-big', 'A message is larger than max_length of faye-websocket in puma.',
    'session.message_too_big', 'puma', sayMuch),
  befalls('mojolicious-too-big', 'A message is larger than max_websocket_size of Mojolicious.',
    'session.message_too_big', 'mojolicious', sayMuch, { settings: { max_size: 1000 } }),
  befalls('autobahn-too-big', 'A message is larger than maxMessagePayloadSize of Autobahn, told not to drop.',
    'session.message_too_big', 'autobahn', sayMuch, { settings: { maxMessagePayloadSize: 60000, failByDrop: false } }),
  // No Close frame: it reads the header of the frame, and no more.
  befalls('xnet-too-big', 'A message is larger than MaxPayloadBytes of x/net/websocket, which closes.',
    'session.aborted_with_unread_data', 'xnet', sayMuch, { settings: { largest: 60000 } }),
  befalls('uvicorn-bad-utf8', 'A text message to uvicorn is no UTF-8.',
    'session.invalid_payload', 'uvicorn', (t, server, [session]) => session.call('sendTextBytes', 'c328')),
  befalls('daphne-application-fails', 'The application that daphne serves raises an exception.',
    'session.internal_error', 'daphne', order('throw')),

  // on_shutdown closes with 1001, but the handlers that it wakes are faster, with 1000.
  befalls('aiohttp-shutdown', 'aiohttp gets SIGTERM, says goodbye to everyone and ends.',
    'session.service_restart', 'aiohttp', signal('SIGTERM')),
  // To those who are connected it says 1000.
  befalls('hypercorn-shutdown', 'hypercorn gets SIGTERM and closes.',
    'session.service_restart', 'hypercorn', signal('SIGTERM'), { sessions: 3 }),
  {
    ...base,
    name: 'libwebsockets-killed',
    broken: 'The test server of libwebsockets is killed while it counts.',
    cause: 'session.process_killed',
    async run(t) {
      const server = await t.server('libwebsockets');
      const session = await t.attempt({ protocols: ['dumb-increment-protocol'] });
      await t.sleep(1234);
      t.kill(server);
      await session.closed();
    },
  },
  befalls('em-aborts', 'em-websocket gets SIGABRT from itself.',
    'session.process_crashed', 'em', order('abort'), { sessions: 2 }),
  befalls('uvicorn-shutdown', 'uvicorn with wsproto gets SIGTERM and closes with 1012.',
    'session.service_restart', 'uvicorn', signal('SIGTERM'), { settings: { ws: 'wsproto' }, sessions: 2 }),
  // uvicorn 0.17 on websockets sends no Close frame.
  befalls('gunicorn-reload', 'gunicorn gets SIGHUP and asks its old workers to end.',
    'session.process_terminated', 'gunicorn', signal('SIGHUP'), { settings: { workers: 2 }, sessions: 3 }),
  befalls('gunicorn-worker-timeout', 'A handler blocks for longer than --timeout of gunicorn, whose master aborts the worker.',
    'session.process_killed', 'gunicorn', order('block', { s: 8 }), { settings: { timeout: 2 } }),
  befalls('tomcat-exits', 'Something in Tomcat calls System.exit(0).',
    'session.process_exited', 'tomcat', order('exit')),
  befalls('tomcat-hangup', 'Somebody sends Tomcat SIGHUP, of which Java makes exit status 129.',
    'session.process_terminated', 'tomcat', signal('SIGHUP')),
  befalls('puma-killed', 'Somebody kills puma.', 'session.process_killed', 'puma', signal('SIGKILL')),
  {
    ...base,
    name: 'gevent-killed-at-once',
    broken: 'gevent-websocket behind nginx is killed 80 ms after the open.',
    cause: 'session.process_killed',
    async run(t) {
      const server = await t.server('gevent');
      await t.nginx({ server: passTo(t.upstream()) });
      const sessions = await t.opens(2, { to: 'proxy' });
      await t.sleep(80);
      t.kill(server);
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
  befalls('tornado-workers-killed', 'Tornado serves in forked workers, and somebody kills them.',
    'session.process_killed', 'tornado', (t, server) => childrenOf(server.pid).forEach((pid) => process.kill(pid, 'SIGKILL')),
    { settings: { workers: 2 }, sessions: 3 }),
  befalls('cluster-worker-throws', 'A worker of a Node cluster, which got its sockets from the primary, throws.',
    'session.process_exited', 'cluster', order('throw'), { settings: { workers: 1 }, sessions: 2 }),
  befalls('activated-server-killed', 'uvicorn, which inherited its listener as descriptor 3, is killed.',
    'session.process_killed', 'activated', (t, server) => process.kill(Number(/\d+/.exec(server.output)[0]), 'SIGKILL')),
  befalls('supervisor-killed', 'The supervisor of Tornado is killed, and Tornado is to die with it (PR_SET_PDEATHSIG).',
    'session.process_killed', 'supervised', signal('SIGKILL')),
  befalls('helper-holds-socket', 'The server is killed; a helper that it had started holds the socket for three seconds.',
    'session.process_killed', 'holding', signal('SIGKILL'), { settings: { hold_s: 5 } }),

  refuses('tornado-foreign-origin', 'check_origin of Tornado refuses the page of another host.',
    'upgrade.forbidden_origin', 'tornado', { origin: 'http://other.example' }),
  refuses('asgi-application-refuses', 'The application closes before it accepts, and uvicorn makes that a 403.',
    'upgrade.forbidden', 'uvicorn', { path: '/lab/refused/asgi-application-refuses' }),
  refuses('libwebsockets-unknown-subprotocol', 'libwebsockets knows no such subprotocol, and closes.',
    'upgrade.no_response', 'libwebsockets', { protocols: ['nonsense'] }),
  {
    ...base,
    name: 'aiohttp-slow-to-open',
    broken: 'aiohttp thinks for three seconds before the 101, and the client leaves after one.',
    cause: 'upgrade.client_gave_up',
    async run(t) {
      await t.server('aiohttp', { late_s: 3 });
      await t.attempt({ handshakeTimeout: 1000 });
      await t.sleep(3000);
    },
  },
  {
    ...base,
    name: 'tornado-out-of-descriptors',
    broken: 'Tornado has no file descriptor left to accept with.',
    cause: 'connect.fd_exhausted',
    async run(t) {
      await t.server('tornado', {}, { wrap: ['/usr/bin/prlimit', '--nofile=12'] });
      const all = await Promise.all(Array.from({ length: 9 }, () => t.attempt({ handshakeTimeout: 3000 })));
      await t.sleep(500);
      for (const session of all.filter(({ opened }) => opened)) {
        session.want.causes = ['session.normal'];
        await t.bye(session);
      }
    },
  },
  {
    ...base,
    name: 'tornado-executes-itself',
    broken: 'Tornado executes itself anew, as with autoreload: all sessions are closed with it, at one moment.',
    cause: CLOSED,
    // What else the hangup made it do is not known; that it takes no more connections shows.
    confidence: 'medium',
    noIncidents: true,
    async run(t) {
      const server = await t.server('tornado', { execute_on_hangup: true });
      const sessions = await t.opens(3);
      await t.sleep(2850);
      t.expectAtLast((line) => / which stopped listening,/.test(line.message));
      t.kill(server, 'SIGHUP');
      await Promise.all(sessions.map((session) => session.closed()));
    },
  },
];
