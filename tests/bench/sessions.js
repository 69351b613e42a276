// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Many sessions: what idle ones cost, and what happens when a server with very
// many of them is killed.

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { PROGRAMS, cpuSeconds, residentKiB, startTracer, stop } = require('./setting');
const { sleep, until, within } = require('../e2e/wait');

const PORTS = [8080, 8000, 3000, 443, 80]; // chat ports by default, a server for each
// Not every machine lets a process have more than 20,000 descriptors.
const FILES = Number(/Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1]);
const IDLE = 50000;
const LOST = Math.min(20000, FILES - 20);
const WATCHED_S = 5;

async function open(setting, connections, port = PORTS[0]) {
  const load = setting.start([path.join(PROGRAMS, 'load'), 'idle', '--port', String(port), '--connections', String(connections)]);
  const lines = readline.createInterface({ input: load.stdout })[Symbol.asyncIterator]();
  const { value } = await within(lines.next(), 90000, `${connections} connections`);
  if (!value) {
    throw new Error(`load: ${load.said.trim()}`);
  }
  return { load, server: JSON.parse(value).server };
}

// Everything that the kernel allocates by size, in KiB.
function kernelKiB() {
  return fs.readFileSync('/proc/slabinfo', 'utf8').split('\n').filter((line) => /^kmalloc-/.test(line))
    .map((line) => line.split(/\s+/)).reduce((sum, f) => sum + f[1] * f[3] / 1024, 0);
}

async function openIdle(setting) {
  const before = kernelKiB();
  const loads = [];
  for (const port of PORTS) {
    loads.push((await open(setting, IDLE / PORTS.length, port)).load);
  }
  await sleep(500);
  return { loads, used: kernelKiB() - before };
}

async function close(loads) {
  await Promise.all(loads.map((load) => stop(load, 'SIGTERM')));
  await sleep(3000); // sockets are freed after a grace period
}

async function idle(setting) {
  const bare = await openIdle(setting);
  await close(bare.loads);
  const tracer = await startTracer();
  const rss = residentKiB(tracer.pid);
  const traced = await openIdle(setting);
  await sleep(2000);
  const cpu = cpuSeconds(tracer.pid);
  await sleep(WATCHED_S * 1000);
  const result = {
    sessions: IDLE,
    user_cpu_seconds: cpuSeconds(tracer.pid) - cpu,
    watched_seconds: WATCHED_S,
    rss_mib: residentKiB(tracer.pid) / 1024,
    user_bytes: (residentKiB(tracer.pid) - rss) * 1024 / IDLE,
    kernel_bytes_both_ends: (traced.used - bare.used) * 1024 / IDLE,
  };
  result.kernel_bytes_one_end = result.kernel_bytes_both_ends / 2;
  await close(traced.loads);
  await stop(tracer);
  return result;
}

async function lost(setting) {
  const tracer = await startTracer([], { stdout: 'pipe' });
  const rss = residentKiB(tracer.pid);
  const counts = {};
  let last = 0;
  let incident = null;
  readline.createInterface({ input: tracer.stdout }).on('line', (line) => {
    const name = /"event":\{"name":"(\w+)"/.exec(line)[1];
    const about = line.includes('/bench') || name !== 'session_end';
    counts[name] = (counts[name] || 0) + (about ? 1 : 0);
    last = name === 'session_end' && about ? Date.now() : last;
    incident = name === 'incident' ? incident || Date.now() : incident;
  });
  const { load, server } = await open(setting, LOST);
  await sleep(500);
  const full = residentKiB(tracer.pid);
  const killed = Date.now();
  process.kill(server, 'SIGKILL');
  await until(() => counts.session_end >= LOST, 30000);
  await until(() => incident, 3000);
  await within(load.ended, 30000, 'the client');
  await sleep(8000);
  const after = residentKiB(tracer.pid);
  await stop(tracer);
  return {
    sessions: LOST,
    ends: counts.session_end || 0,
    incidents: counts.incident || 0,
    agent_lines: counts.agent || 0,
    lines_seconds: (last - killed) / 1000,
    incident_seconds: incident ? (incident - killed) / 1000 : null,
    rss_mib: { start: rss / 1024, open: full / 1024, after: after / 1024 },
    said: tracer.said.split('\n').filter((line) => /lost|sessions:/.test(line)),
  };
}

async function measure(setting) {
  return { idle: await idle(setting), lost: await lost(setting) };
}

function show({ idle: i, lost: l }, print) {
  print(`${i.sessions} idle sessions: ${(i.user_cpu_seconds * 1000).toFixed(1)} ms of CPU in ${i.watched_seconds} s (bar 0);`
    + ` RSS ${i.rss_mib.toFixed(0)} MiB (bar 96), ${i.user_bytes.toFixed(0)} bytes a session (bar 1024);`
    + ` kernel ${i.kernel_bytes_one_end.toFixed(0)} bytes a socket (bar 1024), both ends on this host ${i.kernel_bytes_both_ends.toFixed(0)}`);
  print(`${l.sessions} sessions lost at once: ${l.ends} ends, ${l.incidents} incident(s), lines out in ${l.lines_seconds.toFixed(2)} s,`
    + ` incident in ${l.incident_seconds} s (bar 3); RSS ${l.rss_mib.start.toFixed(0)} -> ${l.rss_mib.open.toFixed(0)} -> ${l.rss_mib.after.toFixed(0)} MiB`);
  l.said.forEach((line) => print(`  ${line}`));
}

module.exports = { measure, show };
