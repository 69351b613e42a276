/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Streams of records -> reports: which sockets make a session, when it is reported, and that it is
 * reported once.
 */
#include "test.h"

#include <string.h>

#include "stack.h"
#include "track/tcp_state.h"
#include "track_run.h"

#define MS 1000000ull

TEST(track, one_socket)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;
	int opens = 0;

	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	events_pass_ms(e, 500);
	ev_fin_both(e, &SERVER, true);
	t = track_of(e);
	CHECK_EQ(track_next_due_ns(t), EVENTS_START_NS + 2 * MS + TRACK_SETTLE_NS);
	CHECK(!next_end(t, EVENTS_START_NS + 21 * MS, &opens));
	CHECK_EQ(opens, 0);
	CHECK(!next_end(t, EVENTS_START_NS + 22 * MS, &opens));
	CHECK_EQ(opens, 1);
	CHECK(!next_end(t, e->now_ns + TRACK_SETTLE_NS - 1, &opens));
	s = next_end(t, e->now_ns + TRACK_SETTLE_NS, &opens);
	REQUIRE(s);
	CHECK_EQ(opens, 1);
	CHECK_EQ(s->leg_count, 1);
	CHECK(!s->synthetic_id);
	CHECK_EQ(s->opened_ns, EVENTS_START_NS + 2 * MS);
	CHECK_EQ(s->ended_ns, EVENTS_START_NS + 502 * MS);
	CHECK_EQ(session_stage(s), STAGE_SESSION);
	CHECK(!next_end(t, UINT64_MAX, NULL));
	finish(t, s, e);
}

TEST(track, open_is_told_before_the_end)
{
	struct events *e = events_new();
	struct track *t;
	struct report r;

	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	ev_fin_both(e, &SERVER, true);
	t = track_of(e);
	r = track_next(t, UINT64_MAX);
	CHECK_EQ(r.kind, REPORT_OPEN);
	r = track_next(t, UINT64_MAX);
	CHECK_EQ(r.kind, REPORT_END);
	finish(t, r.session, e);
}

TEST(track, four_sockets_are_one_session)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	stack_open(e, &STACK, KEY_HEADER);
	events_pass_ms(e, 1000);
	stack_close(e, &STACK);
	t = track_of(e);
	s = only_end(t, e->now_ns + SESSION_PROXY_SETTLES * TRACK_SETTLE_NS);
	CHECK_EQ(s->leg_count, 4);
	CHECK_EQ(s->hop_count, 2);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(s->legs[i]->cookie, STACK.legs[i].cookie);
	CHECK(s->opened_ns && !s->synthetic_id);
	finish(t, s, e);
}

/* NAT between both ends of each connection. */
TEST(track, four_sockets_behind_nat)
{
	struct events *e = events_new();
	struct stack natted = STACK;
	struct track *t;
	struct session *s;

	natted.legs[ACCEPTED].remote = "198.18.7.7";
	natted.legs[ACCEPTED].remote_port = 777;
	natted.legs[UPSTREAM].remote = "198.18.8.8";
	stack_open(e, &natted, KEY_HEADER);
	stack_close(e, &natted);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 4);
	CHECK_EQ(s->hop_count, 2);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(s->legs[i]->cookie, STACK.legs[i].cookie);
	finish(t, s, e);
}

TEST(track, waits_for_the_other_legs)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;
	uint64_t ended;
	size_t applied;

	stack_open(e, &STACK, KEY_HEADER);
	events_pass_ms(e, 1000);
	ended = e->now_ns;
	ev_fin_both(e, &STACK.legs[BACKEND], true);
	ev_fin_both(e, &STACK.legs[UPSTREAM], false);
	t = track_of(e);
	/* the proxy keeps its client */
	CHECK(!next_end(t, ended + 1000 * MS - 1, NULL));
	CHECK_EQ(track_next_due_ns(t), ended + 1000 * MS);
	s = next_end(t, ended + 1000 * MS, NULL);
	REQUIRE(s);
	CHECK_EQ(s->ended_ns, ended);
	CHECK(!s->legs[BROWSER]->has_end && s->legs[BACKEND]->has_end);
	track_release(t, s);
	/* what comes later is absorbed */
	CHECK_EQ(track_conn_count(t), 2);
	e->now_ns += 5000 * MS;
	applied = e->count;
	for (int i = BROWSER; i <= ACCEPTED; i++)
		ev_fin_both(e, &STACK.legs[i], true);
	apply_from(t, e, applied);
	CHECK_EQ(track_conn_count(t), 0);
	CHECK(!next_end(t, UINT64_MAX, NULL));
	track_free(t);
	events_free(e);
}

TEST(track, reset_behind_the_end)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	ev_end(e, &SERVER);
	ev_reset(e, &SERVER, WST_OUT)->active = 1;
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(conn_ended_by(s->legs[0], NULL), ENDED_RST_SENT);
	finish(t, s, e);
}

/* END tells tuple and owner as well. */
TEST(track, lost_open)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_handshake(e, &SERVER);
	ev_fin_both(e, &SERVER, true);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->legs[0]->tuple.local_port, SERVER.local_port);
	CHECK_EQ(s->legs[0]->owner->tgid, SERVER.tgid);
	CHECK_EQ(session_stage(s), STAGE_SESSION);
	finish(t, s, e);
}

TEST(track, refused_handshake)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;
	uint64_t answered;
	size_t applied;

	ev_open(e, &SERVER);
	ev_request(e, &SERVER, REQUEST_HEAD KEY_HEADER "\r\n");
	events_pass_ms(e, 3);
	answered = e->now_ns;
	ev_response(e, &SERVER, "HTTP/1.1 403 Forbidden\r\n\r\n");
	t = track_of(e);
	applied = e->count;
	CHECK(!next_end(t, answered + TRACK_SETTLE_NS - 1, NULL));
	s = only_end(t, answered + TRACK_SETTLE_NS);
	CHECK_EQ(session_stage(s), STAGE_UPGRADE);
	CHECK(!s->open_reported && !s->opened_ns);
	track_release(t, s);
	/* the connection lives on, and ends without another word */
	CHECK_EQ(track_conn_count(t), 1);
	ev_fin_both(e, &SERVER, false);
	apply_from(t, e, applied);
	CHECK_EQ(track_conn_count(t), 0);
	CHECK(!next_end(t, UINT64_MAX, NULL));
	track_free(t);
	events_free(e);
}

/* A second try on the same connection: before and after the first one was reported. */
TEST(track, second_try_on_the_same_socket)
{
	for (int early = 0; early <= 1; early++) {
		struct events *e = events_new();
		struct track *t = track_new(NULL);
		struct session *first = NULL, *second;
		size_t i = 0;

		test_note("early %d", early);
		ev_open(e, &SERVER);
		ev_request(e, &SERVER, REQUEST_HEAD KEY_HEADER "\r\n");
		ev_response(e, &SERVER, "HTTP/1.1 401 Unauthorized\r\n\r\n");
		i = apply_from(t, e, i);
		if (!early) {
			first = only_end(t, UINT64_MAX);
			CHECK_EQ(first->legs[0]->handshake.status, 401);
			track_release(t, first);
		}
		events_pass_ms(e, 10);
		ev_request(e, &SERVER, REQUEST_HEAD OTHER_KEY_HEADER "\r\n")->head_seq = 77;
		ev_response(e, &SERVER, "HTTP/1.1 101 X\r\n\r\n")->head_seq = 78;
		i = apply_from(t, e, i);
		if (early) {
			first = next_end(t, UINT64_MAX, NULL);
			REQUIRE(first);
			CHECK_EQ(first->legs[0]->handshake.status, 401);
			track_release(t, first);
		}
		events_pass_ms(e, 1000);
		ev_fin_both(e, &SERVER, true);
		i = apply_from(t, e, i);
		second = only_end(t, UINT64_MAX);
		CHECK_EQ(second->legs[0]->handshake.status, 101);
		CHECK_EQ(session_stage(second), STAGE_SESSION);
		finish(t, second, e);
	}
}

/* Each hop of a keep-alive chain carries one handshake after the other. */
TEST(track, second_try_through_the_proxy)
{
	struct events *e = events_new();
	struct stack again = STACK;
	struct track *t;
	struct session *s;

	stack_request(e, &STACK, KEY_HEADER);
	stack_answer(e, &STACK, "HTTP/1.1 401 Unauthorized\r\n\r\n");
	again.seq[0] += 1000;
	again.seq[1] += 1000;
	stack_request(e, &again, OTHER_KEY_HEADER);
	stack_answer(e, &again, "HTTP/1.1 101 X\r\n\r\n");
	stack_close(e, &again);
	t = track_of(e);
	s = next_end(t, UINT64_MAX, NULL);
	REQUIRE(s);
	CHECK_EQ(s->leg_count, 4);
	CHECK_EQ(s->legs[0]->handshake.status, 401);
	track_release(t, s);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 4);
	CHECK_EQ(s->legs[3]->handshake.status, 101);
	finish(t, s, e);
}

TEST(track, upgrade_headers_taken_away)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	stack_request(e, &STACK, KEY_HEADER);
	/* nginx without proxy_set_header Upgrade */
	for (size_t i = 0; i < e->count; i++) {
		struct wst_http_event *h = (struct wst_http_event *)e->records[i];
		static const char bare[] = "GET /chat HTTP/1.0\r\nConnection: close\r\n" KEY_HEADER
					   "\r\n";

		if (h->h.type != WST_EV_HTTP || h->head_seq != STACK.seq[1])
			continue;
		memcpy(h->data, bare, sizeof(bare) - 1);
		h->len = sizeof(bare) - 1;
	}
	stack_answer(e, &STACK, "HTTP/1.1 400 Bad Request\r\n\r\n");
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 4);
	CHECK(s->legs[BROWSER]->handshake.has_upgrade);
	CHECK(!s->legs[BACKEND]->handshake.has_upgrade);
	finish_with(4, t, s, e);
}

/* Upgrade without a key: both ends of a connection are found by its sequence number. */
TEST(track, no_key)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;
	int ends = 0;

	stack_request(e, &STACK, "");
	stack_answer(e, &STACK, "HTTP/1.1 400 Bad Request\r\n\r\n");
	t = track_of(e);
	while ((s = next_end(t, UINT64_MAX, NULL))) {
		CHECK_EQ(s->leg_count, 2);
		CHECK_EQ(s->hop_count, 1);
		CHECK(s->synthetic_id);
		track_release(t, s);
		ends++;
	}
	CHECK_EQ(ends, 2);
	track_free(t);
	events_free(e);
}

/* One server hung up, the proxy asks another one: the client still waits, and is served. */
TEST(track, a_try_that_failed_ends_nothing)
{
	struct events *e = events_new();
	const struct side *in = &STACK.legs[ACCEPTED], *out = &STACK.legs[UPSTREAM];
	struct track *t;
	struct session *s;
	size_t applied;

	stack_request(e, &STACK, KEY_HEADER);
	ev_fin_both(e, out, true);
	no_frames((struct wst_end_event *)e->records[e->count - 1]);
	t = track_of(e);
	applied = e->count;
	CHECK(!next_end(t, e->now_ns + 60000 * MS, NULL));
	events_pass_ms(e, 5000);
	ev_response(e, in, "HTTP/1.1 101 X\r\n\r\n")->head_seq = STACK.seq[0] + 5;
	events_pass_ms(e, 5000);
	ev_fin_both(e, in, true);
	apply_from(t, e, applied);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(session_stage(s), STAGE_SESSION);
	finish_with(2, t, s, e);
}

/* The server answers when the client has left, or has another answer, and nothing is reported yet. */
TEST(track, answer_before_the_report)
{
	const struct side *in = &STACK.legs[ACCEPTED], *out = &STACK.legs[UPSTREAM];
	struct events *e;
	struct track *t;
	struct session *s;

	for (int answered = 0; answered < 2; answered++) {
		e = events_new();
		stack_request(e, &STACK, KEY_HEADER);
		if (answered)
			ev_response(e, in, "HTTP/1.1 504 X\r\n\r\n")->head_seq = STACK.seq[0] + 5;
		ev_state(e, in, STATE_ESTABLISHED, STATE_CLOSE_WAIT);
		events_pass_ms(e, 5);
		ev_response(e, out, "HTTP/1.1 101 X\r\n\r\n")->head_seq = STACK.seq[1] + 5;
		t = track_of(e);
		s = only_end(t, e->now_ns + 2000 * MS);
		CHECK_EQ(session_stage(s), STAGE_UPGRADE);
		CHECK_EQ(s->opened_ns, 0);
		finish_with(4, t, s, e);
	}
}

/* The client left and its session was reported; what the server answers later is no news. */
TEST(track, answer_after_the_report)
{
	struct events *e = events_new();
	const struct side *in = &STACK.legs[ACCEPTED], *out = &STACK.legs[UPSTREAM];
	struct track *t;
	struct session *s;
	size_t applied;

	stack_request(e, &STACK, KEY_HEADER);
	ev_fin_both(e, in, false);
	no_frames((struct wst_end_event *)e->records[e->count - 1]);
	t = track_of(e);
	applied = e->count;
	s = only_end(t, e->now_ns + 2000 * MS);
	CHECK_EQ(session_stage(s), STAGE_UPGRADE);
	track_release(t, s);
	events_pass_ms(e, 5000);
	ev_response(e, out, "HTTP/1.1 101 X\r\n\r\n")->head_seq = STACK.seq[1] + 5;
	events_pass_ms(e, 5000);
	ev_fin_both(e, out, true);
	apply_from(t, e, applied);
	CHECK(!next_end(t, UINT64_MAX, NULL));
	track_free(t);
	events_free(e);
}

TEST(track, flush_reports_what_is_ending)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	stack_open(e, &STACK, KEY_HEADER);
	ev_state(e, &STACK.legs[BROWSER], STATE_ESTABLISHED, STATE_CLOSE_WAIT);
	t = track_of(e);
	CHECK(!next_end(t, e->now_ns + TRACK_SETTLE_NS, NULL));
	track_flush(t);
	s = only_end(t, e->now_ns);
	CHECK_EQ(s->leg_count, 4);
	finish_with(4, t, s, e);

	/* open ones are not ending */
	e = events_new();
	stack_open(e, &STACK, KEY_HEADER);
	t = track_of(e);
	track_flush(t);
	CHECK(!next_end(t, e->now_ns, NULL));
	CHECK_EQ(track_next_due_ns(t), 0);
	track_free(t);
	events_free(e);
}
