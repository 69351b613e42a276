// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// From the start to the line "tracing", and from the end of a session in the
// kernel to its line on stdout, beyond the stated wait for other legs and
// trailing records. The scheduling of the process that reads is part of it.

const readline = require('readline');
const { startTracer, stop } = require('./setting');
const { sleep } = require('../e2e/wait');
const { quantile, summary } = require('./statistics');

const PORT = 8080;
const STARTS = 5;
const SESSIONS = 1000;
const WAIT_MS = 20; // TRACK_SETTLE_NS of user/track/track.h

async function starts() {
  const times = [];
  for (let i = 0; i < STARTS; i++) {
    const begin = performance.now();
    const tracer = await startTracer();
    times.push(performance.now() - begin);
    await stop(tracer);
  }
  return summary(times);
}

async function lines(setting) {
  const tracer = await startTracer(['--all', '--port', String(PORT)], { stdout: 'pipe' });
  const delays = { session_open: [], session_end: [] };
  readline.createInterface({ input: tracer.stdout }).on('line', (text) => {
    const now = performance.timeOrigin + performance.now() - WAIT_MS;
    const line = JSON.parse(text);
    if (delays[line.event.name]) {
      delays[line.event.name].push(now - new Date(line.timestamp).getTime() - Number(line.timestamp.slice(23, 26)) / 1000);
    }
  });
  await setting.load(['churn', '--port', PORT, '--connections', 4, '--total', SESSIONS]);
  await sleep(2500);
  await stop(tracer);
  const row = (values) => ({ lines: values.length, p50: quantile(values, 0.5), p99: quantile(values, 0.99) });
  return { open: row(delays.session_open), end: row(delays.session_end) };
}

async function measure(setting) {
  return { start_ms: await starts(), line_ms: await lines(setting) };
}

function show({ start_ms: s, line_ms: l }, print) {
  print(`start to attached: ${s.median.toFixed(0)} ms (${s.low.toFixed(0)}..${s.high.toFixed(0)}, bar 300)`);
  for (const [name, r] of Object.entries(l)) {
    print(`kernel event to line, session_${name}, beyond the wait of ${WAIT_MS} ms: p50 ${r.p50.toFixed(1)} ms, p99 ${r.p99.toFixed(1)} ms (bar 10; ${r.lines} lines)`);
  }
}

module.exports = { measure, show };
