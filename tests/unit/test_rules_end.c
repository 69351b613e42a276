/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who ended it, seen from every place where a tracer can stand. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "story.h"

TEST(rules_end, closer_on_each_leg)
{
	static const struct {
		enum story_shape shape;
		unsigned int leg;
		enum initiator by;
	} rows[] = {
		{ STORY_DIRECT, STORY_CLIENT_LEG, BY_CLIENT },
		{ STORY_DIRECT, STORY_SERVER_LEG, BY_SERVER },
		{ STORY_SERVER_ONLY, 0, BY_SERVER },
		{ STORY_CLIENT_ONLY, 0, BY_CLIENT },
		{ STORY_PROXIED, STORY_CLIENT_LEG, BY_CLIENT },
		{ STORY_PROXIED, STORY_PROXY_IN, BY_PROXY },
		{ STORY_PROXIED, STORY_PROXY_OUT, BY_PROXY },
		{ STORY_PROXIED, STORY_BACKEND_LEG, BY_SERVER },
		{ STORY_PROXY_ONLY, 0, BY_PROXY },
		{ STORY_PROXY_ONLY, 1, BY_PROXY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, rows[i].shape);
		story_fin(&st, rows[i].leg);
		story_check_lost(&st, "session.closed_without_close_frame", rows[i].by);
	}
}

TEST(rules_end, from_outside_on_each_leg)
{
	static const struct {
		enum story_shape shape;
		unsigned int leg;
		enum initiator by;
	} rows[] = {
		{ STORY_SERVER_ONLY, 0, BY_CLIENT },
		{ STORY_CLIENT_ONLY, 0, BY_SERVER },
		{ STORY_PROXY_ONLY, 0, BY_CLIENT },
		{ STORY_PROXY_ONLY, 1, BY_SERVER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, rows[i].shape);
		story_fin_received(&st, rows[i].leg);
		story_check_lost(&st, "session.peer_closed_without_close_frame", rows[i].by);
		story_begin(&st, rows[i].shape);
		story_rst_received(&st, rows[i].leg);
		story_check_lost(&st, "session.peer_reset", rows[i].by);
	}
}

/* nginx makes a plain close on the client's leg of whatever happens behind it. */
static void proxy_closes_client_leg(struct story *st)
{
	struct conn *in = &st->conns[STORY_PROXY_IN], *browser = &st->conns[STORY_CLIENT_LEG];

	in->end->closed_by_process = true;
	in->end->closer = *in->owner;
	in->end->closer_ns = in->end->fin_out_ns = in->end->closed_ns = STORY_END_NS + 2 * STORY_MS;
	browser->end->fin_in_ns = browser->end->closed_ns = STORY_END_NS + 3 * STORY_MS;
}

/* A proxy with one side that can be followed: what it does may have come from the other one. */
TEST(rules_end, proxy_with_an_unseen_side)
{
	static const struct {
		enum story_shape shape;
		enum initiator by;
	} rows[] = {
		{ STORY_CLIENT_ONLY, BY_PROXY }, /* TLS in front that was missed */
		{ STORY_SERVER_ONLY, BY_SERVER }, /* a unix socket, FastCGI behind */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, rows[i].shape);
		memcpy(st.parts[0].owner.comm, "nginx", sizeof("nginx"));
		story_fin(&st, 0);
		story_verdict(&st);
		CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		CHECK(story_evidence(&st, "other_side_unseen") != NULL);
		story_check_lost(&st, "session.closed_without_close_frame", rows[i].by);
	}
}

/* That a socket did not send it can be said of one that was followed. */
TEST(rules_end, peer_that_was_not_followed)
{
	struct story st;

	for (int followed = 0; followed < 2; followed++) {
		test_note("followed %d", followed);
		story_begin(&st, STORY_DIRECT);
		st.conns[STORY_SERVER_LEG].has_end = false;
		if (!followed)
			st.conns[STORY_SERVER_LEG].established_ns = 0;
		story_fin_received(&st, STORY_CLIENT_LEG);
		story_verdict(&st);
		CHECK_EQ(story_evidence(&st, "not_sent_by_peer") != NULL, followed);
		CHECK_EQ(st.v.close.initiator, followed ? BY_NETWORK : BY_SERVER);
		story_done(&st);
	}
}

/* The backend hung and goes on after nginx had given it up: that broke no silence. */
TEST(rules_end, words_after_the_close_break_no_silence)
{
	struct story st;

	for (int late = 0; late < 2; late++) {
		test_note("late %d", late);
		story_begin(&st, STORY_PROXIED);
		memcpy(st.parts[STORY_PROXY_IN].owner.comm, "nginx", sizeof("nginx"));
		memcpy(st.parts[STORY_PROXY_OUT].owner.comm, "nginx", sizeof("nginx"));
		story_fin(&st, STORY_PROXY_OUT);
		story_fin(&st, STORY_PROXY_IN);
		for (unsigned int leg = STORY_PROXY_IN; leg <= STORY_PROXY_OUT; leg++) {
			struct conn_end *end = st.conns[leg].end;

			end->walk[0].last_payload_ns = STORY_END_NS - 3000 * STORY_MS;
			end->walk[1].last_payload_ns = STORY_END_NS - 3100 * STORY_MS;
			end->closing.ts_ns = STORY_END_NS;
			memcpy(end->closing.walk, end->walk, sizeof(end->walk));
			if (late) {
				end->walk[0].last_payload_ns = STORY_END_NS + STORY_MS;
				end->walk[0].longest_silence_ms = 3001;
			}
		}
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.proxy_idle_timeout");
		CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

/* The path to the backend died, and with it the pings that kept the timer of the proxy from running out. */
TEST(rules_end, silence_that_a_dead_path_made)
{
	static const enum wst_direction ways[] = { WST_IN, WST_OUT };
	struct story st;

	for (int dead = 0; dead < 3; dead++) {
		test_note("dead %d",
			  dead); /* 1: its FIN is not acknowledged; 2: its RST not received */
		story_begin(&st, STORY_PROXIED);
		for (unsigned int leg = 0; leg < 4; leg++) {
			for (int d = 0; d < 2; d++)
				st.conns[leg]
					.end->walk[ways[d]]
					.last_payload_ns = st.conns[leg]
								   .end->walk[ways[d]]
								   .last_data_ns = STORY_END_NS -
										   8000 * STORY_MS;
			st.conns[leg].end->tcp.srtt_us = 300;
		}
		story_fin(&st, STORY_PROXY_IN);
		if (dead == 2)
			story_rst(&st, STORY_PROXY_OUT, STORY_ABORT_ON_LINGER);
		else
			story_fin(&st, STORY_PROXY_OUT);
		if (dead) {
			st.conns[STORY_BACKEND_LEG].end->fin_in_ns = 0;
			st.conns[STORY_BACKEND_LEG].end->rst_in_ns = 0;
			st.conns[STORY_BACKEND_LEG].end->closed_ns = 0;
			st.conns[STORY_BACKEND_LEG].has_end = false;
		}
		if (dead == 1)
			st.conns[STORY_PROXY_OUT].end->closed_ns = 0;
		story_forerunners(&st, 3, 700, 0);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.proxy_idle_timeout");
		CHECK_EQ(st.v.confidence, dead ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		CHECK_EQ(story_evidence(&st, "path_dead") != NULL, dead != 0);
		story_done(&st);
	}
}

/* socat forks for each connection; that its child ends with it tells nothing. */
TEST(rules_end, process_for_one_connection)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	st.parts[STORY_PROXY_IN].owner.start_ns = st.conns[STORY_PROXY_IN].established_ns + 1;
	story_fin(&st, STORY_PROXY_OUT);
	story_fin(&st, STORY_PROXY_IN);
	story_exit(&st, STORY_PROXY_PID, 0, 1);
	story_verdict(&st);
	CHECK(strcmp(st.v.rule->id, "session.proxy_worker_shutdown") != 0);
	CHECK(strcmp(st.v.rule->id, "session.proxy_exited") != 0);
	story_done(&st);
}

/* rinetd is all of the proxy: SIGTERM from elsewhere is no reload. */
TEST(rules_end, proxy_of_one_process_is_stopped)
{
	struct story st;

	for (int asked = 0; asked < 2; asked++) {
		test_note("asked %d", asked);
		story_begin(&st, STORY_PROXIED);
		if (asked)
			story_signal(&st, STORY_PROXY_PID, SIGTERM, 77, -5);
		story_fin(&st, STORY_PROXY_OUT);
		story_fin(&st, STORY_PROXY_IN);
		story_exit(&st, STORY_PROXY_PID, 0, 1);
		story_verdict(&st);
		CHECK_STR(st.v.rule->id,
			  asked ? "session.proxy_exited" : "session.proxy_worker_shutdown");
		CHECK_EQ(st.v.confidence, asked ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

TEST(rules_end, proxy_hides_who_died)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_signal(&st, STORY_SERVER_PID, SIGKILL, 77, -1);
	story_died(&st, STORY_BACKEND_LEG, SIGKILL);
	proxy_closes_client_leg(&st);
	story_verdict(&st);
	CHECK_STR(st.v.summary,
		  "backend chat-server (pid 200) was killed with SIGKILL by systemd (pid 77)");
	CHECK_STR(story_evidence(&st, "signal"),
		  "SIGKILL (9) was sent to pid 200 by systemd (pid 77)");
	story_check_lost(&st, "session.process_killed", BY_SERVER);
}

TEST(rules_end, proxy_hides_a_reset)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_rst(&st, STORY_BACKEND_LEG, STORY_ABORT_ON_LINGER);
	proxy_closes_client_leg(&st);
	story_check_lost(&st, "session.aborted_by_application", BY_SERVER);
}

/*
 * The record of the sender says more than that of the receiver, even if its clock is a little late.
 */
TEST(rules_end, receiver_seen_before_sender)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_SERVER_LEG);
	st.conns[STORY_CLIENT_LEG].end->fin_in_ns = STORY_END_NS - 1000;
	story_check_lost(&st, "session.closed_without_close_frame", BY_SERVER);
}

TEST(rules_end, nobody_here_sent_it)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_rst_received(&st, STORY_CLIENT_LEG);
	story_verdict(&st);
	CHECK(story_evidence(&st, "not_sent_by_peer") != NULL);
	story_check_lost(&st, "session.firewall_reset", BY_KERNEL);
}

TEST(rules_end, lost_record_of_the_reset)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	st.conns[0].end->error = ECONNRESET;
	st.conns[0].end->error_ns = st.conns[0].end->closed_ns = STORY_END_NS;
	story_check_lost(&st, "session.peer_reset", BY_CLIENT);
}

TEST(rules_end, timeouts_blame_the_network)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_SERVER_ONLY);
	c = story_timeout(&st, 0);
	c->end->tcp.unacked_bytes = 10;
	story_verdict(&st);
	CHECK_STR(st.v.summary,
		  "the client stopped acknowledging data until the kernel gave up (ETIMEDOUT)");
	story_check_lost(&st, "session.network_timeout", BY_NETWORK);

	/* behind a proxy it is the proxy that falls silent */
	story_begin(&st, STORY_PROXIED);
	story_timeout(&st, STORY_BACKEND_LEG)->end->tcp.unacked_bytes = 10;
	CHECK(strstr(story_verdict(&st)->summary, "the proxy stopped acknowledging") != NULL);
	story_done(&st);

	/* the keepalive timer's RST comes before its ETIMEDOUT */
	story_begin(&st, STORY_CLIENT_ONLY);
	c = story_timeout(&st, 0);
	c->end->rst_out_ns = STORY_END_NS - 1000;
	c->end->reset_active = true;
	c->end->reset_reason = STORY_KEEPALIVE_TIMEOUT;
	c->end->tcp.probes = 3;
	c->end->tcp.flags = WST_TCP_KEEPALIVE;
	story_check_lost(&st, "session.keepalive_timeout", BY_NETWORK);
}

/* Who gives up waiting for a reader that never reads is no victim of the network. */
TEST(rules_end, zero_window_is_not_surely_the_network)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_SERVER_ONLY);
	c = story_timeout(&st, 0);
	c->end->tcp.unacked_bytes = 10;
	c->end->tcp.send_window = 0;
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_MEDIUM);
	CHECK(story_evidence(&st, "zero_window") != NULL);
	story_done(&st);
}

TEST(rules_end, reset_by_the_kernel_alone)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	st.conns[0].end->rst_out_ns = st.conns[0].end->closed_ns = STORY_END_NS;
	story_check_lost(&st, "session.unknown", BY_KERNEL);
}

TEST(rules_end, handled_sigterm)
{
	struct story st;

	/* its handler closed the sockets, and it left a second later */
	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 1, -5000);
	story_fin(&st, STORY_SERVER_LEG);
	story_exit(&st, STORY_SERVER_PID, 0, 1000);
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	story_check_lost(&st, "session.process_terminated", BY_SERVER);

	/* still at it, right after the signal */
	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 1, -10);
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	story_done(&st);

	/* alive, half a minute after it */
	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 1, -30000);
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_MEDIUM);
	CHECK_EQ(st.v.alternative_count, 1);
	CHECK_STR(st.v.alternatives[0], "session.closed_without_close_frame");
	story_done(&st);

	/* long ago: it means to live on */
	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGINT, 1, -300000);
	story_fin(&st, STORY_SERVER_LEG);
	story_check_lost(&st, "session.closed_without_close_frame", BY_SERVER);
}

TEST(rules_end, grace_ran_out)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 1, -10000);
	story_signal(&st, STORY_SERVER_PID, SIGKILL, 1, -1);
	story_died(&st, STORY_SERVER_LEG, SIGKILL);
	story_verdict(&st);
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	story_check_lost(&st, "session.process_killed", BY_SERVER);
}

/* A backend that refused before another one took over is not what ended the session. */
TEST(rules_end, refused_try_of_the_proxy)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	st.conns[STORY_PROXY_OUT].handshake.status = 502;
	st.conns[STORY_PROXY_OUT].end->fin_in_ns = STORY_OPENED_NS;
	st.conns[STORY_BACKEND_LEG].handshake.status = 502;
	st.conns[STORY_BACKEND_LEG].end->fin_out_ns = STORY_OPENED_NS;
	story_fin(&st, STORY_CLIENT_LEG);
	story_check_lost(&st, "session.closed_without_close_frame", BY_CLIENT);
}

/* It had been told to reload long before: what ended it is the signal that asked it to. */
TEST(rules_end, sigterm_after_a_reload)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGHUP, 1, -5000);
	story_signal(&st, STORY_SERVER_PID, SIGTERM, 1, -10);
	story_fin(&st, STORY_SERVER_LEG);
	story_exit(&st, STORY_SERVER_PID, 0, 5);
	story_check_lost(&st, "session.process_terminated", BY_SERVER);
}
