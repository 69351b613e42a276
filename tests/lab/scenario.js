// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What a row finds in its run(t): a world, software to put into it, sessions,
// and the means to say what wstrace has to report of each.

const fs = require('fs');
const { Agent } = require('../e2e/agent');
const { RawSession, Session } = require('../e2e/session');
const { sleep, until } = require('../e2e/wait');
const { World, listening } = require('./world');
const { OPTIONAL, PROXIES } = require('./proxies');
const { CLIENTS, SERVERS, startHaproxy, startNginx } = require('./software');

const PORTS = { proxy: 8080, edge: 8080 };
const ROUNDS = 3; // of a fault that may meet nobody

class Scenario {
  constructor(row, number, { folder, binaries, cgroups }) {
    this.row = row;
    this.binaries = binaries;
    this.cgroups = cgroups;
    this.world = new World(number, folder);
    this.agents = new Map();
    this.sessions = [];
    this.expected = [];
    this.incidents = [];
    this.sleep = sleep;
  }

  // The cgroup of a role: wstrace watches only what is not outside.
  cgroup(role) {
    if (!this.cgroups) {
      return undefined;
    }
    return this.row.outside.includes(role) ? this.cgroups.outside : this.cgroups.inside;
  }

  // Software -------------------------------------------------------------

  async server(kind, settings = {}, { port = 8000, role = 'backend', wrap = [], env } = {}) {
    const argv = [...wrap, ...SERVERS[kind](this, port, settings)];
    const started = this.world.start(role, argv, { title: `${kind} server`, cgroup: this.cgroup(role), env });
    await listening(started.pid, port);
    started.port = port;
    return started;
  }

  // nginx before the backend; `server` is the inside of its server block.
  nginx(options) {
    const role = options.role || 'proxy';
    const address = this.world.address(options.from || 'client', role);
    return startNginx(this, { address, cgroup: this.cgroup(role), ...options });
  }

  haproxy(options) {
    const role = options.role || 'proxy';
    const address = this.world.address(options.from || 'client', role);
    return startHaproxy(this, { address, cgroup: this.cgroup(role), ...options });
  }

  // Another proxy, of proxies.js.
  async proxy(kind, { role = 'proxy', port = 8080, from = 'client', upstream = this.upstream(), ...options } = {}) {
    if (OPTIONAL[kind] && !fs.existsSync(OPTIONAL[kind])) {
      this.unavailable = `${OPTIONAL[kind]} is not installed`;
      throw new Error(this.unavailable);
    }
    const where = { folder: this.world.folder, binaries: this.binaries, address: this.world.address(from, role), port };
    const argv = PROXIES[kind]({ ...where, upstream, ...options });
    const started = this.world.start(role, argv, { title: kind, cgroup: this.cgroup(role) });
    await listening(started.pid, port);
    return started;
  }

  // ADDRESS:PORT of the backend as the proxy sees it.
  upstream(port = 8000) {
    return `${this.world.address('proxy', 'backend')}:${port}`;
  }

  // Clients --------------------------------------------------------------

  get path() {
    return `/lab/${this.row.name}/${this.sessions.length + 1}`;
  }

  url(to = 'backend', { path = this.path, port = PORTS[to] || 8000, from = 'client', query = '', scheme = 'ws' } = {}) {
    const host = /^\d/.test(to) ? to : this.world.address(from, to);
    return `${scheme}://${host}:${port}${path}${query}`;
  }

  agent(role = 'client', name = '') {
    const key = role + name;
    if (!this.agents.has(key)) {
      const agent = new Agent(this.world.namespace(role), 'sockets.js');
      this.adopt(agent, role);
      this.agents.set(key, agent);
    }
    return this.agents.get(key);
  }

  adopt(agent, role) {
    if (this.cgroups && !this.row.outside.includes(role)) {
      throw new Error('an agent is always outside: name its role in `outside`');
    }
    this.world.adopt(agent.child, 'client');
  }

  async browser() {
    const env = { TMPDIR: this.world.folder, HOME: this.world.folder };
    const agent = new Agent(this.world.namespace('client'), 'browser.js', env);
    this.adopt(agent, 'client');
    this.world.farewells.push(() => agent.call('quit'));
    const page = this.url('proxy', { scheme: 'http', path: '/index.html' });
    await agent.call('launch', { name: 'sid', value: 'cookie', url: page });
    return { agent, pageUrl: page };
  }

  // Tries to open a session: { to, port, path, raw, browser, cause, ... }, the
  // rest being options of the client's. What is to be said of its end is
  // `cause`, the row's unless told otherwise.
  async attempt({ to = 'backend', port, path = this.path, query, raw, browser, cause, role = 'client', client = '', ...options } = {}) {
    const url = this.url(to, { path, port, query, from: role, scheme: options.tls ? 'wss' : 'ws' });
    const agent = browser ? browser.agent : this.agent(role, client);
    const session = raw ? new RawSession(agent, path) : new Session(agent, path);
    this.sessions.push(session);
    session.want = this.expect(path, cause);
    await session.open(url, browser ? { pageUrl: browser.pageUrl, ...options } : options);
    return session;
  }

  async open(options) {
    const session = await this.attempt(options);
    if (!session.opened) {
      throw new Error(`${session.path} did not open: ${session.error || JSON.stringify(session.event)}`);
    }
    await session.next('welcome');
    return session;
  }

  opens(count, options) {
    return Promise.all(Array.from({ length: count }, () => this.open(options)));
  }

  // A client program; its output says "open" and "closed".
  program(kind, url, settings = {}, { role = 'client', wrap = [], cause, expected = new URL(url).pathname } = {}) {
    this.expect(expected, cause);
    this.sessions.push({ path: expected });
    const started = this.world.start(role, [...wrap, ...CLIENTS[kind](this, url, settings)],
      { title: `${kind} client`, cgroup: this.cgroup(role) });
    started.path = expected;
    started.says = async (pattern, limitMs = 15000) => {
      if (!await until(() => pattern.test(started.output), limitMs)) {
        throw new Error(`${started.title} never said ${pattern}: ${started.output.trim()}`);
      }
    };
    return started;
  }

  // Leaves in good order.
  async bye(session) {
    await session.close(1000, 'bye');
    await session.closed();
  }

  // The polling transport with which Socket.IO clients begin: the sid that it gives.
  async poll(url) {
    const client = this.world.start('client', [process.execPath, '-e',
      `require('http').get('${url}', (r) => r.on('data', (d) => process.stdout.write(d)))`], { title: 'polling' });
    const found = await until(() => /"sid":"([^"]+)"/.exec(client.output), 10000);
    if (!found) {
      throw new Error(`no sid: ${client.output}`);
    }
    return found[1];
  }

  // Waits whom the fault meets, and says goodbye to the others: that may be chance,
  // so a fault that met nobody happens again.
  async victims(sessions, withinMs, fault) {
    sessions.forEach((session) => session.closed(ROUNDS * withinMs + 20000).catch(() => {}));
    let alive = sessions;
    for (let round = 0; round < ROUNDS && alive.length === sessions.length; round++) {
      await fault();
      await sleep(withinMs);
      alive = sessions.filter((session) => !session.event);
    }
    if (alive.length === sessions.length) {
      throw new Error('the fault met nobody');
    }
    for (const session of alive) {
      session.want.causes = ['session.normal'];
      await this.bye(session);
    }
  }

  // Expectations -----------------------------------------------------------

  // An end with this path (null: none is known), `count` times.
  expect(path, cause = this.row.cause, count = 1) {
    for (let i = 0; i < count; i++) {
      this.expected.push({ path, causes: [].concat(cause) });
    }
    return this.expected[this.expected.length - 1];
  }

  // A line about that incident, one for which holds(line.incident, line) if that is asked for.
  expectIncident(id, holds = () => true) {
    this.incidents.push({ id, holds });
  }

  // What has to be true of the last line about the broken ends.
  expectAtLast(holds) {
    this.lastHolds = holds;
  }

  // Faults -----------------------------------------------------------------

  async gone(started, limitMs = 10000) {
    const ended = await until(() => started.exitCode !== null || started.signalCode !== null, limitMs);
    if (!ended) {
      throw new Error(`${started.title} did not end`);
    }
  }

  kill(started, signal = 'SIGKILL') {
    process.kill(started.pid, signal);
  }
}

module.exports = { Scenario };
