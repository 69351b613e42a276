// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The network of one scenario, with addresses of its own, so that every line
// about them belongs to that scenario. Namespaces and links come into being
// when they are first asked for:
//
//   client ── edge (a load balancer that is not ours) ── proxy ── backend
//     ├──────────────────────────────────────────────────┘          │
//     ├──────────────────────── (direct) ───────────────────────────┤
//     └──────────────── wire (tools/middlebox.py) ──────────────────┘

const fs = require('fs');
const net = require('net');
const path = require('path');
const child = require('../e2e/child');
const { Namespace, link, ownName } = require('../e2e/netns');
const { sleep, until } = require('../e2e/wait');

// Each run takes one half of 198.18.0.0/15 for itself, as long as it lives. The first
// 90 networks of either are left to other tests.
const HALVES = ['198.18', '198.19'];
const FIRST = 90;
const MOST = 255 - FIRST;

// A scenario has a quarter of such a network: 64 addresses, 8 for each pair of neighbours.
const QUARTERS = 4;
const QUARTER = 256 / QUARTERS;

// Each pair of neighbours: the last byte of the address at either end.
const LINKS = {
  'client-proxy': [1, 2],
  'proxy-backend': [9, 10],
  'client-backend': [17, 18],
  'client-edge': [25, 26],
  'edge-proxy': [33, 34],
};
const WIRE = [41, 42];

let half;

// The claim is a socket in the abstract namespace, which no crash leaves behind.
async function claimAddresses() {
  for (const candidate of HALVES) {
    const claim = net.createServer();
    const free = await new Promise((resolve) => {
      claim.on('error', () => resolve(false)).listen(`\0wstrace-lab-${candidate}`, () => resolve(true));
    });
    if (free) {
      claim.unref();
      half = candidate;
      return;
    }
  }
  throw new Error('two labs are running already, and all addresses are in use');
}

class World {
  constructor(number, folder) {
    this.number = number;
    if (number >= QUARTERS * MOST) {
      throw new Error(`no more than ${QUARTERS * MOST} scenarios have addresses`);
    }
    this.network = `${half}.${FIRST + number % MOST}`;
    this.offset = QUARTER * Math.floor(number / MOST);
    this.folder = path.join(folder, `world-${number}`);
    fs.mkdirSync(this.folder);
    fs.chmodSync(this.folder, 0o755);
    this.namespaces = new Map();
    this.links = new Set();
    this.cgroups = [];
    this.children = [];
    this.endings = [];
    this.farewells = [];
  }

  onStop(work) {
    this.endings.push(work);
  }

  host(last) {
    return `${this.network}.${this.offset + last}`;
  }

  // Does this text (of a line) speak of an address of this world?
  owns(text) {
    return text.split(`"${this.network}.`).slice(1).some((rest) => {
      const last = parseInt(rest, 10) - this.offset;
      return last >= 0 && last < QUARTER;
    });
  }

  // A namespace has the sysctls of its role from its first connection on.
  namespace(role, sysctls = {}) {
    if (!this.namespaces.has(role)) {
      this.namespaces.set(role, new Namespace(`${this.number}-${role}`, sysctls));
    }
    return this.namespaces.get(role);
  }

  // Where `from` reaches `to`.
  address(from, to) {
    const name = LINKS[`${from}-${to}`] ? `${from}-${to}` : `${to}-${from}`;
    const [a, b] = name.split('-');
    const ends = LINKS[name].map((last) => this.host(last));
    if (!this.links.has(name)) {
      this.links.add(name);
      link(this.namespace(a), `to-${b}`, `${ends[0]}/29`, this.namespace(b), `to-${a}`, `${ends[1]}/29`);
    }
    return ends[to === b ? 1 : 0];
  }

  // A wire between two roles that can be told to misbehave.
  async wire(from, to, options = {}) {
    const [a, b] = WIRE.map((last) => this.host(last));
    const switches = Object.entries(options).map(([name, value]) => `--${name.replace(/_/g, '-')}=${value}`);
    const argv = ['/usr/bin/python3', path.join(__dirname, 'tools/middlebox.py'),
      this.namespace(from).name, a, this.namespace(to).name, b, ...switches];
    const box = child.start(this.namespace(from), argv, { stdin: 'pipe' });
    this.adopt(box, 'middlebox');
    await child.waitForOutput(box, /carrying/, 10000);
    return {
      address: b,
      set: (name, value) => {
        box.stdin.write(`set ${name} ${value}\n`);
        return child.waitForOutput(box, new RegExp(`set ${name} ${value}\n`), 5000);
      },
    };
  }

  adopt(started, title) {
    started.title = title;
    this.children.push(started);
    return started;
  }

  // A process in the namespace of a role, in that cgroup if one is named. It goes there
  // by itself, before it can open a socket; `ip netns exec` hides the cgroups from it.
  start(role, argv, { title, cgroup, ...options } = {}) {
    const enter = cgroup ? ['/bin/sh', '-c', 'echo $$ >"$0" && exec "$@"',
      `/proc/${process.pid}/root${cgroup}/cgroup.procs`] : [];
    const started = child.start(this.namespace(role), [...enter, ...argv], { cwd: this.folder, ...options });
    return this.adopt(started, title || path.basename(argv[0]));
  }

  limitMemory(pid, bytes) {
    const v1 = '/sys/fs/cgroup/memory';
    const isV1 = fs.existsSync(`${v1}/memory.limit_in_bytes`);
    const group = path.join(isV1 ? v1 : '/sys/fs/cgroup', ownName(`memory-${this.number}`));
    fs.mkdirSync(group);
    this.cgroups.push(group);
    fs.writeFileSync(path.join(group, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), `${bytes}`);
    fs.writeFileSync(path.join(group, 'cgroup.procs'), `${pid}`);
  }

  // What everything here had to say, for those who compare.
  logs() {
    const files = fs.readdirSync(this.folder, { recursive: true })
      .filter((name) => name.endsWith('.log'))
      .map((name) => [name, fs.readFileSync(path.join(this.folder, name), 'utf8')]);
    return [...this.children.map((c) => [c.title, c.output]), ...files]
      .filter(([, text]) => text.trim());
  }

  // Orderly, so that every parent reaps its own children: not every init does.
  async stop() {
    await Promise.all(this.farewells.map((farewell) => farewell().catch(() => {})));
    await Promise.all(this.children.map((c) => {
      // A stopped process does not hear SIGTERM.
      c.kill('SIGCONT');
      if (c.title === 'nginx') {
        return child.stop(c, 'SIGTERM', 1500);
      }
      const below = childrenOf(c.pid);
      below.forEach((pid) => attempt(() => process.kill(pid, 'SIGKILL')));
      return (below.length ? sleep(100) : Promise.resolve()).then(() => child.stop(c, 'SIGKILL'));
    }));
    this.remove();
  }

  remove() {
    this.endings.splice(0).forEach((work) => attempt(work));
    for (const namespace of this.namespaces.values()) {
      attempt(() => namespace.remove());
    }
    this.namespaces.clear();
    for (const group of this.cgroups.splice(0)) {
      attempt(() => fs.rmdirSync(group), 20);
    }
  }
}

function childrenOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

// A cgroup is busy until its last process has been reaped.
function attempt(work, times = 1) {
  for (let i = 1; ; i++) {
    try {
      return work();
    } catch (error) {
      if (i >= times) {
        return process.stderr.write(`cleaning up: ${error.message}\n`);
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

// Waits until that process's namespace has a listener on the port.
async function listening(pid, port) {
  const wanted = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F:]+ 0A `);
  const found = await until(() => ['tcp', 'tcp6'].some((file) => {
    try {
      return wanted.test(fs.readFileSync(`/proc/${pid}/net/${file}`, 'utf8'));
    } catch {
      return false;
    }
  }), 10000);
  if (!found) {
    throw new Error(`nobody listens on port ${port}`);
  }
}

module.exports = { World, childrenOf, claimAddresses, listening };
