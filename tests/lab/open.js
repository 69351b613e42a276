// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Verdicts that are known to be wrong although their cause has a rule, and why
// the tool's side is the wrong one. They are counted as skipped until they are
// right; then the entry goes.

const PATTERN = 'the third session and later ones repeat the idle or the age of those before them';

const OTHER_SID = 'the answer is 400 to a sid in the query that this process did not give out';

const OPEN = {
  'no-route': 'ENETUNREACH of connect() is the decisive fact, so it may be high',
  'limit-conn': 'the 503 is of the proxy itself, there is no backend leg',
  'no-sticky-sessions': OTHER_SID,
  'session-of-earlier-process': OTHER_SID,
  'reported-socketio-4881': OTHER_SID,
  'nginx-reload': 'the worker exits with all its sessions at one instant after a SIGHUP of the master; that outranks their equal age',
  'nginx-read-timeout': 'five sessions died at the same idle, and no incident says so',
  // These are right in most runs and wrong in some.
  'client-hammers': 'twenty-five opens within seconds, tens of milliseconds after each end, are a storm in every run',
  'reported-openclaw-105698': 'the pongs lie unread in the receive queue of the side that gave up',
  'lifetime-of-server': PATTERN,
  'reported-nextcloud-harp-115': PATTERN,
  'load-balancer-idle': PATTERN,
  'load-balancer-idle-reset': PATTERN,
  'nat-forgets-rst': PATTERN,
  'nat-forgets-silently': PATTERN,
  'no-auth-message': PATTERN,
  'reported-gorilla-833': PATTERN,
};

module.exports = { OPEN };
