/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <string.h>

#include "events.h"
#include "parts.h"
#include "track/session.h"

#define MS 1000000ull

/* A browser, nginx, a backend: four sockets of two TCP connections. */
enum { BROWSER, ACCEPTED, UPSTREAM, BACKEND, LEGS };

struct chain {
	struct session s;
	struct conn conn[LEGS];
};

static struct conn leg(const char *local, uint16_t local_port, const char *remote,
		       uint16_t remote_port, bool server, uint32_t tgid)
{
	struct side side = { .local = local,
			     .local_port = local_port,
			     .remote = remote,
			     .remote_port = remote_port,
			     .server = server,
			     .tgid = tgid,
			     .netns = 1 };
	static struct conn_parts pool[16];
	static unsigned int used;
	struct conn_parts *parts = &pool[used++ % 16];
	struct conn c = { 0 };

	conn_parts_give(parts, &c);
	c.tuple = events_tuple(&side);
	c.tuple_known = true;
	parts->owner = events_task(&side);
	c.handshake.request_seen = true;
	c.handshake.request_direction = server ? WST_IN : WST_OUT;
	return c;
}

static void request_at(struct conn *c, uint32_t seq, uint64_t ns)
{
	c->handshake.request_seq = seq;
	c->handshake.request_ns = ns;
}

static void answer(struct conn *c, uint16_t status, uint64_t ns)
{
	c->handshake.response_seen = true;
	c->handshake.status = status;
	c->handshake.response_ns = ns;
}

static void make_chain(struct chain *c)
{
	memset(c, 0, sizeof(*c));
	c->conn[BROWSER] = leg("198.18.0.2", 40000, "198.18.0.1", 80, false, 100);
	c->conn[ACCEPTED] = leg("198.18.0.1", 80, "198.18.0.2", 40000, true, 200);
	c->conn[UPSTREAM] = leg("198.18.1.1", 50000, "198.18.1.2", 8080, false, 200);
	c->conn[BACKEND] = leg("198.18.1.2", 8080, "198.18.1.1", 50000, true, 300);
	request_at(&c->conn[BROWSER], 7000, 100);
	request_at(&c->conn[ACCEPTED], 7000, 110);
	request_at(&c->conn[UPSTREAM], 9000, 120);
	request_at(&c->conn[BACKEND], 9000, 130);
}

static void check_order(const struct chain *c)
{
	static const enum leg_role roles[] = { LEG_CLIENT_TO_PROXY, LEG_CLIENT_TO_PROXY,
					       LEG_PROXY_TO_SERVER, LEG_PROXY_TO_SERVER };

	CHECK_EQ(c->s.leg_count, LEGS);
	CHECK_EQ(c->s.hop_count, 2);
	for (unsigned int i = 0; i < LEGS; i++) {
		CHECK_EQ(c->s.legs[i] - c->conn, i);
		CHECK_EQ(c->s.hop[i], i / 2);
		CHECK_EQ(session_leg_role(&c->s, i), roles[i]);
		CHECK(session_peer_leg(&c->s, i) == &c->conn[i ^ 1]);
	}
	CHECK(session_client_leg(&c->s) == &c->conn[BROWSER]);
	CHECK(session_server_leg(&c->s) == &c->conn[BACKEND]);
}

/* All orders of arrival. */
static void add_in_every_order(void (*change)(struct chain *c))
{
	for (unsigned int n = 0; n < 256; n++) {
		unsigned int order[LEGS] = { n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 & 3 };
		unsigned int seen = 0;
		struct chain c;

		for (unsigned int i = 0; i < LEGS; i++)
			seen |= 1u << order[i];
		if (seen != 15)
			continue;
		test_note("order %u%u%u%u", order[0], order[1], order[2], order[3]);
		make_chain(&c);
		change(&c);
		for (unsigned int i = 0; i < LEGS; i++)
			CHECK(session_add_leg(&c.s, &c.conn[order[i]]));
		check_order(&c);
	}
}

static void no_change(struct chain *c)
{
	(void)c;
}

/* The tuples of a connection share nothing. */
static void behind_nat(struct chain *c)
{
	c->conn[ACCEPTED].tuple.remote_port = 1;
	c->conn[ACCEPTED].tuple.local_port = 2;
	c->conn[BACKEND].tuple.remote_port = 3;
}

/* Two connections may begin at one sequence number: addresses go first. */
static void same_sequence_numbers(struct chain *c)
{
	for (int i = 0; i < LEGS; i++)
		c->conn[i].handshake.request_seq = 1;
}

/* Answers come from the server. */
static void requests_missed(struct chain *c)
{
	for (unsigned int i = 0; i < LEGS; i++) {
		c->conn[i].handshake.request_seen = false;
		answer(&c->conn[i], 101, 1000 - 10 * i);
	}
}

/* The accepting socket is told a moment before the connecting one. */
static void clocks_that_disagree(struct chain *c)
{
	c->conn[BACKEND].handshake.request_ns = 115;
	c->conn[ACCEPTED].handshake.request_ns = 99;
}

TEST(session, legs_are_sorted)
{
	add_in_every_order(no_change);
	add_in_every_order(behind_nat);
	add_in_every_order(same_sequence_numbers);
	add_in_every_order(requests_missed);
	add_in_every_order(clocks_that_disagree);
}

TEST(session, one_socket_alone)
{
	struct chain c;

	make_chain(&c);
	CHECK(!session_client_leg(&c.s) && !session_server_leg(&c.s));
	session_add_leg(&c.s, &c.conn[BACKEND]);
	CHECK(session_client_leg(&c.s) == &c.conn[BACKEND]);
	CHECK(session_server_leg(&c.s) == &c.conn[BACKEND]);
	CHECK(!session_peer_leg(&c.s, 0));
	CHECK_EQ(session_leg_role(&c.s, 0), LEG_CLIENT_TO_SERVER);
	CHECK_EQ(c.s.hop_count, 1);
}

TEST(session, proxy_behind_proxy)
{
	struct conn last[2];
	struct chain c;

	make_chain(&c);
	last[0] = leg("198.18.2.1", 60000, "198.18.2.2", 9000, false, 300);
	last[1] = leg("198.18.2.2", 9000, "198.18.2.1", 60000, true, 400);
	request_at(&last[0], 11000, 140);
	request_at(&last[1], 11000, 150);
	for (int i = 0; i < LEGS; i++)
		session_add_leg(&c.s, &c.conn[i]);
	session_add_leg(&c.s, &last[1]);
	session_add_leg(&c.s, &last[0]);
	CHECK_EQ(c.s.hop_count, 3);
	CHECK_EQ(session_leg_role(&c.s, 1), LEG_CLIENT_TO_PROXY);
	CHECK_EQ(session_leg_role(&c.s, 2), LEG_PROXY_TO_PROXY);
	CHECK_EQ(session_leg_role(&c.s, 3), LEG_PROXY_TO_PROXY);
	CHECK_EQ(session_leg_role(&c.s, 4), LEG_PROXY_TO_SERVER);
	CHECK(c.s.legs[4] == &last[0] && c.s.legs[5] == &last[1]);
}

/* proxy_next_upstream: one server refused, the next one took it. */
TEST(session, second_upstream)
{
	struct conn second;
	struct chain c;

	make_chain(&c);
	second = leg("198.18.1.1", 50001, "198.18.1.3", 8080, false, 200);
	request_at(&second, 9500, 200);
	for (int i = 0; i < LEGS; i++)
		session_add_leg(&c.s, &c.conn[i]);
	session_add_leg(&c.s, &second);
	CHECK_EQ(session_leg_role(&c.s, 2), LEG_PROXY_TO_SERVER);
	CHECK_EQ(session_leg_role(&c.s, 4), LEG_PROXY_TO_SERVER);
	CHECK(session_server_leg(&c.s) == &second);
	answer(&c.conn[UPSTREAM], 503, 140);
	answer(&c.conn[BACKEND], 503, 139);
	session_refresh(&c.s, 20, 1000);
	CHECK_EQ(c.s.ended_ns, 0); /* the client still waits */
	answer(&second, 101, 300);
	session_refresh(&c.s, 20, 1000);
	CHECK_EQ(c.s.ended_ns, 0);
	CHECK_EQ(c.s.due_ns, 0);
	CHECK_EQ(c.s.opened_ns, 300);
	CHECK_EQ(session_stage(&c.s), STAGE_SESSION);
}

TEST(session, more_legs_than_fit)
{
	struct conn many[SESSION_LEGS_MAX + 1];
	struct session s = { 0 };

	for (uint16_t i = 0; i <= SESSION_LEGS_MAX; i++) {
		many[i] = leg("198.18.0.2", i + 1, "198.18.0.1", i + 2, false, 1);
		request_at(&many[i], i, 100 + i);
		CHECK_EQ(session_add_leg(&s, &many[i]), i < SESSION_LEGS_MAX);
	}
	CHECK_EQ(s.leg_count, SESSION_LEGS_MAX);
	CHECK_EQ(s.legs_dropped, 1);
	CHECK_EQ(s.hop_count, SESSION_LEGS_MAX);
	CHECK(!many[SESSION_LEGS_MAX].session);
}

TEST(session, stages)
{
	struct chain c;

	make_chain(&c);
	session_add_leg(&c.s, &c.conn[BROWSER]);
	c.conn[BROWSER].handshake.request_seen = false;
	CHECK_EQ(session_stage(&c.s), STAGE_CONNECT);
	c.conn[BROWSER].handshake.request_seen = true;
	CHECK_EQ(session_stage(&c.s), STAGE_UPGRADE);
	/* frames that the client sends before it has the answer */
	c.conn[BROWSER].end->walk[WST_OUT].frames[1] = 3;
	CHECK_EQ(session_stage(&c.s), STAGE_UPGRADE);
	answer(&c.conn[BROWSER], 403, 200);
	CHECK_EQ(session_stage(&c.s), STAGE_UPGRADE);
	answer(&c.conn[BROWSER], 101, 200);
	CHECK_EQ(session_stage(&c.s), STAGE_SESSION);
	/* the answer was lost, but the server sent frames */
	c.conn[BROWSER].handshake.response_seen = false;
	c.conn[BROWSER].end->walk[WST_IN].frames[2] = 1;
	CHECK_EQ(session_stage(&c.s), STAGE_SESSION);
}

TEST(session, due_when_all_legs_are_finished)
{
	struct chain c;

	make_chain(&c);
	for (unsigned int i = 0; i < LEGS; i++) {
		answer(&c.conn[i], 101, 1000 - i);
		session_add_leg(&c.s, &c.conn[i]);
	}
	session_refresh(&c.s, 20, 5000);
	CHECK_EQ(c.s.opened_ns, 1000);
	CHECK_EQ(c.s.first_ns, 100);
	CHECK_EQ(c.s.ended_ns, 0);
	CHECK_EQ(session_next_ns(&c.s), 1020); /* the opening */
	c.s.open_reported = true;
	CHECK_EQ(session_next_ns(&c.s), 0);

	c.conn[UPSTREAM].end->fin_in_ns = 2000;
	session_refresh(&c.s, 20, 5000);
	CHECK_EQ(c.s.ended_ns, 2000);
	CHECK_EQ(session_next_ns(&c.s), 7000);
	for (unsigned int i = 0; i < LEGS; i++)
		c.conn[i].end->closed_ns = 2100 + i;
	session_refresh(&c.s, 20, 5000);
	CHECK_EQ(c.s.ended_ns, 2000);
	/* the proxy's worker may be about to leave, unless a Close frame says why it closed */
	CHECK_EQ(session_next_ns(&c.s), 2103 + 20 * SESSION_PROXY_SETTLES);
	c.conn[BACKEND].frames->close[WST_OUT].seen = true;
	session_refresh(&c.s, 20, 5000);
	CHECK_EQ(session_next_ns(&c.s), 2123);
}

TEST(session, refusal_is_an_end)
{
	struct chain c;

	make_chain(&c);
	session_add_leg(&c.s, &c.conn[BROWSER]);
	session_add_leg(&c.s, &c.conn[ACCEPTED]);
	answer(&c.conn[ACCEPTED], 403, 500);
	session_refresh(&c.s, 20, 5000);
	CHECK_EQ(c.s.opened_ns, 0);
	CHECK_EQ(c.s.ended_ns, 500);
	CHECK_EQ(c.s.due_ns, 5500);
	answer(&c.conn[BROWSER], 403, 510);
	session_refresh(&c.s, 20, 5000);
	CHECK_EQ(c.s.due_ns, 530);
}
