// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Capture with tshark, and what its dissector makes of the capture.

const { execFileSync } = require('child_process');
const child = require('../e2e/child');
const { sleep } = require('../e2e/wait');

const OPCODE_NAMES = {
  0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong',
};
const FIELDS = [
  'tcp.srcport', 'tcp.dstport', 'websocket.opcode', 'websocket.payload_length',
  'websocket.payload_length_ext_16', 'websocket.payload_length_ext_64',
  'websocket.payload.close.status_code',
];

async function startCapture(namespace, port, file, device = 'lo') {
  const capture = child.start(namespace, [
    'tshark', '-q', '-n', '-i', device, '-B', '64', '-f', `tcp port ${port}`, '-w', file,
  ]);
  await child.waitForOutput(capture, /Capturing on/, 15000);
  // It says so a little before the first packet would be kept.
  await sleep(500);
  return capture;
}

async function stopCapture(capture) {
  // Packets reach the file in batches.
  await sleep(1000);
  await child.stop(capture, 'SIGINT', 10000);
  const lost = /(\d+) packets? dropped/.exec(capture.output);
  if (lost && lost[1] !== '0') {
    throw new Error(`tshark lost packets: ${capture.output.trim()}`);
  }
}

// The lengths of all frames of a packet: the 7-bit field of each, and then
// the extended ones in their order, for those frames that have them.
function lengthsOf(short, ext16, ext64) {
  return short.map((length) => {
    if (length === '126') {
      return Number(ext16.shift());
    }
    return Number(length === '127' ? ext64.shift() : length);
  });
}

function addPacket(streams, port, columns) {
  const [source, destination] = columns;
  const [opcodes, short, ext16, ext64, codes] = columns.slice(2)
    .map((column) => (column ? column.split(',') : []));
  const lengths = lengthsOf(short, ext16, ext64);
  const fromClient = Number(destination) === port;
  const client = Number(fromClient ? source : destination);
  if (!streams.has(client)) {
    streams.set(client, { client: newCount(), server: newCount() });
  }
  const count = streams.get(client)[fromClient ? 'client' : 'server'];
  opcodes.forEach((opcode, i) => {
    const name = OPCODE_NAMES[opcode];
    count.frames++;
    count.payloadBytes += lengths[i];
    count.opcodes[name] = (count.opcodes[name] || 0) + 1;
    if (name === 'close' && lengths[i] >= 2) {
      count.closeCode = Number(codes.shift());
    }
  });
}

function newCount() {
  return { frames: 0, payloadBytes: 0, opcodes: {}, closeCode: null };
}

// Map of the client's port to what each end of that stream sent.
function dissect(file, port) {
  const output = execFileSync('tshark', [
    '-n', '-r', file, '-d', `tcp.port==${port},http`, '-o', 'tcp.reassemble_out_of_order:TRUE',
    '-Y', 'websocket', '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field]),
  ], { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 60000, stdio: ['ignore', 'pipe', 'ignore'] });
  const streams = new Map();
  for (const line of output.split('\n').filter(Boolean)) {
    addPacket(streams, port, line.split('\t'));
  }
  return streams;
}

module.exports = { dissect, startCapture, stopCapture };
