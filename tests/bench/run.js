// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// node tests/bench/run.js [--only NAME[,NAME]] [--rounds N]: see README.md beside this file.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { BUILD, Setting } = require('./setting');

const measures = ['packets', 'echo', 'churn', 'sessions', 'delay'];

function options(argv) {
  const ret = { only: measures, rounds: 4, seconds: 1 };
  for (let i = 0; i < argv.length; i += 2) {
    const value = argv[i + 1];
    if (argv[i] === '--only' && value && value.split(',').every((name) => measures.includes(name))) {
      ret.only = value.split(',');
    } else if (argv[i] === '--rounds' && Number(value) >= 1 && Number(value) <= 100) {
      ret.rounds = Number(value);
    } else {
      throw new Error(`usage: run.js [--only ${measures.join('|')}] [--rounds 1-100]`);
    }
  }
  return ret;
}

async function main() {
  const wanted = options(process.argv.slice(2));
  const print = (line) => process.stdout.write(`${line}\n`);
  const setting = new Setting();
  const leave = (status) => { setting.close(); process.exit(status); };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => leave(130));
  }
  const result = {
    date: new Date().toISOString(), kernel: os.release(), cpu: os.cpus()[0].model, cpus: os.cpus().length,
  };
  print(`${result.date}  Linux ${result.kernel}  ${result.cpus} x ${result.cpu}`);
  try {
    for (const name of wanted.only) {
      const measure = require(`./${name}`);
      result[name] = await measure.measure(setting, wanted);
      measure.show(result[name], print);
    }
    fs.writeFileSync(path.join(BUILD, 'bench.json'), `${JSON.stringify(result, null, 2)}\n`);
    print(`written to ${path.relative(process.cwd(), path.join(BUILD, 'bench.json'))}`);
  } catch (error) {
    process.stderr.write(`bench: ${error.stack}\n`);
    leave(1);
  }
  leave(0);
}

main();
