// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A client on reconnecting-websocket: usage: reconnecting.js URL [JSON], the JSON being
// options of the library's. Prints "open" and "closed: CODE" for each connection.

const { WebSocket } = require('ws');
const ReconnectingWebSocket = require('reconnecting-websocket');

const options = JSON.parse(process.argv[3] || '{}');
const socket = new ReconnectingWebSocket(process.argv[2], [], { WebSocket, ...options });
socket.addEventListener('open', () => process.stdout.write('open\n'));
socket.addEventListener('close', ({ code }) => process.stdout.write(`closed: ${code}\n`));
socket.addEventListener('error', () => {});
// What a page does when it is left.
process.on('SIGTERM', () => socket.close());
