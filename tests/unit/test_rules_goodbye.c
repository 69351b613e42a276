/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A Close frame of a process that was asked to stop: is it because of that? */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "story.h"

/* Docker, Kubernetes and systemd leave it a while; Java answers SIGQUIT with its stacks. */
TEST(rules_goodbye, after_a_signal)
{
	static const struct {
		uint16_t code;
		uint32_t signal;
		int signal_ms, unheard_ms, exit_ms; /* 0: never */
		const char *cause;
		enum confidence confidence;
	} rows[] = {
		{ 1001, SIGTERM, -100, 0, 0, "session.service_restart", CONFIDENCE_HIGH },
		{ 1000, SIGTERM, -100, 0, 0, "session.service_restart", CONFIDENCE_HIGH },
		{ 1001, SIGTERM, -30000, 0, 0, "session.service_restart", CONFIDENCE_MEDIUM },
		{ 1000, SIGTERM, -30000, 0, 0, "session.service_restart", CONFIDENCE_MEDIUM },
		{ 1012, SIGTERM, -30000, 0, 0, "session.service_restart", CONFIDENCE_HIGH },
		{ 1001, SIGTERM, -30000, -29990, 0, "session.service_restart", CONFIDENCE_HIGH },
		{ 1001, SIGTERM, -30000, -40000, 0, "session.service_restart", CONFIDENCE_MEDIUM },
		/* somebody may log out meanwhile */
		{ 1000, SIGTERM, -30000, -29990, 0, "session.service_restart", CONFIDENCE_MEDIUM },
		{ 1001, SIGTERM, -30000, 0, 5, "session.service_restart", CONFIDENCE_HIGH },
		{ 1000, SIGTERM, -30000, 0, 5, "session.service_restart", CONFIDENCE_HIGH },
		{ 1001, SIGQUIT, -100, 0, 0, "session.normal", CONFIDENCE_HIGH },
		{ 1000, SIGQUIT, -100, 0, 0, "session.normal", CONFIDENCE_HIGH },
		{ 1001, SIGQUIT, -100, 0, 5, "session.service_restart", CONFIDENCE_HIGH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, rows[i].signal, 77, rows[i].signal_ms);
		if (rows[i].unheard_ms)
			story_stop_listening(&st, rows[i].unheard_ms);
		story_close_frame(&st, false, rows[i].code, "");
		story_close_frame(&st, true, rows[i].code, "");
		story_fin(&st, STORY_SERVER_LEG);
		if (rows[i].exit_ms)
			story_exit(&st, STORY_SERVER_PID, 0, rows[i].exit_ms);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		CHECK_EQ(st.v.confidence, rows[i].confidence);
		story_done(&st);
	}
}

/* At the end of its patience it says 1000 to whoever is left, and is reported before it exits. */
TEST(rules_goodbye, all_that_are_left)
{
	for (unsigned int count = 1; count <= 3; count++) {
		struct story st;

		test_note("count %u", count);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, SIGTERM, 77, -30000);
		story_stop_listening(&st, -29990);
		story_close_frame(&st, false, 1000, "");
		story_close_frame(&st, true, 1000, "");
		story_fin(&st, STORY_SERVER_LEG);
		for (unsigned int i = 0; i < count; i++)
			groups_note_closing(track_groups(st.track), &st.s);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.service_restart");
		CHECK_EQ(st.v.confidence, count < 3 ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		CHECK(story_evidence(&st, "stopped_listening"));
		story_done(&st);
	}
}

/* Its stacks were asked for; then it was asked to stop. */
TEST(rules_goodbye, stopped_after_a_thread_dump)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGQUIT, 77, -9000);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 77, -100);
	story_close_frame(&st, false, 1001, "");
	story_close_frame(&st, true, 1001, "");
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.service_restart");
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	story_done(&st);
}

/* Close 1001 comes out of one of two proxies, and one of them was asked to stop. */
TEST(rules_goodbye, one_of_two_proxies)
{
	for (int i = 0; i < 4; i++) {
		bool by_inner = i & 1, inner_stops = i & 2;
		unsigned int leg = by_inner ? 3 : 1;
		struct story st;

		test_note("by the inner one %d, which stops %d", by_inner, inner_stops);
		story_begin(&st, STORY_CHAIN);
		story_close_frame(&st, false, 1001, "");
		story_close_frame(&st, true, 1001, "");
		for (unsigned int behind = leg + 1; behind < st.s.leg_count; behind++)
			memset(st.conns[behind].frames->close, 0,
			       sizeof(st.conns[behind].frames->close));
		for (unsigned int passed = 0; passed <= leg; passed++)
			st.conns[passed]
				.frames->close[conn_from_server(&st.conns[passed])]
				.ts_ns = STORY_END_NS - (20 + passed) * STORY_MS;
		story_signal(&st, inner_stops ? STORY_INNER_PROXY_PID : STORY_PROXY_PID, SIGTERM,
			     77, -100);
		story_fin(&st, leg);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.service_restart");
		CHECK_EQ(st.v.close.initiator, BY_PROXY);
		CHECK_EQ(st.v.confidence,
			 by_inner == inner_stops ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

/* What a process does after its stacks were asked for may have any reason. */
TEST(rules_goodbye, thread_dump_before_a_bare_end)
{
	struct story st;

	for (int exits = 0; exits < 2; exits++) {
		test_note("exits %d", exits);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, SIGQUIT, 77, -30000);
		if (exits)
			story_died(&st, STORY_SERVER_LEG, 0);
		else
			story_fin(&st, STORY_SERVER_LEG);
		CHECK_STR(verdict_cause_id(story_verdict(&st)),
			  exits ? "session.process_terminated" :
				  "session.closed_without_close_frame");
		if (exits)
			CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

/* Tomcat says 1002 while its connector is shut down under it. */
TEST(rules_goodbye, blames_the_protocol_in_trouble)
{
	struct story st;

	for (int trouble = 0; trouble < 2; trouble++) {
		test_note("trouble %d", trouble);
		story_begin(&st, STORY_DIRECT);
		story_close_frame(&st, false, 1002,
				  trouble ? "An unrecoverable IOException occurred" : "bad opcode");
		story_fin(&st, STORY_SERVER_LEG);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.protocol_error");
		CHECK_EQ(st.v.confidence, trouble ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		story_done(&st);
	}
}

/* It says so on its way out, or because it was asked to stop; nothing was wrong in the client's frames. */
TEST(rules_goodbye, blames_the_protocol_and_goes)
{
	static const struct {
		uint32_t signal;
		int exit_ms; /* 0: it lives on */
		int status;
		bool dying, illegal, followed;
		const char *cause;
		enum confidence confidence;
	} rows[] = {
		{ 0, 50, 1, false, false, true, "session.process_exited", CONFIDENCE_MEDIUM },
		{ 0, 1000, 1, false, false, true, "session.process_exited", CONFIDENCE_MEDIUM },
		{ 0, 1, 0, true, false, true, "session.process_exited", CONFIDENCE_MEDIUM },
		{ SIGTERM, 50, 0, false, false, true, "session.service_restart", CONFIDENCE_HIGH },
		{ SIGTERM, 1, 0, true, false, true, "session.service_restart", CONFIDENCE_HIGH },
		{ SIGTERM, 0, 0, false, false, true, "session.service_restart", CONFIDENCE_MEDIUM },
		/* it had nothing else to do */
		{ 0, 50, 0, false, false, true, "session.protocol_error", CONFIDENCE_HIGH },
		/* there was something to blame, or may have been, or it lived on for long */
		{ 0, 50, 1, false, true, true, "session.protocol_error", CONFIDENCE_HIGH },
		{ SIGTERM, 50, 0, false, true, true, "session.protocol_error", CONFIDENCE_HIGH },
		{ 0, 50, 1, false, false, false, "session.protocol_error", CONFIDENCE_HIGH },
		{ 0, 5000, 1, false, false, true, "session.protocol_error", CONFIDENCE_HIGH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, STORY_DIRECT);
		if (rows[i].signal)
			story_signal(&st, STORY_SERVER_PID, rows[i].signal, 77, -100);
		for (int leg = 0; leg < 2 && !rows[i].followed; leg++)
			st.conns[leg]
				.end->walk[conn_from_client(&st.conns[leg])]
				.flags |= WST_WALK_LOST;
		if (rows[i].illegal)
			st.parts[1].frames.bad = (struct bad_frame){
				.kind = WST_FRAME_ILLEGAL,
				.direction = WST_IN,
				.faults = WST_FAULT_RSV,
				.header = { 0xc1, 0x80 },
				.header_len = 2,
				.ts_ns = STORY_END_NS - 30 * STORY_MS,
			};
		story_close_frame(&st, false, 1002, "IOException");
		story_close_frame(&st, true, 1002, "");
		if (rows[i].dying)
			story_died(&st, STORY_SERVER_LEG, 0);
		else
			story_fin(&st, STORY_SERVER_LEG);
		if (rows[i].exit_ms)
			story_exit(&st, STORY_SERVER_PID, (uint32_t)rows[i].status << 8,
				   rows[i].exit_ms);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		if (strcmp(rows[i].cause, "session.protocol_error"))
			CHECK_EQ(st.v.confidence, rows[i].confidence);
		CHECK(story_evidence(&st, "close_frame"));
		story_done(&st);
	}
}

/* Forked for this connection: it exits since that has ended. */
TEST(rules_goodbye, process_of_one_connection_blames_the_protocol)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	st.parts[1].owner.start_ns = st.conns[1].established_ns + STORY_MS;
	story_close_frame(&st, false, 1002, "bad frame");
	story_fin(&st, STORY_SERVER_LEG);
	story_exit(&st, STORY_SERVER_PID, 1 << 8, 50);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.protocol_error");
	story_done(&st);
}

/* Said to the last one when its program fails; with status 0 it may just have nothing left to do. */
TEST(rules_goodbye, failed_right_after_a_normal_close)
{
	static const struct {
		uint16_t code;
		int status, exit_ms;
		bool by_client;
		const char *cause;
		enum confidence confidence;
	} rows[] = {
		{ 1000, 3, 10, false, "session.service_restart", CONFIDENCE_MEDIUM },
		{ 0, 3, 10, false, "session.service_restart", CONFIDENCE_MEDIUM },
		{ 1001, 3, 10, false, "session.service_restart", CONFIDENCE_HIGH },
		{ 1000, 0, 10, false, "session.normal", CONFIDENCE_HIGH },
		{ 1000, 3, 5000, false, "session.normal", CONFIDENCE_HIGH },
		{ 1000, 3, 10, true, "session.normal", CONFIDENCE_HIGH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_close_frame(&st, rows[i].by_client, rows[i].code, "");
		story_close_frame(&st, !rows[i].by_client, rows[i].code, "");
		story_fin(&st, STORY_SERVER_LEG);
		story_exit(&st, STORY_SERVER_PID, (uint32_t)rows[i].status << 8, rows[i].exit_ms);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		CHECK_EQ(st.v.confidence, rows[i].confidence);
		story_done(&st);
	}
}
