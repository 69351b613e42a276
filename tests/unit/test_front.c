/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A proxy that ends TLS: its socket on the side of the client has no handshake that could be seen. */
#include "test.h"

#include "diagnose/rule.h"
#include "track/group.h"
#include "track_run.h"

/* The proxy's two sockets, of CLIENT's connection and of the one to SERVER. */
static const struct side front = {
	.cookie = 0xf1,
	.local = "198.18.0.9",
	.local_port = 443,
	.remote = "203.0.113.7",
	.remote_port = 50000,
	.server = true,
	.tgid = 100,
	.comm = "nginx",
	.netns = 4026531001,
};

static struct events *opened(void)
{
	struct events *e = events_new();

	ev_open(e, &CLIENT);
	ev_front(e, &CLIENT, &front);
	ev_handshake(e, &CLIENT);
	events_pass_ms(e, 5000);
	return e;
}

TEST(front, is_the_leg_of_the_client)
{
	struct events *e = opened();
	struct verdict v;
	struct session *s;
	struct track *t;

	ev_open(e, &front);
	ev_state(e, &front, 1, 8);
	events_pass_ms(e, 1);
	ev_state_by_owner(e, &front, 8, 9);
	ev_fin_both(e, &CLIENT, true);
	ev_end(e, &front)->tcp.bytes_in = 5000;
	t = track_of(e);
	s = only_end(t, e->now_ns + 5000000000);
	REQUIRE(s->leg_count == 2);
	CHECK_EQ(s->legs[0]->cookie, front.cookie);
	CHECK(s->legs[0]->is_front);
	CHECK_EQ(session_leg_role(s, 0), LEG_CLIENT_TO_PROXY);
	CHECK_EQ(session_leg_role(s, 1), LEG_PROXY_TO_SERVER);
	CHECK(session_behind_front(s) == s->legs[1]);
	diagnose_session(s, t, &v);
	CHECK_STR(verdict_cause_id(&v), "session.peer_closed_without_close_frame");
	CHECK_EQ(v.close.initiator, BY_CLIENT);
	CHECK_EQ(v.confidence, CONFIDENCE_MEDIUM); /* joined by process and time */
	finish(t, s, e);
}

TEST(front, that_carried_too_little_may_be_another_one)
{
	struct events *e = opened();
	struct verdict v;
	struct session *s;
	struct track *t;

	ev_open(e, &front);
	ev_fin_both(e, &CLIENT, true);
	ev_fin_both(e, &front, true);
	for (size_t i = 0; i < e->count; i++)
		if (e->records[i]->type == WST_EV_END && e->records[i]->cookie == front.cookie)
			((struct wst_end_event *)e->records[i])->tcp.bytes_in = 1;
	t = track_of(e);
	s = only_end(t, e->now_ns + 5000000000);
	diagnose_session(s, t, &v);
	CHECK_EQ(v.confidence, CONFIDENCE_LOW);
	finish(t, s, e);
}

/* Its client's Close frame is seen where the proxy sends it on: it is not the proxy's. */
TEST(front, passes_goodbyes_on)
{
	for (int from_client = 0; from_client < 2; from_client++) {
		struct events *e = opened();
		struct session *s;
		struct track *t;
		uint64_t ts_ns;

		test_note("from client %d", from_client);
		ev_open(e, &front);
		ev_close(e, &CLIENT, from_client, 1001, "");
		events_pass_ms(e, 1);
		ev_fin_both(e, &CLIENT, true);
		ev_fin_both(e, &front, true);
		t = track_of(e);
		s = only_end(t, e->now_ns + 5000000000);
		REQUIRE(s->leg_count == 2);
		CHECK(!groups_goodbye(s, &ts_ns));
		CHECK(ts_ns > 0);
		finish(t, s, e);
	}
}

/* A second session of the same TLS socket is none of its. */
TEST(front, serves_one_session)
{
	struct events *e = opened();
	struct side second = CLIENT;
	struct session *s;
	struct track *t;

	second.cookie++;
	second.local_port++;
	ev_open(e, &second);
	ev_front(e, &second, &front);
	ev_request(e, &second,
		   "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAABw==\r\n\r\n");
	ev_fin_both(e, &second, true);
	t = track_of(e);
	s = only_end(t, e->now_ns + 5000000000);
	CHECK_EQ(s->leg_count, 1);
	CHECK_EQ(s->legs[0]->cookie, second.cookie);
	finish_with(2, t, s, e);
}

TEST(front, nonsense_is_refused)
{
	struct events *e = events_new();
	struct track *t = track_new(NULL);
	struct wst_front_event *f = ev_front(e, &CLIENT, &front);

	f->front_cookie = CLIENT.cookie;
	CHECK(track_apply(t, &f->h) < 0);
	track_free(t);
	events_free(e);
}
