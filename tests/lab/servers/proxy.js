// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A reverse proxy on http-proxy, as its README has it: { host, port, target }

const http = require('http');
const httpProxy = require('http-proxy');

const { host, port, target } = JSON.parse(process.argv[2]);
const proxy = httpProxy.createProxyServer({ target, ws: true });

proxy.on('error', (error, request, response) => {
  process.stderr.write(`${error.message}\n`);
  if (response.writeHead) {
    response.writeHead(502).end('bad gateway\n');
  } else {
    response.destroy();
  }
});
const server = http.createServer((request, response) => proxy.web(request, response));
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head));
server.listen(port, host);
