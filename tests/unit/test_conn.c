/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "parts.h"
#include "track/conn.h"
#include "track/tcp_state.h"

#define MS 1000000ull

static void apply_all(struct conn *c, const struct events *e)
{
	for (size_t i = 0; i < e->count; i++)
		CHECK_EQ(conn_apply(c, e->records[i], parts_interns()), 0);
}

static struct conn *conn_of(struct events *e)
{
	struct conn *c = lone_conn();

	apply_all(c, e);
	events_free(e);
	return c;
}

/* What the events of SERVER's socket say of its end. */
static enum ended_by end_of(struct events *e, uint64_t *ret_ns)
{
	struct conn *c = conn_of(e);
	enum ended_by by = conn_ended_by(c, ret_ns);

	lone_conn_free(c);
	return by;
}

TEST(conn, open_and_late_owner)
{
	struct events *e = events_new();
	struct side worker = SERVER;
	struct wst_open_event *o = ev_open(e, &SERVER);
	struct conn *c;

	o->flags |= WST_OPEN_OWNER_INHERITED;
	memset(o->owner.comm, 'x', sizeof(o->owner.comm)); /* not terminated */
	worker.tgid = 201;
	worker.comm = "worker";
	ev_open(e, &worker);
	/* an END whose owner is only the listener's again */
	ev_end(e, &SERVER)->open_flags |= WST_OPEN_OWNER_INHERITED;
	c = conn_of(e);
	CHECK_EQ(c->owner->tgid, 201);
	CHECK_STR(c->owner->comm, "worker");
	CHECK(!(c->open_flags & WST_OPEN_OWNER_INHERITED));
	CHECK(c->open_flags & WST_OPEN_PASSIVE);
	CHECK(c->tuple_known && c->has_end);
	CHECK(conn_is_server_side(c));
	CHECK_EQ(c->first_seen_ns, EVENTS_START_NS);
	lone_conn_free(c);
}

TEST(conn, names_are_always_terminated)
{
	struct events *e = events_new();
	struct wst_open_event *o = ev_open(e, &SERVER);
	struct conn *c;

	memset(o->owner.comm, 'x', sizeof(o->owner.comm));
	c = conn_of(e);
	CHECK_EQ(strlen(c->owner->comm), WST_COMM_LEN - 1);
	lone_conn_free(c);
}

TEST(conn, end_knows_the_owner_better)
{
	struct events *e = events_new();
	struct side reader = SERVER;
	struct conn *c;

	ev_open(e, &SERVER);
	reader.tgid = 333;
	ev_end(e, &reader);
	/* late, from another CPU */
	ev_open(e, &SERVER);
	c = conn_of(e);
	CHECK_EQ(c->owner->tgid, 333);
	lone_conn_free(c);
}

TEST(conn, close_by_process)
{
	struct events *e = events_new();
	struct conn *c;
	uint64_t ns;

	ev_open(e, &SERVER);
	events_pass_ms(e, 10);
	ev_fin_both(e, &SERVER, true);
	c = conn_of(e);
	CHECK_EQ(conn_ended_by(c, &ns), ENDED_FIN_SENT);
	CHECK_EQ(ns, EVENTS_START_NS + 10 * MS);
	CHECK(c->end->closed_by_process && !c->end->closer_exiting);
	CHECK_EQ(c->end->closer.tgid, SERVER.tgid);
	CHECK_EQ(c->end->closed_ns, EVENTS_START_NS + 11 * MS);
	CHECK(conn_is_finished(c, &ns));
	CHECK_EQ(ns, c->end->closed_ns);
	lone_conn_free(c);
}

TEST(conn, dying_process)
{
	struct events *e = events_new();
	struct wst_state_event *s;
	struct conn *c;

	s = ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	s->flags |= WST_STATE_EXITING;
	s->exit_code = 9;
	c = conn_of(e);
	CHECK(c->end->closer_exiting);
	CHECK_EQ(c->end->closer_exit_code, 9);
	CHECK(!conn_is_finished(c, NULL));
	lone_conn_free(c);
}

/* shutdown() by a living process, then its death: the first said the end. */
TEST(conn, first_closer_wins)
{
	struct events *e = events_new();
	struct wst_state_event *s;
	struct conn *c;

	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	events_pass_ms(e, 5);
	s = ev_state_by_owner(e, &SERVER, STATE_FIN_WAIT2, STATE_CLOSE);
	s->flags |= WST_STATE_EXITING;
	c = conn_of(e);
	CHECK(c->end->closed_by_process && !c->end->closer_exiting);
	CHECK_EQ(c->end->closer_ns, EVENTS_START_NS);
	lone_conn_free(c);
}

TEST(conn, fin_received)
{
	struct events *e = events_new();
	uint64_t ns;

	ev_fin_both(e, &SERVER, false);
	CHECK_EQ(end_of(e, &ns), ENDED_FIN_RECEIVED);
	CHECK_EQ(ns, EVENTS_START_NS);
}

TEST(conn, records_out_of_order)
{
	struct events *e = events_new();
	struct conn *c = lone_conn();

	ev_fin_both(e, &SERVER, false);
	for (size_t i = e->count; i-- > 0;)
		CHECK_EQ(conn_apply(c, e->records[i], parts_interns()), 0);
	CHECK_EQ(conn_ended_by(c, NULL), ENDED_FIN_RECEIVED);
	CHECK(c->end->fin_in_ns < c->end->fin_out_ns);
	events_free(e);
	lone_conn_free(c);
}

/* The states imply what lost records would have said. */
TEST(conn, lost_state_records)
{
	static const struct {
		uint8_t old_state, new_state;
		enum ended_by by;
	} rows[] = {
		{ STATE_FIN_WAIT1, STATE_FIN_WAIT2, ENDED_FIN_SENT },
		{ STATE_FIN_WAIT2, STATE_CLOSE, ENDED_FIN_SENT },
		{ STATE_CLOSING, STATE_CLOSE, ENDED_FIN_SENT },
		{ STATE_FIN_WAIT1, STATE_CLOSING, ENDED_FIN_SENT },
		{ STATE_CLOSE_WAIT, STATE_LAST_ACK, ENDED_FIN_RECEIVED },
		{ STATE_LAST_ACK, STATE_CLOSE, ENDED_FIN_RECEIVED },
		{ STATE_CLOSE_WAIT, STATE_CLOSE, ENDED_FIN_RECEIVED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct events *e = events_new();

		test_note("row %zu", i);
		ev_state(e, &SERVER, rows[i].old_state, rows[i].new_state);
		CHECK_EQ(end_of(e, NULL), rows[i].by);
	}
}

/* The timer of a slow machine is interrupted between its RST and its report. */
TEST(conn, timer_that_takes_its_time)
{
	for (int by_process = 0; by_process <= 1; by_process++) {
		struct events *e = events_new();
		struct wst_reset_event *rst = ev_reset(e, &SERVER, WST_OUT);

		rst->active = 1;
		rst->by_process = (uint8_t)by_process;
		events_pass_ms(e, 40);
		ev_error(e, &SERVER, ETIMEDOUT);
		events_pass_ms(e, 3);
		ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
		ev_end(e, &SERVER);
		CHECK_EQ(end_of(e, NULL), by_process ? ENDED_RST_SENT : ENDED_TIMEOUT);
	}
}

/* close() hands over to a timewait socket the moment its FIN is acknowledged: no FIN came. */
TEST(conn, fin_wait2_that_does_not_last)
{
	struct events *e = events_new();
	struct conn *c;

	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	events_pass_ms(e, 1);
	ev_state(e, &SERVER, STATE_FIN_WAIT1, STATE_FIN_WAIT2);
	ev_state(e, &SERVER, STATE_FIN_WAIT2, STATE_CLOSE)->h.ts_ns += 5000;
	c = conn_of(e);
	CHECK_EQ(c->end->fin_in_ns, 0);
	lone_conn_free(c);
	e = events_new();
	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	ev_state(e, &SERVER, STATE_FIN_WAIT1, STATE_FIN_WAIT2);
	events_pass_ms(e, 2);
	ev_state(e, &SERVER, STATE_FIN_WAIT2, STATE_CLOSE);
	c = conn_of(e);
	CHECK_EQ(c->end->fin_in_ns, EVENTS_START_NS + 2 * MS);
	lone_conn_free(c);
}

TEST(conn, reset_received_is_not_its_error)
{
	struct events *e = events_new();
	uint64_t ns;

	ev_error(e, &SERVER, ECONNRESET); /* in whatever order they come */
	ev_reset(e, &SERVER, WST_IN)->h.ts_ns += 700;
	ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	ev_end(e, &SERVER);
	CHECK_EQ(end_of(e, &ns), ENDED_RST_RECEIVED);
	CHECK_EQ(ns, EVENTS_START_NS);
}

TEST(conn, abort_and_its_reset)
{
	struct events *e = events_new();
	struct wst_reset_event *r;
	struct conn *c;

	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	ev_end(e, &SERVER);
	c = conn_of(e);
	CHECK_EQ(conn_ended_by(c, NULL), ENDED_ABORTED);
	lone_conn_free(c);

	e = events_new();
	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	ev_end(e, &SERVER);
	r = ev_reset(e, &SERVER, WST_OUT);
	r->h.ts_ns += 4000;
	r->active = r->by_process = 1;
	r->reason = 23;
	c = conn_of(e);
	CHECK_EQ(conn_ended_by(c, NULL), ENDED_RST_SENT);
	CHECK(c->end->reset_active && c->end->reset_by_process);
	CHECK_EQ(c->end->reset_reason, 23);
	lone_conn_free(c);
}

/* Data for a socket that was closed is answered by a RST: the FIN was first. */
TEST(conn, reset_long_after_fin)
{
	struct events *e = events_new();

	ev_state_by_owner(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	ev_state(e, &SERVER, STATE_FIN_WAIT1, STATE_FIN_WAIT2);
	events_pass_ms(e, 3000);
	ev_reset(e, &SERVER, WST_OUT);
	ev_state(e, &SERVER, STATE_FIN_WAIT2, STATE_CLOSE);
	CHECK_EQ(end_of(e, NULL), ENDED_FIN_SENT);
}

/* The keepalive timer sends a RST and then reports. */
TEST(conn, timeout_with_a_reset)
{
	struct events *e = events_new();

	ev_reset(e, &SERVER, WST_OUT)->active = 1;
	ev_error(e, &SERVER, ETIMEDOUT)->h.ts_ns += 2000;
	ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	CHECK_EQ(end_of(e, NULL), ENDED_TIMEOUT);
	e = events_new();
	ev_error(e, &SERVER, EHOSTUNREACH);
	ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	CHECK_EQ(end_of(e, NULL), ENDED_ERROR);
	e = events_new();
	ev_error(e, &SERVER, 0); /* a timestamp report, no error */
	CHECK_EQ(end_of(e, NULL), ENDED_NOT);
}

TEST(conn, connect_failed)
{
	struct events *e = events_new();
	struct conn *c;

	ev_open(e, &CLIENT)->established_ns = 0;
	ev_reset(e, &CLIENT, WST_IN);
	ev_error(e, &CLIENT, ECONNREFUSED);
	ev_state(e, &CLIENT, STATE_SYN_SENT, STATE_CLOSE);
	ev_end(e, &CLIENT)->established_ns = 0;
	c = conn_of(e);
	CHECK_EQ(conn_ended_by(c, NULL), ENDED_CONNECT_FAILED);
	CHECK_EQ(c->end->error, ECONNREFUSED);
	lone_conn_free(c);
	/* the state record was lost */
	e = events_new();
	ev_end(e, &CLIENT)->established_ns = 0;
	CHECK_EQ(end_of(e, NULL), ENDED_CONNECT_FAILED);
	/* accepted sockets and those open before us have no time either */
	e = events_new();
	ev_end(e, &SERVER)->established_ns = 0;
	CHECK(end_of(e, NULL) != ENDED_CONNECT_FAILED);
}

TEST(conn, snapshot_alone)
{
	static const struct {
		uint8_t state;
		uint32_t error;
		enum ended_by by;
	} rows[] = {
		{ STATE_FIN_WAIT1, 0, ENDED_FIN_SENT },
		{ STATE_CLOSE_WAIT, 0, ENDED_FIN_RECEIVED },
		{ STATE_CLOSE, ETIMEDOUT, ENDED_TIMEOUT },
		{ STATE_CLOSE, ECONNRESET, ENDED_RST_RECEIVED },
		{ STATE_CLOSE, ENETDOWN, ENDED_ERROR },
		{ STATE_CLOSE, 0, ENDED_ABORTED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct events *e = events_new();
		struct wst_end_event *end = ev_end(e, &SERVER);

		test_note("row %zu", i);
		end->tcp.states[1] = rows[i].state;
		end->tcp.error = rows[i].error;
		CHECK_EQ(end_of(e, NULL), rows[i].by);
	}
}

TEST(conn, hostile_state_count)
{
	struct events *e = events_new();

	ev_end(e, &SERVER)->tcp.state_count = 255;
	CHECK_EQ(end_of(e, NULL), ENDED_ABORTED);
}

TEST(conn, hostile_records)
{
	struct events *e = events_new();
	struct conn *c = lone_conn();

	ev_open(e, &SERVER);
	ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_CLOSE);
	ev_reset(e, &SERVER, WST_IN);
	ev_error(e, &SERVER, ETIMEDOUT);
	ev_close(e, &SERVER, false, 1000, NULL);
	ev_end(e, &SERVER);
	for (size_t i = 0; i < e->count; i++) {
		e->records[i]->size--;
		CHECK_EQ(conn_apply(c, e->records[i], parts_interns()), -EINVAL);
		e->records[i]->size++;
		e->records[i]->ts_ns = 0;
		CHECK_EQ(conn_apply(c, e->records[i], parts_interns()), -EINVAL);
	}
	events_free(e);
	e = events_new();
	ev_state(e, &SERVER, 0, STATE_CLOSE);
	ev_state(e, &SERVER, STATE_ESTABLISHED, 200);
	ev_reset(e, &SERVER, 7);
	for (size_t i = 0; i < e->count; i++)
		CHECK_EQ(conn_apply(c, e->records[i], parts_interns()), -EINVAL);
	CHECK_EQ(conn_ended_by(c, NULL), ENDED_NOT);
	CHECK(!c->has_end && !c->tuple_known);
	events_free(e);
	lone_conn_free(c);
}

TEST(conn, tuples)
{
	struct wst_tuple client = events_tuple(&CLIENT), server = events_tuple(&SERVER);
	struct side a = CLIENT, b = SERVER;

	CHECK(tuples_mirrored(&client, &server));
	CHECK(!tuples_mirrored(&client, &client));
	CHECK(tuples_equal(&client, &client));
	server.remote_port++;
	CHECK(!tuples_mirrored(&client, &server));
	/* two network namespaces have a loopback each */
	a.local = a.remote = b.local = b.remote = "127.0.0.1";
	client = events_tuple(&a);
	server = events_tuple(&b);
	CHECK(!tuples_mirrored(&client, &server));
	server.netns = client.netns;
	CHECK(tuples_mirrored(&client, &server));
	a.local = a.remote = b.local = b.remote = "::1";
	client = events_tuple(&a);
	server = events_tuple(&b);
	CHECK(!tuples_mirrored(&client, &server));
}

TEST(conn, names_of_ends)
{
	CHECK_STR(ended_by_name(ENDED_NOT), "open");
	CHECK_STR(ended_by_name(ENDED_FIN_SENT), "fin_sent");
	CHECK_STR(ended_by_name(ENDED_FIN_RECEIVED), "fin_received");
	CHECK_STR(ended_by_name(ENDED_RST_SENT), "rst_sent");
	CHECK_STR(ended_by_name(ENDED_RST_RECEIVED), "rst_received");
	CHECK_STR(ended_by_name(ENDED_TIMEOUT), "timeout");
	CHECK_STR(ended_by_name(ENDED_ERROR), "error");
	CHECK_STR(ended_by_name(ENDED_ABORTED), "aborted");
	CHECK_STR(ended_by_name(ENDED_CONNECT_FAILED), "connect_failed");
}

/* Where a packet was dropped says nothing about whose it was; loopback addresses do not either. */
TEST(conn, packets_of_a_connection)
{
	struct conn c = { .tuple_known = true, .tuple = events_tuple(&SERVER) };
	struct wst_tuple t = c.tuple;

	t.netns = c.tuple.netns + 1;
	CHECK(conn_owns_packet(&c, &t));
	t = events_tuple(&CLIENT);
	CHECK(conn_owns_packet(&c, &t));
	t.local_port++;
	CHECK(!conn_owns_packet(&c, &t));
	memset(c.tuple.local, 0, 16);
	c.tuple.local[15] = 1;
	memcpy(c.tuple.remote, c.tuple.local, 16);
	t = c.tuple;
	CHECK(conn_owns_packet(&c, &t));
	t.netns++;
	CHECK(!conn_owns_packet(&c, &t));
	c.tuple_known = false;
	CHECK(!conn_owns_packet(&c, &c.tuple));
}
