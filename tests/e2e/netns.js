// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Network namespaces, the links between them and the packet filter in them.
// Every name carries the owner's pid, so that runs beside each other never
// meet and the remains of a run that was killed can be told and swept.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync } = require('child_process');

const PREFIX = 'wse2e';
const NAME = new RegExp(`^${PREFIX}-(\\d+)(-|$)`);

// Where a memory limit can be set, version 1 before version 2.
const CGROUP_ROOTS = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'];

function run(command, args, input) {
  try {
    return execFileSync(command, args, {
      input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], timeout: 10000,
    });
  } catch (error) {
    const why = (error.stderr || error.message).trim();
    throw new Error(`${command} ${args.join(' ')}: ${why}`);
  }
}

function list() {
  return run('ip', ['netns', 'list']).split('\n').map((line) => line.split(' ')[0]).filter(Boolean);
}

function remove(name) {
  for (const pid of run('ip', ['netns', 'pids', name]).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself in the meantime.
    }
  }
  run('ip', ['netns', 'del', name]);
}

// The name of something that belongs to this run.
function ownName(role) {
  return `${PREFIX}-${process.pid}-${role}`;
}

function isLeftOver(name) {
  const owner = NAME.exec(name);
  return Boolean(owner) && !fs.existsSync(`/proc/${owner[1]}`);
}

function leftOvers(folder) {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return names.filter(isLeftOver).map((name) => path.join(folder, name));
}

// What runs whose process is gone could not clean up themselves.
function sweep() {
  list().filter(isLeftOver).forEach(remove);
  leftOvers(os.tmpdir()).forEach((folder) => fs.rmSync(folder, { recursive: true, force: true }));
  CGROUP_ROOTS.flatMap(leftOvers).forEach((group) => fs.rmdirSync(group));
}

class Namespace {
  constructor(role, sysctls = {}) {
    this.role = role;
    this.name = ownName(role);
    run('ip', ['netns', 'add', this.name]);
    this.ip('link', 'set', 'lo', 'up');
    for (const [key, value] of Object.entries(sysctls)) {
      this.run('sysctl', '-qw', `${key}=${value}`);
    }
    this.nft(`add table inet wse2e
      add chain inet wse2e input { type filter hook input priority 0; }
      add chain inet wse2e output { type filter hook output priority 0; }`);
  }

  run(command, ...args) {
    return run('ip', ['netns', 'exec', this.name, command, ...args]);
  }

  ip(...args) {
    return run('ip', ['-n', this.name, ...args]);
  }

  nft(text) {
    return run('ip', ['netns', 'exec', this.name, 'nft', '-a', '-e', '-f', '-'], text);
  }

  addAddress(device, address) {
    this.ip('address', 'add', address, 'dev', device);
  }

  // Frames for this address go to a station that does not exist: no answer,
  // no ICMP error, and no packet filter involved either.
  addDeadNeighbour(device, address) {
    this.ip('neighbour', 'replace', address, 'lladdr', '02:00:00:00:00:ff',
      'nud', 'permanent', 'dev', device);
  }

  // Drops what matches; returns the function that lets it through again.
  drop(chain, match) {
    const echo = this.nft(`add rule inet wse2e ${chain} ${match} drop`);
    const handle = /# handle (\d+)/.exec(echo)[1];
    return () => this.nft(`delete rule inet wse2e ${chain} handle ${handle}`);
  }

  remove() {
    remove(this.name);
  }
}

function link(a, deviceA, addressA, b, deviceB, addressB) {
  a.ip('link', 'add', deviceA, 'type', 'veth', 'peer', 'name', deviceB, 'netns', b.name);
  a.addAddress(deviceA, addressA);
  b.addAddress(deviceB, addressB);
  a.ip('link', 'set', deviceA, 'up');
  b.ip('link', 'set', deviceB, 'up');
}

module.exports = { CGROUP_ROOTS, Namespace, link, ownName, sweep };
