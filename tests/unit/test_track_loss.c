/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sessions of which a record was lost. */
#include "test.h"

#include "stack.h"
#include "track_run.h"

/* The session does not stay open, and nothing is made up about how it ended. */
TEST(track_loss, lost_end)
{
	struct events *e = events_new();
	uint64_t cookies[4];
	struct track *t;
	struct session *s;

	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	events_pass_ms(e, 500);
	t = track_of(e);
	CHECK_EQ(track_open_sockets(t, cookies, 4), 1);
	CHECK_EQ(cookies[0], SERVER.cookie);
	CHECK_EQ(track_apply(t, ev_gone(e, &SERVER)), 0);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->ended_ns, e->now_ns);
	CHECK(s->legs[0]->end_lost);
	CHECK_EQ(conn_ended_by(s->legs[0], NULL), ENDED_UNSEEN);
	track_release(t, s);
	CHECK_EQ(track_conn_count(t), 0);
	CHECK_EQ(track_apply(t, ev_gone(e, &SERVER)), 0); /* of a socket that nobody knows */
	CHECK_EQ(track_conn_count(t), 0);
	track_free(t);
	events_free(e);
}

/* It came after all. */
TEST(track_loss, lost_end_comes_late)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	ev_gone(e, &SERVER);
	ev_fin_both(e, &SERVER, true);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK(!s->legs[0]->end_lost);
	CHECK_EQ(conn_ended_by(s->legs[0], NULL), ENDED_FIN_SENT);
	finish(t, s, e);
}

TEST(track_loss, lost_handshake)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_open(e, &SERVER);
	ev_fin_both(e, &SERVER, true); /* frames were counted */
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK(s->synthetic_id);
	CHECK_EQ(session_stage(s), STAGE_SESSION);
	CHECK_EQ(s->opened_ns, 0);
	finish(t, s, e);
}

TEST(track_loss, lost_request)
{
	struct events *e = events_new();
	const struct side *in = &STACK.legs[ACCEPTED];
	struct track *t;
	struct session *s;
	size_t i;

	stack_open(e, &STACK, KEY_HEADER);
	stack_close(e, &STACK);
	/* the browser's and the proxy's record of the request */
	for (i = 0; i < e->count; i++) {
		struct wst_http_event *h = (struct wst_http_event *)e->records[i];

		if (h->h.type == WST_EV_HTTP && h->flags & WST_HTTP_REQUEST &&
		    (h->h.cookie == in->cookie || h->h.cookie == STACK.legs[UPSTREAM].cookie))
			h->h.type = 999; /* from a newer build: passed over */
	}
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 4);
	for (i = 0; i < 4; i++)
		CHECK_EQ(s->legs[i]->cookie, STACK.legs[i].cookie);
	finish(t, s, e);
}
