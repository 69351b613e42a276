// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A chat server on ws with the habits of real ones, chosen by a JSON object:
//   port, backlog, tls: { key, cert }, maxPayload
//   heartbeatMs      the heartbeat of the ws README: terminate() who missed one
//   idleMs           hang up on clients that sent nothing for so long;
//   idleClose        ... with this [code, reason] instead of without a word
//   authMs           hang up on clients that have not sent anything by then
//   hangUpMs         hang up so long after the open, whatever happens
//   greeting         [code, reason]: close with it right after the open
//   blockMs          a message orders work that keeps the event loop busy for so long; it
//                    begins right behind the pings of the heartbeat, whose turn comes
//                    again before the pongs are read, until that has met somebody
//   goodbye          [code, reason] for everyone on SIGTERM, then exit
//   ignoreTerm       SIGTERM changes nothing
//   sayEveryMs, saySize   talk without being asked
//   leak             keep whatever is broadcast, in the JavaScript heap
//   noErrorListener  leave the 'error' event of sockets without a listener
//   cluster          a master holds the port, a worker serves; the master replaces it
//   answer           { status, headers, body }: instead of opening

const cluster = require('cluster');
const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

const settings = JSON.parse(process.argv[2]);
const leaked = [];

function serve() {
  const { tls } = settings;
  return tls
    ? https.createServer({ key: fs.readFileSync(tls.key), cert: fs.readFileSync(tls.cert) })
    : http.createServer((request, response) => response.end('chat\n'));
}

function hangUp(socket, how) {
  if (how) {
    socket.close(...how);
  } else {
    socket.terminate();
  }
}

function block(ms) {
  for (const end = Date.now() + ms; Date.now() < end;);
}

// The heap fills as it does with a broadcast to many slow members.
function leak() {
  for (let i = 0; i < 2e5; i++) {
    leaked.push({ to: i, text: `message ${i} of ${leaked.length}` });
  }
  setImmediate(leak);
}

function watchIdle(socket) {
  const { idleMs, idleClose } = settings;
  let timer;
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(() => hangUp(socket, idleClose), idleMs);
  };
  restart();
  socket.on('message', restart);
  socket.on('ping', restart);
  socket.on('close', () => clearTimeout(timer));
}

let ordered = false;

function heartbeat(sockets) {
  setInterval(() => {
    for (const socket of sockets.clients) {
      if (socket.isAlive === false) {
        socket.terminate();
        ordered = false;
      } else {
        socket.isAlive = false;
        socket.ping();
      }
    }
    if (ordered) {
      setImmediate(block, settings.blockMs);
    }
  }, settings.heartbeatMs);
}

function talk(socket) {
  const text = 'x'.repeat(settings.saySize || 16);
  const timer = setInterval(() => socket.send(JSON.stringify({ type: 'news', text })),
    settings.sayEveryMs);
  socket.on('close', () => clearInterval(timer));
}

function obey(socket) {
  ordered = settings.blockMs !== undefined;
  if (settings.leak) {
    leak();
  }
  socket.send(JSON.stringify({ type: 'said' }));
}

function welcome(socket) {
  socket.isAlive = true;
  socket.on('pong', () => { socket.isAlive = true; });
  if (!settings.noErrorListener) {
    socket.on('error', () => {});
  }
  socket.on('message', () => obey(socket));
  if (settings.greeting) {
    socket.close(...settings.greeting);
    return;
  }
  socket.send(JSON.stringify({ type: 'welcome' }));
  if (settings.idleMs) {
    watchIdle(socket);
  }
  if (settings.authMs) {
    const timer = setTimeout(() => hangUp(socket), settings.authMs);
    socket.once('message', () => clearTimeout(timer));
  }
  if (settings.hangUpMs !== undefined) {
    setTimeout(() => hangUp(socket), settings.hangUpMs);
  }
  if (settings.sayEveryMs) {
    talk(socket);
  }
}

function refuse(socket, { status, headers = {}, body = '' }) {
  const all = { Connection: 'close', 'Content-Length': body.length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}

const server = serve();
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: settings.maxPayload || 1 << 20,
  perMessageDeflate: false,
  handleProtocols: () => false,
});

server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => {});
  if (settings.answer) {
    refuse(socket, settings.answer);
    return;
  }
  if (settings.noErrorListener) {
    socket.removeAllListeners('error');
  }
  sockets.handleUpgrade(request, socket, head, welcome);
});

if (settings.heartbeatMs) {
  heartbeat(sockets);
}
if (settings.goodbye) {
  process.on('SIGTERM', () => {
    sockets.clients.forEach((socket) => socket.close(...settings.goodbye));
    setTimeout(() => process.exit(0), 300);
  });
}
if (settings.ignoreTerm) {
  process.on('SIGTERM', () => {});
}
if (settings.cluster && cluster.isPrimary) {
  cluster.fork();
  cluster.on('exit', () => cluster.fork());
} else {
  server.listen({ port: settings.port, backlog: settings.backlog || 511 }, () => {
    process.stdout.write(`listening on ${settings.port}\n`);
  });
}
