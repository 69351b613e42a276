// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Child processes inside a namespace (null: the caller's). `ip netns exec` and `setpriv` both end
// in exec, so that the child's pid is the pid of the program itself.

const { spawn } = require('child_process');

const live = new Set();

function start(namespace, argv, { env = {}, cwd, ipc = false, stdin = 'ignore' } = {}) {
  const enter = namespace ? ['ip', 'netns', 'exec', namespace.name] : [];
  const [program, ...rest] = [...enter, 'setpriv', '--pdeathsig', 'KILL', '--', ...argv];
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: [stdin, 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])],
  });
  child.title = argv.slice(0, 2).join(' ');
  child.output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => { child.output += text; });
  }
  live.add(child);
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => { child.output += error.message; resolve(); });
    child.on('exit', () => { live.delete(child); resolve(); });
  });
  return child;
}

function waitForOutput(child, pattern, limitMs) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`said nothing like ${pattern} within ${limitMs} ms`), limitMs);
    const fail = (why) => {
      finish();
      reject(new Error(`${child.title} ${why}: ${child.output.trim()}`));
    };
    const look = () => {
      const match = pattern.exec(child.output);
      if (match) {
        finish();
        resolve(match);
      }
    };
    const died = () => fail('ended too early');
    const finish = () => {
      clearTimeout(timer);
      child.stdout.off('data', look);
      child.stderr.off('data', look);
      child.off('exit', died);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.on('exit', died);
    look();
  });
}

async function stop(child, signal = 'SIGTERM', limitMs = 3000) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  await child.ended;
  clearTimeout(timer);
}

// Orderly, so that every parent reaps its own children.
function stopAll() {
  return Promise.all([...live].map((child) => stop(child)));
}

// For the way out: no waiting, nothing survives.
function killAll() {
  for (const child of live) {
    child.kill('SIGKILL');
  }
}

module.exports = { killAll, start, stop, stopAll, waitForOutput };
