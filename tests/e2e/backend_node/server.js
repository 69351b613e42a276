// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A small chat backend on ws, with the same room, token and ping behaviour as
// the Go one, and the same way of being told how to end a connection.

const http = require('http');
const { WebSocketServer } = require('ws');
const { breakUp } = require('./breakup');
const { refuse } = require('./refuse');

const [port, tokenPrefix, maxPayload = '65536'] = process.argv.slice(2);
const ROOMS = new Set(['lobby', 'support']);
const PING_MS = 30000;

const server = http.createServer((request, response) => {
  response.writeHead(request.url === '/health' ? 200 : 404);
  response.end();
});

const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: Number(maxPayload),
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('chat.v1') ? 'chat.v1' : false),
});

function say(room, text) {
  const message = JSON.stringify({ type: 'said', text });
  for (const socket of sockets.clients) {
    if (socket.room === room && socket.readyState === socket.OPEN) {
      socket.send(message);
    }
  }
}

function keepAlive(socket, everyMs) {
  const timer = setInterval(() => socket.ping('hb'), everyMs);
  socket.on('close', () => clearInterval(timer));
}

function obey(socket, data, isBinary) {
  if (isBinary) {
    socket.close(1003, 'text only');
    return;
  }
  let order;
  try {
    order = JSON.parse(data);
  } catch {
    socket.close(1008, 'not JSON');
    return;
  }
  if (order.type === 'say') {
    say(socket.room, order.text);
  } else if (order.type === 'break') {
    breakUp(socket, order);
  }
}

function welcome(socket, query) {
  socket.room = query.get('room') || 'lobby';
  // Without a listener an oversized message would take the process down.
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => obey(socket, data, isBinary));
  keepAlive(socket, Number(query.get('ping_ms')) || PING_MS);
  socket.send(JSON.stringify({ type: 'welcome', room: socket.room }));
}

server.on('upgrade', (request, socket, head) => {
  const query = new URL(request.url, 'http://backend').searchParams;
  socket.on('error', () => {});
  if (refuse(request, socket, query, { tokenPrefix, rooms: ROOMS })) {
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => welcome(client, query));
});

server.listen(Number(port) || port, () => {
  process.stdout.write(`listening on ${server.address().port}\n`);
});
