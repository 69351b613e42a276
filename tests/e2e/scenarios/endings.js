// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Sessions that end without a Close frame because of what a process did.

const browserToGo = { client: 'browser', route: 'nginx', backend: 'go' };
const browserToNode = { client: 'browser', route: 'nginx', backend: 'node' };
const nodeToGo = { client: 'node', route: 'direct', backend: 'go' };
const nodeToNode = { client: 'node', route: 'direct', backend: 'node' };
const abnormal = { seen: [1006, false] };

const ordered = (name, where, how, cause, more = {}) => ({
  name,
  ...where,
  ...abnormal,
  initiator: 'server',
  cause,
  async run(t) {
    const session = await t.open();
    await session.order(how, more.details);
    await session.closed();
  },
  ...more,
});

const signalled = (name, where, signal, cause) => ({
  name,
  ...where,
  ...abnormal,
  own: {},
  initiator: 'server',
  cause,
  async run(t) {
    const session = await t.open();
    process.kill(t.backend.pid, signal);
    await session.closed();
    await t.backendGone();
  },
});

const unread = (name, where) => ({
  name,
  ...where,
  ...abnormal,
  initiator: 'server',
  cause: 'session.aborted_with_unread_data',
  async run(t) {
    const session = await t.open();
    await session.order('unread', { hold_ms: 500 });
    await session.next('ready');
    await session.say('too late');
    await session.closed();
  },
});

const byClient = (name, method, cause) => ({
  name,
  client: 'node',
  route: 'nginx',
  backend: 'go',
  ...abnormal,
  initiator: 'client',
  cause,
  async run(t) {
    const session = await t.open();
    await session.call(method);
    await session.closed();
  },
});

const own = { own: {} };

module.exports = [
  ordered('server-drops', browserToNode, 'drop', 'session.closed_without_close_frame'),
  ordered('server-drops-go', nodeToGo, 'drop', 'session.closed_without_close_frame'),
  ordered('server-lingers-zero', nodeToGo, 'reset', 'session.aborted_by_application'),
  ordered('server-lingers-zero-behind-proxy', browserToNode, 'reset', 'session.aborted_by_application'),
  unread('server-leaves-unread', nodeToGo),
  unread('server-leaves-unread-node', nodeToNode),
  unread('server-leaves-unread-behind-proxy', browserToGo),
  byClient('client-terminates', 'terminate', 'session.closed_without_close_frame'),
  byClient('client-resets', 'reset', 'session.aborted_by_application'),
  signalled('backend-sigkill', browserToGo, 'SIGKILL', 'session.process_killed'),
  signalled('backend-sigkill-node', nodeToNode, 'SIGKILL', 'session.process_killed'),
  signalled('backend-sigterm', browserToNode, 'SIGTERM', 'session.process_terminated'),
  signalled('backend-sigterm-go', nodeToGo, 'SIGTERM', 'session.process_terminated'),
  signalled('backend-sigsegv', browserToNode, 'SIGSEGV', 'session.process_crashed'),
  ordered('backend-panics', browserToGo, 'crash', 'session.process_crashed',
    { own: { env: { GOTRACEBACK: 'crash' } } }),
  ordered('backend-aborts', nodeToNode, 'abort', 'session.process_crashed', own),
  ordered('backend-exits-3', browserToGo, 'exit', 'session.process_exited',
    { ...own, details: { code: 3 }, evidence: /\b3\b/ }),
  ordered('backend-throws', nodeToNode, 'throw', 'session.process_exited', own),
  {
    name: 'backend-oom-killed',
    ...browserToNode,
    ...abnormal,
    ...own,
    initiator: 'server',
    cause: 'session.process_oom_killed',
    async run(t) {
      const session = await t.open();
      t.stack.limitMemory(t.backend.pid, 96 << 20);
      await session.order('eat_memory');
      await session.closed();
      await t.backendGone();
    },
  },
  {
    name: 'client-killed',
    client: 'node',
    ownClient: true,
    route: 'nginx',
    backend: 'node',
    initiator: 'client',
    close: [1006, false],
    cause: 'session.process_killed',
    async run(t) {
      await t.open();
      process.kill(t.agent.pid, 'SIGKILL');
    },
  },
  {
    // Naming the proxy is knowledge about proxies; until then, a process died.
    name: 'proxy-worker-killed',
    ...browserToNode,
    ...abnormal,
    ownNginx: 8090,
    initiator: 'proxy',
    cause: ['session.proxy_exited', 'session.process_killed'],
    async run(t) {
      const session = await t.open();
      t.workers.forEach((pid) => process.kill(pid, 'SIGKILL'));
      await session.closed();
    },
  },
  {
    name: 'proxy-idle',
    ...browserToNode,
    ...abnormal,
    initiator: 'proxy',
    cause: ['session.proxy_idle_timeout', 'session.closed_without_close_frame'],
    async run(t) {
      const session = await t.open();
      await session.closed();
    },
  },
  {
    // The handshake happened before anyone watched: no path, no key.
    name: 'open-before-tracer',
    ...nodeToGo,
    ...abnormal,
    beforeTracer: true,
    own: { port: 8000 },
    initiator: 'server',
    cause: 'session.process_killed',
    async run(t, session) {
      // Frames that end where segments end make it certain that this is a WebSocket.
      for (const text of ['are', 'you', 'still', 'there', 'at', 'all?']) {
        await session.say(text);
        await session.next('said');
      }
      process.kill(t.backend.pid, 'SIGKILL');
      await session.closed();
      await t.backendGone();
    },
  },
];
