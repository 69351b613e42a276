// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What a row of the scenario tables finds in its run(): the means to open
// sessions to the row's backend by the row's route, and to break things.

const { ADDRESS, PROXY_PORT } = require('./stack');
const { RawSession, Session } = require('./session');
const { until } = require('./wait');

class Scenario {
  constructor(stack, row) {
    this.stack = stack;
    this.row = row;
    this.sessions = [];
    this.deferred = [];
  }

  // Runs when the scenario is over and its line has been seen.
  defer(work) {
    this.deferred.push(work);
  }

  async prepare() {
    const { row, stack } = this;
    if (row.own) {
      this.backend = await stack.startBackend(row.backend, row.own);
      this.defer(() => this.backend.stop());
    } else {
      this.backend = stack[row.backend || 'go'];
    }
    this.nginx = stack.nginx;
    if (row.ownNginx) {
      this.nginx = await stack.startNginx(row.name, row.ownNginx);
      this.defer(() => this.nginx.stop());
    }
    this.agent = this.chooseAgent();
    if (row.ownClient) {
      this.defer(() => this.agent.stop());
    }
    this.workers = this.nginx.workers;
  }

  chooseAgent() {
    const { row, stack } = this;
    if (row.ownClient) {
      return stack.startSocketsAgent(stack.client);
    }
    if (row.client === 'browser') {
      return stack.browser;
    }
    if (row.ipv6) {
      return row.route === 'nginx' ? stack.socketsAtProxy : stack.socketsAtBackend;
    }
    return stack.sockets;
  }

  get server() {
    const { row } = this;
    if (row.address) {
      return { address: row.address, port: row.port };
    }
    if (row.route === 'nginx') {
      return { address: row.ipv6 ? '::1' : ADDRESS.proxy, port: row.ownNginx || PROXY_PORT };
    }
    return { address: row.ipv6 ? '::1' : ADDRESS.backend, port: this.backend.port };
  }

  url(path, query) {
    const { address, port } = this.server;
    const host = address.includes(':') ? `[${address}]` : address;
    const all = new URLSearchParams({
      token: `${this.stack.secret}-token`,
      port: String(this.row.upstreamPort || this.backend.port),
      ...this.row.query,
      ...query,
    });
    return `ws://${host}:${port}${path}?${all}`;
  }

  get headers() {
    return {
      Cookie: `sid=${this.stack.secret}-cookie`,
      Authorization: `Bearer ${this.stack.secret}-bearer`,
      ...this.row.headers,
    };
  }

  // Tries to open a session, and tells how that went.
  async attempt({ suffix = '', query = {}, ...options } = {}) {
    const { row } = this;
    const path = `/e2e/${row.name}${suffix}`;
    const session = row.client === 'raw'
      ? new RawSession(this.agent, path) : new Session(this.agent, path);
    this.sessions.push(session);
    this.defer(() => session.forget());
    const extra = row.client === 'browser'
      ? { pageUrl: this.stack.pageUrl } : { headers: this.headers };
    await session.open(this.url(path, query), { ...extra, ...row.options, ...options });
    return session;
  }

  // Opens a session and waits until the chat is under way.
  async open(options) {
    const session = await this.attempt(options);
    if (!session.opened) {
      throw new Error(`session did not open: ${session.error || JSON.stringify(session.event)}`);
    }
    await session.next('welcome');
    return session;
  }

  // Cuts the path to this row's backend, silently, in both directions.
  cut(namespace) {
    const { port } = this.backend;
    const side = namespace === this.stack.backend ? ['dport', 'sport'] : ['sport', 'dport'];
    const undo = [
      namespace.drop('input', `tcp ${side[0]} ${port}`),
      namespace.drop('output', `tcp ${side[1]} ${port}`),
    ];
    this.defer(() => undo.forEach((restore) => restore()));
  }

  backendGone() {
    return until(() => this.backend.child.exitCode !== null
      || this.backend.child.signalCode !== null, 10000);
  }

  async finish() {
    for (const work of this.deferred.reverse()) {
      await work();
    }
  }
}

module.exports = { Scenario };
