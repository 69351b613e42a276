// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Compares what wstrace said with what a scenario expects.

const { END_EVENTS } = require('../e2e/tracer');
const { OPEN } = require('./open');

const RANK = { low: 0, medium: 1, high: 2 };

const causeOf = (line) => (line.cause && line.cause.id) || '(no cause)';
const isEnd = (line) => END_EVENTS.has(line.event && line.event.name);
const isIncident = (line) => line.event && line.event.name === 'incident';
const pathOf = (line) => (line.session && line.session.path) || null;

// Pairs every expectation with its line. A line without a path serves where
// none with the path exists: then no request was ever seen.
function pair(expected, lines) {
  const left = lines.filter(isEnd);
  const take = (test) => {
    const index = left.findIndex(test);
    return index < 0 ? null : left.splice(index, 1)[0];
  };
  const pairs = expected.map((want) => ({
    want,
    line: take((line) => pathOf(line) === want.path && want.causes.includes(causeOf(line)))
      || null,
  }));
  for (const p of pairs.filter(({ line }) => !line)) {
    p.line = take((line) => pathOf(p.want.path ? line : {}) === p.want.path)
      || take((line) => pathOf(line) === null);
  }
  return { pairs, left };
}

function isBesides(row, line) {
  return [].concat(row.besides || []).includes(causeOf(line));
}

// A regularity takes three sessions: the first two ends may be called what they
// look like alone, one of `pattern`.
const beforePattern = (row, line, ends) => row.pattern && ends.indexOf(line) < 2;

function isRight(row, want, line, ends) {
  return want.causes.includes(causeOf(line))
    || (beforePattern(row, line, ends) && row.pattern.includes(causeOf(line)));
}

const isOfTheRow = (row, want) => want.causes.some((c) => [].concat(row.cause).includes(c));

// The ends of the sessions that the row is about, in the order in which they were told.
function brokenEnds(row, pairs, lines) {
  return lines.filter((told) => pairs.some(({ want, line }) => line === told && isOfTheRow(row, want)));
}

// The pairs and lines that are not as they should be, each as a sentence.
function objections(row, pairs, left, lines) {
  const found = [];
  const ends = brokenEnds(row, pairs, lines);
  for (const { want, line } of pairs) {
    if (!line) {
      found.push(`no line about ${want.path || 'the connection'}`);
    } else if (!isRight(row, want, line, ends)) {
      found.push(`${causeOf(line)} (${line.cause && line.cause.confidence}) about ${want.path}`);
    } else if (!beforePattern(row, line, ends)
      && RANK[line.cause.confidence] < RANK[want.confidence || (isOfTheRow(row, want) && row.confidence)]) {
      found.push(`only ${line.cause.confidence} confidence about ${want.path}`);
    } else if (row.initiator && isOfTheRow(row, want) && line.close.initiator !== row.initiator) {
      found.push(`initiator ${line.close.initiator} of ${want.path}`);
    } else if (RANK[line.cause.confidence] > RANK[want.atMost || (isOfTheRow(row, want) && row.atMost)]) {
      found.push(`${line.cause.confidence} confidence about ${want.path}, which nothing can prove`);
    }
  }
  for (const line of left.filter((l) => !isBesides(row, l) && causeOf(l) !== 'session.normal')) {
    found.push(`besides, ${causeOf(line)} about ${pathOf(line) || 'a connection'}`);
  }
  const untrue = row.noIncidents || [];
  for (const line of lines.filter(isIncident).filter((l) => untrue === true || untrue.includes(causeOf(l)))) {
    found.push(`besides, ${causeOf(line)}`);
  }
  return found;
}

// The rules that this scenario waits for.
function missingRules(scenario, rules) {
  const wanted = [...scenario.expected.flatMap(({ causes }) => [causes]),
    ...scenario.incidents.map(({ id }) => [id])];
  return [...new Set(wanted.filter((ids) => !ids.some((id) => rules.has(id))).flat())];
}

function judge(scenario, lines, rules) {
  const { row } = scenario;
  const { pairs, left } = pair(scenario.expected, lines);
  const incidents = lines.filter(isIncident);
  const ids = scenario.incidents.map(({ id }) => id);
  const found = scenario.error ? [`scenario: ${scenario.error}`] : objections(row, pairs, left, lines);
  for (const { id, holds } of scenario.incidents) {
    const told = incidents.filter((line) => causeOf(line) === id);
    if (!told.some((line) => holds(line.incident, line))) {
      found.push(told.length ? `${id}, but without ${holds}` : `no ${id}`);
    }
  }
  const ends = brokenEnds(row, pairs, lines);
  const { lastHolds } = scenario;
  if (lastHolds && !(ends.length && lastHolds(ends[ends.length - 1]))) {
    found.push(`the last end is told without ${lastHolds}`);
  }
  const wrong = pairs.find(({ want, line }) => !line || !isRight(row, want, line, ends));
  const ofTheRow = pairs.filter(({ want }) => isOfTheRow(row, want));
  const shown = wrong || ofTheRow.find(({ line }) => !beforePattern(row, line, ends)) || pairs[0] || {};
  const line = (shown === pairs[0] && !wrong && !ofTheRow.length ? null : shown.line) || incidents.find((l) => ids.includes(causeOf(l))) || null;
  const missing = missingRules(scenario, rules);
  return {
    scenario: row.name,
    broken: row.broken,
    expected: [...new Set([].concat(row.cause, ids))],
    got: line ? causeOf(line) : '(none)',
    confidence: (line && line.cause && line.cause.confidence) || null,
    evidence: (line && line.cause && line.cause.evidence) || [],
    duration_ms: scenario.duration,
    verdict: verdict(scenario, found, missing),
    skipped_because: found.length ? reasonToSkip(scenario, missing) : null,
    objections: found,
    wrong_at_high: pairs.some((p) => p.line && !isRight(row, p.want, p.line, ends)
      && p.line.cause && p.line.cause.confidence === 'high'),
    lines,
  };
}

function reasonToSkip(scenario, missing) {
  if (scenario.error) {
    return scenario.unavailable || null;
  }
  if (missing.length) {
    return `no rule yet for ${missing.join(', ')}`;
  }
  return OPEN[scenario.row.name] || null;
}

function verdict(scenario, found, missing) {
  if (!found.length) {
    return 'right';
  }
  return reasonToSkip(scenario, missing) ? 'skipped' : 'wrong';
}

module.exports = { causeOf, isEnd, judge };
