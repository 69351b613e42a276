// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// What is asserted of the lines, given what the clients themselves saw.

const { ADDRESS, SUBNET } = require('./stack');
const { sessionId } = require('./frames');
const { expectedPids } = require('./processes');

const EVENT_OF_STAGE = {
  connect: 'connect_failed', upgrade: 'handshake_failed', session: 'session_end',
};
const ROLES_BEHIND_PROXY = [
  'client_to_proxy/client', 'client_to_proxy/server',
  'proxy_to_server/client', 'proxy_to_server/server',
];

const list = (value) => (Array.isArray(value) ? value : [value]);
const show = (value) => JSON.stringify(value);

// Does this line speak of this session? By its path; where no request was
// ever sent or seen, by the address or port that belongs to the row alone.
function isAbout(line, row, session) {
  if (line.session && line.session.path === session.path) {
    return true;
  }
  const ends = (line.legs || []).flatMap((leg) => [leg.local, leg.remote]).filter(Boolean);
  if (row.address) {
    return ends.some((end) => end.address === row.address);
  }
  return Boolean(row.beforeTracer) && ends.some((end) => end.address === ADDRESS.backend && end.port === row.own.port);
}

// `expected` is one pair of code and cleanness, or { oneOf: [...] } where the
// ends race with each other.
function checkPair(report, name, actual, expected) {
  const good = expected.oneOf || [expected];
  report.check(name, good.some((pair) => show(pair) === show(actual)),
    `got ${show(actual)}, expected ${good.map(show).join(' or ')}`);
}

function checkClient(report, row, session, name) {
  if (!row.seen) {
    return;
  }
  const event = session.event || {};
  checkPair(report, `${name}: client saw`, [event.code, event.wasClean], row.seen);
}

function checkCause(report, row, line, name) {
  const causes = list(row.cause);
  const event = EVENT_OF_STAGE[causes[0].split('.')[0]];
  report.equal(`${name}: event`, line.event.name, event);
  report.check(`${name}: cause`, causes.includes(line.cause && line.cause.id),
    `${show(line.cause)} instead of ${causes}`);
  checkAdvice(report, row, causes, line, name);
}

// A bad end must come with a level that alerts can use and with advice; a good
// one must not look like an error.
function checkAdvice(report, row, causes, line, name) {
  if (causes.includes('session.normal')) {
    report.equal(`${name}: level`, line.level, 'info');
  } else if (!causes.includes('session.application_code')) {
    const error = line.error || {};
    const steps = error.troubleshootingSteps || [];
    const announced = line.cause.id === 'session.service_restart' && line.close.clean;
    report.check(`${name}: advice`, (line.level === 'info') === announced && error.userMessage && steps.length > 0,
      `level ${line.level}, error ${show(line.error)}`);
  }
}

function checkClose(report, row, session, line, name) {
  const close = line.close || {};
  const seen = session.event && [session.event.code, session.event.wasClean];
  const expected = row.close || seen;
  // Without a session there was nothing to close.
  const needed = line.close || line.event.name === 'session_end';
  if (expected && needed) {
    checkPair(report, `${name}: close`, [close.code, close.clean], expected);
  }
  if (row.initiator) {
    const either = [].concat(row.initiator);
    report.equal(`${name}: initiator`, close.initiator,
      either.includes(close.initiator) ? close.initiator : row.initiator);
  }
  checkCloseFrame(report, row.fromServer, close.from_server, `${name}: from_server`);
  checkCloseFrame(report, row.fromClient, close.from_client, `${name}: from_client`);
}

function checkCloseFrame(report, expected, actual, name) {
  if (!expected) {
    return;
  }
  const found = actual || {};
  report.equal(name, found.code, expected.code);
  if (expected.reason) {
    report.equal(`${name} reason`, found.reason, expected.reason);
  }
}

function legCounts(row) {
  return list(row.legs || (row.route === 'nginx' ? 4 : 2));
}

function checkLegs(report, scenario, line, name) {
  const legs = line.legs || [];
  const counts = legCounts(scenario.row);
  report.check(`${name}: legs`, counts.includes(legs.length), `${legs.length} instead of ${counts}`);
  const wrong = legs.filter((leg) => !expectedPids(scenario, leg).has(leg.process && leg.process.pid));
  report.check(`${name}: processes`, wrong.length === 0, wrong.map((leg) => (
    `${leg.side} ${show(leg.local)} is ${show(leg.process)}, not ${[...expectedPids(scenario, leg)]}`)).join('; '));
  const mapped = legs.filter((leg) => /::ffff:/i.test(show([leg.local, leg.remote])));
  report.check(`${name}: addresses`, mapped.length === 0, 'v4-mapped address where IPv4 was spoken');
  if (counts.includes(4)) {
    const roles = legs.map((leg) => `${leg.role}/${leg.side}`).sort();
    report.equal(`${name}: roles`, roles, ROLES_BEHIND_PROXY);
  }
}

function checkIdentity(report, tracer, row, session, line, name) {
  if (row.address || row.beforeTracer) {
    return;
  }
  report.equal(`${name}: trace id`, line.trace_id, line.session.id);
  if (session.key) {
    report.equal(`${name}: session id`, line.session.id, sessionId(session.key));
  }
  if (line.event.name === 'session_end' && session.opened) {
    const opens = tracer.opens(session.path);
    report.check(`${name}: opened once`, opens.length === 1 && opens[0].trace_id === line.trace_id,
      `${opens.length} session_open lines`);
  }
}

function checkDetails(report, row, line, name) {
  if (row.evidence) {
    const evidence = show((line.cause && line.cause.evidence) || []);
    report.check(`${name}: evidence`, row.evidence.test(evidence), `${evidence} lacks ${row.evidence}`);
  }
  if (row.minDurationMs) {
    const { duration_ms: duration } = line.session;
    report.check(`${name}: duration`, duration >= row.minDurationMs && duration < row.minDurationMs + 5000,
      `${duration} ms`);
  }
  if (row.minPings) {
    const few = line.legs.filter((leg) => !(leg.websocket && leg.websocket.pings >= row.minPings
      && leg.websocket.pongs >= row.minPings));
    report.check(`${name}: pings`, few.length === 0, show(few.map((leg) => leg.websocket)));
  }
}

function checkScenario(report, tracer, scenario) {
  const { row } = scenario;
  for (const session of scenario.sessions) {
    const name = session.path.replace('/e2e/', '');
    checkClient(report, row, session, name);
    if (!tracer) {
      report.skip(`${name}: its line`, 'no tracer');
      continue;
    }
    const lines = tracer.ends.filter((line) => isAbout(line, row, session));
    if (!report.check(`${name}: one line`, lines.length === 1,
      `${lines.length} lines: ${lines.map((l) => `${l.event.name} ${show(l.cause && l.cause.id)}`)}`)
      && lines.length === 0) {
      continue;
    }
    const [line] = lines;
    checkCause(report, row, line, name);
    checkClose(report, row, session, line, name);
    checkLegs(report, scenario, line, name);
    checkIdentity(report, tracer, row, session, line, name);
    checkDetails(report, row, line, name);
  }
}

// A second verdict on something that another row's proxy went through.
function isExpectedBesides(line, scenarios) {
  return scenarios.some(({ row }) => row.mayAlsoReport
    && line.cause && line.cause.id === row.mayAlsoReport
    && (line.legs || []).some((leg) => leg.remote && leg.remote.address === ADDRESS.backendToProxy
      && leg.remote.port === row.upstreamPort));
}

function strays(tracer, scenarios) {
  const known = (line) => scenarios.some(({ row, sessions }) => (
    sessions.some((session) => isAbout(line, row, session))));
  const ours = (line) => show([line.session, line.legs]).match(/198\.19\.7[789]\./)
    || (line.legs || []).some((leg) => leg.local && SUBNET.test(leg.local.address));
  return tracer.ends.filter((line) => ours(line) && !known(line) && !isExpectedBesides(line, scenarios));
}

function checkOutput(report, tracer, scenarios, validate) {
  report.check('every line is JSON', tracer.broken.length === 0 && tracer.unparsed === '',
    show([...tracer.broken.slice(0, 3), tracer.unparsed]));
  const invalid = tracer.lines.map((line) => [line, validate(line)]).filter(([, errors]) => errors.length);
  const examples = invalid.slice(0, 5).map(([line, errors]) => (
    `${show(line.session && line.session.path)} ${errors.slice(0, 3).join(', ')}`));
  report.check('every line follows the schema', invalid.length === 0,
    `${invalid.length} of ${tracer.lines.length} do not: ${examples.join(' | ')}`);
  const output = tracer.stdout + tracer.stderr;
  report.check('no secret is printed', !output.includes('SECRET'),
    output.slice(Math.max(0, output.indexOf('SECRET') - 100)).slice(0, 200));
  const keys = scenarios.flatMap(({ sessions }) => sessions.map((s) => s.key)).filter(Boolean);
  const leaked = keys.filter((key) => output.includes(key));
  report.check('no Sec-WebSocket-Key is printed', keys.length > 0 && leaked.length === 0, `${leaked}`);
  const surplus = strays(tracer, scenarios);
  report.check('no line about anything else', surplus.length === 0,
    surplus.slice(0, 5).map((line) => show([line.event.name, line.session, line.cause, line.legs])).join(' | '));
}

module.exports = { checkOutput, checkScenario, isAbout };
