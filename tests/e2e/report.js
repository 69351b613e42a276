// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// One line for every check, and the count at the end.

class Report {
  constructor(suite) {
    this.suite = suite;
    this.passed = 0;
    this.failed = 0;
    this.skipped = 0;
  }

  ok(name) {
    this.passed++;
    process.stdout.write(`ok - ${name}\n`);
  }

  notOk(name, why) {
    this.failed++;
    process.stdout.write(`not ok - ${name}: ${String(why).replace(/\s+/g, ' ').trim()}\n`);
  }

  skip(name, why) {
    this.skipped++;
    process.stdout.write(`skip - ${name}: ${why}\n`);
  }

  check(name, good, why) {
    if (good) {
      this.ok(name);
    } else {
      this.notOk(name, why);
    }
    return Boolean(good);
  }

  equal(name, actual, expected) {
    const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
    return this.check(name, a === e, `got ${a}, expected ${e}`);
  }

  endsWell(tracer, status) {
    this.check('wstrace ends well on Ctrl-C', status === 0, `status ${status}: ${tracer.stderr.trim()}`);
  }

  finish() {
    process.stdout.write(
      `${this.suite}: ${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped\n`);
    return this.failed === 0 && this.passed > 0;
  }
}

module.exports = { Report };
