// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

const rows = [
  ...require('./connect'),
  ...require('./upgrade'),
  ...require('./process'),
  ...require('./tls'),
  ...require('./idle'),
  ...require('./network'),
  ...require('./frames'),
  ...require('./group'),
  ...require('./reported'),
  ...require('./other_servers'),
  ...require('./other_proxies'),
  ...require('./unix_socket'),
  ...require('./other_handshakes'),
  ...require('./other_situations'),
  ...require('./soak'),
];

const names = new Set(rows.map((row) => row.name));
if (names.size !== rows.length) {
  throw new Error('two scenarios share a name');
}

module.exports = { rows };
