/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory and time are bounded whatever comes. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stack.h"
#include "track/tcp_state.h"
#include "track/track.h"

static unsigned int take_ends(struct track *t, uint64_t now_ns)
{
	unsigned int ends = 0;
	struct report r;

	while ((r = track_next(t, now_ns)).kind != REPORT_NOTHING) {
		if (r.kind != REPORT_END)
			continue;
		track_release(t, r.session);
		ends++;
	}
	return ends;
}

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static struct side side_number(uint32_t n)
{
	struct side s = SERVER;

	s.cookie = n + 1;
	s.remote_port = (uint16_t)n;
	return s;
}

/* A request with a key of its own. */
static void request_number(struct events *e, uint32_t n)
{
	struct side s = side_number(n);
	char key[] = "AAAAAAAAAAAAAAAAAAAAAA==";
	static const char
		digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char head[256];
	size_t len;

	for (uint32_t i = 0; i < 5; i++)
		key[i] = digits[n >> 6 * i & 63];
	len = sizeof(REQUEST_HEAD "Sec-WebSocket-Key: ") - 1;
	memcpy(head, REQUEST_HEAD "Sec-WebSocket-Key: ", len);
	memcpy(head + len, key, sizeof(key) - 1);
	memcpy(head + len + sizeof(key) - 1, "\r\n\r\n", 5);
	ev_open(e, &s);
	ev_request(e, &s, head)->head_seq = n * 7919;
}

static void end_number(struct events *e, uint32_t n)
{
	struct side s = side_number(n);

	ev_response(e, &s, "HTTP/1.1 101 X\r\n\r\n")->head_seq = n * 7919 + 5;
	ev_end(e, &s);
}

static struct track *apply_and_free(struct track *t, struct events *e)
{
	REQUIRE(t);
	for (size_t i = 0; i < e->count; i++)
		CHECK_EQ(track_apply(t, e->records[i]), 0);
	events_free(e);
	return t;
}

/* A server with 20,000 sessions dies. */
TEST(track_bounds, many_sessions_end_at_once)
{
	const uint32_t many = 20000, batch = 200;
	struct track *t = track_new(NULL);
	double start = cpu_seconds();

	for (uint32_t from = 0; from < 2 * many; from += batch) {
		struct events *e = events_new();

		for (uint32_t n = from; n < from + batch; n++) {
			if (n < many)
				request_number(e, n);
			else
				end_number(e, n - many);
		}
		apply_and_free(t, e);
	}
	CHECK_EQ(track_conn_count(t), many);
	CHECK_EQ(take_ends(t, UINT64_MAX), many);
	CHECK_EQ(track_conn_count(t), 0);
	track_free(t);
	/* about 0.2 s under sanitizers; every pass over all of them would take minutes */
	CHECK(cpu_seconds() - start < 5);
}

/* Sessions come back in the order in which they are due, whatever the order of their ends. */
TEST(track_bounds, order_of_reports)
{
	struct events *e = events_new();
	struct track *t;
	struct report r;
	uint64_t last = 0;
	uint32_t ends = 0;

	for (uint32_t n = 0; n < 1000; n++) {
		request_number(e, n);
		e->now_ns = EVENTS_START_NS + n * 7919 % 1000 * 1000000ull;
		end_number(e, n);
	}
	t = apply_and_free(track_new(NULL), e);
	while ((r = track_next(t, UINT64_MAX)).kind != REPORT_NOTHING) {
		if (r.kind != REPORT_END)
			continue;
		CHECK(r.session->due_ns >= last);
		last = r.session->due_ns;
		track_release(t, r.session);
		ends++;
	}
	CHECK_EQ(ends, 1000);
	track_free(t);
}

/* A due time moves: from the longest wait to the moment when the last leg is finished. */
TEST(track_bounds, due_times_that_move)
{
	const uint32_t many = 500;
	struct events *e = events_new();
	struct track *t;
	struct report r;
	uint32_t ends = 0;
	uint64_t last = 0;

	for (uint32_t n = 0; n < many; n++) {
		struct side s = side_number(n);

		request_number(e, n);
		ev_state_by_owner(e, &s, STATE_ESTABLISHED, STATE_FIN_WAIT1);
		e->now_ns += 1000;
	}
	/* every second one, from anywhere */
	for (uint32_t n = 0; n < many / 2; n++) {
		struct side s = side_number(n * 7919 % many);

		no_frames(ev_end(e, &s));
		e->now_ns += 1000;
	}
	t = apply_and_free(track_new(NULL), e);
	while ((r = track_next(t, UINT64_MAX)).kind != REPORT_NOTHING) {
		ends++;
		CHECK_EQ(r.kind, REPORT_END);
		CHECK_EQ(r.session->legs[0]->has_end, ends <= many / 2);
		CHECK(r.session->due_ns > last);
		last = r.session->due_ns;
		track_release(t, r.session);
	}
	CHECK_EQ(ends, many);
	track_free(t);
}

TEST(track_bounds, open_sessions_are_evicted_oldest_first)
{
	struct track_config config = { .conns_max = 100 };
	struct events *e = events_new();
	struct track *t;

	for (uint32_t n = 0; n < 1000; n++) {
		request_number(e, n);
		events_pass_ms(e, 1);
	}
	t = apply_and_free(track_new(&config), e);
	CHECK_EQ(track_conn_count(t), 100);
	CHECK_EQ(track_evicted(t), 900);
	e = events_new();
	for (uint32_t n = 900; n < 1000; n++)
		end_number(e, n);
	apply_and_free(t, e);
	CHECK_EQ(take_ends(t, UINT64_MAX), 100);
	CHECK_EQ(track_evicted(t), 900);
	track_free(t);
}

/* What was reported already is worth least. */
TEST(track_bounds, spent_sockets_go_first)
{
	struct track_config config = { .conns_max = 10 };
	struct events *e = events_new();
	struct track *t;

	for (uint32_t n = 0; n < 5; n++) { /* open */
		request_number(e, n);
		events_pass_ms(e, 1);
	}
	for (uint32_t n = 5; n < 10; n++) { /* refused, and kept alive */
		struct side s = side_number(n);

		request_number(e, n);
		ev_response(e, &s, "HTTP/1.1 403 X\r\n\r\n")->head_seq = n;
		events_pass_ms(e, 1);
	}
	t = apply_and_free(track_new(&config), e);
	CHECK_EQ(take_ends(t, UINT64_MAX), 5);
	CHECK_EQ(track_conn_count(t), 10);
	e = events_new();
	for (uint32_t n = 10; n < 15; n++)
		request_number(e, n);
	apply_and_free(t, e);
	CHECK_EQ(track_conn_count(t), 10);
	CHECK_EQ(track_evicted(t), 0);
	track_free(t);
}

/* A report that the caller holds is not touched. */
TEST(track_bounds, no_room_while_a_report_is_out)
{
	struct track_config config = { .conns_max = 1 };
	struct events *e = events_new();
	struct track *t;
	struct report r;

	request_number(e, 1);
	end_number(e, 1);
	t = apply_and_free(track_new(&config), e);
	do
		r = track_next(t, UINT64_MAX);
	while (r.kind == REPORT_OPEN);
	REQUIRE(r.kind == REPORT_END);
	e = events_new();
	request_number(e, 2);
	apply_and_free(t, e);
	CHECK_EQ(r.session->legs[0]->cookie, 2);
	track_release(t, r.session);
	CHECK_EQ(track_conn_count(t), 1);
	track_free(t);
}

TEST(track_bounds, heads_that_never_end)
{
	struct events *e = events_new();
	struct track *t = track_new(NULL);

	for (uint32_t n = 0; n < 1000; n++) {
		struct side s = side_number(n);

		ev_request(e, &s, "GET /chat HTTP/1.1\r\nHost: ");
	}
	apply_and_free(t, e);
	CHECK_EQ(track_conn_count(t), 1000);
	e = events_new();
	events_pass_ms(e, 61000);
	for (uint32_t n = 0; n < 500; n++) {
		struct side s = side_number(5000 + n);

		ev_reset(e, &s, WST_IN); /* leftovers as well */
	}
	apply_and_free(t, e);
	CHECK_EQ(track_conn_count(t), 500);
	CHECK_EQ(track_next_due_ns(t), 0);
	track_free(t);
}

/* The kernel side does not follow a socket whose head it gave up on. */
TEST(track_bounds, cut_heads_of_sockets_that_are_not_followed)
{
	struct events *e = events_new();
	struct track *t;

	ev_request(e, &SERVER, REQUEST_HEAD "X: ")->flags |= WST_HTTP_CUT;
	events_pass_ms(e, 61000);
	ev_reset(e, &CLIENT, WST_IN);
	t = apply_and_free(track_new(NULL), e);
	CHECK_EQ(track_conn_count(t), 1);
	CHECK_EQ(take_ends(t, UINT64_MAX), 0);
	track_free(t);
}

/* Sockets that cannot be told apart by address or sequence number make no work without bound. */
TEST(track_bounds, everything_collides)
{
	const uint32_t many = 5000;
	struct events *e = events_new();
	double start = cpu_seconds();
	struct track *t;

	for (uint32_t n = 0; n < many; n++) {
		struct side s = n % 2 ? SERVER : CLIENT;

		s.cookie = n + 1;
		ev_open(e, &s);
		ev_request(e, &s, REQUEST_HEAD KEY_HEADER "\r\n");
		ev_drop(e, &s, 2);
		ev_backlog(e, &s);
	}
	t = apply_and_free(track_new(NULL), e);
	CHECK_EQ(track_conn_count(t), many);
	track_free(t);
	CHECK(cpu_seconds() - start < 10);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Records with random bytes in them, of few sockets, so that they meet. */
static void damage(struct wst_event *r, uint64_t *random)
{
	uint8_t *bytes = (uint8_t *)r;

	for (unsigned int n = next_random(random) % 4; n > 0; n--)
		bytes[sizeof(*r) + next_random(random) % (r->size - sizeof(*r))] = (uint8_t)
			next_random(random);
	if (r->cookie)
		r->cookie = 1 + next_random(random) % 8;
	r->ts_ns = EVENTS_START_NS + next_random(random) % 3000000000ull;
	if (next_random(random) % 16 == 0)
		r->ts_ns = next_random(random);
}

TEST(track_bounds, random_streams)
{
	uint64_t random = 88172645463325252ull;

	for (int round = 0; round < 60; round++) {
		struct track_config config = { .conns_max = 6, .processes_max = 3 };
		struct track *t = track_new(&config);
		struct stack second = stack_number(1);
		struct events *e = events_new();

		REQUIRE(t);
		stack_open(e, &STACK, KEY_HEADER);
		stack_open(e, &second, KEY_HEADER);
		stack_request(e, &second, "");
		stack_midstream(e, &second);
		ev_close(e, &SERVER, true, 1000, "bye");
		ev_illegal(e, &SERVER, false, WST_FAULT_RSV);
		ev_drop(e, &CLIENT, 2);
		ev_backlog(e, &SERVER);
		ev_exit(e, 200, 9);
		ev_signal(e, 200, 15, 1, "x");
		ev_process(e, 200, "x", "/docker");
		ev_loss(e, WST_LOSS_RING, 1);
		ev_name(e, WST_NAME_DROP, 1, "X");
		ev_host(e);
		stack_close(e, &second);
		stack_close(e, &STACK);
		for (int step = 0; step < 1500; step++) {
			struct wst_event *r = e->records[next_random(&random) % e->count];

			damage(r, &random);
			track_apply(t, r);
			if (step % 50 == 0)
				take_ends(t, EVENTS_START_NS + next_random(&random) % 4000000000ull);
			CHECK(track_conn_count(t) <= 6);
		}
		track_flush(t);
		take_ends(t, 0);
		CHECK_EQ(track_next_due_ns(t), 0);
		track_free(t);
		events_free(e);
	}
}

/* Of heads that never come to their end, only so many wait; the others are read as far as they came. */
TEST(track_bounds, heads_under_way)
{
	struct events *e = events_new();
	const struct wst_http_event *half = ev_request(e, &CLIENT, REQUEST_HEAD KEY_HEADER);
	struct interns *texts = interns_new(4096);
	struct wst_http_event event = *half;
	struct handshake hs[6] = { 0 };
	int waiting = 0;

	REQUIRE(texts);
	event.flags = WST_HTTP_REQUEST;
	for (int i = 0; i < 6; i++) {
		handshake_init(&hs[i]);
		if (handshake_add(&hs[i], &event, texts) == HANDSHAKE_MORE) {
			waiting++;
			continue;
		}
		CHECK(hs[i].request_seen && hs[i].request_cut);
		CHECK(interns_refused(texts) > 0);
	}
	CHECK_EQ(waiting, 3); /* of a kibibyte each, and what they cost besides */
	handshake_release(&hs[0]);
	CHECK_EQ(handshake_add(&hs[0], &event, texts), HANDSHAKE_MORE);
	for (int i = 0; i < 6; i++)
		handshake_release(&hs[i]);
	interns_free(texts);
	events_free(e);
}
