// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Both ends of a session in one process, and a tally of what each end sent.

const http = require('http');
const net = require('net');
const { WebSocket, WebSocketServer } = require('../e2e/node_modules/ws');
const { acceptDigest, newKey, upgradeRequest } = require('../e2e/frames');
const { sleep } = require('../e2e/wait');

const PORT = 9400;

class Tally {
  constructor() {
    this.opcodes = {};
    this.payloadBytes = 0;
    this.closeCode = null;
  }

  add(opcode, payloadBytes) {
    this.opcodes[opcode] = (this.opcodes[opcode] || 0) + 1;
    this.payloadBytes += payloadBytes;
  }
}

// One end, whose every frame is tallied as it is sent.
class End {
  constructor(socket) {
    this.socket = socket;
    this.sent = new Tally();
    this.received = 0;
    this.closed = new Promise((resolve) => { socket.on('close', resolve); });
    socket.on('error', () => {});
    socket.on('message', () => { this.received++; });
    // ws answers pings and Close frames by itself.
    socket.on('ping', (data) => this.sent.add('pong', data.length));
  }

  message(data, { fin = true, first = true } = {}) {
    const opcode = first ? (typeof data === 'string' ? 'text' : 'binary') : 'continuation';
    this.sent.add(opcode, Buffer.byteLength(data));
    return new Promise((resolve) => { this.socket.send(data, { fin }, resolve); });
  }

  async fragments(...parts) {
    for (const [i, part] of parts.entries()) {
      await this.message(part, { first: i === 0, fin: i === parts.length - 1 });
    }
  }

  ping(data) {
    this.sent.add('ping', data.length);
    return new Promise((resolve) => { this.socket.ping(data, undefined, resolve); });
  }

  pong(data) {
    this.sent.add('pong', data.length);
    return new Promise((resolve) => { this.socket.pong(data, undefined, resolve); });
  }

  // Many frames in one write, and so in one segment.
  async together(work) {
    this.socket._socket.cork();
    const sent = work();
    this.socket._socket.uncork();
    await sent;
  }

  tallyClose(code, reason) {
    this.sent.add('close', code ? 2 + Buffer.byteLength(reason) : 0);
    this.sent.closeCode = code || null;
  }
}

// The closing handshake: ws answers with the very same Close frame.
async function close(from, to, code, reason = '') {
  from.tallyClose(code, reason);
  to.tallyClose(code, reason);
  if (code) {
    from.socket.close(code, reason);
  } else {
    from.socket.close();
  }
  await Promise.all([from.closed, to.closed]);
}

class Server {
  constructor() {
    this.waiting = new Map();
    const options = { noServer: true, maxPayload: 1 << 24 };
    this.plain = new WebSocketServer({ ...options, perMessageDeflate: false });
    this.deflating = new WebSocketServer({ ...options, perMessageDeflate: { threshold: 0 } });
    this.http = http.createServer();
    this.http.on('upgrade', (request, socket, head) => {
      const sockets = request.headers['sec-websocket-extensions'] ? this.deflating : this.plain;
      const [path] = request.url.split('?');
      const arrived = this.waiting.get(path);
      if (arrived.raw) {
        arrived.raw(request, socket);
      } else {
        sockets.handleUpgrade(request, socket, head, (ws) => arrived.resolve(ws));
      }
    });
  }

  listen() {
    return new Promise((resolve) => { this.http.listen(PORT, resolve); });
  }

  expect(path) {
    return new Promise((resolve) => { this.waiting.set(path, { resolve }); });
  }

  // Lets the caller write the answer to the handshake itself.
  expectRaw(path) {
    return new Promise((resolve) => {
      this.waiting.set(path, {
        raw: (request, socket) => {
          const accept = acceptDigest(request.headers['sec-websocket-key']).toString('base64');
          resolve({
            socket,
            answer: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
              + `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          });
        },
      });
    });
  }

  stop() {
    this.http.close();
  }
}

async function pair(server, path, { host = '127.0.0.1', deflate = false } = {}) {
  const arriving = server.expect(path);
  const client = new WebSocket(`ws://${host}:${PORT}${path}`, {
    perMessageDeflate: deflate ? { threshold: 0 } : false,
  });
  const clientEnd = new End(client);
  const serverEnd = new End(await arriving);
  if (client.readyState !== WebSocket.OPEN) {
    await new Promise((resolve) => { client.on('open', resolve); });
  }
  return { client: clientEnd, server: serverEnd, port: client._socket.localPort };
}

// A client of our own making: bytes as they are, each write a segment.
async function rawClient(path, { requestPieces = 1 } = {}) {
  const url = new URL(`ws://127.0.0.1:${PORT}${path}`);
  const socket = net.connect(PORT, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => {});
  await new Promise((resolve) => { socket.on('connect', resolve); });
  const answered = new Promise((resolve) => { socket.once('data', resolve); });
  const closed = new Promise((resolve) => { socket.on('close', resolve); });
  await trickle(socket, Buffer.from(upgradeRequest(url, newKey())), requestPieces);
  await answered;
  return { socket, closed, sent: new Tally(), port: socket.localPort };
}

// In so many pieces of about the same size, with a pause after each.
async function trickle(socket, bytes, pieces, pauseMs = 3) {
  const size = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += size) {
    socket.write(bytes.subarray(at, at + size));
    await sleep(pauseMs);
  }
}

module.exports = { End, PORT, Server, Tally, close, pair, rawClient, trickle };
