// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Cost of one packet in the programs that see every packet, as a ratio to an
// empty program attached to the same packets at the same time.

const { ProgramCost, difference, startTracer, stop } = require('./setting');
const { summary } = require('./statistics');

const PORT = 8080; // a chat port by default
const OTHER_PORT = 7777;

// Few connections on one CPU: everything stays in its caches. Many connections, their two ends on
// two CPUs: what is kept for each of them has to come from far away.
const NEAR = ['--one-cpu', '--connections', 1];
const FAR = ['--connections', 200];

const cases = [
  { name: 'tracked, 64 B, near', load: ['--port', PORT, ...NEAR], bar: 3.0 },
  { name: 'tracked, 4 KiB, near', load: ['--port', PORT, '--bytes', 4096, ...NEAR], bar: 3.0 },
  { name: 'tracked, 64 B, far', load: ['--port', PORT, ...FAR] },
  { name: 'not WebSocket, near', load: ['--port', OTHER_PORT, '--plain', ...NEAR], bar: 1.5 },
  { name: 'not WebSocket, far', load: ['--port', OTHER_PORT, '--plain', ...FAR] },
  {
    name: 'port not traced (--port), near', tracer: ['--port', PORT], bar: 1.5,
    load: ['--port', OTHER_PORT, '--plain', ...NEAR],
  },
  {
    name: 'port not traced (--port), far', tracer: ['--port', PORT], bar: 1.5,
    load: ['--port', OTHER_PORT, '--plain', ...FAR],
  },
];

const perRun = (sums, ...names) => {
  const parts = names.map((name) => sums.get(name));
  return parts.reduce((n, p) => n + p.ns, 0) / parts.reduce((n, p) => n + p.runs, 0);
};

// Either may come first in the order in which the kernel runs them, and pays for cold caches.
async function round(setting, which, tracerFirst, seconds) {
  const args = ['--cgroup', setting.cgroup, ...(which.tracer || [])];
  let tracer = tracerFirst ? await startTracer(args) : null;
  const cost = new ProgramCost(setting);
  await cost.read();
  tracer = tracer || await startTracer(args);
  // Socket storage must be there before the load opens its connections, which it is now.
  const before = await cost.read([tracer.pid]);
  const load = await setting.load(['echo', '--seconds', seconds, ...which.load]);
  const sums = difference(before, await cost.read([tracer.pid]));
  await cost.stop();
  await stop(tracer);
  const empty = perRun(sums, 'empty');
  const read = sums.get('handle_tcp_rcv_');
  return {
    empty,
    ratio: perRun(sums, 'handle_packet') / empty,
    lookup: perRun(sums, 'lookup') / empty,
    clock: perRun(sums, 'clock') / empty,
    read: read && read.runs ? perRun(sums, 'handle_tcp_rcv_') / empty : 0,
    packets_per_message: sums.get('empty').runs / 2 / load.messages,
  };
}

async function packets(setting, { rounds, seconds }) {
  const results = [];
  const all = cases.map(() => []);
  for (let i = 0; i < rounds; i++) {
    for (let c = 0; c < cases.length; c++) {
      all[c].push(await round(setting, cases[c], i % 2 === 0, seconds));
    }
  }
  for (let c = 0; c < cases.length; c++) {
    const of = (key) => summary(all[c].map((r) => r[key]));
    results.push({
      name: cases[c].name,
      ratio: of('ratio'),
      bar: cases[c].bar,
      empty_ns: of('empty'),
      lookup_only: of('lookup'),
      clock_only: of('clock'),
      read_hook: of('read'),
    });
  }
  return results;
}

function show(results, print) {
  print('cost of a packet, ratio to an empty program on the same packets (median, lowest..highest)');
  const cell = (s) => `${s.median.toFixed(2)} (${s.low.toFixed(2)}..${s.high.toFixed(2)})`;
  for (const r of results) {
    print(`  ${r.name.padEnd(32)} ${cell(r.ratio).padEnd(20)} ${r.bar ? `bar ${r.bar.toFixed(1)}` : '       '}  `
      + `empty ${r.empty_ns.median.toFixed(0)} ns`
      + `  look-up alone ${r.lookup_only.median.toFixed(2)}  clock alone ${r.clock_only.median.toFixed(2)}`
      + `  recv() hook ${r.read_hook.median.toFixed(2)}`);
  }
}

module.exports = { measure: packets, show };
