// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Where the load runs: a network namespace with nothing but loopback, and a
// control group of cgroup v2, so that what is attached to it sees no other packet.

const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');
const { execFileSync, spawn } = require('child_process');
const { sleep, until, within } = require('../e2e/wait');

const ROOT = path.resolve(__dirname, '../..');
const BUILD = process.env.WSTRACE_BUILD || path.join(ROOT, 'build');
const WSTRACE = process.env.WSTRACE || path.join(BUILD, 'wstrace');
const PROGRAMS = path.join(BUILD, 'tests/bench');
const PREFIX = 'wsbench';
const SHELL_IN_CGROUP = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
// Third-party tools look for tracefs, which is not mounted everywhere.
const SHELL_WITH_TRACEFS = '[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; exec "$@"';

const live = new Set();

function watch(child) {
  child.said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { child.said += text; });
  live.add(child);
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => { child.said += error.message; resolve(); });
    child.on('close', () => { live.delete(child); resolve(); });
  });
  return child;
}

function isAlive(child) {
  return child.exitCode === null && child.signalCode === null;
}

async function stop(child, signal = 'SIGINT', limitMs = 15000) {
  if (isAlive(child)) {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    await child.ended;
    clearTimeout(timer);
  }
}

function cgroup2Root() {
  const mount = fs.readFileSync('/proc/mounts', 'utf8').split('\n')
    .map((line) => line.split(' ')).find((fields) => fields[2] === 'cgroup2');
  if (!mount) {
    throw new Error('cgroup v2 is not mounted: mount -t cgroup2 none DIRECTORY');
  }
  return mount[1];
}

// Seconds of CPU that a process and those of its children that are gone have used.
function cpuSeconds(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = Number(fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  // utime and stime are in ticks; the scheduler's own account of the first thread is exact
  return Math.max(own, (Number(fields[11]) + Number(fields[12])) / 100)
    + (Number(fields[13]) + Number(fields[14])) / 100;
}

function residentKiB(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

// With its descendants: tshark captures in a child.
function familyOf(pid) {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split(' ').filter(Boolean) : [];
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
}

class Setting {
  constructor() {
    Setting.sweep();
    this.name = `${PREFIX}-${process.pid}`;
    this.cgroup = path.join(cgroup2Root(), this.name);
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), `${this.name}-`));
    fs.mkdirSync(this.cgroup);
    execFileSync('ip', ['netns', 'add', this.name]);
    execFileSync('ip', ['-n', this.name, 'link', 'set', 'lo', 'up']);
    for (const key of ['net.ipv4.ip_local_port_range=10000 65535', 'net.core.somaxconn=8192']) {
      execFileSync('ip', ['netns', 'exec', this.name, 'sysctl', '-qw', key]);
    }
  }

  // What runs that were killed have left.
  static sweep() {
    for (const line of execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n')) {
      const match = new RegExp(`^${PREFIX}-(\\d+)\\b`).exec(line);
      if (match && !fs.existsSync(`/proc/${match[1]}`)) {
        execFileSync('ip', ['netns', 'del', match[0]]);
        fs.rmSync(path.join(cgroup2Root(), match[0]), { recursive: false, force: true });
      }
    }
  }

  // In the namespace; unless told otherwise in the control group too.
  start(argv, { cgroup = true } = {}) {
    const inside = ['ip', 'netns', 'exec', this.name, 'setpriv', '--pdeathsig', 'KILL', '--', ...argv];
    const wrapped = cgroup ? ['sh', '-c', SHELL_IN_CGROUP, this.cgroup, ...inside] : inside;
    return watch(spawn(wrapped[0], wrapped.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  // The load, to its end; what it printed last.
  async load(args, options) {
    const child = this.start([path.join(PROGRAMS, 'load'), ...args.map(String)], options);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => { text += piece; });
    await within(child.ended, 120000, `load ${args.join(' ')}`);
    if (child.exitCode !== 0) {
      throw new Error(`load ${args.join(' ')}: ${child.said.trim() || child.exitCode}`);
    }
    return JSON.parse(text.trim().split('\n').pop());
  }

  close() {
    for (const child of live) {
      child.kill('SIGKILL');
    }
    execFileSync('ip', ['netns', 'del', this.name]);
    fs.rmSync(this.folder, { recursive: true, force: true });
    for (let i = 0; fs.existsSync(this.cgroup) && i < 50; i++) {
      try {
        fs.rmdirSync(this.cgroup);
      } catch {
        execFileSync('sleep', ['0.1']); // its processes are about to end
      }
    }
  }
}

// A tool beside the load, outside of its namespace and control group.
async function startTool(argv, ready, { tracefs = false, stdout = 'ignore' } = {}) {
  const wrapped = tracefs ? ['unshare', '--mount', 'sh', '-c', SHELL_WITH_TRACEFS, 'sh', ...argv] : argv;
  const child = watch(spawn(wrapped[0], wrapped.slice(1), { stdio: ['ignore', stdout, 'pipe'] }));
  if (ready instanceof RegExp) {
    await until(() => ready.test(child.said) || !isAlive(child), 20000, 5);
  } else {
    await sleep(ready);
  }
  if (!isAlive(child) || (ready instanceof RegExp && !ready.test(child.said))) {
    await stop(child, 'SIGKILL');
    throw new Error(`${argv[0]} did not start: ${child.said.trim()}`);
  }
  return child;
}

const startTracer = (args = [], options = {}) => startTool([WSTRACE, 'trace', ...args], /tracing/, options);

// Counters of BPF programs, see program_cost.c.
class ProgramCost {
  constructor(setting) {
    this.child = watch(spawn(path.join(PROGRAMS, 'program_cost'), [setting.cgroup]));
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async read(pids = []) {
    this.child.stdin.write(`${pids.join(' ')}\n`);
    const { value } = await within(this.lines.next(), 10000, 'program_cost');
    if (!value) {
      throw new Error(`program_cost ended: ${this.child.said.trim()}`);
    }
    return JSON.parse(value);
  }

  async stop() {
    this.child.stdin.end();
    await this.child.ended;
  }
}

// By name, both directions of a reference program as one: runs and ns between two readings.
function difference(before, after) {
  const sums = new Map();
  for (const [sign, programs] of [[-1, before], [1, after]]) {
    for (const { name, runs, ns, skipped } of programs) {
      const sum = sums.get(name) || { runs: 0, ns: 0, skipped: 0 };
      sums.set(name, {
        runs: sum.runs + sign * runs, ns: sum.ns + sign * ns, skipped: sum.skipped + sign * skipped,
      });
    }
  }
  return sums;
}

module.exports = {
  BUILD, PROGRAMS, WSTRACE, ProgramCost, Setting, cpuSeconds, difference, familyOf, isAlive, residentKiB,
  startTool, startTracer, stop,
};
