// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Which processes may be named for which end of a connection.

const fs = require('fs');
const { ADDRESS } = require('./stack');

function parents() {
  const result = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // The command may hold blanks and parentheses: start after the last one.
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      result.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended while we were looking.
    }
  }
  return result;
}

// The process and everything that descends from it.
function family(root) {
  const parent = parents();
  const members = new Set([root]);
  let before;
  do {
    before = members.size;
    for (const [pid, ppid] of parent) {
      if (members.has(ppid)) {
        members.add(pid);
      }
    }
  } while (members.size > before);
  return members;
}

// A browser's sockets belong to one of its helper processes.
function clientPids(scenario) {
  const { pid } = scenario.agent;
  return scenario.row.client === 'browser' ? family(pid) : new Set([pid]);
}

function expectedPids(scenario, leg) {
  const { row } = scenario;
  const { address } = leg.local;
  if (leg.side === 'client') {
    return address === ADDRESS.proxyToBackend ? new Set(scenario.workers) : scenario.clientPids;
  }
  const atProxy = address === ADDRESS.proxy || (row.ipv6 && row.route === 'nginx' && address === '::1');
  return atProxy ? new Set(scenario.workers) : new Set([scenario.backend.pid]);
}

module.exports = { clientPids, expectedPids };
