// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A Socket.IO 4 client: usage: socketio.js URL [JSON], the JSON being options of
// the library's, and sayBytes: how long a message to send after the open; mute:
// send nothing more, not even answers to pings, like the timers of a hidden tab.
// Prints "open" and "closed: REASON".

const { io } = require('socket.io-client');

const { sayBytes, mute, ...options } = JSON.parse(process.argv[3] || '{}');
const socket = io(process.argv[2], { reconnection: false, transports: ['websocket'], ...options });
socket.on('connect', () => {
  process.stdout.write('open\n');
  if (mute) {
    socket.io.engine._sendPacket = () => {};
  }
  if (sayBytes) {
    socket.emit('say', 'x'.repeat(sayBytes));
  }
});
socket.on('connect_error', (error) => process.stdout.write(`closed: ${error.message}\n`));
socket.on('disconnect', (reason) => process.stdout.write(`closed: ${reason}\n`));
// What a page does when it is left.
process.on('SIGTERM', () => socket.close());
