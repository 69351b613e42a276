/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Handshakes without an answer, and answers that the client cannot accept. */
#include "rule_cases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void hangs_up(struct story *st)
{
	story_unanswered(st);
	story_fin(st, STORY_SERVER_LEG);
}

/* The client's socket alone, and its request was never acknowledged. */
static void hangs_up_blur(struct story *st)
{
	st->s.leg_count = 1;
	st->conns[0].end->tcp.unacked_bytes = 100;
	st->conns[0].end->fin_in_ns = STORY_END_NS;
}

/* The client waited for two seconds, and the server had not even looked. */
static void ignored(struct story *st)
{
	struct conn *c = &st->conns[STORY_SERVER_LEG];

	story_unanswered(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.request_ns = STORY_END_NS - 2000 * STORY_MS;
	story_fin(st, STORY_CLIENT_LEG);
	c->end->unread_at_fin = true;
	c->end->closed_ns = 0;
	c->has_end = c->has_facts = false;
}

static void ignored_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->unread_at_fin = false;
}

static void ignored_briefly(struct story *st)
{
	ignored(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.request_ns = STORY_END_NS - 200 * STORY_MS;
}

static void gives_up(struct story *st)
{
	story_unanswered(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.request_ns = STORY_END_NS - 1000 * STORY_MS;
	story_fin(st, STORY_CLIENT_LEG);
}

static void gives_up_blur(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.request_ns = STORY_END_NS - 5000 * STORY_MS;
}

static void no_frames(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		for (int direction = 0; direction < 2; direction++)
			st->conns[i].end->walk[direction].frames[1] = 0;
}

static void wrong_accept(struct story *st)
{
	no_frames(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.accept_right = false;
	story_fin(st, STORY_CLIENT_LEG);
}

static void right_accept(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.accept_right = true;
}

/* Neither end sent its half of the proof, and the server hung up. */
static void no_proof(struct story *st)
{
	no_frames(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct handshake *hs = &st->conns[i].handshake;

		hs->has_key = hs->accept_seen = hs->accept_right = false;
	}
	story_fin(st, STORY_SERVER_LEG);
}

static void talks_without_proof(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		for (int direction = 0; direction < 2; direction++)
			st->conns[i].end->walk[direction].frames[1] = 3;
}

/* The client went away this long after the 101. */
static void left_after(struct story *st, uint64_t ms)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.response_ns = STORY_END_NS - ms * STORY_MS;
}

static void no_subprotocol(struct story *st)
{
	no_frames(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.subprotocols = "chat.v2, chat.v1";
	left_after(st, 3);
	story_fin(st, STORY_CLIENT_LEG);
}

static void no_subprotocol_blur(struct story *st)
{
	left_after(st, 1500);
}

static void never_ends(struct story *st)
{
	story_unanswered(st);
}

static const struct rule_case cases[] = {
	{ "upgrade.no_response", CONFIDENCE_HIGH, STORY_DIRECT, hangs_up, hangs_up_blur },
	{ "upgrade.no_response", CONFIDENCE_HIGH, STORY_DIRECT, ignored, ignored_blur },
	{ "upgrade.client_gave_up", CONFIDENCE_HIGH, STORY_DIRECT, gives_up, gives_up_blur },
	{ "upgrade.client_gave_up", CONFIDENCE_MEDIUM, STORY_DIRECT, ignored_briefly, NULL },
	{ "upgrade.bad_accept", CONFIDENCE_HIGH, STORY_DIRECT, wrong_accept, right_accept },
	{ "upgrade.bad_accept", CONFIDENCE_HIGH, STORY_DIRECT, no_proof, talks_without_proof },
	{ "upgrade.subprotocol_mismatch", CONFIDENCE_HIGH, STORY_DIRECT, no_subprotocol,
	  no_subprotocol_blur },
	{ "upgrade.unknown", CONFIDENCE_LOW, STORY_DIRECT, never_ends, NULL },
};

const struct rule_cases rule_cases_upgrade = { cases, sizeof(cases) / sizeof(cases[0]) };
