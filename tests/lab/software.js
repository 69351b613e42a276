// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// How the servers and proxies of the lab are started.

const fs = require('fs');
const path = require('path');
const { FRAMEWORKS } = require('./frameworks');
const { listening } = require('./world');

const NODE = process.execPath;
const PYTHON = '/usr/bin/python3';
const here = (name) => path.join(__dirname, name);
const e2e = (name) => path.join(__dirname, '../e2e', name);

const flags = (settings) => Object.entries(settings).map(([name, value]) => `-${name}=${value}`);
const json = (port, settings) => JSON.stringify({ port, ...settings });

// kind -> argv. The last two are those of the end-to-end tests: they end
// connections in the way that a client orders.
const SERVERS = {
  ...FRAMEWORKS,
  go: (t, port, settings) => [t.binaries.goServer, '-listen', `:${port}`, ...flags(settings)],
  node: (t, port, { v8 = [], ...settings }) => [NODE, ...v8, here('servers/chat.js'), json(port, settings)],
  python: (t, port, settings) => [PYTHON, here('servers/chat.py'), json(port, settings)],
  socketio: (t, port, settings) => [NODE, here('servers/socketio.js'), json(port, settings)],
  graphql: (t, port, settings) => [NODE, here('servers/graphql.js'), json(port, settings)],
  obedientNode: (t, port) => [NODE, e2e('backend_node/server.js'), `${port}`, ''],
  obedientGo: (t, port) => [t.binaries.obedientGo, '-listen', `:${port}`, '-token-prefix', ''],
};

const CLIENTS = {
  go: (t, url, settings) => [t.binaries.goClient, `-url=${url}`, ...flags(settings)],
  python: (t, url, settings) => [PYTHON, here('clients/client.py'), url, JSON.stringify(settings)],
  aiohttp: (t, url, settings) => [PYTHON, here('clients/aiohttp_client.py'), url, JSON.stringify(settings)],
  reconnecting: (t, url, settings) => [NODE, here('clients/reconnecting.js'), url, JSON.stringify(settings)],
  socketio: (t, url, settings) => [NODE, here('clients/socketio.js'), url, JSON.stringify(settings)],
};

// What makes a location pass the opening handshake on.
const UPGRADE = `
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;`;

function passTo(target, more = '', headers = UPGRADE) {
  return `location / { proxy_pass http://${target}; ${headers}\n      ${more}\n    }`;
}

function nginxConfiguration(folder, { listen, main, connections, http, server }) {
  return `
daemon off;
user nobody nogroup;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log info;
${main}
events { worker_connections ${connections}; }
http {
  access_log ${folder}/nginx-access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  types { text/html html; text/javascript js; }
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  ${http}
  server {
    listen ${listen};
    root ${folder}/html;
    ${server}
  }
}`;
}

// options: server (the inside of server {}), http, main, connections, port, tls
async function startNginx(t, options) {
  const { role = 'proxy', port = 8080, address, main = 'worker_processes 1;', http = '', connections = 256 } = options;
  const folder = path.join(t.world.folder, 'nginx');
  fs.mkdirSync(folder, { recursive: true });
  fs.cpSync(e2e('page'), path.join(folder, 'html'), { recursive: true });
  const file = path.join(folder, 'nginx.conf');
  const listen = `${address}:${port}${options.tls ? ' ssl' : ''}`;
  fs.writeFileSync(file, nginxConfiguration(folder, { listen, main, connections, http, server: options.server }));
  const argv = ['/usr/sbin/nginx', '-p', folder, '-c', file, '-e', `${folder}/nginx-error.log`];
  const started = t.world.start(role, argv, { title: 'nginx', cgroup: options.cgroup });
  await listening(started.pid, port);
  return started;
}

// options: defaults, frontend, backend: lines of those sections
async function startHaproxy(t, { role = 'proxy', port = 8080, address, mode = 'http', defaults = '', frontend = '', backend, cgroup }) {
  const folder = path.join(t.world.folder, 'haproxy');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'haproxy.cfg');
  const indent = (text) => text.split('\n').map((line) => `  ${line.trim()}`).join('\n');
  fs.writeFileSync(file, `
global
  log stdout format raw local0
  maxconn 500
defaults
  mode ${mode}
  log global
  option ${mode}log
  timeout connect 5s
  timeout client 50s
  timeout server 50s
${indent(defaults)}
frontend in
  bind ${address}:${port}
  default_backend out
${indent(frontend)}
backend out
${indent(backend)}
`);
  const started = t.world.start(role, ['/usr/sbin/haproxy', '-db', '-f', file], { title: 'haproxy', cgroup });
  await listening(started.pid, port);
  return started;
}

module.exports = { CLIENTS, SERVERS, UPGRADE, passTo, startHaproxy, startNginx };
