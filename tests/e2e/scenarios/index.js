// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

const rows = [
  ...require('./network'),
  ...require('./endings'),
  ...require('./sessions'),
  ...require('./protocol'),
  ...require('./close_codes'),
  ...require('./handshake'),
];

const names = new Set(rows.map((row) => row.name));
if (names.size !== rows.length) {
  throw new Error('two scenarios share a name, and so their path');
}

module.exports = { rows };
