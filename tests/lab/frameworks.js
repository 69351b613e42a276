// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Servers of other languages and frameworks: kind -> argv. Settings are the programs' own.

const path = require('path');

const PYTHON = '/usr/bin/python3';
const SERVERS = path.join(__dirname, 'servers');
const here = (name) => path.join(SERVERS, name);
const json = (port, settings) => JSON.stringify({ port, ...settings });
const switches = (settings) => Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);

const TOMCAT = ['embed-core', 'embed-websocket', 'embed-el', 'annotations-api']
  .map((name) => `/usr/share/java/tomcat10-${name}.jar`).join(':');
// A short life: what starts fast counts more than what runs fast.
const JAVA = ['/usr/bin/java', '-XX:TieredStopAtLevel=1', '-cp', TOMCAT];

module.exports = {
  FRAMEWORKS: {
    aiohttp: (t, port, settings) => [PYTHON, here('chat_aiohttp.py'), json(port, settings)],
    tornado: (t, port, settings) => [PYTHON, here('chat_tornado.py'), json(port, settings)],
    uvicorn: (t, port, settings) => ['/usr/bin/uvicorn', 'chat_asgi:app', '--app-dir', SERVERS,
      '--host', '0.0.0.0', '--port', `${port}`, ...switches(settings)],
    gunicorn: (t, port, settings) => ['/usr/bin/gunicorn', 'chat_asgi:app', '--chdir', SERVERS,
      '--bind', `0.0.0.0:${port}`, '-k', 'uvicorn.workers.UvicornWorker', ...switches(settings)],
    daphne: (t, port, settings) => ['/usr/bin/env', '-C', SERVERS, '/usr/bin/daphne',
      '-b', '0.0.0.0', '-p', `${port}`, ...switches(settings), 'chat_asgi:app'],
    activated: (t, port) => [PYTHON, here('activate.py'), `${port}`, '/usr/bin/uvicorn',
      'chat_asgi:app', '--app-dir', SERVERS, '--fd', '3'],
    // sh waits for it, and setpriv makes the kernel kill it when sh has gone
    supervised: (t, port) => ['/bin/sh', '-c', 'setpriv --pdeathsig KILL -- "$@" & wait', 'supervisor',
      PYTHON, here('chat_tornado.py'), json(port)],
    holding: (t, port, { hold_s: seconds }) => [PYTHON, here('chat_holding.py'), `${port}`, `${seconds}`],
    mojolicious: (t, port, { idle_s: idle = 0, max_size: max = 1 << 20 }) => [
      '/usr/bin/perl', here('chat.pl'), `${port}`, `${idle}`, `${max}`],
    puma: (t, port) => ['/usr/bin/puma', '-b', `tcp://0.0.0.0:${port}`, here('chat.ru')],
    tomcat: (t, port, { idle_ms: idle = 0, max_size: max = 8192 }) => [
      ...JAVA, here('Chat.java'), `${port}`, `${idle}`, `${max}`],
    autobahn: (t, port, settings) => [PYTHON, here('chat_autobahn.py'), json(port, settings)],
    em: (t, port, settings) => ['/usr/bin/ruby', here('chat_em.rb'), json(port, settings)],
    gevent: (t, port) => [PYTHON, here('chat_gevent.py'), `${port}`],
    hypercorn: (t, port, settings) => ['/usr/bin/env', '-C', SERVERS, PYTHON, '-m', 'hypercorn',
      '-b', `0.0.0.0:${port}`, ...switches(settings), 'chat_asgi:app'],
    libwebsockets: (t, port) => ['/usr/bin/libwebsockets-test-server', `--port=${port}`],
    websocket: (t, port, settings) => [process.execPath, here('chat_websocket.js'), json(port, settings)],
    xnet: (t, port, { largest = 0 }) => [t.binaries.goXnet, '-listen', `:${port}`, '-largest', `${largest}`],
    cluster: (t, port, settings) => [process.execPath, here('cluster.js'), json(port, settings)],
  },
};
