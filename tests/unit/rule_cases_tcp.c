/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ends without a Close frame, while all processes live on. */
#include "rule_cases.h"

#include <stdio.h>

static void network_timeout(struct story *st)
{
	struct conn *c = story_timeout(st, STORY_SERVER_LEG);

	c->end->tcp.unacked_bytes = 700;
	c->end->tcp.timeouts = 9;
	c->end->tcp.retransmits = 9;
}

static void network_timeout_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.unacked_bytes = 0;
}

static void keepalive(struct story *st)
{
	struct conn *c = story_timeout(st, STORY_SERVER_LEG);

	c->end->tcp.probes = 9;
	c->end->tcp.flags = WST_TCP_KEEPALIVE;
}

static void keepalive_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.flags = 0;
}

static void unread(struct story *st)
{
	struct conn *c = story_rst(st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE);

	c->end->tcp.unread_bytes = 40;
}

static void no_reason(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->reset_reason = WST_REASON_NONE;
}

static void aborted(struct story *st)
{
	story_rst(st, STORY_SERVER_LEG, STORY_ABORT_ON_LINGER);
}

static void closed(struct story *st)
{
	story_fin(st, STORY_SERVER_LEG);
}

static void path_is_dead(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.unacked_bytes = 100;
	st->conns[STORY_SERVER_LEG].end->tcp.timeouts = 4;
}

/* Nothing had been said for seconds: a timer may be behind it. */
static void silent(struct story *st)
{
	for (unsigned int i = 0; i < 2 * st->s.leg_count; i++)
		st->conns[i / 2].end->walk[i % 2].last_payload_ns -= 5000 * STORY_MS;
}

/* The server had pinged a second ago, over a path on which a pong takes longer. */
static void ping_on_its_way(struct story *st)
{
	struct conn_end *end = st->conns[STORY_SERVER_LEG].end;

	end->walk[WST_OUT].unanswered_pings = 1;
	end->walk[WST_OUT].unanswered_since_ns = STORY_END_NS - 1000 * STORY_MS;
	end->walk[WST_OUT].last_ping_ns = STORY_END_NS - 1000 * STORY_MS;
	end->tcp.srtt_us = 1800000;
}

/* A proxy is no server: what it talks to there was not seen, and may have ended first. */
static void proxy_alone(struct story *st)
{
	struct wst_task *closer = &st->conns[STORY_SERVER_LEG].end->closer;

	snprintf(closer->comm, sizeof(closer->comm), "nginx");
}

/* Both sockets of the connection are here, and neither sent it. */
static void peer_is_here(struct story *st)
{
	bool reset = st->conns[0].end->rst_in_ns != 0;

	story_done(st);
	story_begin(st, STORY_DIRECT);
	if (reset)
		story_rst_received(st, STORY_SERVER_LEG);
	else
		story_fin_received(st, STORY_SERVER_LEG);
}

static void reset_from_outside(struct story *st)
{
	story_rst_received(st, 0);
}

static void fin_from_outside(struct story *st)
{
	story_fin_received(st, 0);
}

static void nothing_known(struct story *st)
{
	struct conn *c = &st->conns[0];

	c->end->error = c->end->tcp.error = 75; /* EOVERFLOW: not of TCP's own */
	c->end->error_ns = c->end->closed_ns = STORY_END_NS;
}

static void unsent(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.unsent_bytes = 8585;
}

static const struct rule_case cases[] = {
	{ "session.network_timeout", CONFIDENCE_HIGH, STORY_DIRECT, network_timeout,
	  network_timeout_blur },
	{ "session.keepalive_timeout", CONFIDENCE_HIGH, STORY_DIRECT, keepalive, keepalive_blur },
	{ "session.aborted_with_unread_data", CONFIDENCE_HIGH, STORY_DIRECT, unread, no_reason },
	{ "session.aborted_by_application", CONFIDENCE_HIGH, STORY_DIRECT, aborted, no_reason },
	{ "session.closed_without_close_frame", CONFIDENCE_HIGH, STORY_DIRECT, closed,
	  path_is_dead },
	{ "session.closed_without_close_frame", CONFIDENCE_HIGH, STORY_DIRECT, closed, silent },
	{ "session.closed_without_close_frame", CONFIDENCE_HIGH, STORY_DIRECT, closed, unsent },
	{ "session.closed_without_close_frame", CONFIDENCE_HIGH, STORY_DIRECT, closed, proxy_alone },
	{ "session.closed_without_close_frame", CONFIDENCE_HIGH, STORY_DIRECT, closed,
	  ping_on_its_way },
	{ "session.aborted_by_application", CONFIDENCE_HIGH, STORY_DIRECT, aborted,
	  ping_on_its_way },
	{ "session.peer_reset", CONFIDENCE_HIGH, STORY_SERVER_ONLY, reset_from_outside,
	  peer_is_here },
	{ "session.peer_reset", CONFIDENCE_HIGH, STORY_SERVER_ONLY, reset_from_outside, silent },
	{ "session.peer_closed_without_close_frame", CONFIDENCE_HIGH, STORY_SERVER_ONLY,
	  fin_from_outside, peer_is_here },
	{ "session.peer_closed_without_close_frame", CONFIDENCE_HIGH, STORY_SERVER_ONLY,
	  fin_from_outside, silent },
	{ "session.unknown", CONFIDENCE_LOW, STORY_SERVER_ONLY, nothing_known, NULL },
};

const struct rule_cases rule_cases_tcp = { cases, sizeof(cases) / sizeof(cases[0]) };

static const struct rule_cases *const all[] = {
	&rule_cases_connect, &rule_cases_answer, &rule_cases_upgrade,
	&rule_cases_process, &rule_cases_close,	 &rule_cases_tcp,
	&rule_cases_path,    &rule_cases_timer,	 &rule_cases_incident,
};

void rule_cases_each(void (*fn)(const struct rule_case *c))
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < all[i]->count; j++)
			fn(&all[i]->cases[j]);
}
