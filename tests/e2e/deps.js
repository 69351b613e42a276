// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What must be installed before anything can run; nothing is skipped quietly.

const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const HERE = __dirname;
const ROOT = path.resolve(HERE, '../..');
const BUILD = path.join(ROOT, 'build', 'e2e');
const GOPATH = '/usr/share/gocode';

const NEEDED = [
  ['/usr/bin/chromium', 'chromium'],
  ['/usr/sbin/nginx', 'nginx'],
  ['/usr/bin/go', 'golang-go'],
  [`${GOPATH}/src/github.com/gorilla/websocket`, 'golang-github-gorilla-websocket-dev'],
  ['/usr/sbin/nft', 'nftables'],
  ['/usr/bin/setpriv', 'util-linux'],
];

function requireTools(needed = NEEDED) {
  const missing = needed.filter(([file]) => !fs.existsSync(file));
  if (missing.length) {
    const names = missing.map(([file, name]) => `${file} (Debian package ${name})`);
    throw new Error(`missing: ${names.join(', ')}; tools/setup.sh installs them`);
  }
  if (process.getuid() !== 0) {
    throw new Error('network namespaces need root: run as root');
  }
}

// tools/setup.sh leaves a copy of the lock file that it installed from, and so does this.
function installModules(folder = HERE) {
  const [wanted, installed] = ['package-lock.json', 'node_modules/.installed-lock.json'].map((name) => path.join(folder, name));
  if (fs.existsSync(installed) && fs.readFileSync(installed).equals(fs.readFileSync(wanted))) {
    return;
  }
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], timeout: 120000 });
  fs.copyFileSync(wanted, installed);
}

// Builds the Go program of a folder; Go itself knows whether there is anything to do.
function buildGo(folder, name) {
  const binary = path.join(BUILD, name);
  fs.mkdirSync(BUILD, { recursive: true });
  execFileSync('go', ['build', '-o', binary, '.'], {
    cwd: folder,
    env: { ...process.env, GOPATH, GO111MODULE: 'off', GOCACHE: path.join(BUILD, 'go_cache') },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 180000,
  });
  return binary;
}

const buildGoBackend = () => buildGo(path.join(HERE, 'backend_go'), 'chat_backend');

module.exports = { ROOT, buildGo, buildGoBackend, installModules, requireTools };
