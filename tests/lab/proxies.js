// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Proxies besides nginx and HAProxy: kind -> argv. Each is given where it works and where it
// listens ({ folder, binaries, address, port }), the upstream ("HOST:PORT"), and options of its own.

const fs = require('fs');
const path = require('path');

function write(folder, name, text) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

const MODULES = '/usr/lib/apache2/modules';

// pass: what passes requests on; UPSTREAM in it is the backend
function apache({ folder, address, port, upstream, main = '', pass = 'ProxyPass / ws://UPSTREAM/' }) {
  const modules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'proxy_wstunnel'];
  return ['/usr/sbin/apache2', '-DFOREGROUND', '-f', write(folder, 'apache.conf', `
ServerRoot ${folder}
ServerName lab
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/apache-error.log
Listen ${address}:${port}
${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
User nobody
Group nogroup
StartServers 1
${pass.replace('UPSTREAM', upstream)}
${main}
`)];
}

function lighttpd({ folder, address, port, upstream, main = '', upgrade = 'enable' }) {
  const [host, number] = upstream.split(':');
  return ['/usr/sbin/lighttpd', '-D', '-f', write(folder, 'lighttpd.conf', `
server.modules = ("mod_proxy")
server.document-root = "${folder}"
server.errorlog = "${folder}/lighttpd-error.log"
server.bind = "${address}"
server.port = ${port}
proxy.server = ("" => (("host" => "${host}", "port" => ${number})))
proxy.header = ("upgrade" => "${upgrade}")
${main}
`)];
}

// `caddy reload` needs an admin socket and a home.
const caddyCommand = (folder, command) => ['/usr/bin/env', `HOME=${folder}`, '/usr/bin/caddy', command,
  '--adapter', 'caddyfile', '--config', path.join(folder, 'Caddyfile')];

function caddy({ folder, address, port, upstream }) {
  write(folder, 'Caddyfile', `{
  auto_https off
  admin unix/${folder}/caddy.sock
  grace_period 1s
}
http://:${port} {
  bind ${address}
  reverse_proxy ${upstream}
}
`);
  return caddyCommand(folder, 'run');
}

// A reload needs a configuration that differs.
function caddyReload({ folder }) {
  const file = path.join(folder, 'Caddyfile');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('grace_period 1s', 'grace_period 2s'));
  return [...caddyCommand(folder, 'reload'), '--address', `unix/${folder}/caddy.sock`];
}

// pipe: what vcl_pipe does with the request to the backend
const PIPE = `if (req.http.upgrade) {
    set bereq.http.upgrade = req.http.upgrade;
    set bereq.http.connection = req.http.connection;
  }`;

function varnish({ folder, address, port, upstream, parameters = [], pipe = PIPE }) {
  const [host, number] = upstream.split(':');
  const file = write(folder, 'lab.vcl', `vcl 4.0;
backend default { .host = "${host}"; .port = "${number}"; }
sub vcl_recv {
  if (req.http.upgrade ~ "(?i)websocket") { return (pipe); }
  return (pass);
}
sub vcl_pipe { ${pipe} }
`);
  return ['/usr/sbin/varnishd', '-F', '-j', 'none', '-T', 'none', '-s', 'default,16m', '-f', file,
    '-n', path.join(folder, 'varnish'), '-a', `${address}:${port}`, ...parameters.flatMap((p) => ['-p', p])];
}

// Ends TLS: cert is what selfSigned() gives.
const stunnel = ({ folder, address, port, upstream, cert, main = '' }) => ['/usr/bin/stunnel4',
  write(folder, 'stunnel.conf', `
foreground = yes
pid =
cert = ${cert.cert}
key = ${cert.key}
[chat]
accept = ${address}:${port}
connect = ${upstream}
${main}
`)];

// Knows nothing of HTTP; a process for each connection.
const socat = ({ address, port, upstream, options = [] }) => ['/usr/bin/socat', ...options,
  `TCP-LISTEN:${port},bind=${address},fork,reuseaddr`, `TCP:${upstream}`];

const microsocks = ({ address, port }) => ['/usr/bin/microsocks', '-i', address, '-p', `${port}`];

// The other module of nginx, which knows nothing of HTTP.
const nginxStream = ({ folder, address, port, upstream, main = '' }) => ['/usr/sbin/nginx', '-e', `${folder}/nginx-error.log`,
  '-c', write(folder, 'stream.conf', `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user nobody nogroup;
pid ${folder}/nginx.pid;
worker_processes 1;
error_log ${folder}/nginx-error.log info;
events { worker_connections 256; }
stream { server { listen ${address}:${port}; proxy_pass ${upstream}; ${main} } }
`)];

// One process for all connections.
const rinetd = ({ folder, address, port, upstream }) => ['/usr/sbin/rinetd', '-f', '-c',
  write(folder, 'rinetd.conf', `${address} ${port} ${upstream.replace(':', ' ')}\n`)];

function h2o({ folder, address, port, upstream, main = '' }) {
  return ['/usr/bin/h2o', '-c', write(folder, 'h2o.conf', `
user: nobody
num-threads: 2
error-log: ${folder}/h2o-error.log
listen: { host: ${address}, port: ${port} }
proxy.websocket: ON
${main}
hosts: { default: { paths: { "/": { proxy.reverse.url: "http://${upstream}/" } } } }
`)];
}

const nghttpx = ({ folder, address, port, upstream, options = [] }) => ['/usr/sbin/nghttpx',
  `--conf=${write(folder, 'nghttpx.conf', '')}`, `-f${address},${port};no-tls`, `-b${upstream.replace(':', ',')}`,
  `--errorlog-file=${folder}/nghttpx-error.log`, '--single-process', ...options];

// What comes with other things than the lab's packages.
const OPTIONAL = { dockerProxy: '/usr/sbin/docker-proxy' };

// It reports its start to file descriptor 3.
function dockerProxy({ address, port, upstream }) {
  const [host, number] = upstream.split(':');
  return ['/bin/sh', '-c', 'exec "$@" 3>/dev/null', 'sh', OPTIONAL.dockerProxy, '-proto', 'tcp',
    '-host-ip', address, '-host-port', `${port}`, '-container-ip', host, '-container-port', number];
}

// In front of a server of one's own ("accel"). upgrade: what http_upgrade_request_protocols says
function squid({ folder, address, port, upstream, main = '', upgrade = 'websocket allow all' }) {
  const [host, number] = upstream.split(':');
  return ['/usr/sbin/squid', '-N', '-n', `lab${path.basename(folder).replace(/\W/g, '')}`, '-f', write(folder, 'squid.conf', `
http_port ${address}:${port} accel defaultsite=lab
cache_peer ${host} parent ${number} 0 no-query no-digest originserver
http_access allow all
cache deny all
pid_filename none
access_log none
cache_log ${folder}/squid.log
coredump_dir ${folder}
shutdown_lifetime 1 second
${upgrade ? `http_upgrade_request_protocols ${upgrade}` : ''}
${main}
`)];
}

// httputil.ReverseProxy
const goProxy = ({ binaries, address, port, upstream }) => [binaries.goProxy,
  `-listen=${address}:${port}`, `-to=http://${upstream}`];

// http-proxy
const nodeProxy = ({ address, port, upstream }) => [process.execPath,
  path.join(__dirname, 'servers/proxy.js'), JSON.stringify({ host: address, port, target: `http://${upstream}` })];

// Two WebSocket connections for each one that it serves, each with a key of its own.
const gateway = ({ address, port, upstream, goodbye }) => [process.execPath,
  path.join(__dirname, 'servers/gateway.js'), JSON.stringify({ host: address, port, target: upstream, goodbye })];

module.exports = { OPTIONAL, PROXIES: { apache, caddy, dockerProxy, gateway, goProxy, h2o, lighttpd, microsocks, nghttpx, nginxStream, nodeProxy, rinetd, socat, squid, stunnel, varnish }, caddyReload };
