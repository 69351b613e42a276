// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// WebSocket frames and handshakes made by hand, for what no library will send.

const crypto = require('crypto');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

function length(size, masked) {
  const maskBit = masked ? 0x80 : 0;
  if (size < 126) {
    return Buffer.from([maskBit | size]);
  }
  if (size < 65536) {
    const short = Buffer.from([maskBit | 126, 0, 0]);
    short.writeUInt16BE(size, 1);
    return short;
  }
  const long = Buffer.alloc(9);
  long[0] = maskBit | 127;
  long.writeBigUInt64BE(BigInt(size), 1);
  return long;
}

function frame(opcode, payload, { fin = true, rsv = 0, masked = true } = {}) {
  const data = Buffer.from(payload);
  const first = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]);
  if (!masked) {
    return Buffer.concat([first, length(data.length, false), data]);
  }
  const key = crypto.randomBytes(4);
  for (let i = 0; i < data.length; i++) {
    data[i] ^= key[i & 3];
  }
  return Buffer.concat([first, length(data.length, true), key, data]);
}

function closePayload(code, reason = '') {
  if (!code) {
    return Buffer.alloc(0);
  }
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code, 0);
  return Buffer.concat([head, Buffer.from(reason)]);
}

function newKey() {
  return crypto.randomBytes(16).toString('base64');
}

function acceptDigest(key) {
  return crypto.createHash('sha1').update(key + GUID).digest();
}

// session.id: the first 16 bytes behind Sec-WebSocket-Accept, in hex.
function sessionId(key) {
  return acceptDigest(key).subarray(0, 16).toString('hex');
}

function upgradeRequest(url, key, headers = {}) {
  const all = {
    Host: url.host,
    ...headers, // before the key, however long they are
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

module.exports = {
  OPCODE, acceptDigest, closePayload, frame, newKey, sessionId, upgradeRequest,
};
