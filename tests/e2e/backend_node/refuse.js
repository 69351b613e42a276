// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

const { STATUS_CODES } = require('http');
const { acceptDigest } = require('../frames');

function answer(socket, status, headers = {}) {
  const lines = Object.entries({ Connection: 'close', 'Content-Length': '0', ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
}

function switchProtocols(request, socket, headers) {
  const all = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': acceptDigest(request.headers['sec-websocket-key']).toString('base64'),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
  // Left to the client, which must reject this answer; not for ever, though.
  socket.on('data', () => {});
  socket.on('end', () => socket.end());
  socket.setTimeout(5000, () => socket.destroy());
}

const WAYS = {
  silent: (request, socket) => socket.setTimeout(20000, () => socket.destroy()),
  hang_up: (request, socket) => socket.end(),
  wrong_accept: (request, socket) => switchProtocols(request, socket, {
    'Sec-WebSocket-Accept': acceptDigest('another key').toString('base64'),
  }),
  wrong_protocol: (request, socket) => switchProtocols(request, socket, {
    'Sec-WebSocket-Protocol': 'not.offered',
  }),
  no_protocol: (request, socket) => switchProtocols(request, socket, {}),
};

// Returns true when the opening handshake was dealt with here.
function refuse(request, socket, query, { tokenPrefix, rooms }) {
  const status = Number(query.get('answer'));
  const way = WAYS[query.get('handshake')];
  if (way) {
    way(request, socket);
  } else if (status) {
    answer(socket, status, query.has('location') ? { Location: query.get('location') } : {});
  } else if (!(query.get('token') || '').startsWith(tokenPrefix)) {
    answer(socket, 401);
  } else if (!rooms.has(query.get('room') || 'lobby')) {
    answer(socket, 404);
  } else {
    return false;
  }
  return true;
}

module.exports = { refuse };
