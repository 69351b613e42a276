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
  ['/usr/lib/nginx/modules/ngx_nchan_module.so', 'libnginx-mod-nchan'],
  ['/usr/sbin/tc', 'iproute2'],
  ['/usr/sbin/apache2', 'apache2-bin'],
  ['/usr/bin/caddy', 'caddy'],
  ['/usr/sbin/lighttpd', 'lighttpd'],
  ['/usr/bin/h2o', 'h2o'],
  ['/usr/bin/microsocks', 'microsocks'],
  ['/usr/bin/socat', 'socat'],
  ['/usr/bin/stunnel4', 'stunnel4'],
  ['/usr/sbin/nghttpx', 'nghttp2-proxy'],
  ['/usr/sbin/rinetd', 'rinetd'],
  ['/usr/sbin/varnishd', 'varnish'],
  ['/usr/lib/nginx/modules/ngx_stream_module.so', 'libnginx-mod-stream'],
  ['/usr/bin/daphne', 'daphne'],
  ['/usr/bin/gunicorn', 'gunicorn'],
  ['/usr/bin/javac', 'default-jdk-headless'],
  ['/usr/bin/puma', 'puma'],
  ['/usr/bin/uvicorn', 'uvicorn'],
  ['/usr/lib/python3/dist-packages/aiohttp', 'python3-aiohttp'],
  ['/usr/lib/python3/dist-packages/tornado', 'python3-tornado'],
  ['/usr/lib/python3/dist-packages/wsproto', 'python3-wsproto'],
  ['/usr/bin/libwebsockets-test-server', 'libwebsockets-test-server'],
  ['/usr/lib/python3/dist-packages/autobahn', 'python3-autobahn'],
  ['/usr/lib/python3/dist-packages/geventwebsocket', 'python3-gevent-websocket'],
  ['/usr/lib/python3/dist-packages/hypercorn', 'python3-hypercorn'],
  ['/usr/lib/ruby/vendor_ruby/em-websocket.rb', 'ruby-em-websocket'],
  ['/usr/share/gocode/src/golang.org/x/net/websocket', 'golang-golang-x-net-dev'],
  ['/usr/share/java/tomcat10-embed-websocket.jar', 'libtomcat10-embed-java'],
  ['/usr/share/perl5/Mojolicious', 'libmojolicious-perl'],
];

function prepareSoftware() {
  e2e.requireTools();
  e2e.requireTools(NEEDED);
  e2e.installModules();
  e2e.installModules(__dirname);
  return {
    obedientGo: e2e.buildGoBackend(),
    goServer: e2e.buildGo(path.join(__dirname, 'go/server'), 'lab_server'),
    goProxy: e2e.buildGo(path.join(__dirname, 'go/proxy'), 'lab_proxy'),
    goXnet: e2e.buildGo(path.join(__dirname, 'go/xnet'), 'lab_xnet'),
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
