/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Timers: somebody ends a session that is in order, since nothing passed for so long, or since it is
 * so old. One session shows a silence; that a timer was behind it shows in several.
 */
#include "diagnose/rule.h"

#include "diagnose/close_code.h"
#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/timeouts.h"

#define SECOND_NS 1000000000ull
#define DAY_NS (86400 * SECOND_NS)
/* Shorter ones are the time that something takes, not a timer that somebody set. */
#define SHORTEST_NS (9 * SECOND_NS / 10)
/* Who is turned away is turned away before it said anything. */
#define AT_ONCE_NS (2 * SECOND_NS)
/* That a silence is as long as a timer that people set means something from here on. */
#define ROUND_FROM_NS (9 * SECOND_NS)
/* Nobody waits for credentials for longer. */
#define AUTH_LONGEST_NS (30 * SECOND_NS)
/* The shortest timers of NAT that are met; a peer that went away is mostly missed sooner. */
#define SILENCE_ALONE_NS (10 * SECOND_NS)

static uint64_t age_ns(const struct facts *f)
{
	return f->crowd.sample.value_ns[PATTERN_AGE];
}

/* Nothing was in flight, nothing waited for an answer: whoever ended it had no trouble. */
static bool path_is_quiet(const struct facts *f)
{
	const struct path_story *p = &f->path;

	return p->stuck < 0 && !p->pings && !p->zero_ns && !p->heartbeat_close && !p->slow_close;
}

/* A living process closed its socket of its own accord; what became of it later is another story. */
static bool closed_alive(const struct facts *f)
{
	return f->closer.task && !f->closer.exiting && !f->closer.stop && !f->closer.shut;
}

/*
 * More than one event ended them, or it is a time that people set: no coincidence of one moment. Of
 * the shortest times a third are like one of those.
 */
static bool recurs(const struct pattern *p)
{
	return p->kind &&
	       (p->moments > 1 || (p->value_ns >= ROUND_FROM_NS && timeout_is_round(p->value_ns)));
}

/* It ends no living session for anything else than a silence. */
static bool idles_only(const struct facts *f)
{
	return f->crowd.proxy && f->crowd.proxy->no_lifetime && !f->closer.exited &&
	       age_ns(f) < DAY_NS / 2;
}

/*
 * Its timers are looked at from time to time, and sessions that follow one another begin in step. Or
 * they began together, and fell silent together for as long as people set its timer to.
 */
static bool ages_by_chance(const struct facts *f)
{
	const struct pattern *p = &f->crowd.pattern;

	return p->kind == PATTERN_AGE && idles_only(f) && f->crowd.closed_both &&
	       (!p->talked_late || (!facts_outlived(f) && timeout_is_round(facts_idle_ns(f))));
}

static bool is_idle_pattern(const struct facts *f)
{
	const struct pattern *p = &f->crowd.pattern;
	bool by_timer_alone = idles_only(f) && f->crowd.closed_both && p->kind &&
			      timeout_is_round(p->value_ns) &&
			      !facts_halt_signal(facts_server_process(f), f->end.ts_ns);

	return (recurs(p) || by_timer_alone) &&
	       (p->kind == PATTERN_IDLE || p->kind == PATTERN_IDLE_OF_CLIENT ||
		p->kind == PATTERN_IDLE_OF_SERVER);
}

static void add_deaf(struct evidence *ev, const struct facts *f)
{
	char at[FORMAT_ENDPOINT];
	const struct conn *c;

	if (f->path.deaf < 0)
		return;
	c = f->session->legs[f->path.deaf];
	evidence_add(
		ev, "path_dead", c->end->closer_ns,
		"that it closed never reached %s: a path that had died may have made the silence",
		format_endpoint(at, c->tuple.remote, c->tuple.remote_port));
}

static void add_timer(struct evidence *ev, const struct facts *f, unsigned int place,
		      enum timeout_close close)
{
	const struct pattern *p = &f->crowd.pattern;

	evidence_end(ev, f);
	evidence_closing(ev, f);
	evidence_idle(ev, f);
	add_deaf(ev, f);
	evidence_pattern(ev, p);
	evidence_timeouts(ev, p, p->kind ? p->value_ns : facts_idle_ns(f), place, close);
	evidence_no_close_frame(ev, f);
}

/* Surely a silence, and not the age of sessions in which nothing was said, nor a dead path. */
static bool surely_idle(const struct facts *f)
{
	const struct pattern *p = &f->crowd.pattern;

	if (!is_idle_pattern(f) || p->swept || f->path.deaf >= 0)
		return false;
	/* One event can end sessions that began together; not if the proxy closed both sides. */
	if (idles_only(f))
		return p->independent || (f->crowd.closed_both && timeout_is_round(p->value_ns));
	return p->independent && !p->age_too;
}

static enum confidence proxy_idle_timeout(const struct facts *f, struct evidence *ev)
{
	if (!f->crowd.by_proxy || !closed_alive(f) || f->closing.frame || !path_is_quiet(f) ||
	    facts_idle_ns(f) < SHORTEST_NS || facts_outlived(f) ||
	    (f->crowd.pattern.kind == PATTERN_AGE && !ages_by_chance(f)) ||
	    (burst_is_mixed(f->crowd.burst) && !facts_ran_out(f)) ||
	    (!is_idle_pattern(f) && !timeout_is_round(facts_idle_ns(f)) &&
	     (!idles_only(f) || f->crowd.one_sided)))
		return CONFIDENCE_NONE;
	if (f->closer.party == BY_PROXY && !f->crowd.closed_both && !f->crowd.one_sided)
		return CONFIDENCE_NONE;
	add_timer(ev, f, f->crowd.proxy ? 0 : TIMEOUT_PROXY, TIMEOUT_FIN);
	if (f->crowd.closed_both)
		evidence_add(ev, "both_legs", f->end.ts_ns,
			     "it lives on and closed both of its sockets at the same moment");
	if (f->crowd.proxy)
		evidence_add(ev, "timer", 0, "in %s this is %s", f->crowd.proxy->product,
			     f->crowd.proxy->idle_knob);
	/* Who is behind it may have a timer as well. */
	return !evidence_other_side(ev, f) && surely_idle(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static bool ended_from_outside(const struct facts *f)
{
	return f->end.outside && !f->closing.frame &&
	       (f->end.how == ENDED_FIN_RECEIVED || f->end.how == ENDED_RST_RECEIVED);
}

/* A backend that is elsewhere, seen from its proxy. */
static bool is_remote_backend(const struct facts *f)
{
	return f->end.by == BY_SERVER && f->session->hop_count > 1;
}

static enum confidence middlebox_idle_timeout(const struct facts *f, struct evidence *ev)
{
	bool client_side = f->end.by == BY_CLIENT;

	if (!ended_from_outside(f) || is_remote_backend(f) || !path_is_quiet(f) ||
	    f->crowd.quiet_drop || !is_idle_pattern(f))
		return CONFIDENCE_NONE;
	add_timer(ev, f, TIMEOUT_PROXY | TIMEOUT_NETWORK, TIMEOUT_FIN);
	return surely_idle(f) && client_side ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* The server itself ended it: without a word, or with a Close frame that gives no other reason. */
static bool server_ended(const struct facts *f)
{
	const struct closing_story *closing = &f->closing;

	if (closing->frame)
		return closing->sender == BY_SERVER &&
		       (close_code_is_benign(closing->code) ||
			closing->code == CLOSE_PROTOCOL_ERROR) &&
		       !f->closer.exited && !f->closer.stop;
	if (ended_from_outside(f))
		return is_remote_backend(f);
	return f->closer.party == BY_SERVER && !f->crowd.by_proxy && closed_alive(f);
}

/* The Close frame itself gives the silence as its reason. */
static bool blames_silence(const struct facts *f)
{
	return f->path.idle_close && facts_idle_ns(f) >= SHORTEST_NS && !facts_outlived(f);
}

static enum confidence server_idle_timeout(const struct facts *f, struct evidence *ev)
{
	bool with_frame = f->closing.frame != NULL, says_so = blames_silence(f);

	if (!server_ended(f) || !path_is_quiet(f) || !(says_so || is_idle_pattern(f)) ||
	    (with_frame && !says_so && !surely_idle(f)) ||
	    facts_bad_frame(f, WST_FRAME_ILLEGAL, NULL))
		return CONFIDENCE_NONE;
	add_timer(ev, f, TIMEOUT_SERVER, with_frame ? TIMEOUT_CLOSE_FRAME : TIMEOUT_FIN);
	return says_so || surely_idle(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence lifetime_limit(const struct facts *f, struct evidence *ev)
{
	const struct pattern *p = &f->crowd.pattern;

	if (p->kind != PATTERN_AGE || !recurs(p) || p->reaction || f->closing.frame ||
	    ages_by_chance(f) || f->crowd.quiet_drop || !path_is_quiet(f) ||
	    !(closed_alive(f) || ended_from_outside(f)) || f->closer.party == BY_CLIENT)
		return CONFIDENCE_NONE;
	add_timer(ev, f, TIMEOUT_PROXY | TIMEOUT_NETWORK | TIMEOUT_SERVER, TIMEOUT_FIN);
	if (!p->talked_late && !p->idle_too)
		evidence_add(
			ev, "silent_before", 0,
			"all of them had been silent for long: an idle timer that is looked at from time to time ends sessions so, too");
	return p->independent && p->talked_late && !p->idle_too && !p->blurred && !idles_only(f) ?
		       CONFIDENCE_HIGH :
		       CONFIDENCE_MEDIUM;
}

/* Codes with which servers turn somebody away. */
static bool refuses(const struct closing_story *closing)
{
	return closing->code == 1008 || (closing->code >= 3000 && closing->code <= 4999);
}

static bool server_gave_up(const struct facts *f)
{
	if (f->closing.frame)
		return f->closing.sender == BY_SERVER &&
		       (refuses(&f->closing) || close_code_is_benign(f->closing.code)) &&
		       !f->private_code;
	return (f->closer.party == BY_SERVER && !f->crowd.by_proxy && closed_alive(f)) ||
	       (ended_from_outside(f) && is_remote_backend(f));
}

/* Sessions of the same route in which the client spoke lived on when these ended. */
static bool speakers_outlive(const struct facts *f)
{
	const struct pattern_group *route = f->crowd.route;

	return route && route->talker_age_ns > age_ns(f) + age_ns(f) / 2;
}

/* And so did sessions that were silent for longer: it is no idle timer. */
static bool silent_ones_outlive(const struct facts *f)
{
	const struct pattern_group *route = f->crowd.route;

	return route &&
	       route->outlived_ns > facts_idle_ns(f) + pattern_tolerance_ns(facts_idle_ns(f));
}

static enum confidence auth_deadline(const struct facts *f, struct evidence *ev)
{
	const struct pattern *p = &f->crowd.pattern;
	bool by_age = p->kind == PATTERN_AGE && !p->blurred;
	bool repeats = recurs(p) && (by_age || (p->kind == PATTERN_IDLE && p->age_too));
	bool refused = f->closing.frame && refuses(&f->closing);
	bool proven = speakers_outlive(f) && (by_age || silent_ones_outlive(f));

	if (!server_gave_up(f) || !path_is_quiet(f) || !repeats || !p->client_silent ||
	    !facts_frames_followed(f, true) || age_ns(f) > AUTH_LONGEST_NS ||
	    (f->closing.frame && !refused && !speakers_outlive(f)))
		return CONFIDENCE_NONE;
	add_timer(ev, f, TIMEOUT_SERVER, TIMEOUT_FIN);
	evidence_add(ev, "client_silent", 0, "in none of them did the client send a message");
	if (speakers_outlive(f))
		evidence_add(ev, "speakers_live", 0,
			     "sessions in which the client did send messages lived for longer");
	/* A limit of the age, or of the silence, ends sessions that say nothing just so. */
	return p->independent && (refused || proven) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* A Close frame that gives a reason is quoted instead: see the rules about codes. */
static bool says_nothing_but_goodbye(const struct facts *f)
{
	return f->closing.frame && close_code_is_benign(f->closing.code) &&
	       f->closing.code != CLOSE_GOING_AWAY && !f->closing.frame->reason_bytes &&
	       !facts_messages(f, false) && facts_frames_followed(f, false) && !f->closer.exited &&
	       !f->closer.stop;
}

static enum confidence rejected_after_open(const struct facts *f, struct evidence *ev)
{
	char age[FORMAT_DURATION];
	const struct conn *c;

	if (!server_gave_up(f) || facts_bad_frame(f, WST_FRAME_ILLEGAL, &c) ||
	    (f->closing.frame && !says_nothing_but_goodbye(f)) || !path_is_quiet(f) || !age_ns(f) ||
	    age_ns(f) > AT_ONCE_NS || recurs(&f->crowd.pattern) || facts_messages(f, true) ||
	    !facts_frames_followed(f, true))
		return CONFIDENCE_NONE;
	evidence_add(ev, "age", f->crowd.sample.ended_ns,
		     "the server ended it %s after its 101, before the client sent a message",
		     format_duration(age, age_ns(f)));
	evidence_closing(ev, f);
	evidence_end(ev, f);
	evidence_no_close_frame(ev, f);
	evidence_add(ev, "no_reason", 0,
		     "it did not say why: its handler may as well have returned or failed");
	if (evidence_lost(ev, f) || f->closing.frame)
		return CONFIDENCE_MEDIUM;
	/* From a second on it may as well be a timer of the server's, as short as it is. */
	return age_ns(f) < SHORTEST_NS ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* The silence that our first unanswered bytes ended. */
static uint64_t silence_ns(const struct facts *f)
{
	return f->end.conn->end->walk[WST_OUT].silence_ms * 1000000ull;
}

static enum confidence silent_drop(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->end.conn;
	bool reset = f->end.how == ENDED_RST_RECEIVED;
	bool repeats = f->crowd.quiet_drops >= PATTERN_REPEATS;
	char silence[FORMAT_DURATION];

	/* Once, it may be any of the reasons for which a peer goes away. */
	if (!f->crowd.quiet_drop || c->end->drops ||
	    (!repeats && (!reset || silence_ns(f) < SILENCE_ALONE_NS)))
		return CONFIDENCE_NONE;
	evidence_add(ev, "silence", f->end.ts_ns,
		     "nothing passed for %s; the first bytes after that were %s",
		     format_seconds(silence, silence_ns(f)),
		     reset ? "answered with RST" : "never acknowledged");
	evidence_end(ev, f);
	evidence_path(ev, c);
	evidence_no_close_frame(ev, f);
	if (repeats)
		evidence_add(ev, "repeats", 0,
			     "%u sessions ended so, each after a silence of %s or more",
			     f->crowd.quiet_drops,
			     format_seconds(silence, f->crowd.shortest_silence_ns));
	if (f->crowd.busy_live)
		evidence_add(ev, "busy_live", 0,
			     "sessions that were never silent for so long lived for longer");
	return repeats && f->crowd.busy_live ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static const struct rule rules[] = {
	{
		.id = "session.auth_deadline",
		.when = auth_deadline,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_PERIODIC,
		.initiator = BY_SERVER,
		.alternatives = { "session.server_idle_timeout", "session.lifetime_limit" },
		.codes = { 1006, 1008, 4000 },
		.summary = "the server gave up waiting for the client's first message {age} after the open",
		.user_message = "You could not be signed in to the chat. Please sign in again.",
		.steps = {
			"Send the token as the first message, right after the open event; check that the client has one at that moment.",
			"If the client does send it: raise the server's deadline of {age} for slow connections, and see whether something on the way holds messages back.",
		},
	},
	{
		.id = "session.rejected_after_open",
		.when = rejected_after_open,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.initiator = BY_SERVER,
		.alternatives = { "session.closed_without_close_frame",
				  "session.server_idle_timeout" },
		.summary = "the server accepted the handshake and turned the client away {age} later",
		.user_message = "The chat does not accept your connection. Trying again will not help; please sign in again or tell the support.",
		.steps = {
			"The server's log may name the rule: a limit of connections, an expired trial, a wrong token, a second tab.",
			"Let the client take this as final: reconnecting every few seconds makes it worse. Refuse in the handshake (401, 403, 429) where you can: in the `upgrade` event (ws), before `Upgrade()` (gorilla), in `process_request` (Python websockets).",
			"The handler may simply have returned or failed: look for an exception at that moment.",
		},
	},
	{
		.id = "session.proxy_idle_timeout",
		.when = proxy_idle_timeout,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_PERIODIC,
		.initiator = BY_PROXY,
		.alternatives = { "session.closed_without_close_frame", "session.lifetime_limit",
				  "session.ping_timeout_peer_gone" },
		.summary = "{who} closed the session {idle} after the last byte of either side: its idle timeout",
		.user_message = "The connection to the chat was closed because nothing was said for a while. You will be connected again.",
		.steps = {
			"{ping_advice}. Pings keep every timer on the way from running out, and find dead clients too.",
			"Raise {knob} above {idle}, for instance to 1 hour.",
		},
	},
	{
		.id = "session.lifetime_limit",
		.when = lifetime_limit,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_PERIODIC,
		.alternatives = { "session.proxy_idle_timeout", "session.server_idle_timeout" },
		.summary = "{who} ended the session at an age of {value}, as it did with others, whatever passed in them",
		.user_message = "The connection to the chat is renewed from time to time. You will be connected again.",
		.steps = {
			"Pings do not help against a limit on the age. Look for one of {value}: a route or backend timeout of the load balancer, a request timeout of the framework, a deadline that was set before the upgrade (Go: SetDeadline on the hijacked connection).",
			"Where the limit cannot be removed, let the client reconnect before it, after a random pause.",
		},
	},
	{
		.id = "session.server_idle_timeout",
		.when = server_idle_timeout,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_PERIODIC,
		.initiator = BY_SERVER,
		.alternatives = { "session.lifetime_limit", "session.auth_deadline" },
		.codes = { 1000, 1001, 1002, 1005 },
		.summary = "the server ended the session after a silence of {value}, as it did with others",
		.user_message = "The connection to the chat was closed because nothing was said for a while. You will be connected again.",
		.steps = {
			"Let the client send a heartbeat at least every {half}: Phoenix's is 30 s by default; browsers cannot send pings, so it has to be a message, or the server has to ping.",
			"Or raise the server's timeout: idleTimeout (uWebSockets, Bun, Jetty), SetReadDeadline extended by every message and pong (gorilla), ClientTimeoutInterval (SignalR).",
		},
	},
	{
		.id = "session.middlebox_idle_timeout",
		.when = middlebox_idle_timeout,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_PERIODIC,
		.alternatives = { "session.lifetime_limit", "session.server_idle_timeout" },
		.summary = "something outside of this host, between it and {who}, ends sessions after a silence of {value}",
		.user_message = "The connection to the chat was closed because nothing was said for a while. You will be connected again.",
		.steps = {
			"Look for a timeout of {value} in what stands in front of this host: a load balancer, a CDN, another proxy. The evidence lists products with that default, if any.",
			"{ping_advice}. TCP keepalives do not count for most of them.",
		},
	},
	{
		.id = "session.silent_drop",
		.when = silent_drop,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.initiator = BY_NETWORK,
		.alternatives = { "session.peer_reset", "session.network_timeout" },
		.summary = "something on the way forgot the connection during a silence of {silence}",
		.user_message = "The connection to the chat was lost while nothing was said. You will be connected again.",
		.steps = {
			"Load balancers, NAT gateways and firewalls forget idle connections without a word: AWS NLB and NAT after 350 s, IPVS (Docker Swarm) after 900 s, others sooner.",
			"Send pings well below {silence}, from the server or the client, or set TCP keepalive below it.",
		},
	},
};

const struct rule_table rules_session_timer = RULE_TABLE(rules);
