/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Facts about the host, its processes and packets, and the sessions that they belong to. */
#include "test.h"

#include <string.h>

#include "stack.h"
#include "track/tcp_state.h"
#include "track_run.h"

TEST(track_facts, losses_are_of_the_time_of_the_session)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_loss(e, WST_LOSS_RING, 5);
	ev_loss(e, WST_LOSS_SYNC, 50);
	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	ev_loss(e, WST_LOSS_LOAD, 2);
	ev_fin_both(e, &SERVER, true);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->losses_at_start, 5);
	CHECK_EQ(s->losses_at_end, 7);
	CHECK_EQ(track_host(t)->losses[WST_LOSS_SYNC], 50);
	finish(t, s, e);
}

static uint32_t lost_before(struct events *e, const struct side *side)
{
	struct track *t;
	struct session *s;
	uint32_t start;

	ev_handshake(e, side);
	ev_fin_both(e, side, true);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	start = s->losses_at_start;
	CHECK_EQ(s->losses_at_end, 12);
	finish(t, s, e);
	return start;
}

/* What is read of the counters may be newer than the records that wait in the buffer. */
TEST(track_facts, losses_after_an_older_record)
{
	struct events *e = events_new();
	uint64_t now_ns = e->now_ns;

	ev_loss(e, WST_LOSS_RING, 5);
	events_pass_ms(e, 1000);
	ev_loss(e, WST_LOSS_RING, 12);
	e->now_ns = now_ns + 500 * 1000000ull;
	ev_open(e, &SERVER);
	CHECK_EQ(lost_before(e, &SERVER), 5);
}

/* Soon after another loss: no less than it is by then, for all sessions that come later. */
TEST(track_facts, losses_in_quick_succession)
{
	struct events *e = events_new();

	ev_loss(e, WST_LOSS_RING, 5);
	events_pass_ms(e, 1);
	ev_loss(e, WST_LOSS_SKIPPED, 7);
	events_pass_ms(e, 1);
	ev_open(e, &SERVER);
	CHECK_EQ(lost_before(e, &SERVER), 12);
}

/* Its first record is lost, and so may be more. */
TEST(track_facts, losses_of_a_socket_without_a_beginning)
{
	struct events *e = events_new();

	ev_loss(e, WST_LOSS_RING, 12);
	CHECK_EQ(lost_before(e, &SERVER), 0);
}

/* The SYN is dropped before anybody knows what becomes of its socket. */
TEST(track_facts, drops_and_full_queues)
{
	struct events *e = events_new();
	struct side unknown = CLIENT;
	struct track *t;
	struct session *s;

	unknown.cookie = 0;
	unknown.netns = 0;
	events_pass_ms(e, 1);
	ev_drop(e, &unknown, 6);
	ev_backlog(e, &SERVER);
	events_pass_ms(e, 1000);
	ev_open(e, &CLIENT)->connect_ns = EVENTS_START_NS;
	ev_handshake(e, &CLIENT);
	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	ev_drop(e, &unknown, 8);
	ev_fin_both(e, &CLIENT, true);
	ev_fin_both(e, &SERVER, false);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->leg_count, 2);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(s->legs[i]->end->drops, 2);
		CHECK_EQ(s->legs[i]->end->drop_reason, 8);
		CHECK(s->legs[i]->end->backlog_overflow);
		CHECK_EQ(s->legs[i]->end->backlog_limit, 128);
		CHECK_EQ(s->legs[i]->end->listener.tgid, SERVER.tgid);
	}
	finish(t, s, e);
}

TEST(track_facts, notes_of_an_earlier_connection)
{
	struct events *e = events_new();
	struct track *t;
	struct session *s;

	ev_drop(e, &CLIENT, 6);
	events_pass_ms(e, 5000);
	ev_open(e, &CLIENT); /* connected just now, from the same port */
	ev_handshake(e, &CLIENT);
	ev_fin_both(e, &CLIENT, true);
	t = track_of(e);
	s = only_end(t, UINT64_MAX);
	CHECK_EQ(s->legs[0]->end->drops, 0);
	finish(t, s, e);
}

TEST(track_facts, host_and_names)
{
	struct events *e = events_new();
	struct wst_host_event *h = ev_host(e);
	struct track *t;

	ev_name(e, WST_NAME_RESET, 2, "TCP_ABORT_ON_CLOSE");
	ev_name(e, WST_NAME_DROP, 2, "NO_SOCKET");
	ev_name(e, WST_NAME_RESET, 1, "NOT_SPECIFIED");
	ev_name(e, WST_NAME_RESET, 2, "RENAMED");
	memset(ev_name(e, WST_NAME_DROP, 9, "")->name, 'n', WST_REASON_NAME_BYTES);
	memset(h->hostname, 'h', sizeof(h->hostname));
	t = track_of(e);
	CHECK_STR(track_reason_name(t, WST_NAME_RESET, 2), "RENAMED");
	CHECK_STR(track_reason_name(t, WST_NAME_RESET, 1), "NOT_SPECIFIED");
	CHECK_STR(track_reason_name(t, WST_NAME_DROP, 2), "NO_SOCKET");
	CHECK_STR(track_reason_name(t, WST_NAME_DROP, 1), NULL);
	CHECK_EQ(strlen(track_reason_name(t, WST_NAME_DROP, 9)), WST_REASON_NAME_BYTES - 1);
	CHECK_EQ(strlen(track_host(t)->hostname), WST_HOSTNAME_BYTES);
	CHECK_EQ(track_host(t)->realtime_offset_ns, EVENTS_REALTIME_OFFSET_NS);
	track_free(t);
	events_free(e);
}

TEST(track_facts, owners_are_processes)
{
	struct events *e = events_new();
	struct wst_state_event *st;
	struct track *t;

	ev_open(e, &SERVER);
	st = ev_state(e, &SERVER, STATE_ESTABLISHED, STATE_FIN_WAIT1);
	st->flags = WST_STATE_BY_PROCESS;
	st->task.tgid = 4321;
	t = track_of(e);
	CHECK(process_find(track_processes(t), SERVER.tgid, 0));
	CHECK(process_find(track_processes(t), 4321, 0));
	track_free(t);
	events_free(e);
}
