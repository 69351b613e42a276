/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The handshake was answered, and the answer blames the server or what is behind it. */
#include "diagnose/rule.h"

#include <errno.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/timeouts.h"

/*
 * A 503 of a proxy that says 502 of backends, given without asking one: nginx means a limit by it,
 * or an administrator's `return 503`. Never sure: maintenance that began a moment ago, or that
 * spares some addresses, looks the same on the wire, even to a client with sessions there.
 */
static enum confidence limited_by_proxy(const struct facts *f, struct evidence *ev)
{
	const struct conn *gateway = session_gateway_leg(f->session);
	const struct known_proxy *proxy = gateway ? known_proxy_find(gateway->owner->comm) : NULL;
	char address[FORMAT_ADDRESS], count[FORMAT_COUNT];
	unsigned int others;

	if (!proxy || !proxy->limits_with_503 || facts_failed_upstream(f) || f->server != gateway ||
	    gateway->handshake.status != 503)
		return CONFIDENCE_NONE;
	others = track_open_from(f->track, gateway, 2, gateway->handshake.response_ns);
	evidence_answer(ev, f);
	evidence_add(
		ev, "no_backend_leg", 0,
		"%s answered by itself: no backend was asked, and it gives 502 for one that fails",
		proxy->product);
	if (others)
		evidence_add(ev, "client_sessions", 0, "%s has %s open there already",
			     format_address(address, gateway->tuple.remote),
			     format_count(count, others, "other session"));
	return others ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

static enum confidence rate_limited(const struct facts *f, struct evidence *ev)
{
	if (f->answer.status == 503)
		return limited_by_proxy(f, ev);
	if (f->answer.status != 429)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

/*
 * The socket nearest to the backend, if the request got so far and no answer came back in time;
 * NULL otherwise.
 */
static const struct conn *backend_leg(const struct facts *f)
{
	const struct handshake *hs = &f->server->handshake;

	if (f->answer.by != BY_PROXY || f->server == f->answer.conn ||
	    (hs->response_seen && hs->response_ns <= f->answer.conn->handshake.response_ns))
		return NULL;
	return f->server;
}

static void add_backend(struct evidence *ev, const struct facts *f, const struct conn *c)
{
	char who[FACTS_NAME_BYTES];
	uint64_t ts_ns = 0;
	enum ended_by how = conn_ended_by(c, &ts_ns);

	evidence_add(
		ev, "backend_leg", ts_ns, "%s got the request and did not answer: %s, %s",
		facts_name(who, f->session, BY_SERVER, conn_is_server_side(c) ? c->owner : NULL),
		ended_by_name(how),
		facts_errno(c) ? name_of_errno(facts_errno(c)) : "no socket error");
}

/* Nothing came back at all. */
static bool was_unanswered(const struct failed_connect *failed)
{
	return (!failed->error || failed->error == ETIMEDOUT) &&
	       !(failed->tcp_flags & (WST_TCP_NO_LOCAL_PORT | WST_TCP_NO_ROUTE));
}

/*
 * Some proxies give 503 for a backend that they cannot reach (HAProxy, Envoy): what they tried
 * tells.
 */
static enum confidence from_gateway(const struct facts *f, struct evidence *ev, uint16_t status)
{
	const struct failed_connect *failed = facts_failed_upstream(f);
	const struct conn *backend = backend_leg(f);
	bool by_trial = f->answer.status == 503 && failed && !backend &&
			was_unanswered(failed) == (status == 504);

	if (f->answer.status != status && !by_trial)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	evidence_failed_upstream(ev, f);
	if (failed && !backend)
		return CONFIDENCE_HIGH;
	if (!backend) {
		evidence_add(ev, "no_backend_leg", 0,
			     "its connection to the backend was not seen as part of this session");
		return CONFIDENCE_MEDIUM;
	}
	add_backend(ev, f, backend);
	evidence_process(ev, f);
	return CONFIDENCE_HIGH;
}

/*
 * A proxy that has given up its backends after health checks answers 503 without trying: the checks
 * that fail tell. What else it may mean by it (maxconn, maintenance) is not excluded.
 */
static enum confidence checks_fail(const struct facts *f, struct evidence *ev)
{
	const struct conn *gateway = session_gateway_leg(f->session);
	const struct failed_connect *failed;
	char target[FORMAT_ENDPOINT];

	if (!gateway || f->answer.status != 503 || f->server != gateway)
		return CONFIDENCE_NONE;
	failed = groups_failed_lately(track_groups(f->track), gateway->owner->tgid,
				      gateway->handshake.response_ns);
	if (!failed || (failed->aside && !facts_is_gateway(f, gateway)))
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	evidence_add(
		ev, "health_check", failed->ended_ns,
		"no backend was asked; shortly before, %.*s (pid %u) failed to connect to %s: %s",
		WST_COMM_LEN, gateway->owner->comm, gateway->owner->tgid,
		format_endpoint(target, failed->tuple.remote, failed->tuple.remote_port),
		failed->error ? name_of_errno(failed->error) : "no answer");
	return CONFIDENCE_MEDIUM;
}

static enum confidence bad_gateway(const struct facts *f, struct evidence *ev)
{
	enum confidence confidence = from_gateway(f, ev, 502);

	return confidence ? confidence : checks_fail(f, ev);
}

static enum confidence gateway_timeout(const struct facts *f, struct evidence *ev)
{
	return from_gateway(f, ev, 504);
}

/* A proxy gives it for backends that it has given up, for limits, for a full queue. */
static enum confidence unavailable(const struct facts *f, struct evidence *ev)
{
	const struct conn *gateway = session_gateway_leg(f->session);
	bool by_proxy = f->answer.by != BY_SERVER ||
			(gateway && known_proxy_find(gateway->owner->comm));

	if (f->answer.status != 503)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return by_proxy ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
}

static enum confidence server_error(const struct facts *f, struct evidence *ev)
{
	if (f->answer.status < 500)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

static enum confidence unexpected_status(const struct facts *f, struct evidence *ev)
{
	if (!f->answer.status || f->answer.status == 101)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

static const struct rule rules[] = {
	{
		.id = "upgrade.rate_limited",
		.when = rate_limited,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.alternatives = { "upgrade.unavailable" },
		.flags = RULE_QUOTES,
		.summary = "{answerer} limits the connections of its clients: HTTP {status}",
		.user_message = "Too many connections from your network. Please try again in a minute.",
		.steps = {
			"A 503 of nginx itself is a limit (its error log says `limiting`) or a `return 503` for maintenance; limit_conn_status and limit_req_status 429 tell them apart.",
			"Does the client reconnect without a pause? Let it back off, with jitter.",
			"Limit by user instead of by address if many users share one (NAT, a proxy); make the real address known with set_real_ip_from (nginx).",
			"Exempt the WebSocket path from limits made for ordinary requests (limit_req, limit_conn).",
		},
	},
	{
		.id = "upgrade.bad_gateway",
		.when = bad_gateway,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.alternatives = { "connect.refused", "connect.unreachable", "connect.ports_exhausted" },
		.summary = "{answerer} got no usable answer from the backend: HTTP {status}",
		.user_message = "The chat service is not running at the moment. Please try again in a moment.",
		.steps = {
			"The proxy's error log names the address and the error: 111 means that nothing listens there, 113 that the address is gone.",
			"After a backend got a new address, reload the proxy or let it resolve the name again (nginx: `resolver`, and a variable in proxy_pass).",
		},
	},
	{
		.id = "upgrade.gateway_timeout",
		.when = gateway_timeout,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.alternatives = { "connect.timeout", "connect.backlog_overflow" },
		.summary = "the backend did not answer {answerer} in time: HTTP {status}",
		.user_message = "The chat service answers too slowly at the moment. Please try again in a moment.",
		.steps = {
			"Is the backend overloaded or stuck? A blocked event loop or a full pool before the upgrade handler does this.",
			"If the connection to it is never made: a full accept queue (`ss -ltn`, Recv-Q against Send-Q), or a firewall between proxy and backend.",
		},
	},
	{
		.id = "upgrade.unavailable",
		.when = unavailable,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.alternatives = { "upgrade.rate_limited", "upgrade.bad_gateway" },
		.flags = RULE_QUOTES,
		.summary = "{answerer} says that the service is unavailable: HTTP 503",
		.user_message = "The chat service is overloaded or under maintenance. Please try again in a moment.",
		.steps = {
			"A server answers 503 when it starts, stops or is full: look into its log.",
			"From a proxy it means that no healthy backend is left (HAProxy) or that a limit was met (nginx limit_conn, limit_req).",
		},
	},
	{
		.id = "upgrade.server_error",
		.when = server_error,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES | RULE_OTHERWISE,
		.summary = "{answerer} failed while it handled the handshake: HTTP {status}",
		.user_message = "The chat service has a problem. Please try again in a moment.",
		.steps = {
			"Look for the exception in the log of the one that answered, at the time in the evidence.",
			"nginx answers 500 without asking the backend if worker_connections, or the files that it may open (`worker_rlimit_nofile`), are used up.",
		},
	},
	{
		.id = "upgrade.unexpected_status",
		.when = unexpected_status,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES | RULE_OTHERWISE,
		.summary = "{answerer} does not switch to WebSocket: HTTP {status}",
		.user_message = "Live chat is not set up correctly. Trying again will not help; please tell the support.",
		.steps = {
			"Only 101 opens a WebSocket. Check that the path in the evidence leads to the WebSocket handler and not to an ordinary one.",
		},
	},
};

const struct rule_table rules_upgrade_status = RULE_TABLE(rules);
