// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Workers of Node's cluster module: the primary accepts, and hands sockets over to a worker.
// A message {"how":"throw"} is too much for the worker that has it; the primary starts another.

const cluster = require('cluster');
const http = require('http');
const { WebSocketServer } = require('ws');

const { port, workers } = JSON.parse(process.argv[2]);

function serve() {
  const server = http.createServer((request, response) => response.end('chat\n'));
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket) => {
    socket.send(JSON.stringify({ type: 'welcome' }));
    socket.on('message', (text) => {
      if (JSON.parse(text).how === 'throw') {
        throw new Error('nobody catches this');
      }
      socket.send(JSON.stringify({ type: 'said' }));
    });
  });
  server.listen(port);
}

if (cluster.isPrimary) {
  for (let i = 0; i < workers; i++) {
    cluster.fork();
  }
  cluster.on('exit', () => cluster.fork());
} else {
  serve();
}
