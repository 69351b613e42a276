// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// nginx as a WebSocket proxy, with its own configuration in its own folder.
// The port of the backend comes with the query, so that one nginx serves
// every backend that a scenario starts.

const fs = require('fs');
const path = require('path');
const child = require('./child');
const { until } = require('./wait');

const UPGRADE = `
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;`;

function location(match, backend, directives, upgrade = UPGRADE) {
  return `
    location ${match} {
      proxy_pass http://${backend}:$backend_port;${upgrade}
      ${directives}
    }`;
}

// Paths under /e2e/ that nginx treats in a way of its own.
function locations(backend) {
  return [
    location('/e2e/', backend, 'proxy_read_timeout 60s;'),
    location('/e2e/proxy-idle', backend, 'proxy_read_timeout 2s;'),
    location('/e2e/blackhole-behind-proxy', backend, 'proxy_read_timeout 4s;'),
    location('/e2e/gateway-timeout', backend, 'proxy_read_timeout 1s;'),
    location('/e2e/no-upgrade-headers', backend, '', ''),
    'location /e2e/proxy-forbids { deny all; }',
    'location /e2e/proxy-limits { return 503; }',
    'location /e2e/login-redirect { return 302 http://login.example/signin; }',
    'location /e2e/slash-redirect { return 301 http://$http_host$uri/; }',
    'location /e2e/single-page-app { try_files /nothing /index.html; }',
  ].join('\n    ');
}

function configuration(folder, listen, backend) {
  return `
daemon off;
worker_processes 2;
user nobody nogroup;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
events { worker_connections 512; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  types { text/html html; text/javascript js; }
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  map $arg_port $backend_port { default 1; ~^[0-9]+$ $arg_port; }
  server {
    ${listen.map((address) => `listen ${address};`).join(' ')}
    root ${folder}/html;
    location / { try_files $uri $uri/ =404; }
    ${locations(backend)}
  }
}`;
}

class Nginx {
  constructor(namespace, folder, listen, backend) {
    this.folder = folder;
    fs.mkdirSync(folder, { recursive: true });
    fs.cpSync(path.join(__dirname, 'page'), path.join(folder, 'html'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'nginx.conf'), configuration(folder, listen, backend));
    this.child = child.start(namespace, [
      '/usr/sbin/nginx', '-p', folder, '-c', path.join(folder, 'nginx.conf'),
      '-e', path.join(folder, 'error.log'),
    ]);
  }

  get workers() {
    const { pid } = this.child;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children.split(' ').filter(Boolean).map(Number);
  }

  // The workers are forked when the master listens already.
  async ready() {
    const started = await until(() => {
      try {
        return this.workers.length === 2;
      } catch {
        return false;
      }
    }, 5000);
    if (!started) {
      throw new Error(`nginx did not start: ${this.child.output.trim()}`);
    }
    return this;
  }

  log() {
    return fs.readFileSync(path.join(this.folder, 'error.log'), 'utf8');
  }

  stop() {
    return child.stop(this.child, 'SIGTERM');
  }
}

module.exports = { Nginx };
