// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// usage: node run.js [--only REGEX] [--no-tracer]
//
// Breaks real WebSocket sessions in every way of the scenario tables and
// compares what wstrace says with what the clients saw. --no-tracer runs the
// scenarios alone, to tell a broken test bed from a broken tracer.

const { parseArgs } = require('util');
const { ROOT, buildGoBackend, installModules, requireTools } = require('./deps');
const { Report } = require('./report');
const { Stack } = require('./stack');
const { Tracer } = require('./tracer');
const { Scenario } = require('./scenario');
const { until, within } = require('./wait');
const { checkOutput, checkScenario, isAbout } = require('./checks');
const { clientPids } = require('./processes');
const { compileSchema } = require('./schema');
const { rows } = require('./scenarios');

const AT_ONCE = 4;
const SCENARIO_LIMIT_MS = 30000;
const LINE_LIMIT_MS = 6000;
const SUITE_LIMIT_MS = 280000;

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: '' }, 'no-tracer': { type: 'boolean', default: false } },
});
const report = new Report('e2e');
let stack;
let tracer;

function leave(status) {
  if (tracer) {
    tracer.kill();
  }
  if (stack) {
    stack.cleanUp();
  }
  process.exit(status);
}

function hasLines(scenario) {
  return scenario.sessions.every((session) => (
    tracer.ends.some((line) => isAbout(line, scenario.row, session))));
}

async function play(scenario) {
  const { row } = scenario;
  try {
    await within(row.run(scenario, scenario.sessions[0]), SCENARIO_LIMIT_MS, row.name);
    if (tracer) {
      await until(() => hasLines(scenario), LINE_LIMIT_MS);
    }
  } catch (error) {
    report.notOk(`${row.name}: scenario`, error.message);
  }
  await within(scenario.finish(), 10000, `${row.name}: cleaning up`)
    .catch((error) => report.notOk(`${row.name}: cleaning up`, error.message));
}

async function prepare(row) {
  const scenario = new Scenario(stack, row);
  await scenario.prepare();
  scenario.clientPids = clientPids(scenario);
  return scenario;
}

// Sessions that are to be open already when the tracer arrives.
async function openEarly(row) {
  const scenario = await prepare(row);
  await scenario.open();
  return scenario;
}

async function playAll(chosen, early) {
  const queue = chosen.filter((row) => !row.beforeTracer);
  const played = [...early];
  const worker = async () => {
    for (let row = queue.shift(); row; row = queue.shift()) {
      const scenario = await prepare(row);
      played.push(scenario);
      await play(scenario);
    }
  };
  await Promise.all([...early.map(play), ...Array.from({ length: AT_ONCE }, worker)]);
  return played;
}

// A line without the fields that the contract promises is a failure of its own.
function judge(scenario) {
  try {
    checkScenario(report, tracer, scenario);
  } catch (error) {
    report.notOk(`${scenario.row.name}: its line`, error.stack);
  }
}

async function main() {
  requireTools();
  installModules();
  const validate = options['no-tracer'] ? null : compileSchema(ROOT);
  const only = new RegExp(options.only);
  const chosen = rows.filter((row) => only.test(row.name));
  stack = new Stack(buildGoBackend());
  await stack.start();
  const early = await Promise.all(chosen.filter((row) => row.beforeTracer).map(openEarly));
  if (validate) {
    tracer = new Tracer(ROOT);
    await tracer.start();
  }
  const played = await playAll(chosen, early);
  await stack.stop();
  if (tracer) {
    report.endsWell(tracer, await tracer.stop());
  }
  played.forEach(judge);
  if (tracer) {
    checkOutput(report, tracer, played, validate);
  }
}

['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => leave(130)));
setTimeout(() => {
  report.notOk('the suite', `not finished after ${SUITE_LIMIT_MS / 1000} s`);
  report.finish();
  leave(1);
}, SUITE_LIMIT_MS).unref();

main().catch((error) => report.notOk('the suite', error.stack))
  .finally(() => leave(report.finish() ? 0 : 1));
