// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// usage: node run.js [--fast] [--scenario NAME] [--only REGEX] [--list] [--no-tracer]
//
// Breaks real WebSocket stacks in the ways of scenarios/, with wstrace watching,
// and compares its verdicts with what is known to be broken. --fast leaves the
// long scenarios out; --scenario runs one and shows the stack's own logs too.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync } = require('child_process');
const { parseArgs } = require('util');
const child = require('../e2e/child');
const { ownName, sweep } = require('../e2e/netns');
const { Report } = require('../e2e/report');
const { Tracer } = require('../e2e/tracer');
const { sleep, until, within } = require('../e2e/wait');
const { ROOT, prepareSoftware } = require('./deps');
const { causeOf, isEnd, judge } = require('./judge');
const { printMatrix, printResult, printStory, writeJson } = require('./matrix');
const { OPEN } = require('./open');
const { Scenario } = require('./scenario');
const { claimAddresses } = require('./world');
const { rows } = require('./scenarios');

const AT_ONCE = 4;
const SCENARIO_LIMIT_MS = 60000;
const LINE_LIMIT_MS = 8000;
const SUITE_LIMIT_MS = { fast: 175000, whole: 1190000 };
const CGROUP2 = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

const { values: options } = parseArgs({
  options: {
    fast: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    'no-tracer': { type: 'boolean', default: false },
    record: { type: 'string' },
  },
});
const report = new Report('lab');
const lab = { scenarios: [], results: [], cgroups: [], recordings: 0 };

function choose() {
  const { fast, scenario, only } = options;
  const chosen = rows.filter((row) => (scenario ? row.name === scenario
    : new RegExp(only || '').test(row.name) && (!fast || row.fast)));
  if (!chosen.length) {
    throw new Error(`no scenario named ${scenario || only}; --list shows them`);
  }
  return chosen;
}

// What the kernel tells meanwhile, for `wstrace replay`.
async function startRecorder(tracer, extra) {
  const file = `${options.record}-${lab.recordings++}.wst`;
  const recorder = child.start(null, [tracer.binary, 'record', file, ...extra]);
  await child.waitForOutput(recorder, /tracing/, 20000);
  return recorder;
}

// One tracer for each: everything on this host, or a part of it.
function groups(chosen) {
  const all = new Map();
  for (const row of chosen) {
    const name = row.outside ? 'part of the host' : 'the whole host';
    all.set(name, [...(all.get(name) || []), row]);
  }
  return all;
}

function makeCgroups() {
  const root = CGROUP2.find((folder) => fs.existsSync(`${folder}/cgroup.procs`)
    && fs.existsSync(`${folder}/cgroup.controllers`));
  const top = path.join(root, ownName('lab'));
  const made = { inside: `${top}/inside`, outside: `${top}/outside` };
  for (const folder of [top, made.inside, made.outside]) {
    fs.mkdirSync(folder);
    lab.cgroups.unshift(folder);
  }
  return made;
}

function rulesOf(binary) {
  const { causes } = JSON.parse(execFileSync(binary, ['causes', '--format', 'json'], { encoding: 'utf8' }));
  return new Set(causes.map(({ id }) => id));
}

const linesOf = (tracer, scenario) => tracer.lines.filter((line) => scenario.world.owns(JSON.stringify(line)));

function saidAll(tracer, scenario) {
  const lines = linesOf(tracer, scenario);
  return lines.filter(isEnd).length >= scenario.expected.length
    && scenario.incidents.every(({ id, holds }) => lines.some((line) => causeOf(line) === id && holds(line.incident, line)));
}

async function play(scenario, tracer) {
  const start = Date.now();
  try {
    await within(scenario.row.run(scenario), SCENARIO_LIMIT_MS, 'run');
    // A line too many also needs a moment to appear.
    await until(() => !tracer || saidAll(tracer, scenario), scenario.row.patienceMs || LINE_LIMIT_MS, 50);
    await sleep(500);
  } catch (error) {
    scenario.error = error.message;
  }
  scenario.duration = Date.now() - start;
  // What is torn down now has its lines, too; they are not about the scenario.
  scenario.lines = tracer ? linesOf(tracer, scenario) : [];
  scenario.story = scenario.world.logs();
  await within(scenario.world.stop(), 20000, `${scenario.row.name}: cleaning up`)
    .catch((error) => report.notOk(scenario.row.name, error.message));
}

async function playGroup(chosen, software) {
  const cgroups = chosen[0].outside ? makeCgroups() : null;
  const tracer = options['no-tracer'] ? null : new Tracer(ROOT);
  lab.tracer = tracer;
  const extra = cgroups ? ['--cgroup', cgroups.inside] : [];
  const recorder = tracer && options.record ? await startRecorder(tracer, extra) : null;
  if (tracer) {
    await tracer.start(extra);
  }
  const queue = [...chosen];
  const played = [];
  const worker = async () => {
    for (let row = queue.shift(); row; row = queue.shift()) {
      const scenario = new Scenario(row, lab.scenarios.length, { ...software, cgroups });
      lab.scenarios.push(scenario);
      played.push(scenario);
      await play(scenario, tracer);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (recorder) {
    await child.stop(recorder, 'SIGINT', 5000);
  }
  if (tracer) {
    report.endsWell(tracer, await tracer.stop());
  }
  return played;
}

function settle(scenario, rules) {
  const result = judge(scenario, scenario.lines, rules);
  lab.results.push(result);
  printResult(result);
  if (options.scenario) {
    printStory(scenario, result);
  }
  const count = { right: 'passed', wrong: 'failed', skipped: 'skipped' };
  report[count[result.verdict]]++;
}

function cleanUp() {
  if (lab.tracer) {
    lab.tracer.kill();
  }
  child.killAll();
  lab.scenarios.forEach(({ world }) => world.remove());
  if (lab.folder) {
    fs.rmSync(lab.folder, { recursive: true, force: true, maxRetries: 5 });
  }
  for (const folder of lab.cgroups) {
    try {
      fs.rmdirSync(folder);
    } catch (error) {
      process.stderr.write(`cleaning up: ${error.message}\n`);
    }
  }
}

function finish() {
  if (lab.results.length) {
    printMatrix(lab.results);
    // The JSON is about all scenarios; one alone must not replace it.
    if (!options.scenario && !options.only) {
      writeJson(path.join(ROOT, 'build', options.fast ? 'lab-fast.json' : 'lab.json'), lab.results);
    }
    const done = lab.results.filter((result) => result.verdict === 'right' && OPEN[result.scenario]);
    if (done.length) {
      process.stdout.write(`\nright now, remove from open.js: ${done.map((r) => r.scenario).join(', ')}\n`);
    }
    const high = lab.results.filter((result) => result.wrong_at_high);
    process.stdout.write(`\nwrong at high confidence: ${high.map((r) => r.scenario).join(', ') || 'none'}\n`);
  }
  return report.finish();
}

async function main() {
  const chosen = choose();
  if (options.list) {
    chosen.forEach((row) => process.stdout.write(
      `${row.fast ? 'fast' : '    '}  ${row.name}  ${[].concat(row.cause).join(' | ')}\n      ${row.broken}\n`));
    process.exit(0);
  }
  await claimAddresses();
  sweep();
  const binaries = prepareSoftware();
  const rules = rulesOf(new Tracer(ROOT).binary);
  lab.folder = fs.mkdtempSync(path.join(os.tmpdir(), ownName('')));
  fs.chmodSync(lab.folder, 0o755);
  for (const [, some] of groups(chosen)) {
    const played = await playGroup(some, { folder: lab.folder, binaries });
    played.forEach((scenario) => settle(scenario, rules));
  }
}

function leave(status) {
  cleanUp();
  process.exit(status);
}

['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => leave(130)));
setTimeout(() => {
  report.notOk('the lab', 'not finished in time');
  finish();
  leave(1);
}, SUITE_LIMIT_MS[options.fast ? 'fast' : 'whole']).unref();

main().catch((error) => report.notOk('the lab', error.stack))
  .finally(() => leave(finish() ? 0 : 1));
