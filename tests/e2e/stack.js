// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The system under observation:
//
//   client namespace ── proxy namespace (nginx) ── backend namespace (Go, Node)
//          └───────────────────────────────────────────┘  (direct route)

const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const child = require('./child');
const { Agent } = require('./agent');
const { CGROUP_ROOTS, Namespace, link, ownName, sweep } = require('./netns');
const { Nginx } = require('./nginx');

const ADDRESS = {
  client: '198.19.77.1',
  proxy: '198.19.77.2',
  proxyToBackend: '198.19.78.1',
  backendToProxy: '198.19.78.2',
  clientDirect: '198.19.79.1',
  backend: '198.19.79.2',
  // Addresses at which nothing is served, one for each scenario.
  refused: '198.19.79.21',
  refusedToBrowser: '198.19.79.22',
  deadNeighbour: '198.19.79.31',
  deadNeighbourHasty: '198.19.79.32',
  firewalled: '198.19.79.33',
  nobody: '198.19.79.41',
};
const SUBNET = /^198\.19\.7[789]\./;
const PROXY_PORT = 8080;

// Giving up within seconds instead of minutes; these apply to the namespace.
const HASTY_TCP = {
  'net.ipv4.tcp_syn_retries': 2,
  'net.ipv4.tcp_retries2': 4,
};

class Stack {
  constructor(goBinary) {
    this.goBinary = goBinary;
    this.secret = `SECRET-${crypto.randomBytes(6).toString('hex')}`;
    this.nextPort = 9001;
    this.namespaces = [];
    this.cgroups = [];
  }

  async start() {
    sweep();
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), ownName('')));
    fs.chmodSync(this.folder, 0o755);
    this.makeNetwork();
    this.nginx = await this.startNginx('nginx', PROXY_PORT);
    this.startAgents();
    this.go = await this.startBackend('go');
    this.node = await this.startBackend('node');
    await this.startBrowser();
  }

  makeNetwork() {
    const make = (role, sysctls) => {
      const namespace = new Namespace(role, sysctls);
      this.namespaces.push(namespace);
      return namespace;
    };
    this.client = make('client', HASTY_TCP);
    this.proxy = make('proxy');
    this.backend = make('backend');
    link(this.client, 'to-proxy', `${ADDRESS.client}/24`,
      this.proxy, 'to-client', `${ADDRESS.proxy}/24`);
    link(this.proxy, 'to-backend', `${ADDRESS.proxyToBackend}/24`,
      this.backend, 'to-proxy', `${ADDRESS.backendToProxy}/24`);
    link(this.client, 'to-backend', `${ADDRESS.clientDirect}/24`,
      this.backend, 'to-client', `${ADDRESS.backend}/24`);
    for (const address of [ADDRESS.refused, ADDRESS.refusedToBrowser, ADDRESS.firewalled]) {
      this.backend.addAddress('to-client', `${address}/24`);
    }
    for (const address of [ADDRESS.deadNeighbour, ADDRESS.deadNeighbourHasty]) {
      this.client.addDeadNeighbour('to-backend', address);
    }
    this.backend.drop('input', `ip daddr ${ADDRESS.firewalled}`);
  }

  startNginx(name, port) {
    const listen = [`${ADDRESS.proxy}:${port}`, `[::1]:${port}`];
    const folder = path.join(this.folder, name);
    return new Nginx(this.proxy, folder, listen, ADDRESS.backendToProxy).ready();
  }

  // The clients: in the client's namespace, and for sessions over ::1 beside
  // the server that they talk to.
  startAgents() {
    const env = { TMPDIR: this.folder, HOME: this.folder };
    this.sockets = this.startSocketsAgent(this.client);
    this.socketsAtProxy = this.startSocketsAgent(this.proxy);
    this.socketsAtBackend = this.startSocketsAgent(this.backend);
    this.browser = new Agent(this.client, 'browser.js', env);
  }

  startSocketsAgent(namespace) {
    return new Agent(namespace, 'sockets.js');
  }

  get pageUrl() {
    return `http://${ADDRESS.proxy}:${PROXY_PORT}/index.html`;
  }

  async startBrowser() {
    this.browserVersion = await this.browser.call('launch', {
      name: 'sid', value: `${this.secret}-cookie`, url: this.pageUrl,
    });
    await this.browser.call('visit', this.pageUrl);
  }

  async startBackend(kind, { limit = 65536, env = {}, port = this.nextPort++ } = {}) {
    const argv = kind === 'go'
      ? [this.goBinary, '-listen', `:${port}`, '-token-prefix', this.secret, '-read-limit', `${limit}`]
      : [process.execPath, path.join(__dirname, 'backend_node/server.js'), `${port}`, this.secret, `${limit}`];
    const server = child.start(this.backend, argv, { env, cwd: this.folder });
    await child.waitForOutput(server, /listening on/, 10000);
    return { kind, port, pid: server.pid, child: server, stop: () => child.stop(server, 'SIGKILL') };
  }

  // A memory limit for one process, by whichever cgroup version the host has.
  limitMemory(pid, bytes) {
    const [v1, v2] = CGROUP_ROOTS;
    const isV1 = fs.existsSync(`${v1}/memory.limit_in_bytes`);
    const group = path.join(isV1 ? v1 : v2, ownName('memory'));
    fs.mkdirSync(group);
    this.cgroups.push(group);
    fs.writeFileSync(path.join(group, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), `${bytes}`);
    fs.writeFileSync(path.join(group, 'cgroup.procs'), `${pid}`);
  }

  async stop() {
    await this.browser.call('quit').catch(() => {});
    await child.stopAll();
    this.cleanUp();
  }

  // Synchronous, so that it also serves as the last thing before the exit.
  cleanUp() {
    child.killAll();
    for (const namespace of this.namespaces.splice(0)) {
      attempt(() => namespace.remove());
    }
    for (const group of this.cgroups.splice(0)) {
      attempt(() => fs.rmdirSync(group), 20);
    }
    if (this.folder) {
      attempt(() => fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 }));
      this.folder = null;
    }
  }
}

// A cgroup is busy until its last process has been reaped.
function attempt(work, times = 1) {
  for (let i = 1; ; i++) {
    try {
      work();
      return;
    } catch (error) {
      if (i >= times) {
        process.stderr.write(`cleaning up: ${error.message}\n`);
        return;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

module.exports = { ADDRESS, PROXY_PORT, SUBNET, Stack };
