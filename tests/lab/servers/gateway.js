// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A gateway that ends WebSocket connections and opens others, with keys of their own, for what they
// carry: { host, port, target, goodbye }. It ends one side when the other one ends, as the simple ones do:
// a client without a word, unless there is a Close code, goodbye, to say.

const { WebSocket, WebSocketServer } = require('ws');

const { host, port, target, goodbye } = JSON.parse(process.argv[2]);

new WebSocketServer({ host, port }).on('connection', (client) => {
  const backend = new WebSocket(`ws://${target}/lab/behind`);
  const early = [];
  client.on('message', (data, isBinary) => (backend.readyState === WebSocket.OPEN
    ? backend.send(data, { binary: isBinary }) : early.push([data, isBinary])));
  backend.on('open', () => early.forEach(([data, isBinary]) => backend.send(data, { binary: isBinary })));
  backend.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
  backend.on('close', () => (goodbye ? client.close(goodbye) : client.terminate()));
  client.on('close', () => backend.terminate());
  backend.on('error', (error) => process.stderr.write(`${error.message}\n`));
});
