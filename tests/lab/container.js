// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A server in a container of runc, with the programs of this host and the network
// of the scenario, in a cgroup as the Docker engine names them.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { ROOT } = require('../e2e/deps');
const { SERVERS } = require('./software');
const { listening } = require('./world');

const RUNC = '/usr/sbin/runc';
const CGROUPS = '/sys/fs/cgroup';

function specification(t, argv, id) {
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: argv,
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      capabilities: {},
    },
    root: { path: 'rootfs', readonly: false },
    linux: {
      cgroupsPath: `/docker/${id}`,
      namespaces: [
        { type: 'pid' }, { type: 'mount' },
        { type: 'network', path: `/run/netns/${t.world.namespace('backend').name}` },
      ],
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      ...['/usr', '/lib', '/lib64', '/etc', ROOT].map((folder) => ({
        destination: folder, type: 'bind', source: folder, options: ['rbind', 'ro'],
      })),
    ],
  };
}

async function runContainer(t, [kind, settings], port) {
  if (!fs.existsSync(RUNC)) {
    t.unavailable = 'runc is not installed';
    throw new Error(t.unavailable);
  }
  const id = crypto.randomBytes(32).toString('hex');
  const bundle = path.join(t.world.folder, 'bundle');
  const state = path.join(t.world.folder, 'runc');
  fs.mkdirSync(path.join(bundle, 'rootfs'), { recursive: true });
  const argv = SERVERS[kind](t, port, settings);
  fs.writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(specification(t, argv, id)));
  const parents = fs.readdirSync(CGROUPS).map((name) => path.join(CGROUPS, name, 'docker'))
    .concat(path.join(CGROUPS, 'docker')).filter((folder) => !fs.existsSync(folder));
  const runc = (...args) => execFileSync(RUNC, ['--root', state, '--log', `${t.world.folder}/runc.log`, ...args], { stdio: 'ignore' });
  runc('run', '--detach', '--bundle', bundle, id);
  const pid = Number(fs.readFileSync(path.join(state, id, 'state.json'), 'utf8').match(/"init_process_pid":(\d+)/)[1]);
  t.world.onStop(() => {
    runc('delete', '--force', id);
    // runc leaves the parents that it made.
    parents.filter((folder) => fs.existsSync(folder)).forEach((folder) => fs.rmdirSync(folder));
  });
  await listening(pid, port);
  return { pid, id, kill: (signal) => runc('kill', id, signal) };
}

module.exports = { runContainer };
