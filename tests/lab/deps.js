// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What the lab needs besides what the end-to-end tests need.

const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const e2e = require('../e2e/deps');

const NEEDED = [
  ['/usr/sbin/haproxy', 'haproxy'],
  ['/usr/lib/python3/dist-packages/websockets', 'python3-websockets'],
  ['/usr/bin/openssl', 'openssl'],
  ['/usr/bin/prlimit', 'util-linux'],
  ['/usr/sbin/tc', 'iproute2'],
];

function prepareSoftware() {
  e2e.requireTools();
  e2e.requireTools(NEEDED);
  e2e.installModules();
  e2e.installModules(__dirname);
  return {
    obedientGo: e2e.buildGoBackend(),
    goServer: e2e.buildGo(path.join(__dirname, 'go/server'), 'lab_server'),
    goClient: e2e.buildGo(path.join(__dirname, 'go/client'), 'lab_client'),
  };
}

// A certificate that no client trusts.
function selfSigned(folder, name) {
  const [key, cert] = ['key', 'crt'].map((ending) => path.join(folder, `${name}.${ending}`));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`], { stdio: 'ignore' });
  fs.chmodSync(key, 0o644);
  return { key, cert };
}

module.exports = { ROOT: e2e.ROOT, prepareSoftware, selfSigned };
