// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Verdicts that are known to be wrong although their cause has a rule, and why
// the tool's side is the wrong one. They are counted as skipped until they are
// right; then the entry goes.

const DEFERRED = 'with TCP_DEFER_ACCEPT, the default of Apache, the request comes before the accepted socket: that socket is not followed';

const FORM = 'how the side that pings gives up (FIN, RST by SO_LINGER) does not change why';

const OPEN = {
  'no-route': 'ENETUNREACH of connect() is the decisive fact, so it may be high',
  'aiohttp-heartbeat': 'the last frame is a ping that was acknowledged and not answered, but half a second is too short for the rule',
  'daphne-ping-timeout': FORM,
  'tomcat-idle': 'Close 1001 by the server after the same silence, whose reason says so: no normal end',
  'aiohttp-shutdown': 'SIGTERM, Close 1000 by the server, exit: that a code says normal does not make it the wish of anybody',
  'gunicorn-worker-timeout': 'a SIGABRT that another process sent is no crash',
  'helper-holds-socket': 'the last holder of a socket is not its owner, who was killed before',
  'stunnel-killed': 'who ends TLS and opens the leg to the backend is a proxy, no client',
  'stunnel-idle': 'four times the same silence outranks that the proxy resets',
  'socat-idle': 'a process for one connection that ends after it is no worker of a reload',
  'caddy-reload': 'the Close frame of the proxy is not masked, but it is a Close frame and says why',
  'apache-proxy-timeout': DEFERRED,
  'apache-backend-down': DEFERRED,
  'apache-restarted': DEFERRED,
  'deferred-accept': DEFERRED,
  'empty-line-before-request': 'what begins with an empty line is not taken for HTTP',
  'proxy-protocol-unauthorized': 'what begins with a PROXY header is not taken for HTTP',
};

module.exports = { OPEN };
