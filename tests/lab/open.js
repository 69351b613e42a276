// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Verdicts that are known to be wrong although their cause has a rule, and why
// the tool's side is the wrong one. They are counted as skipped until they are
// right; then the entry goes.

const NOT_JOINED = 'the 502 or 504 and the failed connection behind it are two lines instead of one sure one';
const NOT_ACCEPTED = 'accept() failed with EMFILE and the connection was never accepted, which outranks the impatience of the client';
const TWICE = 'the late 101 of the backend makes a second line for a session that was reported already';

const PATTERN = 'the third session and later ones repeat the idle or the age of those before them';

const OPEN = {
  'docker-proxy-to-dead-port': 'the request may arrive before the close, unread by the proxy: the verdict must not depend on it',
  'no-route': 'ENETUNREACH of connect() is the decisive fact, so it may be high',
  'fd-limit-go': NOT_ACCEPTED,
  'fd-limit-node': NOT_ACCEPTED,
  'limit-conn': 'the 503 is of the proxy itself, there is no backend leg',
  'server-stopped-before-answer': 'the request lies unread at the server, which outranks the impatience of the client',
  'backend-down-behind-nginx': NOT_JOINED,
  'stale-container-address': NOT_JOINED,
  'ports-exhausted-at-proxy': NOT_JOINED,
  'backend-host-dead-504': NOT_JOINED,
  'backend-silent': TWICE,
  'client-gives-up': TWICE,
  'rejected-after-open': 'closed by the server 0.1 s after the 101, before any message of the client: that is the decisive fact',
  'firewall-drops-at-peer': 'the segments are dropped by netfilter on this very host, in the namespace of the client',
  'reported-socketio-4040': 'the pings of engine.io are text messages ("2"), unanswered; its Close is empty (1005)',
  'nginx-read-timeout': PATTERN,
  'ping-slower-than-proxy': PATTERN,
  'haproxy-timeout-tunnel': PATTERN,
  'server-idle-timeout': PATTERN,
  'server-idle-timeout-behind-nginx': PATTERN,
  'lifetime-of-server': PATTERN,
  'lifetime-of-middlebox': PATTERN,
  'load-balancer-idle': PATTERN,
  'load-balancer-idle-reset': PATTERN,
  'nat-forgets-rst': PATTERN,
  'nat-forgets-silently': PATTERN,
  'no-auth-message': PATTERN,
  'reported-ws-1598': PATTERN,
  'reported-nextcloud-harp-115': PATTERN,
  'reported-gorilla-833': PATTERN,
};

module.exports = { OPEN };
