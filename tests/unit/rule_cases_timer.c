/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ends by a timer: once among others like it, and once alone. */
#include "rule_cases.h"

#include <stdio.h>
#include <string.h>

static void forget_others(struct story *st, enum story_shape shape, void (*happen)(struct story *st))
{
	story_done(st);
	story_begin(st, shape);
	happen(st);
}

static void set_last_payload(struct story *st, uint64_t ts_ns)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		for (int d = 0; d < 2; d++)
			st->conns[i].end->walk[d].last_payload_ns = st->conns[i]
									    .end->walk[d]
									    .last_data_ns = ts_ns;
}

/* nginx closes its socket to the backend, then that to the client. */
static void proxy_closes(struct story *st)
{
	set_last_payload(st, STORY_END_NS - 8000 * STORY_MS);
	story_fin(st, STORY_PROXY_OUT);
	story_fin(st, STORY_PROXY_IN);
}

static void proxy_idle(struct story *st)
{
	proxy_closes(st);
	story_forerunners(st, 3, 700, 0);
}

static void proxy_idle_blur(struct story *st)
{
	forget_others(st, STORY_PROXIED, proxy_closes);
}

/*
 * Whatever nginx talks to there, by a Unix socket or TLS, is no leg of the session: it may have a
 * timer of its own.
 */
static void proxy_closes_alone(struct story *st)
{
	struct conn_parts *parts = &st->parts[STORY_SERVER_LEG];

	snprintf(parts->owner.comm, sizeof(parts->owner.comm), "nginx");
	set_last_payload(st, STORY_END_NS - 8000 * STORY_MS);
	story_fin(st, STORY_SERVER_LEG);
}

static void lone_proxy_idle(struct story *st)
{
	proxy_closes_alone(st);
	story_forerunners(st, 3, 700, 0);
}

static void fall_silent(struct story *st)
{
	set_last_payload(st, STORY_OPENED_NS + 1000 * STORY_MS);
}

static void remote_closes(struct story *st)
{
	fall_silent(st);
	story_fin_received(st, 0);
}

static void middlebox(struct story *st)
{
	remote_closes(st);
	story_forerunners(st, 3, 700, 0);
}

static void middlebox_blur(struct story *st)
{
	forget_others(st, STORY_SERVER_ONLY, remote_closes);
}

static void server_closes(struct story *st)
{
	fall_silent(st);
	story_fin(st, STORY_SERVER_LEG);
}

static void server_idle(struct story *st)
{
	server_closes(st);
	story_forerunners(st, 3, 700, 0);
}

static void server_idle_blur(struct story *st)
{
	forget_others(st, STORY_DIRECT, server_closes);
}

/* In the middle of what is said. */
static void lifetime(struct story *st)
{
	story_fin(st, STORY_SERVER_LEG);
	story_forerunners(st, 3, 0, -100);
}

/* All of them had been silent for most of their lives. */
static void lifetime_blur(struct story *st)
{
	forget_others(st, STORY_DIRECT, server_closes);
	story_forerunners(st, 3, 0, -700);
}

static void client_says_nothing(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].end->walk[conn_from_client(&st->conns[i])].frames[1] = 0;
	set_last_payload(st, STORY_OPENED_NS);
}

static void silent_client_is_dropped(struct story *st)
{
	client_says_nothing(st);
	story_close_frame(st, false, 1008, "no token");
	story_fin(st, STORY_SERVER_LEG);
}

static void auth(struct story *st)
{
	silent_client_is_dropped(st);
	story_forerunners(st, 3, 0, 0);
}

static void auth_blur(struct story *st)
{
	forget_others(st, STORY_DIRECT, silent_client_is_dropped);
}

static void turned_away(struct story *st)
{
	client_says_nothing(st);
	st->s.opened_ns = STORY_END_NS - 300 * STORY_MS;
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.response_ns = st->s.opened_ns;
	story_fin(st, STORY_SERVER_LEG);
}

/* The client had said something: it may be that which was refused. */
static void turned_away_blur(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].end->walk[conn_from_client(&st->conns[i])].frames[1] = 1;
}

static void forgotten(struct story *st)
{
	st->conns[0].end->walk[WST_OUT].silence_ms = 7000;
	set_last_payload(st, STORY_END_NS - STORY_MS);
	story_rst_received(st, 0);
}

/* Busy sessions get older than that on the same route. */
static void silent_drop(struct story *st)
{
	struct conn *c = &st->conns[0], saved = *c;
	struct conn_parts parts = st->parts[0];

	c->end->walk[WST_IN].frames[1] = c->end->walk[WST_OUT].frames[1] = 100;
	c->end->walk[WST_IN].longest_silence_ms = 400;
	set_last_payload(st, STORY_END_NS - 100 * STORY_MS);
	story_close_frame(st, true, 1000, "");
	story_close_frame(st, false, 1000, "");
	story_fin(st, 0);
	story_forerunners(st, 1, 20000, 0);
	*c = saved;
	st->parts[0] = parts;
	forgotten(st);
	story_forerunners(st, 3, 1300, 0);
}

static void silent_drop_blur(struct story *st)
{
	forget_others(st, STORY_SERVER_ONLY, forgotten);
}

static const struct rule_case cases[] = {
	{ "session.proxy_idle_timeout", CONFIDENCE_HIGH, STORY_PROXIED, proxy_idle,
	  proxy_idle_blur },
	{ "session.proxy_idle_timeout", CONFIDENCE_MEDIUM, STORY_DIRECT, lone_proxy_idle, NULL },
	{ "session.middlebox_idle_timeout", CONFIDENCE_HIGH, STORY_SERVER_ONLY, middlebox,
	  middlebox_blur },
	{ "session.server_idle_timeout", CONFIDENCE_HIGH, STORY_DIRECT, server_idle,
	  server_idle_blur },
	{ "session.lifetime_limit", CONFIDENCE_HIGH, STORY_DIRECT, lifetime, lifetime_blur },
	{ "session.auth_deadline", CONFIDENCE_HIGH, STORY_DIRECT, auth, auth_blur },
	{ "session.rejected_after_open", CONFIDENCE_HIGH, STORY_DIRECT, turned_away,
	  turned_away_blur },
	{ "session.silent_drop", CONFIDENCE_HIGH, STORY_SERVER_ONLY, silent_drop, silent_drop_blur },
};

const struct rule_cases rule_cases_timer = { cases, sizeof(cases) / sizeof(cases[0]) };
