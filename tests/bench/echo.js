// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What a message costs more while a tool watches: 200 connections, each with
// one message under way. A run with the tool lies between two without; the
// tool's own CPU time counts too.

const path = require('path');
const { PROGRAMS, cpuSeconds, familyOf, startTool, startTracer, stop } = require('./setting');
const { summary } = require('./statistics');

const PORT = 8080;
const FILTER = `tcp port ${PORT}`;

// A part of wstrace's job: segments and bytes of each connection, and how its states change.
const BPFTRACE = `
  tracepoint:tcp:tcp_probe /args->sport == ${PORT} || args->dport == ${PORT}/ {
    @segments[args->sport, args->dport] = count(); @bytes[args->sport, args->dport] = sum(args->data_len);
  }
  tracepoint:sock:inet_sock_set_state /args->sport == ${PORT} || args->dport == ${PORT}/ {
    @states[args->newstate] = count();
  }`;

const inNamespace = (setting, ...argv) => ['ip', 'netns', 'exec', setting.name, ...argv];

const empty = (setting, where) => startTool(
  [path.join(PROGRAMS, 'empty_programs'), setting.cgroup, where], /attached/,
);

// The empty programs are the floor: nothing that sits on these hooks can cost less.
const tools = [
  { name: 'empty program: packets', start: (setting) => empty(setting, 'packets') },
  { name: 'empty program: packets, recv()', start: (setting) => empty(setting, 'both') },
  { name: 'wstrace trace', start: () => startTracer() },
  {
    name: 'tcpdump -w, port filter',
    start: (setting) => startTool(
      inNamespace(setting, 'tcpdump', '-i', 'lo', '-Z', 'root', '-w', path.join(setting.folder, 'tcpdump.pcap'), FILTER),
      /listening on/,
    ),
  },
  {
    name: 'tshark, Close frames',
    start: (setting) => startTool(
      inNamespace(setting, 'tshark', '-n', '-i', 'lo', '-f', FILTER, '-Y', 'websocket.opcode == 8'), /Capturing on/,
    ),
  },
  {
    name: 'bpftrace, segments and states',
    start: () => startTool(['bpftrace', '-e', BPFTRACE], 5000, { tracefs: true }),
  },
];

const cpuOf = (tool) => familyOf(tool.pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);

async function pair(setting, tool, load) {
  const off = [await setting.load(load)];
  const running = await tool.start(setting);
  const before = cpuOf(running);
  const on = await setting.load(load);
  const own = (cpuOf(running) - before) * 1e6 / on.messages;
  await stop(running);
  off.push(await setting.load(load));
  const cost = (off[0].cpu_us_per_message + off[1].cpu_us_per_message) / 2;
  const rate = (off[0].messages_per_second + off[1].messages_per_second) / 2;
  return {
    off_us: cost,
    more_us: on.cpu_us_per_message + own - cost,
    overhead: (on.cpu_us_per_message + own) / cost - 1,
    own_us: own,
    throughput: on.messages_per_second / rate - 1,
  };
}

async function measure(setting, { rounds, seconds }) {
  const results = [];
  for (const bytes of [64, 4096]) {
    const load = ['echo', '--port', PORT, '--bytes', bytes, '--seconds', seconds];
    const all = tools.map(() => []);
    for (let i = 0; i < rounds; i++) {
      for (let t = 0; t < tools.length; t++) {
        all[t].push(await pair(setting, tools[t], load));
      }
    }
    tools.forEach((tool, t) => {
      const row = { tool: tool.name, bytes };
      for (const key of Object.keys(all[t][0])) {
        row[key] = summary(all[t].map((r) => r[key]));
      }
      results.push(row);
    });
  }
  return results;
}

function show(results, print) {
  const percent = (s) => `${(s.median * 100).toFixed(1)} % (${(s.low * 100).toFixed(1)}..${(s.high * 100).toFixed(1)})`;
  print('echo over 200 connections: more CPU time for a message, the tool\'s own included (wstrace: bar 3 %)');
  for (const r of results) {
    print(`  ${String(r.bytes).padStart(5)} B  ${r.tool.padEnd(30)} ${percent(r.overhead).padEnd(26)}`
      + `${r.more_us.median.toFixed(2).padStart(6)} of ${r.off_us.median.toFixed(2)} us, itself ${r.own_us.median.toFixed(2)} us`
      + `   messages/s ${percent(r.throughput)}`);
  }
}

module.exports = { measure, show };
