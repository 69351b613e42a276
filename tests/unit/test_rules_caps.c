/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was not seen lowers the confidence, and the evidence says so. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "events.h"
#include "story.h"

static void check_capped(struct story *st, const char *fact)
{
	CHECK_EQ(story_verdict(st)->confidence, CONFIDENCE_MEDIUM);
	CHECK(story_evidence(st, fact) != NULL);
	story_done(st);
}

static void begin_closed(struct story *st)
{
	story_begin(st, STORY_DIRECT);
	story_fin(st, STORY_SERVER_LEG);
}

static void lose_sync(struct story *st, int direction)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct conn *c = &st->conns[i];

		c->end->walk[direction == WST_IN ? conn_from_client(c) : conn_from_server(c)]
			.flags |= WST_WALK_LOST;
	}
}

TEST(rules_caps, end_lost)
{
	struct story st;

	begin_closed(&st);
	st.conns[1].end_lost = true;
	check_capped(&st, "end_lost");
}

TEST(rules_caps, state_missed)
{
	struct story st;

	begin_closed(&st);
	st.conns[0].state_missed = true;
	check_capped(&st, "state_missed");
}

/*
 * Who closes the socket of a process that is gone may have inherited it, or have been given it: what it
 * died of is no small thing then.
 */
TEST(rules_caps, holder_is_killed_itself)
{
	for (uint32_t died_of = 0; died_of <= SIGKILL; died_of += SIGKILL) {
		struct story st;
		struct conn *c;

		story_begin(&st, STORY_DIRECT);
		story_exit(&st, STORY_SERVER_PID, 0, -400);
		c = story_died(&st, STORY_SERVER_LEG, died_of);
		story_exit(&st, STORY_SERVER_PID, 0, -400);
		c->end->closer = (struct wst_task){ .tgid = 900, .comm = "helper" };
		story_verdict(&st);
		CHECK_STR(st.v.rule->id, "session.process_exited");
		CHECK_EQ(st.v.confidence, died_of ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		if (died_of) {
			CHECK_STR(story_evidence(&st, "holder_died"),
				  "pid 900, which had kept it open, died of a signal (9) itself");
			CHECK_STR(st.v.alternatives[0], "session.process_killed");
		}
		story_done(&st);
	}
}

TEST(rules_caps, lost_events)
{
	struct story st;

	begin_closed(&st);
	st.s.losses_at_start = 5;
	st.s.losses_at_end = 12;
	story_verdict(&st);
	CHECK_STR(story_evidence(&st, "lost_events"),
		  "7 events lost while the session lived: facts may be missing");
	check_capped(&st, "lost_events");
}

TEST(rules_caps, losses_of_earlier_times_do_not_count)
{
	struct story st;

	begin_closed(&st);
	st.s.losses_at_start = st.s.losses_at_end = 12;
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	CHECK(story_evidence(&st, "lost_events") == NULL);
	story_done(&st);
}

TEST(rules_caps, a_quoted_frame_stands)
{
	struct story st;

	begin_closed(&st);
	story_close_frame(&st, false, 1011, "");
	st.s.losses_at_end = 12;
	lose_sync(&st, WST_OUT);
	st.conns[0].open_flags |= WST_OPEN_MIDSTREAM;
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	CHECK_EQ(st.v.alternative_count, 0);
	story_done(&st);
}

TEST(rules_caps, lost_sync_in_one_direction)
{
	struct story st;

	for (int direction = 0; direction < 2; direction++) {
		begin_closed(&st);
		lose_sync(&st, direction);
		story_verdict(&st);
		CHECK_EQ(st.v.alternative_count, 1);
		CHECK_STR(st.v.alternatives[0], "session.normal");
		check_capped(&st, "frames_not_followed");
	}
}

/* The other socket of the connection carries the same frames. */
TEST(rules_caps, one_leg_in_sync_is_enough)
{
	struct story st;

	begin_closed(&st);
	st.conns[STORY_CLIENT_LEG].end->walk[WST_OUT].flags |= WST_WALK_LOST;
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	story_done(&st);
}

TEST(rules_caps, mid_stream)
{
	struct story st;

	begin_closed(&st);
	st.conns[STORY_SERVER_LEG].open_flags |= WST_OPEN_MIDSTREAM;
	check_capped(&st, "mid_stream");
}

TEST(rules_caps, encrypted)
{
	struct story st;

	begin_closed(&st);
	for (unsigned int i = 0; i < st.s.leg_count; i++) {
		memset(st.conns[i].end->walk, 0, sizeof(st.conns[i].end->walk));
		st.conns[i].end->tcp.flags |= WST_TCP_TLS | WST_TCP_TLS_DATA;
	}
	check_capped(&st, "encrypted");
}

TEST(rules_caps, no_end_record)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	st.conns[0].has_end = st.conns[0].has_facts = false;
	story_fin(&st, 0);
	check_capped(&st, "frames_not_followed");
}

/* No frame can keep a process from having been killed. */
TEST(rules_caps, death_needs_no_frames)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGKILL, 77, -1);
	story_died(&st, STORY_SERVER_LEG, SIGKILL);
	lose_sync(&st, WST_IN);
	st.conns[STORY_SERVER_LEG].open_flags |= WST_OPEN_MIDSTREAM;
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	story_done(&st);
}

TEST(rules_caps, kernel_without_reset_reasons)
{
	struct events *e = events_new();
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_DIRECT);
	ev_host(e)->flags = 0;
	CHECK_EQ(track_apply(st.track, e->records[0]), 0);
	events_free(e);
	c = story_rst(&st, STORY_SERVER_LEG, WST_REASON_NONE);
	c->end->tcp.unread_bytes = 12;
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.aborted_with_unread_data");
	check_capped(&st, "no_reset_reasons");
}

/* A rule may not fill the list so that the reasons of its doubt find no room. */
TEST(rules_caps, reasons_find_room)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 77, -20);
	story_signal(&st, STORY_SERVER_PID, SIGKILL, 77, -1);
	story_oom(&st, STORY_SERVER_PID);
	c = story_died(&st, STORY_SERVER_LEG, 1 << 8);
	c->end->rst_out_ns = STORY_END_NS;
	c->end->reset_reason = STORY_ABORT_ON_CLOSE;
	c->end->tcp
		.unacked_bytes = c->end->tcp
					 .unread_bytes = c->end->tcp
								 .unsent_bytes = c->end->tcp
											 .probes = 1;
	c->end->tcp.send_window = 0;
	c->end->tcp.last_segment_in_ns = STORY_OPENED_NS;
	st.s.losses_at_end = 1;
	lose_sync(&st, WST_IN);
	story_verdict(&st);
	CHECK(st.v.evidence.count <= EVIDENCE_MAX);
	CHECK(story_evidence(&st, "lost_events") != NULL);
	CHECK(story_evidence(&st, "frames_not_followed") != NULL);
	story_done(&st);
}

/* Never sure when it does not know, and never sure of anything but what was seen. */
TEST(rules_caps, unknown_lists_what_was_seen)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	st.conns[0].end->error = 75;
	st.conns[0].end->error_ns = st.conns[0].end->closed_ns = STORY_END_NS;
	st.conns[0].end->tcp.unread_bytes = 7;
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.unknown");
	CHECK_EQ(st.v.confidence, CONFIDENCE_LOW);
	CHECK_STR(story_evidence(&st, "unread_data"),
		  "7 bytes received and not read by the process");
	CHECK(story_evidence(&st, "errno") != NULL);
	CHECK(story_evidence(&st, "no_close_frame") != NULL);
	story_done(&st);
}
