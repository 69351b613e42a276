/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that no handshake brings into a session: which of them are told, and which are nobody's
 * business.
 */
#include "test.h"

#include <errno.h>

#include "stack.h"
#include "track/group.h"
#include "track/tcp_state.h"
#include "track_run.h"

#define MS 1000000ull

TEST(track_alone, refused_connection)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_open(e, &CLIENT)->established_ns = 0;
	ev_reset(e, &CLIENT, WST_IN);
	ev_error(e, &CLIENT, ECONNREFUSED);
	ev_state(e, &CLIENT, STATE_SYN_SENT, STATE_CLOSE);
	no_frames(ev_end(e, &CLIENT))->established_ns = 0;
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK(s->synthetic_id);
	CHECK_EQ(session_stage(s), STAGE_CONNECT);
	CHECK_EQ(conn_ended_by(s->legs[0], NULL), ENDED_CONNECT_FAILED);
	CHECK(s->ended_ns && s->first_ns);
	finish(t, s, e);
}

/* To a port where no WebSocket was seen, by a process that has some. */
TEST(track_alone, refused_aside)
{
	struct events *e = events_new();
	struct wst_open_event *open;
	struct track *t;

	open = ev_open(e, &CLIENT);
	open->established_ns = 0;
	open->flags |= WST_OPEN_ASIDE;
	ev_state(e, &CLIENT, STATE_SYN_SENT, STATE_CLOSE);
	no_frames(ev_end(e, &CLIENT))->established_ns = 0;
	t = track_of(e);
	CHECK_EQ(track_groups(t)->failed_count, 1);
	CHECK(track_groups(t)->failed[0].aside);
	finish_silent(0, t, e);
}

static void refuse(struct events *e, const struct side *s)
{
	ev_open(e, s)->established_ns = 0;
	ev_error(e, s, ECONNREFUSED);
	ev_state(e, s, STATE_SYN_SENT, STATE_CLOSE);
	no_frames(ev_end(e, s))->established_ns = 0;
}

/* The n-th health check of a proxy that serves clients too. */
static void fail_check(struct events *e, unsigned int n)
{
	struct side s = STACK.legs[UPSTREAM];

	s.cookie += 100 + n;
	s.local_port += n;
	refuse(e, &s);
	events_pass_ms(e, 1000);
}

/* Three lines until it is clear that they are regular; the latest of the others tells of them. */
TEST(track_alone, health_checks_that_stop)
{
	const struct failing_check *check;
	uint64_t latest_ns = 0;
	struct session *s;
	struct events *e;
	struct track *t;

	for (int flushed = 0; flushed < 2; flushed++) {
		unsigned int told = 0;

		e = events_new();
		ev_open(e, &STACK.legs[ACCEPTED]);
		for (unsigned int n = 0; n < 10; n++)
			fail_check(e, n);
		t = track_of(e);
		for (; (s = next_end(t, e->now_ns + 2000 * MS, NULL)) != NULL; told++) {
			latest_ns = s->ended_ns;
			track_release(t, s);
		}
		CHECK_EQ(told, 3);
		CHECK_EQ(track_conn_count(t), 2); /* the one that was accepted, and one that waits */
		if (flushed)
			track_flush(t);
		s = next_end(t, e->now_ns + (flushed ? 0 : 61000) * MS, NULL);
		REQUIRE(s);
		CHECK(s->ended_ns > latest_ns + 6900 * MS);
		check = groups_failing_check(track_groups(t), s->legs[0]);
		CHECK(check && check->told_with == 6);
		track_release(t, s);
		CHECK(!next_end(t, UINT64_MAX, NULL));
		track_free(t);
		events_free(e);
	}
}

static void receive_request(struct events *e)
{
	ev_open(e, &STACK.legs[ACCEPTED]);
	ev_request(e, &STACK.legs[ACCEPTED], REQUEST_HEAD KEY_HEADER "\r\n");
	events_pass_ms(e, 2000);
}

/* What a proxy cannot reach is the reason of its 502: one failure of one client is one report. */
TEST(track_alone, refused_for_a_client)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	receive_request(e);
	refuse(e, &STACK.legs[UPSTREAM]);
	t = track_of(e);
	CHECK(!next_end(t, e->now_ns + 500 * MS, NULL)); /* the client waits */
	ev_response(e, &STACK.legs[ACCEPTED], "HTTP/1.1 502 Bad Gateway\r\n\r\n");
	CHECK_EQ(track_apply(t, e->records[e->count - 1]), 0);
	s = only_end(t, e->now_ns + 5000 * MS);
	CHECK_EQ(session_stage(s), STAGE_UPGRADE);
	CHECK(session_gateway_leg(s) == s->legs[0]);
	CHECK(groups_failed_connect(track_groups(t), s->legs[0]) != NULL);
	track_release(t, s);
	CHECK_EQ(track_next_due_ns(t), 0);
	track_free(t);
	events_free(e);
}

/* The next server took it: nobody else tells that the first one is down. */
TEST(track_alone, refused_before_another_served)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	receive_request(e);
	refuse(e, &STACK.legs[UPSTREAM]);
	ev_response(e, &STACK.legs[ACCEPTED], "HTTP/1.1 101 X\r\n\r\n");
	t = track_of(e);
	s = only_end(t, e->now_ns + 500 * MS);
	CHECK_EQ(session_stage(s), STAGE_CONNECT);
	finish_with(1, t, s, e);
}

/* Accepted, and closed before the request came: one connection, one report, under its key. */
TEST(track_alone, closed_before_the_request)
{
	struct events *e;
	struct track *t;
	struct session *s;

	for (int first = 0; first < 2; first++) {
		e = events_new();
		if (first) {
			ev_open(e, &CLIENT);
			ev_request(e, &CLIENT, REQUEST_HEAD KEY_HEADER "\r\n");
		}
		ev_open(e, &SERVER);
		ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
		ev_state(e, &SERVER, STATE_FIN_WAIT2, STATE_CLOSE);
		no_frames(ev_end(e, &SERVER));
		if (!first) {
			ev_open(e, &CLIENT);
			ev_request(e, &CLIENT, REQUEST_HEAD KEY_HEADER "\r\n");
		}
		ev_reset(e, &CLIENT, WST_IN);
		no_frames(ev_end(e, &CLIENT));
		t = track_of(e);
		s = only_end(t, UINT64_MAX);
		CHECK_EQ(s->leg_count, 2);
		CHECK_EQ(session_stage(s), STAGE_UPGRADE);
		CHECK(!s->synthetic_id);
		finish(t, s, e);
	}
}

/* Accepted and closed without an answer; both ends are told, one report. */
TEST(track_alone, unserved_connection)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_open(e, &SERVER);
	ev_state(e, &SERVER, STATE_FIN_WAIT2, STATE_CLOSE);
	no_frames(ev_end(e, &SERVER))->tcp.states[1] = STATE_FIN_WAIT1;
	ev_open(e, &CLIENT);
	ev_state(e, &CLIENT, STATE_LAST_ACK, STATE_CLOSE);
	no_frames(ev_end(e, &CLIENT))->tcp.states[1] = STATE_CLOSE_WAIT;
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 2);
	CHECK_EQ(s->hop_count, 1);
	CHECK(s->legs[0]->cookie == CLIENT.cookie);
	CHECK_EQ(session_stage(s), STAGE_CONNECT);
	finish(t, s, e);
}

/* A health check connects and closes: nobody's business. */
TEST(track_alone, health_check)
{
	struct events *e = events_new();
	struct track *t;

	ev_open(e, &SERVER);
	ev_state(e, &SERVER, STATE_LAST_ACK, STATE_CLOSE);
	no_frames(ev_end(e, &SERVER))->tcp.states[1] = STATE_CLOSE_WAIT;
	t = track_of(e);
	finish_silent(0, t, e);
}

TEST(track_alone, failed_tls)
{
	struct events *e = events_new();
	struct wst_end_event *end;
	struct track *t;
	struct session *s;
	size_t applied;

	ev_open(e, &CLIENT);
	ev_state(e, &CLIENT, STATE_ESTABLISHED, STATE_CLOSE);
	end = no_frames(ev_end(e, &CLIENT));
	end->tcp.flags = WST_TCP_TLS;
	end->tcp.tls_alert_in = 40;
	t = track_of(e);
	applied = e->count;
	CHECK(!next_end(t, e->now_ns + 300000000ull, NULL));
	events_pass_ms(e, 300); /* the server takes its time */
	ev_open(e, &SERVER);
	end = no_frames(ev_end(e, &SERVER));
	end->tcp.flags = WST_TCP_TLS;
	end->tcp.tls_alert_out = 40;
	apply_from(t, e, applied);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 2);
	finish(t, s, e);
}

/* Port number n of a client on another host: TLS, and HTTP in answer. */
static void probe_with_tls(struct events *e, unsigned int n)
{
	struct side s = SERVER;
	struct wst_end_event *end;

	s.cookie += n;
	s.remote_port += n;
	ev_open(e, &s)->connect_ns = e->now_ns;
	ev_state_by_owner(e, &s, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	end = no_frames(ev_end(e, &s));
	end->tcp.flags = WST_TCP_TLS | WST_TCP_NO_TLS;
	end->tcp.bytes_in = 300;
}

/* It may be a scanner; whoever comes back within minutes wants something. */
TEST(track_alone, tls_from_outside_to_a_port_without)
{
	struct events *e = events_new();
	struct session *s;
	struct track *t;

	probe_with_tls(e, 0);
	events_pass_ms(e, 1200000);
	probe_with_tls(e, 1);
	t = track_of(e);
	CHECK(!next_end(t, UINT64_MAX, NULL));
	CHECK_EQ(track_conn_count(t), 0);
	track_free(t);
	events_pass_ms(e, 5000);
	probe_with_tls(e, 2);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(session_stage(s), STAGE_CONNECT);
	finish(t, s, e);
}

TEST(track_alone, tls_that_worked)
{
	struct events *e = events_new();
	struct wst_end_event *end;
	struct track *t;

	ev_open(e, &SERVER);
	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	end = no_frames(ev_end(e, &SERVER));
	end->tcp.flags = WST_TCP_TLS | WST_TCP_TLS_DATA;
	end->tcp.tls_alert_out = 0; /* close_notify */
	t = track_of(e);
	finish_silent(0, t, e);
}

TEST(track_alone, ordinary_http)
{
	struct events *e = events_new();
	struct track *t;

	/* not announced: only its first chunk looked like anything */
	ev_request(e, &SERVER, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	ev_open(e, &CLIENT);
	ev_request(e, &CLIENT, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	ev_response(e, &CLIENT, "HTTP/1.1 200 OK\r\n\r\n");
	ev_state(e, &CLIENT, STATE_ESTABLISHED, STATE_CLOSE_WAIT);
	no_frames(ev_end(e, &CLIENT));
	t = track_of(e);
	finish_silent(0, t, e);
}

TEST(track_alone, open_before_us)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	stack_midstream(e, &STACK);
	for (int i = 0; i < 2; i++)
		no_frames(midstream_end(e, &STACK.legs[UPSTREAM + i]));
	t = track_of(e); /* never seen to be a WebSocket */
	finish_silent(2, t, e);

	e = events_new();
	stack_midstream(e, &STACK);
	events_pass_ms(e, 1000);
	midstream_end(e, &STACK.legs[BACKEND])->walk[WST_IN].flags |= WST_WALK_JOINED;
	events_pass_ms(e, 1);
	no_frames(midstream_end(e, &STACK.legs[UPSTREAM]));
	t = track_of(e);
	s = only_end(t, e->now_ns + TRACK_SETTLE_NS);
	CHECK_EQ(s->leg_count, 2);
	CHECK(s->synthetic_id && !s->opened_ns);
	CHECK_EQ(session_stage(s), STAGE_SESSION);
	track_release(t, s);
	CHECK_EQ(track_conn_count(t), 2);
	track_free(t);
	events_free(e);
}

TEST(track_alone, close_frame_on_a_connection_from_before_us)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_open(e, &SERVER)->flags |= WST_OPEN_MIDSTREAM;
	ev_close(e, &SERVER, true, 1001, NULL);
	ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE_WAIT);
	no_frames(midstream_end(e, &SERVER));
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(session_stage(s), STAGE_SESSION);
	finish(t, s, e);
}
