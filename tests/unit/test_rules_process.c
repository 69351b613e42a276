/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What became of the process that held the socket. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "story.h"

/* Java makes 129 of SIGHUP, as shells do; a SIGHUP alone may be an order to reload. */
TEST(rules_process, left_over_a_signal)
{
	static const struct {
		uint32_t status, sender;
		const char *id;
		enum confidence confidence;
	} cases[] = {
		{ (128 + SIGHUP) << 8, 77, "session.process_terminated", CONFIDENCE_HIGH },
		{ SIGHUP, 77, "session.process_terminated", CONFIDENCE_HIGH },
		{ SIGHUP, STORY_SERVER_PID, "session.process_terminated", CONFIDENCE_MEDIUM },
		{ 1 << 8, 77, "session.process_exited", CONFIDENCE_HIGH },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, SIGHUP, cases[i].sender, -50);
		story_died(&st, STORY_SERVER_LEG, cases[i].status);
		story_verdict(&st);
		CHECK_EQ(st.v.confidence, cases[i].confidence);
		if (i < 2)
			CHECK(strstr(st.v.summary, "by systemd (pid 77)"));
		story_check_lost(&st, cases[i].id, BY_SERVER);
	}
}

/* Who is named as the sender, and what is said of the signal. */
TEST(rules_process, says_which_signal_of_whom)
{
	static const struct {
		uint32_t first, first_sender, last, last_sender;
		const char *id, *summary, *fact;
	} cases[] = {
		/* caught, tidied up, and raised again: Node, Python, shells */
		{ SIGTERM, 77, SIGTERM, STORY_SERVER_PID, "session.process_terminated",
		  "was asked to stop by systemd (pid 77)", NULL },
		{ SIGTERM, 77, SIGTERM, 78, "session.process_terminated",
		  "was asked to stop by systemd (pid 78)", NULL },
		{ 0, 0, SIGTERM, STORY_SERVER_PID, "session.process_terminated",
		  "was asked to stop by itself", NULL },
		/* no order to stop, but nobody handles it */
		{ 0, 0, SIGUSR1, 77, "session.process_terminated",
		  "was ended with SIGUSR1 by systemd (pid 77)", NULL },
		{ SIGTERM, 77, SIGPIPE, STORY_SERVER_PID, "session.process_terminated",
		  "was asked to stop by systemd (pid 77)", NULL },
		{ 0, 0, SIGALRM, 0, "session.process_terminated",
		  "was ended with SIGALRM by the kernel", NULL },
		/* RLIMIT_CPU */
		{ 0, 0, SIGKILL, 0, "session.process_killed",
		  "was killed with SIGKILL by the kernel", "kernel_sent" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		if (cases[i].first)
			story_signal(&st, STORY_SERVER_PID, cases[i].first, cases[i].first_sender,
				     -60);
		story_signal(&st, STORY_SERVER_PID, cases[i].last, cases[i].last_sender, -50);
		story_died(&st, STORY_SERVER_LEG, cases[i].last);
		story_verdict(&st);
		CHECK(strstr(st.v.summary, cases[i].summary));
		CHECK(!story_evidence(&st, "sender_unknown"));
		if (cases[i].fact)
			CHECK(story_evidence(&st, cases[i].fact));
		story_check_lost(&st, cases[i].id, BY_SERVER);
	}
}

/* Java closes its sockets first: its exit may come when the line is out. */
TEST(rules_process, closes_after_a_signal)
{
	static const struct {
		uint32_t sender;
		int ms;
		enum confidence confidence;
	} cases[] = {
		{ 77, -50, CONFIDENCE_MEDIUM },
		{ 77, -5000, CONFIDENCE_HIGH },
		{ STORY_SERVER_PID, -50, CONFIDENCE_HIGH },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, SIGHUP, cases[i].sender, cases[i].ms);
		story_fin(&st, STORY_SERVER_LEG);
		story_verdict(&st);
		CHECK_EQ(st.v.confidence, cases[i].confidence);
		story_check_lost(&st, "session.closed_without_close_frame", BY_SERVER);
	}
}

/* What a supervisor sends to a worker that is stuck (gunicorn, systemd's watchdog). */
TEST(rules_process, aborted_by_the_supervisor)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGABRT, 77, -1);
	story_died(&st, STORY_SERVER_LEG, SIGABRT | 0x80);
	story_check_lost(&st, "session.process_killed", BY_SERVER);
	CHECK_STR(st.v.summary,
		  "server chat-server (pid 200) was killed with SIGABRT by systemd (pid 77)");
	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGABRT, STORY_SERVER_PID, -1);
	story_died(&st, STORY_SERVER_LEG, SIGABRT | 0x80);
	story_check_lost(&st, "session.process_crashed", BY_SERVER); /* abort() */
}

/* Go prints its stacks and exits with 2; what it exits with long after that, or of its own, is another matter. */
TEST(rules_process, leaves_over_an_abort)
{
	static const struct {
		uint32_t sender;
		int signal_ms;
		uint32_t status;
		const char *id;
	} cases[] = {
		{ 77, -5, 2, "session.process_killed" },
		{ 77, -1500, 2, "session.process_exited" },
		{ 77, -5, 0, "session.process_exited" },
		{ STORY_SERVER_PID, -5, 2, "session.process_exited" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, SIGABRT, cases[i].sender, cases[i].signal_ms);
		story_died(&st, STORY_SERVER_LEG, cases[i].status << 8);
		story_verdict(&st);
		CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
		if (!i)
			CHECK_STR(
				st.v.summary,
				"server chat-server (pid 200) was killed with SIGABRT by systemd (pid 77)");
		story_check_lost(&st, cases[i].id, BY_SERVER);
	}
}

/* A helper that inherited the socket closes it last; the server had been dead for long. */
TEST(rules_process, helper_holds_the_socket_of_the_dead)
{
	for (int wrote = 0; wrote < 2; wrote++) {
		struct story st;
		struct conn *c;

		test_note("wrote %d", wrote);
		story_begin(&st, STORY_DIRECT);
		story_signal(&st, STORY_SERVER_PID, SIGKILL, 77, -401);
		story_exit(&st, STORY_SERVER_PID, SIGKILL, -400);
		c = story_died(&st, STORY_SERVER_LEG, 0);
		story_exit(&st, STORY_SERVER_PID, SIGKILL, -400);
		c->end->closer = (struct wst_task){ .tgid = 900, .comm = "sleep" };
		if (wrote) /* then it was more than a holder */
			c->end->walk[WST_OUT].last_payload_ns = STORY_END_NS - 100 * STORY_MS;
		story_verdict(&st);
		if (wrote) {
			CHECK_STR(st.v.rule->id, "session.process_exited");
		} else {
			CHECK_STR(
				st.v.summary,
				"server chat-server (pid 200) was killed with SIGKILL by systemd (pid 77)");
			CHECK_STR(
				story_evidence(&st, "tcp_end"),
				"sleep (pid 900), which had inherited the socket, closed its socket (FIN sent) 400.0 ms after that process was gone");
		}
		story_done(&st);
	}
}

/* An exception that nobody catches unwinds the stack: destructors close sockets before abort(). */
TEST(rules_process, closed_and_then_aborted)
{
	static const struct {
		uint32_t status, sender;
		int at_ms;
		const char *id;
	} cases[] = {
		{ SIGABRT | 0x80, STORY_SERVER_PID, 1, "session.process_crashed" },
		{ SIGABRT | 0x80, 77, 1, "session.closed_without_close_frame" },
		{ SIGABRT | 0x80, STORY_SERVER_PID, 900, "session.closed_without_close_frame" },
		{ 3 << 8, 0, 1, "session.process_exited" },
		{ 0, 0, 1, "session.closed_without_close_frame" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_fin(&st, STORY_SERVER_LEG);
		if (cases[i].sender)
			story_signal(&st, STORY_SERVER_PID, SIGABRT, cases[i].sender,
				     cases[i].at_ms);
		story_exit(&st, STORY_SERVER_PID, cases[i].status, cases[i].at_ms);
		story_verdict(&st);
		CHECK(!strstr(st.v.summary, "alive"));
		if (strcmp(cases[i].id, "session.closed_without_close_frame") != 0)
			CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		story_check_lost(&st, cases[i].id, BY_SERVER);
	}
}

TEST(rules_process, client_process_died)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_signal(&st, STORY_CLIENT_PID, SIGKILL, 77, -1);
	story_died(&st, STORY_CLIENT_LEG, SIGKILL);
	story_verdict(&st);
	CHECK_STR(st.v.summary,
		  "client browser (pid 100) was killed with SIGKILL by systemd (pid 77)");
	CHECK_STR(st.v.user_message, "The chat client was stopped. Please try again in a moment.");
	story_check_lost(&st, "session.process_killed", BY_CLIENT);
}

TEST(rules_process, proxy_process_died)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_died(&st, STORY_PROXY_OUT, SIGSEGV);
	story_verdict(&st);
	CHECK_STR(st.v.summary, "proxy nginx (pid 300) crashed");
	story_check_lost(&st, "session.process_crashed", BY_PROXY);
}

TEST(rules_process, exit_status_is_told)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_died(&st, STORY_SERVER_LEG, 3 << 8);
	story_verdict(&st);
	CHECK_STR(story_evidence(&st, "process_exit"), "pid 200 exited with status 3");
	story_check_lost(&st, "session.process_exited", BY_SERVER);
}

/* The EXIT record may be lost; the closing of the socket has the status too. */
TEST(rules_process, exit_known_from_the_socket_alone)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_DIRECT);
	c = story_fin(&st, STORY_SERVER_LEG);
	c->end->closer_exiting = true;
	c->end->closer_exit_code = SIGABRT | 0x80;
	story_verdict(&st);
	CHECK_STR(story_evidence(&st, "process_exit"), "pid 200 died of SIGABRT (6), core dumped");
	story_check_lost(&st, "session.process_crashed", BY_SERVER);
}

/* nginx, its worker asked to end by hand, or with all of the proxy. */
TEST(rules_process, worker_of_a_proxy_that_lives)
{
	static const struct {
		uint32_t signal, to_parent;
		const char *cause;
		enum confidence confidence;
	} rows[] = {
		{ SIGQUIT, 0, "session.proxy_worker_shutdown", CONFIDENCE_HIGH },
		{ SIGTERM, 0, "session.proxy_worker_shutdown", CONFIDENCE_HIGH },
		{ SIGQUIT, SIGHUP, "session.proxy_worker_shutdown", CONFIDENCE_HIGH },
		{ SIGTERM, SIGTERM, "session.proxy_exited", CONFIDENCE_MEDIUM },
		{ SIGQUIT, SIGQUIT, "session.proxy_exited", CONFIDENCE_MEDIUM },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct events *e = events_new();
		struct wst_exit_event *exit;
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, STORY_PROXIED);
		story_fin(&st, STORY_PROXY_OUT);
		story_fin(&st, STORY_PROXY_IN);
		story_signal(&st, STORY_PROXY_PID, rows[i].signal, 77, -3000);
		if (rows[i].to_parent)
			story_signal(&st, 299, rows[i].to_parent, 77, -3000);
		ev_process(e, 299, "nginx", "/");
		exit = ev_exit(e, STORY_PROXY_PID, 0);
		exit->h.ts_ns = STORY_END_NS + 5 * STORY_MS;
		exit->parent_tgid = 299;
		memcpy(exit->comm, "nginx", 6);
		for (size_t n = 0; n < e->count; n++)
			if (track_apply(st.track, e->records[n]))
				abort();
		events_free(e);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		CHECK_EQ(st.v.confidence, rows[i].confidence);
		story_done(&st);
	}
}

/* Workers that are told through a pipe: only the parent, which listens, got a signal. */
TEST(rules_process, parent_was_asked_to_stop)
{
	static const struct {
		bool proxied, listens, exits;
		int signal_ms;
		const char *comm, *cause;
	} rows[] = {
		{ true, true, false, -100, "apache2", "session.proxy_exited" },
		{ true, true, true, -100, "apache2", "session.proxy_exited" },
		{ false, true, false, -100, "apache2", "session.process_terminated" },
		/* it serves no port of its parent's, is another program, or took its time */
		{ true, false, false, -100, "apache2", "session.closed_without_close_frame" },
		{ true, true, false, -100, "bash", "session.closed_without_close_frame" },
		{ true, true, false, -3000, "apache2", "session.closed_without_close_frame" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t worker = rows[i].proxied ? STORY_PROXY_PID : STORY_SERVER_PID;
		struct wst_task parent = { .tgid = 299 };
		struct wst_exit_event *exit;
		struct events *e = events_new();
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, rows[i].proxied ? STORY_PROXIED : STORY_DIRECT);
		ev_process(e, 299, rows[i].comm, "/");
		ev_process(e, worker, "apache2", "/")->parent_tgid = 299;
		if (rows[i].exits) {
			exit = ev_exit(e, worker, 0);
			exit->h.ts_ns = STORY_END_NS + 50 * STORY_MS;
			exit->parent_tgid = 299;
			memcpy(exit->comm, "apache2", 8);
		}
		for (size_t n = 0; n < e->count; n++)
			if (track_apply(st.track, e->records[n]))
				abort();
		events_free(e);
		if (rows[i].listens)
			process_note_accept(track_processes(st.track), &parent);
		story_signal(&st, 299, SIGTERM, 77, rows[i].signal_ms);
		story_fin(&st, rows[i].proxied ? STORY_PROXY_OUT : STORY_SERVER_LEG);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		if (strcmp(rows[i].cause, "session.closed_without_close_frame")) {
			CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
			CHECK_STR(story_evidence(&st, "signal"),
				  "SIGTERM (15) was sent to pid 299 by systemd (pid 77)");
			CHECK(story_evidence(&st, "parent"));
		}
		story_done(&st);
	}
}
