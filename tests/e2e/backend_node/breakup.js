// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

function ready(socket) {
  socket.send(JSON.stringify({ type: 'ready' }));
}

// ws keeps its TCP socket to itself, but has called it _socket since version 3.
const tcp = (socket) => socket._socket;

// Data that arrives while nobody reads stays in the kernel, so that close()
// finds it unread there. pause() alone goes on reading into a buffer of 64 KiB.
function leaveUnread(socket, holdMs) {
  tcp(socket)._handle.readStop();
  ready(socket);
  setTimeout(() => tcp(socket).destroy(), holdMs);
}

function chatter(socket, everyMs) {
  const timer = setInterval(() => {
    socket.send(JSON.stringify({ type: 'said', text: 'anyone there?' }));
  }, everyMs);
  socket.on('close', () => clearInterval(timer));
}

function eatMemory() {
  const eaten = [];
  setInterval(() => eaten.push(Buffer.alloc(8 << 20, 1)), 5);
}

const WAYS = {
  close: (socket, order) => (order.code ? socket.close(order.code, order.reason) : socket.close()),
  drop: (socket) => socket.terminate(),
  unread: (socket, order) => leaveUnread(socket, order.hold_ms),
  reset: (socket) => tcp(socket).resetAndDestroy(),
  raw: (socket, order) => tcp(socket).write(Buffer.from(order.hex, 'hex')),
  raw_then_end: (socket, order) => tcp(socket).end(Buffer.from(order.hex, 'hex')),
  chatter: (socket, order) => chatter(socket, order.hold_ms),
  exit: (socket, order) => process.exit(order.code),
  throw: () => setImmediate(() => { throw new Error('unhandled in the chat handler'); }),
  abort: () => process.abort(),
  eat_memory: eatMemory,
};

function breakUp(socket, order) {
  const way = WAYS[order.how];
  if (way) {
    way(socket, order);
  } else {
    socket.close(1008, 'unknown order');
  }
}

module.exports = { breakUp };
