/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which sockets make one session when the key alone does not tell. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "seen.h"
#include "stack.h"
#include "track/session_key.h"
#include "track/track.h"

#define RFC_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* A key of the RFC: the two sockets of each connection belong together, hops and clients do not. */
TEST(join, constant_key)
{
	struct events *e = events_new();
	struct stack second = stack_number(1);
	struct seen seen;

	stack_open(e, &STACK, RFC_KEY);
	stack_open(e, &second, RFC_KEY);
	stack_close(e, &STACK);
	stack_close(e, &second);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 4);
	for (unsigned int i = 0; i < seen.count; i++) {
		CHECK_EQ(seen.sessions[i]->leg_count, 2);
		CHECK_EQ(seen.sessions[i]->hop_count, 1);
		CHECK(seen.sessions[i]->synthetic_id);
	}
	CHECK(session_of(&seen, &STACK.legs[BROWSER]) == session_of(&seen, &STACK.legs[ACCEPTED]));
	CHECK(session_of(&seen, &second.legs[UPSTREAM]) == session_of(&seen, &second.legs[BACKEND]));
	check_ids_differ(&seen);
	seen_done(&seen, e);
}

/* The id of a constant key is the same wherever the client's address is seen. */
TEST(join, constant_key_names_the_client)
{
	uint8_t ids[2][16];

	for (int i = 0; i < 2; i++) {
		struct events *e = events_new();
		struct seen seen;

		ev_open(e, &STACK.legs[i]);
		ev_request(e, &STACK.legs[i], REQUEST_HEAD RFC_KEY "\r\n");
		ev_fin_both(e, &STACK.legs[i], true);
		seen = seen_of(e);
		REQUIRE(seen.count == 1);
		memcpy(ids[i], seen.sessions[0]->id, 16);
		seen_done(&seen, e);
	}
	CHECK_MEM(ids[0], ids[1], 16);
}

/* Behind NAT, the moment and the sequence number tell. */
TEST(join, constant_key_behind_nat)
{
	struct events *e = events_new();
	struct stack natted = STACK, second;
	struct seen seen;

	natted.legs[ACCEPTED].remote = "198.18.7.7";
	second = natted;
	for (int i = BROWSER; i <= ACCEPTED; i++) {
		second.legs[i].cookie += 0x100;
		second.legs[i].local_port++;
		second.legs[i].remote_port++;
	}
	second.seq[0] += 5;
	for (int i = BROWSER; i <= ACCEPTED; i++) {
		ev_open(e, &natted.legs[i]);
		ev_request(e, &natted.legs[i], REQUEST_HEAD RFC_KEY "\r\n")->head_seq = natted.seq[0];
		ev_open(e, &second.legs[i]);
		ev_request(e, &second.legs[i], REQUEST_HEAD RFC_KEY "\r\n")->head_seq = second.seq[0];
	}
	for (int i = BROWSER; i <= ACCEPTED; i++) {
		ev_fin_both(e, &natted.legs[i], true);
		ev_fin_both(e, &second.legs[i], true);
	}
	seen = seen_of(e);
	CHECK_EQ(seen.count, 2);
	CHECK_EQ(session_of(&seen, &natted.legs[BROWSER])->leg_count, 2);
	CHECK(session_of(&seen, &natted.legs[BROWSER]) == session_of(&seen, &natted.legs[ACCEPTED]));
	CHECK(session_of(&seen, &second.legs[BROWSER]) == session_of(&seen, &second.legs[ACCEPTED]));
	seen_done(&seen, e);
}

/* A load tester with one random key: chains that are open at the same time are kept apart. */
TEST(join, one_key_for_many_clients)
{
	struct events *e = events_new();
	struct stack stacks[5];
	struct seen seen;

	for (uint16_t n = 0; n < 5; n++) {
		stacks[n] = n ? stack_number(n) : STACK;
		stack_open(e, &stacks[n], KEY_HEADER);
	}
	for (unsigned int n = 0; n < 5; n++)
		stack_close(e, &stacks[n]);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 5);
	for (unsigned int n = 0; n < 5; n++) {
		const struct session *s = session_of(&seen, &stacks[n].legs[BROWSER]);

		test_note("chain %u", n);
		CHECK_EQ(s->leg_count, 4);
		CHECK_EQ(s->synthetic_id, n > 0);
		for (int i = 0; i < STACK_LEGS; i++)
			CHECK(session_of(&seen, &stacks[n].legs[i]) == s);
	}
	check_ids_differ(&seen);
	seen_done(&seen, e);
}

/* The same, seen from a host that has only the proxy, or only the backend. */
TEST(join, one_key_for_many_clients_elsewhere)
{
	static const int here[][2] = { { ACCEPTED, UPSTREAM }, { BACKEND, BACKEND } };

	for (int host = 0; host < 2; host++) {
		struct events *e = events_new();
		struct stack stacks[3];
		struct seen seen;

		test_note("host %d", host);
		for (uint16_t n = 0; n < 3; n++) {
			stacks[n] = n ? stack_number(n) : STACK;
			for (int i = here[host][0]; i <= here[host][1]; i++) {
				ev_open(e, &stacks[n].legs[i]);
				ev_request(e, &stacks[n].legs[i], REQUEST_HEAD KEY_HEADER "\r\n")
					->head_seq = stacks[n].seq[i / 2];
			}
		}
		for (uint16_t n = 0; n < 3; n++)
			for (int i = here[host][0]; i <= here[host][1]; i++)
				ev_fin_both(e, &stacks[n].legs[i], true);
		seen = seen_of(e);
		CHECK_EQ(seen.count, 3);
		check_ids_differ(&seen);
		for (unsigned int n = 0; n < seen.count; n++)
			CHECK_EQ(seen.sessions[n]->leg_count, here[host][1] - here[host][0] + 1);
		seen_done(&seen, e);
	}
}

/* One after the other: the first was reported, so the plain id is free again. */
TEST(join, one_key_again_later)
{
	struct events *e = events_new();
	struct stack second = stack_number(1);
	struct track *t = track_new(NULL);
	struct report r;
	size_t i = 0;

	REQUIRE(t);
	for (int n = 0; n < 2; n++) {
		stack_open(e, n ? &second : &STACK, KEY_HEADER);
		stack_close(e, n ? &second : &STACK);
		for (; i < e->count; i++)
			CHECK_EQ(track_apply(t, e->records[i]), 0);
		events_pass_ms(e, 100);
		CHECK_EQ(track_next(t, e->now_ns).kind, REPORT_OPEN);
		r = track_next(t, e->now_ns);
		CHECK_EQ(r.kind, REPORT_END);
		CHECK(!r.session->synthetic_id);
		CHECK_EQ(r.session->leg_count, 4);
		track_release(t, r.session);
	}
	track_free(t);
	events_free(e);
}

/* docker-proxy passes bytes on: two more sockets. */
TEST(join, six_sockets)
{
	struct events *e = events_new();
	struct stack s = STACK;
	struct side forwarder[2] = { STACK.legs[ACCEPTED], STACK.legs[UPSTREAM] };
	struct side order[6];
	struct seen seen;

	/* browser -> docker-proxy -> nginx -> backend */
	forwarder[0].cookie = 0x15;
	forwarder[0].comm = "docker-proxy";
	forwarder[0].tgid = 150;
	forwarder[1] = forwarder[0];
	forwarder[1].cookie = 0x16;
	forwarder[1].server = false;
	forwarder[1].local = "172.17.0.1";
	forwarder[1].local_port = 33333;
	forwarder[1].remote = "172.17.0.2";
	forwarder[1].remote_port = 80;
	s.legs[ACCEPTED].local = "172.17.0.2";
	s.legs[ACCEPTED].remote = "172.17.0.1";
	s.legs[ACCEPTED].remote_port = 33333;
	order[0] = s.legs[BROWSER];
	order[1] = forwarder[0];
	order[2] = forwarder[1];
	order[3] = s.legs[ACCEPTED];
	order[4] = s.legs[UPSTREAM];
	order[5] = s.legs[BACKEND];
	for (unsigned int i = 0; i < 6; i++) {
		ev_open(e, &order[i]);
		ev_request(e, &order[i], REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = 100 + i / 2;
	}
	for (int i = 5; i >= 0; i--)
		ev_fin_both(e, &order[i], true);
	seen = seen_of(e);
	REQUIRE(seen.count == 1);
	CHECK_EQ(seen.sessions[0]->leg_count, 6);
	CHECK_EQ(seen.sessions[0]->hop_count, 3);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(seen.sessions[0]->legs[i]->cookie, order[i].cookie);
	CHECK_EQ(session_leg_role(seen.sessions[0], 3), LEG_PROXY_TO_PROXY);
	seen_done(&seen, e);
}

/* A service mesh's sidecar connects to the same address as the application behind it. */
TEST(join, transparent_proxy)
{
	struct events *e = events_new();
	struct stack s = STACK;
	struct seen seen;

	s.legs[BROWSER].remote = "198.18.1.2";
	s.legs[BROWSER].remote_port = 8080; /* redirected to the sidecar's port by NAT */
	s.legs[ACCEPTED].local = "127.0.0.1";
	s.legs[ACCEPTED].local_port = 15001;
	s.legs[ACCEPTED].comm = s.legs[UPSTREAM].comm = "envoy";
	stack_open(e, &s, KEY_HEADER);
	stack_close(e, &s);
	seen = seen_of(e);
	REQUIRE(seen.count == 1);
	CHECK_EQ(seen.sessions[0]->leg_count, 4);
	CHECK_EQ(seen.sessions[0]->hop_count, 2);
	seen_done(&seen, e);
}

/* nginx: the master listens, and owns what nobody has read from yet; a worker connects. */
TEST(join, prefork_proxy)
{
	struct events *e = events_new();
	struct stack a = STACK, b = stack_number(1);
	struct seen seen;

	a.legs[ACCEPTED].tgid = b.legs[ACCEPTED].tgid = 199;
	stack_open(e, &a, KEY_HEADER);
	stack_open(e, &b, KEY_HEADER);
	for (size_t i = 0; i < e->count; i++) {
		struct wst_open_event *o = (struct wst_open_event *)e->records[i];

		if (o->h.type != WST_EV_OPEN)
			continue;
		o->owner.cgroup_id = 1;
		if (o->owner.tgid == 199)
			o->flags |= WST_OPEN_OWNER_INHERITED;
	}
	stack_close(e, &a);
	stack_close(e, &b);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 2);
	CHECK_EQ(session_of(&seen, &a.legs[BROWSER])->leg_count, 4);
	CHECK_EQ(session_of(&seen, &b.legs[BACKEND])->leg_count, 4);
	seen_done(&seen, e);
}

/* Accepted from elsewhere although nothing here connects to elsewhere: another client. */
TEST(join, one_key_for_two_services)
{
	struct events *e = events_new();
	struct side other = STACK.legs[BACKEND];
	struct seen seen;

	other.cookie++;
	other.local_port = 9090;
	other.remote_port++;
	other.tgid++;
	ev_open(e, &STACK.legs[BACKEND]);
	ev_request(e, &STACK.legs[BACKEND], REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = 1;
	ev_open(e, &other);
	ev_request(e, &other, REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = 2;
	ev_fin_both(e, &STACK.legs[BACKEND], true);
	ev_fin_both(e, &other, true);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 2);
	check_ids_differ(&seen);
	seen_done(&seen, e);
}

/* The proxy connects to another host, from which a second proxy comes back to the backend here. */
TEST(join, by_way_of_another_host)
{
	struct events *e = events_new();
	struct stack s = STACK;
	struct seen seen;

	s.legs[UPSTREAM].remote = "198.18.9.9";
	s.legs[BACKEND].remote = "198.18.9.9";
	for (int i = 0; i < STACK_LEGS; i++) {
		ev_open(e, &s.legs[i]);
		ev_request(e, &s.legs[i], REQUEST_HEAD KEY_HEADER "\r\n")
			->head_seq = 100 + (uint32_t)(i + 1) / 2 + (i == BACKEND ? 50 : 0);
		e->now_ns += 50000;
	}
	stack_close(e, &s);
	seen = seen_of(e);
	REQUIRE(seen.count == 1);
	CHECK_EQ(seen.sessions[0]->leg_count, 4);
	CHECK_EQ(seen.sessions[0]->hop_count, 3);
	CHECK(!session_peer_leg(seen.sessions[0], UPSTREAM));
	seen_done(&seen, e);
}

/* Two scripts with one key call the same server elsewhere. */
TEST(join, one_key_in_two_processes)
{
	struct events *e = events_new();
	struct side other = STACK.legs[BROWSER];
	struct seen seen;

	other.cookie++;
	other.local_port++;
	other.tgid++;
	ev_open(e, &STACK.legs[BROWSER]);
	ev_request(e, &STACK.legs[BROWSER], REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = 1;
	ev_open(e, &other);
	ev_request(e, &other, REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = 2;
	ev_fin_both(e, &STACK.legs[BROWSER], true);
	ev_fin_both(e, &other, true);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 2);
	check_ids_differ(&seen);
	seen_done(&seen, e);
}

/*
 * Sequence numbers come around: without the address they count for a moment only, and for one pair
 * only.
 */
TEST(join, sequence_numbers_that_meet)
{
	for (int late = 0; late <= 1; late++) {
		struct events *e = events_new();
		struct side natted = STACK.legs[ACCEPTED];
		struct seen seen;

		test_note("late %d", late);
		natted.cookie++;
		natted.remote = "198.18.7.7";
		for (int i = BROWSER; i <= (late ? BROWSER : ACCEPTED); i++) {
			ev_open(e, &STACK.legs[i]);
			ev_request(e, &STACK.legs[i], REQUEST_HEAD RFC_KEY "\r\n");
		}
		events_pass_ms(e, late ? 2000 : 1);
		ev_open(e, &natted);
		ev_request(e, &natted, REQUEST_HEAD RFC_KEY "\r\n");
		for (int i = BROWSER; i <= (late ? BROWSER : ACCEPTED); i++)
			ev_fin_both(e, &STACK.legs[i], true);
		ev_fin_both(e, &natted, true);
		seen = seen_of(e);
		CHECK_EQ(seen.count, 2);
		CHECK_EQ(session_of(&seen, &natted)->leg_count, 1);
		seen_done(&seen, e);
	}
}
