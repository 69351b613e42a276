// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Polls until `look` returns something; undefined when the time is up.
async function until(look, limitMs, everyMs = 20) {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = look();
    if (found || Date.now() >= end) {
      return found || undefined;
    }
    await sleep(everyMs);
  }
}

function within(promise, limitMs, what) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

module.exports = { sleep, until, within };
