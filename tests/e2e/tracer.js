// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// wstrace itself: started once, in the namespace of the caller, for everything.

const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { until } = require('./wait');

const END_EVENTS = new Set(['session_end', 'handshake_failed', 'connect_failed']);

class Tracer {
  constructor(root) {
    this.binary = path.resolve(root, process.env.WSTRACE || 'build/wstrace');
    this.stdout = '';
    this.stderr = '';
    this.unparsed = '';
    this.lines = [];
    this.broken = [];
  }

  async start(extra = []) {
    if (!fs.existsSync(this.binary)) {
      throw new Error(`${this.binary} does not exist: build it, or point WSTRACE at it`);
    }
    this.child = spawn(this.binary, ['trace', '--all', '--format', 'json', ...extra],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(error.message));
      this.child.on('close', (code, signal) => resolve(signal || code));
    });
    this.child.stdout.setEncoding('utf8').on('data', (text) => this.receive(text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    const gone = () => this.child.exitCode !== null;
    await until(() => /tracing/.test(this.stderr) || gone(), 20000);
    if (!/tracing/.test(this.stderr) || gone()) {
      this.kill();
      throw new Error(`wstrace did not start tracing: ${this.stderr.trim()}`);
    }
  }

  receive(text) {
    this.stdout += text;
    const pieces = (this.unparsed + text).split('\n');
    this.unparsed = pieces.pop();
    for (const piece of pieces) {
      try {
        this.lines.push(JSON.parse(piece));
      } catch {
        this.broken.push(piece);
      }
    }
  }

  get ends() {
    return this.lines.filter((line) => END_EVENTS.has(line.event && line.event.name));
  }

  opens(sessionPath) {
    return this.lines.filter((line) => line.event && line.event.name === 'session_open'
      && line.session && line.session.path === sessionPath);
  }

  // Ctrl-C; the exit status, or the signal that had to end it.
  async stop() {
    this.child.kill('SIGINT');
    const timer = setTimeout(() => this.kill(), 10000);
    const status = await this.ended;
    clearTimeout(timer);
    return status;
  }

  kill() {
    if (this.child) {
      this.child.kill('SIGKILL');
    }
  }
}

module.exports = { END_EVENTS, Tracer };
