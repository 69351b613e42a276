/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A Close frame to many at once, by a server or by a proxy: who said it, and to whom. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "story.h"

/* aiohttp says 1000 to everyone when it is asked to stop. */
TEST(rules_goodbye_all, goodbye_of_who_was_asked_to_stop)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 1, -100);
	story_close_frame(&st, false, 1000, "");
	story_close_frame(&st, true, 1000, "");
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.service_restart");
	story_done(&st);
}

/* A proxy ends what its backend had no part in. */
static void forget_frames_behind(struct story *st, unsigned int leg)
{
	for (unsigned int i = leg; i < st->s.leg_count; i++)
		memset(st->conns[i].frames->close, 0, sizeof(st->conns[i].frames->close));
}

/* The others were silent for longer_ms more, and are older by that. */
static enum confidence goodbye_to(enum story_shape shape, unsigned int others, uint64_t silent_ms,
				  uint64_t longer_ms, uint64_t older_ms)
{
	struct story st;
	enum confidence confidence;

	story_begin(&st, shape);
	story_close_frame(&st, false, 1001, "");
	story_close_frame(&st, true, 1001, "");
	forget_frames_behind(&st, 2);
	story_fin(&st, shape == STORY_DIRECT ? STORY_SERVER_LEG : STORY_PROXY_IN);
	story_last_words(&st, STORY_END_NS - (silent_ms + longer_ms) * STORY_MS);
	st.s.opened_ns -= older_ms * STORY_MS;
	for (unsigned int i = 0; i < others; i++)
		groups_note_closing(track_groups(st.track), &st.s);
	st.s.opened_ns += older_ms * STORY_MS;
	story_last_words(&st, STORY_END_NS - silent_ms * STORY_MS);
	groups_note_closing(track_groups(st.track), &st.s);
	confidence = story_verdict(&st)->confidence;
	CHECK_STR(verdict_cause_id(&st.v),
		  others < 2 ? "session.normal" : "session.service_restart");
	story_done(&st);
	return confidence;
}

/* Silences that begin together also run out together, and so do lives. */
TEST(rules_goodbye_all, goodbye_to_many_at_once)
{
	goodbye_to(STORY_DIRECT, 1, 200, 0, 15000);
	for (int by_proxy = 0; by_proxy < 2; by_proxy++) {
		enum story_shape shape = by_proxy ? STORY_PROXIED : STORY_DIRECT;

		test_note("by the proxy %d", by_proxy);
		CHECK_EQ(goodbye_to(shape, 2, 200, 0, 15000), CONFIDENCE_HIGH);
		CHECK_EQ(goodbye_to(shape, 2, 200, 0, 0), CONFIDENCE_MEDIUM);
		CHECK_EQ(goodbye_to(shape, 2, 5000, 0, 15000), CONFIDENCE_MEDIUM);
		CHECK_EQ(goodbye_to(shape, 2, 2000, 5000, 15000), CONFIDENCE_HIGH);
		/* a timer that is looked at as seldom as it is long */
		CHECK_EQ(goodbye_to(shape, 2, 5000, 3000, 15000), CONFIDENCE_MEDIUM);
		CHECK_EQ(goodbye_to(shape, 2, 2000, 5000, 8000), CONFIDENCE_MEDIUM);
	}
}

/* It said 1001 to all three, and whichever side was faster closed the socket. */
TEST(rules_goodbye_all, goodbye_to_many_that_close_first)
{
	for (int others = 0; others < 2; others++) {
		struct story st;

		test_note("to others %d", others);
		story_begin(&st, STORY_DIRECT);
		story_last_words(&st, STORY_END_NS - 200 * STORY_MS);
		story_close_frame(&st, false, 1001, "");
		story_close_frame(&st, true, 1001, "");
		story_fin(&st, STORY_CLIENT_LEG);
		for (int i = 0; i < (others ? 3 : 1); i++) {
			st.s.opened_ns -= 15000 * STORY_MS;
			CHECK(groups_note_goodbye(track_groups(st.track), &st.s));
		}
		st.s.opened_ns = STORY_OPENED_NS;
		CHECK_STR(verdict_cause_id(story_verdict(&st)),
			  others ? "session.service_restart" : "session.normal");
		CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
		story_done(&st);
	}
}

static void move_goodbye(struct story *st, int64_t by_ms)
{
	for (unsigned int i = 0; i < 2 * st->s.leg_count; i++)
		st->conns[i / 2].frames->close[i % 2].ts_ns += (uint64_t)by_ms * STORY_MS;
}

/* A server that says 1001 to one session after the other, many a second, and to three of them at once. */
TEST(rules_goodbye_all, busy_server_that_says_1001_to_each)
{
	for (int busy = 0; busy < 2; busy++) {
		struct story st;

		test_note("busy %d", busy);
		story_begin(&st, STORY_DIRECT);
		story_last_words(&st, STORY_END_NS - 200 * STORY_MS);
		story_close_frame(&st, false, 1001, "");
		story_close_frame(&st, true, 1001, "");
		story_fin(&st, STORY_SERVER_LEG);
		for (int i = busy ? 60 : 3; i > 0; i--) {
			int64_t before_ms = 20 * i + 150 * (i / 3);

			st.s.opened_ns -= (uint64_t)i % 3 * 15000 * STORY_MS;
			move_goodbye(&st, -before_ms);
			CHECK(groups_note_goodbye(track_groups(st.track), &st.s));
			move_goodbye(&st, before_ms);
			st.s.opened_ns = STORY_OPENED_NS;
		}
		groups_note_goodbye(track_groups(st.track), &st.s);
		CHECK_STR(verdict_cause_id(story_verdict(&st)),
			  busy ? "session.normal" : "session.service_restart");
		story_done(&st);
	}
}

/* Clients that leave together end nothing of their server's doing. */
TEST(rules_goodbye_all, many_that_leave_at_once)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	story_close_frame(&st, true, 1001, "");
	story_close_frame(&st, false, 1001, "");
	story_fin(&st, 0);
	for (int i = 0; i < 3; i++)
		groups_note_closing(track_groups(st.track), &st.s);
	CHECK(!groups_burst(track_groups(st.track), st.conns[0].owner, 1001, STORY_END_NS));
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.normal");
	story_done(&st);
}

/* Caddy writes one and the same Close frame into both legs, without a mask; both sides answer. */
TEST(rules_goodbye_all, proxy_says_goodbye_to_both_sides)
{
	const int to_server = conn_from_client(&(struct conn){ .open_flags = WST_OPEN_PASSIVE });
	struct story st;
	struct bad_frame *bad;

	story_begin(&st, STORY_PROXIED);
	story_close_frame(&st, true, 1001, "");
	story_close_frame(&st, false, 1001, "");
	for (unsigned int leg = 0; leg < 4; leg++) {
		bool near_client = leg < 2;

		for (int d = 0; d < 2; d++) {
			bool from_client = d == conn_from_client(&st.conns[leg]);

			st.conns[leg].frames->close[d].ts_ns = STORY_END_NS -
							       (from_client == near_client ? 1 : 5) *
								       STORY_MS;
		}
	}
	bad = &st.parts[STORY_BACKEND_LEG].frames.bad;
	*bad = (struct bad_frame){ .kind = WST_FRAME_ILLEGAL,
				   .direction = (uint8_t)to_server,
				   .faults = WST_FAULT_UNMASKED,
				   .header = { 0x88, 2 },
				   .header_len = 2,
				   .ts_ns = STORY_END_NS - 5 * STORY_MS };
	story_fin(&st, STORY_PROXY_OUT);
	story_verdict(&st);
	CHECK_EQ(st.v.close.initiator, BY_PROXY);
	CHECK_STR(verdict_cause_id(&st.v), "session.service_restart");
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	story_done(&st);
}

/*
 * It writes into the server's leg first, without a mask; ws answers that with 1002, which it passes on to
 * the client before it has said anything itself.
 */
TEST(rules_goodbye_all, proxy_passes_on_what_its_goodbye_met)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_close_frame(&st, true, 1001, "");
	story_close_frame(&st, false, 1002, "");
	for (unsigned int leg = 0; leg < 4; leg++)
		for (int d = 0; d < 2; d++) {
			bool from_client = d == conn_from_client(&st.conns[leg]);

			st.conns[leg].frames->close[d].ts_ns = STORY_END_NS -
							       (leg < 2 ? (from_client ? 1 : 2) :
									  (from_client ? 5 : 4)) *
								       STORY_MS;
			if (from_client && leg < 2)
				st.conns[leg].frames->close[d].code = 1002;
		}
	story_fin(&st, STORY_PROXY_OUT);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.service_restart");
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	CHECK_EQ(st.v.close.code, 1002);
	CHECK(st.v.close.clean);
	CHECK_EQ(st.v.close.initiator, BY_PROXY);
	CHECK_STR(story_evidence(&st, "close_frame"),
		  "the proxy sent Close 1001 (Going Away) without a reason");
	CHECK_STR(story_evidence(&st, "close_answer"),
		  "the server sent Close 1002 (Protocol Error) without a reason");
	story_done(&st);
}
