// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What a short connection (connect, upgrade, one message, Close, close) costs
// in the BPF programs of a tool and in the tool itself.

const { ProgramCost, cpuSeconds, difference, startTool, startTracer, stop } = require('./setting');
const { summary } = require('./statistics');

const PORT = 8080;
const TOTAL = 10000;

const tools = [
  { name: 'wstrace trace', start: () => startTracer() },
  { name: 'wstrace trace --all', start: () => startTracer(['--all']) },
  { name: 'tcpstates', start: () => startTool(['tcpstates'], 3000, { tracefs: true }) },
  { name: 'tcplife', start: () => startTool(['tcplife'], 3000, { tracefs: true }) },
];

async function run(setting, tool) {
  const cost = new ProgramCost(setting);
  const running = await tool.start();
  const before = await cost.read([running.pid]);
  const cpu = cpuSeconds(running.pid);
  const load = await setting.load(['churn', '--port', PORT, '--connections', 32, '--total', TOTAL]);
  const sums = difference(before, await cost.read([running.pid]));
  await new Promise((resolve) => { setTimeout(resolve, 1500); }); // what it still has to say
  const own = (cpuSeconds(running.pid) - cpu) * 1e6 / TOTAL;
  const ns = [...sums].filter(([name]) => !['empty', 'lookup', 'clock'].includes(name))
    .reduce((sum, [, program]) => sum + program.ns, 0);
  await stop(running);
  await cost.stop();
  return {
    kernel_us: ns / 1e3 / TOTAL, user_us: own, sum_us: ns / 1e3 / TOTAL + own,
    connection_us: load.cpu_us_per_connection,
  };
}

async function measure(setting, { rounds }) {
  const all = tools.map(() => []);
  for (let i = 0; i < Math.min(rounds, 3); i++) {
    for (let t = 0; t < tools.length; t++) {
      all[t].push(await run(setting, tools[t]));
    }
  }
  return tools.map((tool, t) => {
    const row = { tool: tool.name };
    for (const key of Object.keys(all[t][0])) {
      row[key] = summary(all[t].map((r) => r[key]));
    }
    return row;
  });
}

function show(results, print) {
  print('churn: microseconds for a connection (median, lowest..highest)');
  const cell = (s) => `${s.median.toFixed(1)} (${s.low.toFixed(1)}..${s.high.toFixed(1)})`;
  for (const r of results) {
    print(`  ${r.tool.padEnd(22)} ${cell(r.sum_us).padEnd(20)} BPF programs ${cell(r.kernel_us).padEnd(18)}`
      + ` itself ${cell(r.user_us).padEnd(18)} the connection's own ${r.connection_us.median.toFixed(1)}`);
  }
}

module.exports = { measure, show };
