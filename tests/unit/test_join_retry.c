/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same request again: by the client, which begins anew, or by a proxy, for the client that waits. */
#include "test.h"

#include <string.h>

#include "seen.h"
#include "stack.h"

/* Authentication of HTTP: the request again, with credentials and, from simple clients, the same key. */
TEST(join, same_key_again_after_401)
{
	struct events *e = events_new();
	struct stack again = STACK;
	const struct session *first = NULL, *second = NULL;
	struct seen seen;

	stack_request(e, &STACK, KEY_HEADER);
	stack_answer(e, &STACK, "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n");
	events_pass_ms(e, 5);
	again.seq[0] += 500;
	again.seq[1] += 500;
	for (int i = 0; i < STACK_LEGS; i++) {
		ev_request(e, &again.legs[i], REQUEST_HEAD KEY_HEADER "\r\n")
			->head_seq = again.seq[i / 2];
		e->now_ns += 50000;
	}
	stack_answer(e, &again, "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: " EVENTS_ACCEPT "\r\n\r\n");
	events_pass_ms(e, 100);
	stack_close(e, &again);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 2);
	for (unsigned int i = 0; i < seen.count; i++) {
		CHECK_EQ(seen.sessions[i]->leg_count, 4);
		CHECK_EQ(seen.sessions[i]->hop_count, 2);
		if (session_stage(seen.sessions[i]) == STAGE_SESSION)
			second = seen.sessions[i];
		else
			first = seen.sessions[i];
	}
	REQUIRE(first && second);
	CHECK(memcmp(first->id, second->id, sizeof(first->id)) != 0);
	seen_done(&seen, e);
}

/* The proxy's first choice refuses, the second one takes it. */
TEST(join, next_upstream)
{
	struct events *e = events_new();
	struct side second = STACK.legs[UPSTREAM];
	const struct session *s;
	struct seen seen;

	second.cookie = 0x31;
	second.local_port = 50001;
	second.remote = "198.18.1.3";
	stack_request(e, &STACK, KEY_HEADER);
	ev_response(e, &STACK.legs[BACKEND], "HTTP/1.1 503 X\r\n\r\n")->head_seq = 2005;
	ev_response(e, &STACK.legs[UPSTREAM], "HTTP/1.1 503 X\r\n\r\n")->head_seq = 2005;
	ev_open(e, &second);
	ev_request(e, &second, REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = 3000;
	ev_response(e, &second, "HTTP/1.1 101 X\r\n\r\n")->head_seq = 3005;
	ev_response(e, &STACK.legs[ACCEPTED], "HTTP/1.1 101 X\r\n\r\n")->head_seq = 1005;
	ev_response(e, &STACK.legs[BROWSER], "HTTP/1.1 101 X\r\n\r\n")->head_seq = 1005;
	events_pass_ms(e, 5000);
	ev_fin_both(e, &second, false);
	ev_fin_both(e, &STACK.legs[ACCEPTED], true);
	ev_fin_both(e, &STACK.legs[BROWSER], false);
	ev_fin_both(e, &STACK.legs[UPSTREAM], true);
	ev_fin_both(e, &STACK.legs[BACKEND], false);
	seen = seen_of(e);
	CHECK_EQ(seen.count, 1);
	s = session_of(&seen, &second);
	CHECK_EQ(s->leg_count, 5);
	CHECK(session_server_leg(s)->cookie == second.cookie);
	seen_done(&seen, e);
}

/* What of the chain is on this host. */
static const int HERE[][2] = {
	{ BROWSER, BACKEND },	{ BROWSER, BROWSER },  { BROWSER, UPSTREAM },
	{ ACCEPTED, UPSTREAM }, { ACCEPTED, BACKEND }, { BACKEND, BACKEND },
};

static void request_here(struct events *e, const struct stack *s, const int here[2])
{
	for (int i = here[0]; i <= here[1]; i++) {
		ev_open(e, &s->legs[i]);
		ev_request(e, &s->legs[i], REQUEST_HEAD KEY_HEADER "\r\n")->head_seq = s->seq[i / 2];
		e->now_ns += 50000;
	}
}

static void answer_here(struct events *e, const struct stack *s, const int here[2], const char *head)
{
	for (int i = here[1]; i >= here[0]; i--) {
		ev_response(e, &s->legs[i], head)->head_seq = s->seq[i / 2] + 5;
		e->now_ns += 50000;
	}
}

static void close_here(struct events *e, const struct stack *s, const int here[2])
{
	for (int i = here[1]; i >= here[0]; i--)
		ev_fin_both(e, &s->legs[i], s->legs[i].server);
}

static void check_apart(struct events *e, const struct stack stacks[2], const int here[2])
{
	struct seen seen = seen_of(e);

	CHECK_EQ(seen.count, 2);
	for (int n = 0; n < 2; n++)
		for (int i = here[0]; i <= here[1]; i++)
			CHECK(session_of(&seen, &stacks[n].legs[i]) ==
			      session_of(&seen, &stacks[n].legs[here[0]]));
	check_ids_differ(&seen);
	seen_done(&seen, e);
}

/* A client that got an error, or nothing, comes back on a new connection before that was reported. */
TEST(join_retry, same_key_on_a_new_connection)
{
	static const char OPEN[] = "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: " EVENTS_ACCEPT
				   "\r\n\r\n";
	const struct stack stacks[2] = { STACK, stack_number(1) };

	for (size_t host = 0; host < sizeof(HERE) / sizeof(HERE[0]); host++)
		for (int answered = 0; answered < 2; answered++) {
			struct events *e = events_new();

			test_note("host %zu, answered %d", host, answered);
			request_here(e, &stacks[0], HERE[host]);
			if (answered)
				answer_here(e, &stacks[0], HERE[host], "HTTP/1.1 502 X\r\n\r\n");
			else
				close_here(e, &stacks[0], HERE[host]);
			events_pass_ms(e, 5);
			request_here(e, &stacks[1], HERE[host]);
			answer_here(e, &stacks[1], HERE[host], OPEN);
			events_pass_ms(e, 100);
			if (answered)
				close_here(e, &stacks[0], HERE[host]);
			close_here(e, &stacks[1], HERE[host]);
			check_apart(e, stacks, HERE[host]);
		}
}
