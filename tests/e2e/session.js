// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// One WebSocket session of a scenario, whichever kind of client holds it.

const { OPCODE, closePayload, frame } = require('./frames');
const { within } = require('./wait');

let lastId = 0;

class Session {
  constructor(agent, path) {
    this.id = `s${++lastId}`;
    this.agent = agent;
    this.path = path;
    this.opened = false;
    this.event = null;
    this.key = null;
  }

  call(method, ...args) {
    return this.agent.call(method, this.id, ...args);
  }

  async open(url, options) {
    const result = await this.call('open', url, options);
    this.opened = result.opened;
    this.key = result.key || null;
    this.event = result.close || null;
    this.error = result.error;
    return this;
  }

  next(type) {
    return this.call('next', type);
  }

  say(text) {
    return this.call('send', JSON.stringify({ type: 'say', text }));
  }

  // Asks the backend to end the session in one of its ways.
  order(how, details = {}) {
    return this.call('send', JSON.stringify({ type: 'break', how, ...details }));
  }

  close(...codeAndReason) {
    return this.call('close', ...codeAndReason);
  }

  // What the client's API reports in the end.
  async closed(limitMs = 15000) {
    this.event = await within(this.call('closed'), limitMs, `close event of ${this.path}`);
    return this.event;
  }

  forget() {
    return this.call('forget').catch(() => {});
  }
}

// A client without an API: bytes of our making, nothing answered by itself.
class RawSession extends Session {
  async open(url, options) {
    const result = await this.call('rawOpen', url, options);
    this.opened = result.opened;
    this.key = result.key;
    return this;
  }

  write(bytes) {
    return this.call('rawWrite', bytes.toString('hex'));
  }

  async next(type) {
    const wanted = Buffer.from(`"type":"${type}"`).toString('hex');
    for (let i = 0; i < 100; i++) {
      if ((await this.call('rawReceived')).includes(wanted)) {
        return;
      }
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    throw new Error(`${this.path}: no "${type}" message`);
  }

  order(how, details = {}) {
    return this.write(frame(OPCODE.text, JSON.stringify({ type: 'break', how, ...details })));
  }

  close(code, reason) {
    return this.write(frame(OPCODE.close, closePayload(code, reason)));
  }

  end() {
    return this.call('rawEnd');
  }

  destroy() {
    return this.call('rawDestroy');
  }

  ended(limitMs = 15000) {
    return within(this.call('rawEnded'), limitMs, `end of ${this.path}`);
  }

  forget() {
    return this.call('rawForget').catch(() => {});
  }
}

module.exports = { RawSession, Session };
