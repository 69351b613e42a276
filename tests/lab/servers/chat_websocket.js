// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A chat server on the package `websocket`, started with a JSON object of settings: port; the
// others are the package's own (keepaliveInterval, keepaliveGracePeriod, ...).

const http = require('http');
const { server: WebSocketServer } = require('websocket');

const { port, ...options } = JSON.parse(process.argv[2]);
const httpServer = http.createServer().listen(port);
const chat = new WebSocketServer({ httpServer, autoAcceptConnections: true, ...options });

chat.on('connect', (connection) => {
  connection.sendUTF('{"type":"welcome"}');
  connection.on('message', () => connection.sendUTF('{"type":"said"}'));
});
