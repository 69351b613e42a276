// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The results as text and as build/lab.json.

const fs = require('fs');

const write = (text) => process.stdout.write(`${text}\n`);

// expected x got, the cells that are not empty; * marks the diagonal.
function printMatrix(results) {
  const cells = new Map();
  for (const { expected, got, verdict } of results) {
    const want = expected.join(' | ');
    const key = JSON.stringify([want, got]);
    const cell = cells.get(key) || { want, got, right: 0, wrong: 0, skipped: 0 };
    cell[verdict]++;
    cells.set(key, cell);
  }
  const rows = [...cells.values()].sort((a, b) => a.want.localeCompare(b.want) || b.right - a.right);
  const width = Math.min(58, Math.max(...rows.map(({ want }) => want.length), 8));
  const show = (want, got, ...counts) => write(
    `${want.padEnd(width)}  ${got.padEnd(40)} ${counts.map((c) => String(c || '.').padStart(7)).join(' ')}`);
  write('');
  show('expected', 'got', 'right', 'wrong', 'skipped');
  rows.forEach(({ want, got, right, wrong, skipped }) => {
    show(want, want.split(' | ').includes(got) ? `* ${got}` : `  ${got}`, right, wrong, skipped);
  });
}

function printResult(result) {
  const { scenario, verdict, got, confidence, skipped_because: why, objections } = result;
  if (verdict === 'right') {
    write(`ok - ${scenario}: ${got}, ${confidence}`);
  } else if (verdict === 'skipped') {
    write(`skip - ${scenario}: ${why} (${objections.join('; ')})`);
  } else {
    write(`not ok - ${scenario}: expected ${result.expected.join(' or ')}: ${objections.join('; ')}`);
  }
}

function writeJson(file, results) {
  const rows = results.map(({ lines, ...rest }) => rest);
  fs.writeFileSync(file, `${JSON.stringify({ schema: 'wstrace.lab.v1', results: rows }, null, 1)}\n`);
}

// One scenario in full: what the stack itself said, and what wstrace says.
function printStory(scenario, result) {
  write(`\n${scenario.row.name}: ${scenario.row.broken}`);
  for (const [title, text] of scenario.story || []) {
    write(`--- ${title}`);
    write(text.trim().split('\n').slice(-30).join('\n'));
  }
  for (const session of scenario.sessions.filter((s) => s.event)) {
    write(`--- the client of ${session.path} saw`);
    write(JSON.stringify(session.event));
  }
  write('--- wstrace');
  result.lines.filter((line) => line.event.name !== 'session_open')
    .forEach((line) => write(JSON.stringify(line)));
  write('');
}

module.exports = { printMatrix, printResult, printStory, writeJson };
