// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A client that makes its own bytes: the opening handshake, and then whatever
// it is told to write. It answers nothing by itself, not even a Close frame.

const net = require('net');
const { newKey, upgradeRequest } = require('../frames');

const sockets = new Map();

// The opening handshake, behind `ahead`, in pieces of `slice` bytes if that is given.
async function ask(socket, url, key, { headers = {}, ahead = '', slice }) {
  const bytes = Buffer.concat([Buffer.from(ahead, 'latin1'), Buffer.from(upgradeRequest(url, key, headers))]);
  for (let at = 0; at < bytes.length; at += slice || bytes.length) {
    socket.write(bytes.subarray(at, at + (slice || bytes.length)));
    await new Promise((resolve) => { setTimeout(resolve, slice ? 2 : 0); });
  }
}

// first: what is said before on the same connection, each with an answer that is awaited.
function open(id, address, { first = [], ...how } = {}) {
  const url = new URL(address);
  const key = newKey();
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const socket = net.connect({ host, port: Number(url.port), allowHalfOpen: true });
  const state = { socket, received: Buffer.alloc(0) };
  sockets.set(id, state);
  socket.setNoDelay(true);
  socket.on('data', (data) => { state.received = Buffer.concat([state.received, data]); });
  state.ended = new Promise((resolve) => {
    socket.on('error', (error) => resolve({ how: error.code }));
    socket.on('end', () => resolve({ how: 'fin' }));
    socket.on('close', () => resolve({ how: 'closed' }));
  });
  const ahead = [].concat(first);
  let asked = false;
  const goOn = () => {
    state.received = Buffer.alloc(0);
    asked = !ahead.length;
    return asked ? ask(socket, url, key, how) : socket.write(ahead.shift(), 'latin1');
  };
  socket.on('connect', goOn);
  return new Promise((resolve) => {
    socket.on('data', () => {
      if (!asked) {
        goOn();
        return;
      }
      // behind the rest of the first answer, if that came in pieces
      const head = /HTTP\/1\.1 (\d+)[^]*?\r\n\r\n/.exec(state.received.toString('latin1'));
      if (head) {
        resolve({ opened: head[1] === '101', status: Number(head[1]), key });
      }
    });
    state.ended.then((end) => resolve({ opened: false, key, ...end }));
  });
}

const socketOf = (id) => sockets.get(id).socket;

const methods = {
  rawOpen: open,
  rawWrite: (id, hex) => { socketOf(id).write(Buffer.from(hex, 'hex')); },
  rawEnded: (id) => sockets.get(id).ended,
  rawReceived: (id) => sockets.get(id).received.toString('hex'),
  rawEnd: (id) => { socketOf(id).end(); },
  rawDestroy: (id) => { socketOf(id).destroy(); },
  rawForget: (id) => {
    if (sockets.has(id)) {
      socketOf(id).destroy();
      sockets.delete(id);
    }
  },
};

module.exports = { methods };
