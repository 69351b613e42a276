/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Backends behind a proxy's Unix socket: when their end is the session's, and how surely. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "events.h"
#include "story.h"
#include "track/backend.h"

#define OTHER_PID 401

static struct wst_task proxy_of(const struct story *st)
{
	return *st->conns[STORY_PROXY_IN].owner;
}

/* The proxy closed so many sessions, one of which is told, a moment after its backend had died. */
static void close_sessions(struct story *st, unsigned int count)
{
	struct wst_task proxy = proxy_of(st);

	for (unsigned int i = 0; i < count; i++)
		backends_note_closing(&track_groups(st->track)->backends, &proxy, STORY_END_NS);
}

TEST(rules_unix, names_the_backend)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_signal(&st, STORY_UNIX_PID, SIGKILL, 77, -3);
	story_unix_died(&st, SIGKILL);
	story_verdict(&st);
	CHECK_STR(st.v.summary,
		  "backend chat-server (pid 400) was killed with SIGKILL by systemd (pid 77)");
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	CHECK_STR(
		story_evidence(&st, "unix_socket"),
		"chat-server (pid 400) had 1 connection of nginx (pid 300) on Unix sockets when it ended, 2.0 ms before that");
	CHECK_STR(story_evidence(&st, "tcp_end"), "nginx (pid 300) closed its socket (FIN sent)");
	CHECK(!story_evidence(&st, "other_side_unseen"));
	story_check_lost(&st, "session.process_killed", BY_SERVER);
}

TEST(rules_unix, sure_while_the_numbers_fit)
{
	static const struct {
		uint32_t connections;
		unsigned int closed;
		enum confidence confidence;
	} cases[] = {
		{ 1, 1, CONFIDENCE_HIGH },
		{ 5, 3, CONFIDENCE_HIGH }, /* others are of plain requests */
		{ 2, 3, CONFIDENCE_MEDIUM }, /* one of them ended for another reason */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_UNIX);
		story_unix(&st, STORY_UNIX_PID, cases[i].connections, true, -2);
		story_exit(&st, STORY_UNIX_PID, 1 << 8, -2);
		story_fin(&st, STORY_PROXY_IN);
		close_sessions(&st, cases[i].closed);
		story_verdict(&st);
		CHECK_EQ(st.v.confidence, cases[i].confidence);
		CHECK_EQ(story_evidence(&st, "more_sessions") != NULL, i == 2);
		story_check_lost(&st, "session.process_exited", BY_SERVER);
	}
}

/* The records of one look at its descriptors add up. */
TEST(rules_unix, connections_told_in_parts)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, STORY_UNIX_PID, 2, true, -2);
	story_unix(&st, STORY_UNIX_PID, 1, true, -2);
	story_exit(&st, STORY_UNIX_PID, 1 << 8, -2);
	story_fin(&st, STORY_PROXY_IN);
	close_sessions(&st, 3);
	story_verdict(&st);
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	story_check_lost(&st, "session.process_exited", BY_SERVER);
}

/* Which of the two it was cannot be told. */
TEST(rules_unix, two_that_died_together)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, OTHER_PID, 1, true, -3);
	story_exit(&st, OTHER_PID, 1 << 8, -3);
	story_unix_died(&st, 1 << 8);
	story_verdict(&st);
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	CHECK(strstr(story_evidence(&st, "unix_socket"), "; 1 more like it did so"));
	story_check_lost(&st, "session.process_exited", BY_SERVER);
}

/* It closes its connections itself when it is asked to stop: at its exit there are none. */
TEST(rules_unix, asked_to_stop)
{
	static const struct {
		int signal_ms, exit_ms; /* 0: it lives */
		const char *id;
	} cases[] = {
		{ -300, 0, "session.process_terminated" },
		{ -30000, 0, "session.closed_without_close_frame" },
		{ -30000, 10, "session.process_terminated" },
		{ -30000, -5000, "session.closed_without_close_frame" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_UNIX);
		story_unix(&st, STORY_UNIX_PID, 1, false, cases[i].signal_ms);
		story_signal(&st, STORY_UNIX_PID, SIGTERM, 1, cases[i].signal_ms);
		if (cases[i].exit_ms)
			story_exit(&st, STORY_UNIX_PID, 0, cases[i].exit_ms);
		story_fin(&st, STORY_PROXY_IN);
		story_verdict(&st);
		CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		story_check_lost(&st, cases[i].id, BY_SERVER);
	}
}

/* What a backend says before it goes is a restart, as it is with one that has a leg. */
TEST(rules_unix, asked_to_stop_and_said_goodbye)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, STORY_UNIX_PID, 1, false, -100);
	story_signal(&st, STORY_UNIX_PID, SIGTERM, 1, -100);
	story_close_frame(&st, false, 1001, "");
	story_close_frame(&st, true, 1001, "");
	story_fin(&st, STORY_PROXY_IN);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.service_restart");
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	story_done(&st);
}

/* Whoever closes first after that. */
TEST(rules_unix, said_goodbye_and_the_client_closed)
{
	static const struct {
		int signal_ms; /* 0: none */
		const char *id;
	} cases[] = {
		{ -100, "session.service_restart" },
		{ -30000, "session.normal" },
		{ 0, "session.normal" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_UNIX);
		if (cases[i].signal_ms) {
			story_unix(&st, STORY_UNIX_PID, 1, false, cases[i].signal_ms);
			story_signal(&st, STORY_UNIX_PID, SIGTERM, 1, cases[i].signal_ms);
		}
		story_close_frame(&st, false, 1001, "");
		story_close_frame(&st, true, 1001, "");
		story_fin(&st, STORY_CLIENT_LEG);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), cases[i].id);
		CHECK_EQ(story_evidence(&st, "unix_socket") != NULL, i == 0);
		CHECK_EQ(st.v.confidence, i == 0 ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		story_done(&st);
	}
}

/* A signal that it lives with ends nothing. */
TEST(rules_unix, other_signals)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, STORY_UNIX_PID, 1, false, -100);
	story_signal(&st, STORY_UNIX_PID, SIGHUP, 1, -100);
	story_fin(&st, STORY_PROXY_IN);
	story_verdict(&st);
	CHECK(story_evidence(&st, "other_side_unseen") != NULL);
	story_check_lost(&st, "session.closed_without_close_frame", BY_SERVER);
}

TEST(rules_unix, halted)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, STORY_UNIX_PID, 1, false, -5000);
	story_signal(&st, STORY_UNIX_PID, SIGSTOP, 1, -5000);
	for (unsigned int leg = 0; leg < 2; leg++)
		for (int i = 0; i < 2; i++)
			st.conns[leg].end->walk[i].last_payload_ns = STORY_END_NS - 6000 * STORY_MS;
	story_fin(&st, STORY_PROXY_IN);
	story_verdict(&st);
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	CHECK_STR(
		story_evidence(&st, "unix_socket"),
		"chat-server (pid 400), halted, has 1 connection of nginx (pid 300) on Unix sockets");
	CHECK_STR(story_evidence(&st, "signal"),
		  "SIGSTOP (19) was sent to pid 400 by systemd (pid 1, its parent)");
	story_check_lost(&st, "session.proxy_idle_timeout", BY_PROXY);
}

/* Whose end is its own affair, or has a leg to show it, lost nothing behind a Unix socket. */
TEST(rules_unix, of_no_concern)
{
	static const enum story_shape shapes[] = { STORY_DIRECT, STORY_PROXIED, STORY_UNIX };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct story st;

		test_note("shape %zu", i);
		story_begin(&st, shapes[i]);
		story_unix(&st, STORY_UNIX_PID, 1, true, -2);
		story_exit(&st, STORY_UNIX_PID, 1 << 8, -2);
		story_fin(&st, i == 2 ? STORY_CLIENT_LEG : 1);
		story_check_lost(&st, "session.closed_without_close_frame",
				 (enum initiator[]){ BY_SERVER, BY_PROXY, BY_CLIENT }[i]);
	}
}

/* A server whose database dies may close its clients over it: it is no proxy. */
TEST(rules_unix, server_that_lost_something)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	memcpy(st.parts[STORY_PROXY_IN].owner.comm, "node\0", 6);
	story_unix_died(&st, SIGKILL);
	story_verdict(&st);
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	CHECK(story_evidence(&st, "unix_socket") != NULL);
	story_check_lost(&st, "session.closed_without_close_frame", BY_SERVER);
}

/* The proxy died as well: the kernel closed its sockets for that. */
TEST(rules_unix, proxy_that_died_itself)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, STORY_UNIX_PID, 1, true, -2);
	story_exit(&st, STORY_UNIX_PID, SIGKILL, -2);
	story_died(&st, STORY_PROXY_IN, SIGSEGV);
	story_verdict(&st);
	CHECK(strstr(st.v.summary, "nginx (pid 300)"));
	story_check_lost(&st, "session.process_crashed", BY_SERVER);
}

/* What follows is not the reason of what came before. */
TEST(rules_unix, died_after_the_end)
{
	struct story st;

	story_begin(&st, STORY_UNIX);
	story_unix(&st, STORY_UNIX_PID, 1, true, 5);
	story_exit(&st, STORY_UNIX_PID, SIGKILL, 5);
	story_fin(&st, STORY_PROXY_IN);
	story_check_lost(&st, "session.closed_without_close_frame", BY_SERVER);
}
