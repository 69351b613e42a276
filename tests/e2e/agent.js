// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// This side of an agent: a process in a namespace whose methods can be called.

const path = require('path');
const child = require('./child');
const { within } = require('./wait');

const CALL_LIMIT_MS = 20000;

class Agent {
  constructor(namespace, script, env) {
    const file = path.join(__dirname, 'agents', script);
    this.child = child.start(namespace, [process.execPath, file], { env, ipc: true });
    this.namespace = namespace;
    this.calls = new Map();
    this.lastCall = 0;
    this.child.on('message', (message) => this.receive(message));
    this.child.ended.then(() => this.fail('ended'));
    this.ready = new Promise((resolve) => { this.becomeReady = resolve; });
  }

  get pid() {
    return this.child.pid;
  }

  receive({ ready, id, result, error }) {
    if (ready) {
      this.becomeReady();
      return;
    }
    const call = this.calls.get(id);
    this.calls.delete(id);
    if (error) {
      call.reject(new Error(error));
    } else {
      call.resolve(result);
    }
  }

  fail(why) {
    this.gone = `${this.child.title} ${why}`;
    for (const call of this.calls.values()) {
      call.reject(new Error(`${this.child.title} ${why}: ${this.child.output.trim()}`));
    }
    this.calls.clear();
  }

  async call(method, ...args) {
    await within(this.ready, CALL_LIMIT_MS, `${this.child.title} start`);
    if (this.gone) {
      throw new Error(this.gone);
    }
    const id = ++this.lastCall;
    const answer = new Promise((resolve, reject) => { this.calls.set(id, { resolve, reject }); });
    this.child.send({ id, method, args });
    return within(answer, CALL_LIMIT_MS, `${method}(${args.slice(0, 2)})`);
  }

  stop() {
    return child.stop(this.child, 'SIGTERM');
  }
}

module.exports = { Agent };
