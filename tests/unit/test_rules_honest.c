/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * No list by hand: every case of every rule, with whole kinds of facts taken away. What a verdict
 * rests on shows in its row's flags and in its evidence.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose/catalogue.h"
#include "rule_cases.h"

static void lose_records(struct story *st)
{
	st->s.losses_at_end = st->s.losses_at_start + 1;
}

static void lose_frames(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		for (int direction = 0; direction < 2; direction++)
			st->conns[i].end->walk[direction].flags |= WST_WALK_LOST;
}

static void forget_frames(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		memset(&st->parts[i].frames, 0, sizeof(st->parts[i].frames));
}

/* Who closed a socket, and that anybody did. */
static void forget_closers(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct conn_end *end = &st->parts[i].end;

		end->closed_by_process = end->closer_exiting = end->reset_by_process = false;
		memset(&end->closer, 0, sizeof(end->closer));
		memset(&st->parts[i].owner, 0, sizeof(st->parts[i].owner));
	}
}

/* Counters, windows, queues, and what passed when. */
static void forget_path(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct conn_end *end = &st->parts[i].end;

		memset(&end->tcp, 0, sizeof(end->tcp));
		memset(&end->closing, 0, sizeof(end->closing));
		memset(end->walk, 0, sizeof(end->walk));
		end->drops = 0;
		end->error = 0;
		end->backlog_overflow = false;
		st->conns[i].has_end = st->conns[i].has_facts = false;
		st->conns[i].syn_retransmits = 0;
	}
}

/* How the sockets ended. */
static void forget_ends(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct conn_end *end = &st->parts[i].end;

		end->fin_in_ns = end->fin_out_ns = end->rst_in_ns = end->rst_out_ns = 0;
		end->error_ns = end->error = 0;
	}
}

static void forget_answers(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct handshake *hs = &st->conns[i].handshake;

		hs->response_seen = false;
		hs->status = 0;
	}
}

static void forget_requests(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		st->conns[i].handshake.request_seen = false;
		st->conns[i].handshake.request_ns = 0;
	}
}

/* Other sessions, other processes, the names that the kernel has for its reasons. */
static void forget_the_rest(struct story *st)
{
	static const struct track_config config;

	track_free(st->track);
	st->track = track_new(&config);
	if (!st->track)
		abort();
}

static bool is_sure_of_session(const struct story *st)
{
	return st->v.confidence == CONFIDENCE_HIGH && !(st->v.rule->at & AT_INCIDENT);
}

static bool quotes_nothing(const struct story *st)
{
	return !(st->v.rule->flags & RULE_QUOTES);
}

/* No frame keeps a process from having died, nor the kernel from having given up. */
static bool rests_on_no_frame(const struct story *st)
{
	return story_evidence(st, "no_close_frame") && st->v.close.initiator != BY_NETWORK &&
	       !(st->v.rule->flags & RULE_ENDS_PROCESS);
}

static bool rests_on_others(const struct story *st)
{
	return st->v.rule->flags & RULE_PERIODIC && story_evidence(st, "pattern");
}

static bool rests_on_a_frame(const struct story *st)
{
	return st->v.rule->flags & RULE_QUOTES && story_evidence(st, "close_frame");
}

static bool rests_on_death(const struct story *st)
{
	return st->v.rule->flags & RULE_ENDS_PROCESS;
}

static bool rests_on_silent_peer(const struct story *st)
{
	return story_evidence(st, "unacked_data") || story_evidence(st, "window_closed");
}

/* Takes facts away; a verdict that needs them may not be HIGH as the same cause without. */
static const struct blur {
	const char *name;
	void (*apply)(struct story *st);
	bool (*must)(const struct story *st); /* NULL: of no rule is it said */
} blurs[] = {
	{ "lose_records", lose_records, quotes_nothing },
	{ "lose_frames", lose_frames, rests_on_no_frame },
	{ "forget_frames", forget_frames, rests_on_a_frame },
	{ "forget_closers", forget_closers, rests_on_death },
	{ "forget_path", forget_path, rests_on_silent_peer },
	{ "forget_the_rest", forget_the_rest, rests_on_others },
	{ "forget_ends", forget_ends, NULL },
	{ "forget_answers", forget_answers, NULL },
	{ "forget_requests", forget_requests, NULL },
};

#define BLURS (sizeof(blurs) / sizeof(blurs[0]))

static bool still_sure(const struct rule_case *c, const struct blur *blur)
{
	struct story st;
	bool sure;

	story_begin(&st, c->shape);
	c->happen(&st);
	blur->apply(&st);
	story_verdict(&st);
	sure = st.v.confidence == CONFIDENCE_HIGH && strcmp(verdict_cause_id(&st.v), c->id) == 0;
	story_done(&st);
	return sure;
}

static void check_needs(const struct rule_case *c)
{
	unsigned int lowered = 0;
	struct story st;

	story_begin(&st, c->shape);
	c->happen(&st);
	story_verdict(&st);
	for (size_t i = 0; is_sure_of_session(&st) && i < BLURS; i++) {
		bool sure = still_sure(c, &blurs[i]);

		test_note("%s, %s", c->id, blurs[i].name);
		CHECK(!sure || !blurs[i].must || !blurs[i].must(&st));
		/* that records may be lost is so of all, and tells nothing about the rule */
		lowered += !sure && blurs[i].apply != lose_records;
	}
	test_note("%s rests on nothing", c->id);
	CHECK(!is_sure_of_session(&st) || lowered > 0);
	story_done(&st);
}

TEST(rules_honest, none_is_sure_without_what_it_rests_on)
{
	rule_cases_each(check_needs);
}

/* A frame that was not sent is missed where frames are: the row has to say so. */
static void check_flags(const struct rule_case *c)
{
	struct story st;

	story_begin(&st, c->shape);
	c->happen(&st);
	story_verdict(&st);
	test_note("%s", c->id);
	CHECK(!is_sure_of_session(&st) || !rests_on_no_frame(&st) ||
	      st.v.rule->flags & RULE_NEEDS_FRAMES);
	story_done(&st);
}

TEST(rules_honest, absence_is_declared)
{
	rule_cases_each(check_flags);
}
