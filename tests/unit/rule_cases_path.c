/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the path and the heartbeats say of an end. */
#include "rule_cases.h"

#include <errno.h>

#define SECONDS(n) ((n)*1000 * STORY_MS)

/* The server closes; its pings of the last five seconds have found no answer. */
static struct conn *pinging(struct story *st)
{
	struct conn *c = story_fin(st, STORY_SERVER_LEG);

	c->end->walk[WST_OUT].frames[4] = 5;
	c->end->walk[WST_OUT].unanswered_pings = 5;
	c->end->walk[WST_OUT].unanswered_since_ns = STORY_END_NS - SECONDS(5);
	c->end->walk[WST_OUT].last_ping_ns = STORY_END_NS - SECONDS(1);
	c->end->walk[WST_OUT].ping_rtt_us = 400;
	return c;
}

static void gone(struct story *st)
{
	struct conn *c = pinging(st);

	c->end->walk[WST_OUT].flags |= WST_WALK_PING_PENDING;
	c->end->tcp.unacked_bytes = 30;
	c->end->tcp.timeouts = c->end->tcp.retransmits = 4;
	c->end->tcp.last_segment_in_ns = STORY_END_NS - SECONDS(6);
	c->end->tcp.busy_since_ns = STORY_END_NS - SECONDS(5);
}

static void gone_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.timeouts = 1;
}

static void unresponsive(struct story *st)
{
	pinging(st);
}

/* Something large of the peer's is missing, and may have had the answer behind it. */
static void hole(struct story *st)
{
	pinging(st);
	st->conns[STORY_SERVER_LEG].end->tcp.missing_bytes = 2 * 1448;
}

static void small_hole(struct story *st)
{
	pinging(st);
	st->conns[STORY_SERVER_LEG].end->tcp.missing_bytes = 40;
}

static void unresponsive_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->walk[WST_OUT].flags |= WST_WALK_PING_PENDING;
}

static void stall(struct story *st)
{
	struct conn *c = story_rst(st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE);

	c->end->walk[WST_OUT].last_ping_ns = STORY_END_NS - SECONDS(3);
	c->end->walk[WST_IN].last_pong_ns = STORY_END_NS - SECONDS(3) + STORY_MS;
	c->end->walk[WST_IN].flags |= WST_WALK_PONG_PENDING;
	c->end->tcp.unread_bytes = 11;
}

static void stall_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->walk[WST_IN].flags &= ~(uint32_t)WST_WALK_PONG_PENDING;
}

static void dropped(struct story *st)
{
	struct conn *c = story_timeout(st, STORY_SERVER_LEG);

	c->end->tcp.unacked_bytes = 40;
	c->end->tcp.timeouts = 3;
	c->end->tcp.last_segment_in_ns = STORY_END_NS - SECONDS(9);
	c->end->drops = 4;
	c->end->drop_reason = STORY_NETFILTER_DROP;
	c->end->drop_ns = STORY_END_NS - SECONDS(1);
}

static void dropped_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->drop_reason = 0;
}

static void forged(struct story *st)
{
	story_rst_received(st, STORY_CLIENT_LEG);
}

static void forged_blur(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_CLIENT_ONLY);
	story_rst_received(st, 0);
}

static void unreachable(struct story *st)
{
	struct conn *c = &st->conns[STORY_SERVER_LEG];

	c->end->error = c->end->tcp.error = EHOSTUNREACH;
	c->end->error_ns = c->end->closed_ns = STORY_END_NS;
}

static void unreachable_blur(struct story *st)
{
	struct conn *c = &st->conns[STORY_SERVER_LEG];

	c->end->error = c->end->tcp.error = ETIMEDOUT;
}

static void black_hole(struct story *st)
{
	struct conn *c = story_fin(st, STORY_SERVER_LEG);

	c->end->tcp.unacked_bytes = 14480;
	c->end->tcp.timeouts = c->end->tcp.retransmits = 5;
	c->end->tcp.resent_segment = 1448;
	c->end->tcp.largest_acked_segment = 181;
	c->end->tcp.busy_since_ns = STORY_END_NS - SECONDS(7);
}

static void black_hole_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.last_segment_in_ns = STORY_END_NS - SECONDS(7);
}

static void window_shut(struct story *st)
{
	struct conn *c = story_timeout(st, STORY_SERVER_LEG);

	c->end->tcp.send_window = 0;
	c->end->tcp.unsent_bytes = 90000;
	c->end->tcp.zero_window_since_ns = STORY_END_NS - SECONDS(8);
}

static void window_shut_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->tcp.zero_window_since_ns = 0;
}

static void slow(struct story *st)
{
	struct conn *c = story_fin(st, STORY_SERVER_LEG);

	c->end->tcp.send_window = 0;
	c->end->tcp.unsent_bytes = 90000;
	c->end->tcp.zero_window_since_ns = STORY_END_NS - SECONDS(8);
}

static void slow_blur(struct story *st)
{
	struct wst_tcp_facts *tcp = &st->conns[STORY_SERVER_LEG].end->tcp;

	tcp->send_window = 60000;
	tcp->zero_window_since_ns = 0;
	tcp->busy_since_ns = STORY_END_NS - SECONDS(8);
}

static const struct rule_case cases[] = {
	{ "session.ping_timeout_peer_gone", CONFIDENCE_HIGH, STORY_DIRECT, gone, gone_blur },
	{ "session.ping_timeout_peer_unresponsive", CONFIDENCE_HIGH, STORY_DIRECT, unresponsive,
	  unresponsive_blur },
	{ "session.ping_timeout_peer_unresponsive", CONFIDENCE_MEDIUM, STORY_DIRECT, small_hole,
	  NULL },
	{ "session.mtu_blackhole", CONFIDENCE_MEDIUM, STORY_DIRECT, hole, NULL },
	{ "session.ping_timeout_own_stall", CONFIDENCE_HIGH, STORY_DIRECT, stall, stall_blur },
	{ "session.firewall_dropped", CONFIDENCE_HIGH, STORY_DIRECT, dropped, dropped_blur },
	{ "session.firewall_reset", CONFIDENCE_HIGH, STORY_DIRECT, forged, forged_blur },
	{ "session.unreachable", CONFIDENCE_HIGH, STORY_DIRECT, unreachable, unreachable_blur },
	{ "session.mtu_blackhole", CONFIDENCE_HIGH, STORY_DIRECT, black_hole, black_hole_blur },
	{ "session.zero_window_timeout", CONFIDENCE_HIGH, STORY_DIRECT, window_shut,
	  window_shut_blur },
	{ "session.slow_consumer", CONFIDENCE_HIGH, STORY_DIRECT, slow, slow_blur },
};

const struct rule_cases rule_cases_path = { cases, sizeof(cases) / sizeof(cases[0]) };
