// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// Opening handshakes that fail.

const browserToGo = { client: 'browser', route: 'nginx', backend: 'go' };
const browserToNode = { client: 'browser', route: 'nginx', backend: 'node' };
const nodeToGo = { client: 'node', route: 'direct', backend: 'go' };
const nodeToNode = { client: 'node', route: 'direct', backend: 'node' };
// The proxy answers by itself: nobody ever talks to the backend.
const proxyAlone = { legs: 2 };

const failing = (name, where, cause, more = {}) => ({
  name,
  ...where,
  seen: [1006, false],
  cause,
  async run(t) {
    const session = await t.attempt();
    await session.closed();
  },
  ...more,
});

const answered = (name, where, status, cause, more) => (
  failing(name, where, cause, { query: { answer: status }, ...more }));

// 101 was seen, but it is the client that cannot live with it.
const rejected = (name, where, handshake, cause, more) => (
  failing(name, where, cause, { query: { handshake }, ...more }));

const chat = { options: { protocols: ['chat.v1'] } };

module.exports = [
  failing('unauthorized', browserToGo, 'upgrade.unauthorized', { query: { token: 'SECRET-stale' } }),
  failing('unauthorized-node', nodeToNode, 'upgrade.unauthorized', { query: { token: 'SECRET-stale' } }),
  failing('forbidden-origin', nodeToGo, 'upgrade.forbidden_origin',
    { headers: { Origin: 'http://evil.example' } }),
  failing('forbidden-origin-browser', { ...browserToGo, route: 'direct' }, 'upgrade.forbidden_origin'),
  answered('forbidden', browserToNode, 403, 'upgrade.forbidden'),
  failing('proxy-forbids', browserToGo, 'upgrade.forbidden', proxyAlone),
  failing('no-such-room', browserToGo, 'upgrade.wrong_route', { query: { room: 'cellar' } }),
  failing('single-page-app', browserToGo, 'upgrade.wrong_route', proxyAlone),
  answered('bad-request', nodeToNode, 400, 'upgrade.bad_request'),
  // What becomes of the headers on their way is knowledge about proxies.
  failing('no-upgrade-headers', browserToGo,
    ['upgrade.headers_not_forwarded', 'upgrade.not_a_websocket_request', 'upgrade.bad_request']),
  answered('rate-limited', browserToNode, 429, 'upgrade.rate_limited'),
  failing('proxy-limits', browserToGo, ['upgrade.rate_limited', 'upgrade.unavailable'], proxyAlone),
  answered('server-error', browserToGo, 500, 'upgrade.server_error'),
  answered('unavailable', browserToNode, 503, 'upgrade.unavailable'),
  failing('bad-gateway', browserToGo, 'upgrade.bad_gateway',
    { upstreamPort: 9, legs: [2, 3], mayAlsoReport: 'connect.refused' }),
  failing('gateway-timeout', browserToNode, 'upgrade.gateway_timeout', { query: { handshake: 'silent' } }),
  failing('login-redirect', browserToGo, 'upgrade.login_redirect', proxyAlone),
  failing('slash-redirect', nodeToGo, 'upgrade.redirected', { route: 'nginx', ...proxyAlone }),
  failing('server-hangs-up', nodeToNode, 'upgrade.no_response', { query: { handshake: 'hang_up' } }),
  failing('client-gives-up', nodeToNode, 'upgrade.client_gave_up',
    { query: { handshake: 'silent' }, options: { handshakeTimeout: 1000 } }),
  rejected('wrong-accept', nodeToNode, 'wrong_accept', 'upgrade.bad_accept'),
  rejected('wrong-accept-browser', browserToNode, 'wrong_accept', 'upgrade.bad_accept'),
  rejected('wrong-subprotocol', browserToNode, 'wrong_protocol', 'upgrade.subprotocol_mismatch', chat),
  rejected('no-subprotocol', nodeToNode, 'no_protocol', 'upgrade.subprotocol_mismatch', chat),
];
