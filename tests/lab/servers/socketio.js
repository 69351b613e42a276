// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A Socket.IO 4 server: the argument is a JSON object of its own options, and port.

const { createServer } = require('http');
const { Server } = require('socket.io');

const { port, ...options } = JSON.parse(process.argv[2]);
const server = createServer();
const io = new Server(server, options);
io.on('connection', (socket) => {
  socket.on('say', (text) => io.emit('said', String(text).slice(0, 100)));
  socket.on('disconnect', (reason) => process.stdout.write(`${socket.id} ${reason}\n`));
});
server.listen(port, () => process.stdout.write(`listening on ${port}\n`));
