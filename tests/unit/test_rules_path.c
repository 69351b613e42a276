/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Heartbeats and the state of the path: what is like a cause, and is not. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "events.h"
#include "story.h"

#define SECONDS(n) ((n)*1000 * STORY_MS)

static struct wst_walk_facts *pings(struct story *st, unsigned int leg, int direction,
				    uint64_t waited_ns)
{
	struct wst_walk_facts *w = &st->conns[leg].end->walk[direction];

	w->unanswered_pings = 1;
	w->last_ping_ns = w->unanswered_since_ns = STORY_END_NS - waited_ns;
	w->ping_rtt_us = 300;
	return w;
}

static void check(struct story *st, const char *cause, enum confidence confidence)
{
	CHECK_STR(verdict_cause_id(story_verdict(st)), cause);
	CHECK_EQ(st->v.confidence, confidence);
	story_done(st);
}

TEST(rules_path, a_ping_on_its_way_proves_nothing)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_SERVER_LEG);
	pings(&st, STORY_SERVER_LEG, WST_OUT, STORY_MS / 2);
	check(&st, "session.closed_without_close_frame", CONFIDENCE_HIGH);

	/* late already, but a busy program may be so */
	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_SERVER_LEG);
	pings(&st, STORY_SERVER_LEG, WST_OUT, 15 * STORY_MS);
	check(&st, "session.closed_without_close_frame", CONFIDENCE_MEDIUM);

	/* slow answers are usual here, which does not make the heartbeat innocent */
	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_SERVER_LEG);
	pings(&st, STORY_SERVER_LEG, WST_OUT, SECONDS(2))->ping_rtt_us = 900000;
	check(&st, "session.closed_without_close_frame", CONFIDENCE_MEDIUM);
}

TEST(rules_path, a_pong_that_has_just_come_is_no_stall)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_DIRECT);
	c = story_rst(&st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE);
	c->end->walk[WST_OUT].last_ping_ns = STORY_END_NS - 120 * STORY_MS;
	c->end->walk[WST_IN].last_pong_ns = STORY_END_NS - 100 * STORY_MS;
	c->end->walk[WST_IN].flags |= WST_WALK_PONG_PENDING;
	check(&st, "session.aborted_with_unread_data", CONFIDENCE_HIGH);
}

TEST(rules_path, a_close_frame_that_says_otherwise_wins)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	pings(&st, STORY_SERVER_LEG, WST_OUT, SECONDS(4));
	story_close_frame(&st, false, 1000, "bye");
	story_close_frame(&st, true, 1000, "");
	story_fin(&st, STORY_SERVER_LEG);
	check(&st, "session.normal", CONFIDENCE_HIGH);

	story_begin(&st, STORY_DIRECT);
	pings(&st, STORY_SERVER_LEG, WST_OUT, SECONDS(4));
	story_close_frame(&st, false, 1011, "exception in handler");
	story_fin(&st, STORY_SERVER_LEG);
	check(&st, "session.internal_error", CONFIDENCE_HIGH);
}

TEST(rules_path, a_close_frame_that_blames_the_heartbeat)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	pings(&st, STORY_SERVER_LEG, WST_OUT, SECONDS(20));
	story_close_frame(&st, false, 1011, "keepalive ping timeout");
	story_fin(&st, STORY_SERVER_LEG);
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_HIGH);

	/* the pong had come, and was even read, just before the verdict fell */
	story_begin(&st, STORY_DIRECT);
	st.conns[STORY_SERVER_LEG].end->walk[WST_OUT].last_ping_ns = STORY_END_NS - SECONDS(20);
	st.conns[STORY_SERVER_LEG].end->walk[WST_IN].last_pong_ns = STORY_END_NS - SECONDS(19);
	story_close_frame(&st, false, 1011, "keepalive ping timeout");
	story_fin(&st, STORY_SERVER_LEG);
	check(&st, "session.ping_timeout_own_stall", CONFIDENCE_HIGH);

	/* nothing is known of any ping */
	story_begin(&st, STORY_DIRECT);
	story_close_frame(&st, false, 1011, "keepalive ping timeout");
	story_fin(&st, STORY_SERVER_LEG);
	check(&st, "session.internal_error", CONFIDENCE_HIGH);
}

/* The server gave up 1.2 s after its only ping. */
static struct conn *hasty(struct story *st, uint32_t srtt_us, uint64_t late_ns)
{
	struct conn *c;

	story_begin(st, STORY_DIRECT);
	c = story_fin(st, STORY_SERVER_LEG);
	pings(st, STORY_SERVER_LEG, WST_OUT, SECONDS(1) + 200 * STORY_MS);
	c->end->walk[WST_OUT].unanswered_pings = 1;
	c->end->walk[WST_OUT].last_ping_ns = c->end->walk[WST_OUT].unanswered_since_ns;
	c->end->walk[WST_OUT].flags |= WST_WALK_PING_PENDING;
	c->end->tcp.srtt_us = srtt_us;
	c->end->closing = (struct conn_snapshot){ .ts_ns = STORY_END_NS, .tcp = c->end->tcp };
	memcpy(c->end->closing.walk, c->end->walk, sizeof(c->end->walk));
	if (late_ns)
		c->end->walk[WST_IN].last_pong_ns = STORY_END_NS + late_ns;
	return c;
}

/* What cannot have been answered yet is a heartbeat that gives up too early, or the path's fault. */
TEST(rules_path, heartbeat_shorter_than_the_round_trip)
{
	struct story st;

	hasty(&st, 1800000, 0);
	story_verdict(&st);
	CHECK(story_evidence(&st, "hasty_ping") && strstr(st.v.summary, "nor acknowledged"));
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_MEDIUM);

	/* no round trip was measured, but the answer came */
	hasty(&st, 200000, SECONDS(1));
	story_verdict(&st);
	CHECK(story_evidence(&st, "late_pong") && story_evidence(&st, "hasty_ping"));
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_MEDIUM);

	/* long after that: it was gone meanwhile, or asleep */
	hasty(&st, 200000, SECONDS(5));
	check(&st, "session.closed_without_close_frame", CONFIDENCE_MEDIUM);

	/* a round trip could have been made in the time, and nobody answered */
	hasty(&st, 200000, 0);
	check(&st, "session.closed_without_close_frame", CONFIDENCE_MEDIUM);
}

/* Who answered in the end was not gone. */
TEST(rules_path, late_answer_over_a_stuck_path)
{
	struct story st;
	struct conn *c;

	for (int late = 0; late < 2; late++) {
		c = hasty(&st, 200000, late ? SECONDS(1) : 0);
		c->end->closing.tcp.unacked_bytes = 2;
		c->end->closing.tcp.timeouts = 2;
		c->end->closing.tcp.last_segment_in_ns = STORY_END_NS - SECONDS(2);
		check(&st,
		      late ? "session.ping_timeout_peer_unresponsive" :
			     "session.ping_timeout_peer_gone",
		      late ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
	}
}

TEST(rules_path, a_client_may_give_up_on_the_server)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_CLIENT_LEG);
	pings(&st, STORY_CLIENT_LEG, WST_OUT, SECONDS(5));
	st.conns[STORY_SERVER_LEG].end->tcp.unread_bytes = 40;
	story_verdict(&st);
	CHECK(strstr(st.v.summary, "the server received the pings"));
	CHECK(strstr(story_evidence(&st, "unread_data"), "chat-server"));
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_HIGH);

	/* seen from the server alone: the client's ping found no pong */
	story_begin(&st, STORY_SERVER_ONLY);
	story_fin_received(&st, 0);
	pings(&st, 0, WST_IN, SECONDS(5));
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_HIGH);
}

/* A link that is down takes nothing: the ping stays unsent, and the kernel "probes a window". */
TEST(rules_path, gone_with_the_link)
{
	for (int open_window = 0; open_window < 2; open_window++) {
		struct story st;
		struct conn *c;

		test_note("window %d", open_window);
		story_begin(&st, STORY_DIRECT);
		c = story_fin(&st, STORY_SERVER_LEG);
		pings(&st, STORY_SERVER_LEG, WST_OUT, SECONDS(1))->flags |= WST_WALK_PING_PENDING;
		c->end->tcp.unsent_bytes = 2;
		c->end->tcp.probes = 2;
		c->end->tcp.send_window = open_window ? 64000 : 0;
		c->end->tcp.last_segment_in_ns = STORY_END_NS - SECONDS(3);
		c->end->closing.tcp = c->end->tcp;
		if (open_window)
			check(&st, "session.ping_timeout_peer_gone", CONFIDENCE_MEDIUM);
		else
			check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_MEDIUM);
	}
}

/* Of a message that is too big, many servers read the header only. */
TEST(rules_path, closed_in_the_middle_of_a_message)
{
	for (int whole = 0; whole < 2; whole++) {
		struct story st;
		struct conn *c;

		test_note("whole %d", whole);
		story_begin(&st, STORY_DIRECT);
		c = story_rst(&st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE);
		c->end->tcp.bytes_in = whole ? 131300 : 81297;
		c->end->walk[WST_IN].payload_bytes = 131090;
		c->end->walk[WST_IN].last_data_bytes = 131072;
		story_verdict(&st);
		if (whole)
			CHECK(!story_evidence(&st, "unfinished_message"));
		else
			CHECK_STR(
				story_evidence(&st, "unfinished_message"),
				"a frame of 131072 bytes was on its way in, and only a part of it had come: the frames announced 131090 bytes in all");
		check(&st, "session.aborted_with_unread_data", CONFIDENCE_HIGH);
	}
}

/* The server's own leg is fine: its pings are acknowledged by the proxy. */
TEST(rules_path, gone_behind_a_proxy)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_PROXIED);
	pings(&st, STORY_BACKEND_LEG, WST_OUT, SECONDS(5));
	story_fin(&st, STORY_BACKEND_LEG);
	c = &st.conns[STORY_PROXY_IN];
	c->end->closing.ts_ns = c->end->closed_ns = c->end->fin_out_ns = STORY_END_NS + 2 * STORY_MS;
	c->end->closed_by_process = true;
	c->end->closer = *c->owner;
	c->end->closing.tcp = c->end->tcp;
	c->end->closing.tcp.unacked_bytes = 12;
	c->end->closing.tcp.timeouts = 4;
	c->end->closing.tcp.last_segment_in_ns = STORY_END_NS - SECONDS(6);
	check(&st, "session.ping_timeout_peer_gone", CONFIDENCE_HIGH);
}

TEST(rules_path, engine_io_says_nothing_but_closes_empty)
{
	struct story st;
	struct conn *c;

	for (int bytes = 1; bytes <= 2; bytes++) {
		story_begin(&st, STORY_DIRECT);
		for (unsigned int i = 0; i < 2; i++)
			st.conns[i].handshake.path = "/socket.io/";
		c = &st.conns[STORY_SERVER_LEG];
		c->end->walk[WST_OUT].last_data_ns = STORY_END_NS - SECONDS(8);
		c->end->walk[WST_OUT].last_data_bytes = (uint32_t)bytes;
		story_close_frame(&st, false, 0, NULL);
		story_close_frame(&st, true, 0, NULL);
		story_fin(&st, STORY_SERVER_LEG);
		check(&st, bytes == 1 ? "session.ping_timeout_peer_unresponsive" : "session.normal",
		      CONFIDENCE_HIGH);
	}
}

TEST(rules_path, who_does_not_read_may_close_too)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_CLIENT_LEG);
	c = &st.conns[STORY_SERVER_LEG];
	c->end->tcp.zero_window_since_ns = STORY_END_NS - SECONDS(8);
	c->end->tcp.unsent_bytes = 5000;
	check(&st, "session.closed_without_close_frame", CONFIDENCE_HIGH);
}

TEST(rules_path, large_segments_passed_before)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_SERVER_ONLY);
	c = story_timeout(&st, 0);
	c->end->tcp.unacked_bytes = 14480;
	c->end->tcp.timeouts = c->end->tcp.retransmits = 5;
	c->end->tcp.resent_segment = c->end->tcp.largest_acked_segment = 1448;
	c->end->tcp.busy_since_ns = STORY_END_NS - SECONDS(7);
	check(&st, "session.network_timeout", CONFIDENCE_HIGH);
}

TEST(rules_path, drops_of_long_ago)
{
	struct story st;
	struct conn *c;

	story_begin(&st, STORY_SERVER_ONLY);
	c = story_fin(&st, 0);
	c->end->drops = 3;
	c->end->drop_reason = STORY_NETFILTER_DROP;
	c->end->drop_ns = STORY_END_NS - SECONDS(60);
	check(&st, "session.closed_without_close_frame", CONFIDENCE_HIGH);
}

/* ACKs and the peer's last words came after the decision, or the end never came. */
TEST(rules_path, the_decision_counts_not_the_end)
{
	struct conn c = { .cookie = SERVER.cookie };
	struct events *e = events_new();
	struct wst_end_event *closing = ev_end(e, &SERVER), *end;
	struct conn_snapshot at;

	conn_init(&c);
	closing->h.type = WST_EV_CLOSING;
	closing->tcp.unacked_bytes = 40;
	CHECK(!conn_at_close(&c, &at));
	CHECK_EQ(conn_apply(&c, &closing->h, parts_interns()), 0);
	CHECK(c.has_facts && !c.has_end);
	CHECK_EQ(c.end->tcp.unacked_bytes, 40);
	events_pass_ms(e, 5000);
	end = ev_end(e, &SERVER);
	CHECK_EQ(conn_apply(&c, &end->h, parts_interns()), 0);
	CHECK(c.has_end && c.end->tcp.unacked_bytes == 0);
	CHECK(conn_at_close(&c, &at));
	CHECK_EQ(at.tcp.unacked_bytes, 40);
	CHECK_EQ(at.ts_ns, closing->h.ts_ns);
	/* late: END has the last word */
	CHECK_EQ(conn_apply(&c, &closing->h, parts_interns()), 0);
	CHECK_EQ(c.end->tcp.unacked_bytes, 0);
	conn_release(&c);
	events_free(e);
}

/* aiohttp waits for half of its interval; how it then drops the socket is only form. */
TEST(rules_path, a_ping_that_nobody_answers_within_half_a_second)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_SERVER_LEG);
	pings(&st, STORY_SERVER_LEG, WST_OUT, 500 * STORY_MS);
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_HIGH);

	story_begin(&st, STORY_DIRECT);
	story_rst(&st, STORY_SERVER_LEG, STORY_ABORT_ON_LINGER);
	pings(&st, STORY_SERVER_LEG, WST_OUT, 500 * STORY_MS);
	check(&st, "session.ping_timeout_peer_unresponsive", CONFIDENCE_HIGH);

	/* more was sent behind it: it may wait in line */
	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_SERVER_LEG);
	pings(&st, STORY_SERVER_LEG, WST_OUT, 500 * STORY_MS)->last_data_ns = STORY_END_NS -
									      100 * STORY_MS;
	check(&st, "session.closed_without_close_frame", CONFIDENCE_MEDIUM);
}

/* Large segments had passed before: another way, which drops them, or something that has one segment in its eye. */
TEST(rules_path, large_segments_lost_from_some_time_on)
{
	static const struct {
		uint32_t resent, sacked;
		const char *cause;
		enum confidence confidence;
	} rows[] = {
		{ 1448, 3, "session.mtu_blackhole", CONFIDENCE_MEDIUM },
		/* nothing behind it is known to have arrived; a small one is lost for another reason */
		{ 1448, 0, "session.network_timeout", CONFIDENCE_HIGH },
		{ 900, 3, "session.network_timeout", CONFIDENCE_HIGH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;
		struct conn *c;

		test_note("row %zu", i);
		story_begin(&st, STORY_DIRECT);
		c = story_timeout(&st, STORY_SERVER_LEG);
		c->end->tcp.unacked_bytes = 14480;
		c->end->tcp.timeouts = c->end->tcp.retransmits = 5;
		c->end->tcp.mss = c->end->tcp.largest_acked_segment = 1448;
		c->end->tcp.resent_segment = rows[i].resent;
		c->end->tcp.sacked_segments = rows[i].sacked;
		c->end->tcp.busy_since_ns = STORY_END_NS - SECONDS(7);
		check(&st, rows[i].cause, rows[i].confidence);
	}
}
