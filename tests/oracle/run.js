// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const child = require('../e2e/child');
const { ROOT, installModules, requireTools } = require('../e2e/deps');
const { Namespace, ownName, sweep } = require('../e2e/netns');
const { Report } = require('../e2e/report');
const { Tracer } = require('../e2e/tracer');
const { until, within } = require('../e2e/wait');
const { compareWithSent, compareWithTracer } = require('./compare');
const { dissect, startCapture, stopCapture } = require('./dissect');
const { untidy } = require('./untidy');

const PORT = 9400;
const TOOLS = [
  ['/usr/bin/tshark', 'tshark'], ['/usr/sbin/nft', 'nftables'], ['/usr/bin/setpriv', 'util-linux'],
];
const UNTIDY_SESSIONS = 1000;
const report = new Report('oracle');
const withTracer = !process.argv.includes('--no-tracer');
let namespace;
let folder;
let tracer;

function cleanUp() {
  if (tracer) {
    tracer.kill();
  }
  child.killAll();
  if (namespace) {
    namespace.remove();
    namespace = null;
  }
  if (folder) {
    fs.rmSync(folder, { recursive: true, force: true });
    folder = null;
  }
}

function leave(status) {
  cleanUp();
  process.exit(status);
}

async function makeTraffic() {
  const traffic = child.start(namespace, [process.execPath, path.join(__dirname, 'traffic.js')]);
  await within(traffic.ended, 60000, 'the traffic');
  if (traffic.exitCode !== 0) {
    throw new Error(`the traffic failed: ${traffic.output.trim()}`);
  }
  return JSON.parse(traffic.output);
}

function tracedLine(session) {
  return tracer.ends.filter((line) => line.session && line.session.path === session.path);
}

async function main() {
  requireTools(TOOLS);
  installModules();
  sweep();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), ownName('oracle-')));
  namespace = new Namespace('oracle');
  if (withTracer) {
    tracer = new Tracer(ROOT);
    await tracer.start(['--port', '9400,9401']);
  }
  const file = path.join(folder, 'capture.pcapng');
  const capture = await startCapture(namespace, PORT, file);
  const sessions = await makeTraffic();
  await stopCapture(capture);
  if (tracer) {
    await until(() => sessions.every((session) => tracedLine(session).length), 5000);
    await untidy(report, tracer, folder, UNTIDY_SESSIONS);
    report.equal('wstrace ends well on Ctrl-C', await tracer.stop(), 0);
  }
  const streams = dissect(file, PORT);
  report.equal('tshark saw every session', streams.size, sessions.length);
  for (const session of sessions) {
    const stream = streams.get(session.port);
    if (!stream) {
      report.notOk(`${session.name}: captured`, `no stream from port ${session.port}`);
      continue;
    }
    compareWithSent(report, session, stream);
    if (tracer) {
      compareWithTracer(report, session, stream, tracedLine(session));
    } else {
      report.skip(`${session.name}: traced`, 'no tracer');
    }
  }
}

['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => leave(130)));

within(main(), 300000, 'the suite')
  .catch((error) => report.notOk('the suite', error.stack))
  .finally(() => leave(report.finish() ? 0 : 1));
