// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The agent's half of a call over Node's IPC channel: { id, method, args } in,
// { id, result } or { id, error } out. An agent whose parent is gone ends.

function serve(methods) {
  process.on('message', async ({ id, method, args }) => {
    try {
      process.send({ id, result: await methods[method](...args) });
    } catch (error) {
      process.send({ id, error: error.message });
    }
  });
  process.on('disconnect', () => process.exit(0));
  process.send({ ready: true });
}

module.exports = { serve };
