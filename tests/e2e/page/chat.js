// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The browser's side of the chat: plain WebSocket objects, and what their
// events said, kept for whoever drives the page.

const sessions = new Map();

function plainClose(event) {
  return { code: event.code, wasClean: event.wasClean, reason: event.reason };
}

function openSession(id, url, protocols) {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = 'arraybuffer';
  const session = { socket, messages: [], waiting: [] };
  session.closed = new Promise((resolve) => {
    socket.onclose = (event) => resolve(plainClose(event));
  });
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    const index = session.waiting.findIndex((waiter) => waiter.type === message.type);
    if (index >= 0) {
      session.waiting.splice(index, 1)[0].resolve(message);
    } else {
      session.messages.push(message);
    }
  };
  sessions.set(id, session);
  return new Promise((resolve) => {
    socket.onopen = () => resolve({ opened: true });
    session.closed.then((close) => resolve({ opened: false, close }));
  });
}

function nextMessage(id, type) {
  const session = sessions.get(id);
  const index = session.messages.findIndex((message) => message.type === type);
  if (index >= 0) {
    return session.messages.splice(index, 1)[0];
  }
  return new Promise((resolve) => { session.waiting.push({ type, resolve }); });
}

function sendText(id, text) {
  sessions.get(id).socket.send(text);
}

function sendBinary(id, size) {
  sessions.get(id).socket.send(new Uint8Array(size));
}

function closeSession(id, ...codeAndReason) {
  sessions.get(id).socket.close(...codeAndReason);
}

function sessionClosed(id) {
  return sessions.get(id).closed;
}
