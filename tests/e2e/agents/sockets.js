// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// WebSocket clients on the ws library, in this namespace.

const WebSocket = require('ws');
const raw = require('./raw_socket');
const { serve } = require('./rpc');

const sessions = new Map();

function track(id, socket) {
  const session = { socket, messages: [], waiting: [] };
  session.closed = new Promise((resolve) => {
    socket.addEventListener('close', (event) => {
      resolve({ code: event.code, wasClean: event.wasClean, reason: event.reason });
    });
  });
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? { type: 'binary' } : JSON.parse(data);
    const index = session.waiting.findIndex((waiter) => waiter.type === message.type);
    if (index >= 0) {
      session.waiting.splice(index, 1)[0].resolve(message);
    } else {
      session.messages.push(message);
    }
  });
  sessions.set(id, session);
  return session;
}

function open(id, url, { protocols = [], ...options } = {}) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
  const key = socket._req.getHeader('sec-websocket-key');
  const session = track(id, socket);
  return new Promise((resolve) => {
    let error;
    socket.on('error', (e) => { error = e.message; });
    socket.on('open', () => resolve({ opened: true, key }));
    session.closed.then((close) => resolve({ opened: false, close, key, error }));
  });
}

function next(id, type) {
  const session = sessions.get(id);
  const index = session.messages.findIndex((message) => message.type === type);
  if (index >= 0) {
    return session.messages.splice(index, 1)[0];
  }
  return new Promise((resolve) => { session.waiting.push({ type, resolve }); });
}

const socketOf = (id) => sessions.get(id).socket;

serve({
  open,
  next,
  send: (id, text) => socketOf(id).send(text),
  sendBinary: (id, size) => socketOf(id).send(Buffer.alloc(size)),
  // A text frame with whatever bytes: ws does not check what it sends.
  sendTextBytes: (id, hex) => socketOf(id).send(Buffer.from(hex, 'hex'), { binary: false }),
  close: (id, ...how) => socketOf(id).close(...how),
  terminate: (id) => socketOf(id).terminate(),
  reset: (id) => { socketOf(id)._socket.resetAndDestroy(); },
  closed: (id) => sessions.get(id).closed,
  forget: (id) => {
    if (sessions.has(id)) {
      socketOf(id).on('error', () => {});
      socketOf(id).terminate();
      sessions.delete(id);
    }
  },
  ...raw.methods,
});
