/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a session costs while it is open and silent, and that nothing of it is left behind. */
#include "test.h"

#include <stdio.h>

#include "events.h"
#include "pipeline.h"
#include "track/track.h"

/* Of the address sanitizer, with which the unit tests are built: bytes asked for, not freed yet. */
size_t __sanitizer_get_current_allocated_bytes(void);

#define SESSIONS 50000u
#define BATCH 500u
/* What malloc() adds to each allocation on average: a header and the rounding to 16 bytes. */
#define MALLOC_BYTES 12

static const char request_head[] = "GET /chat/rooms/%u HTTP/1.1\r\nHost: chat.example:8443\r\n"
				   "Origin: https://www.chat.example\r\n"
				   "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
				   "(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n"
				   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
				   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat.v2\r\n"
				   "Sec-WebSocket-Key: %s\r\n\r\n";

static void make_key(char key[25], uint32_t n)
{
	static const char
		digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	snprintf(key, 25, "wstracewstracewstracew==");
	for (uint32_t i = 0; i < 5; i++)
		key[i] = digits[n >> 6 * i & 63];
}

static struct side side_of(const struct side *model, uint32_t n)
{
	struct side s = *model;

	s.cookie = 2 * n + 1 + s.server;
	*(s.server ? &s.remote_port : &s.local_port) = (uint16_t)n;
	return s;
}

/* Both sockets of session n, as a proxy or load generator on this host has them. */
static void open_session(struct events *e, uint32_t n)
{
	static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nServer: nginx\r\n"
				     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
				     "Sec-WebSocket-Protocol: chat.v2\r\n\r\n";
	struct side sides[] = { side_of(&CLIENT, n), side_of(&SERVER, n) };
	char key[25], head[512];

	make_key(key, n);
	snprintf(head, sizeof(head), request_head, n % 100, key);
	for (int i = 0; i < 2; i++) {
		ev_open(e, &sides[i]);
		ev_request(e, &sides[i], head)->head_seq = n * 7919;
	}
	for (int i = 0; i < 2; i++)
		ev_response(e, &sides[i], answer)->head_seq = n * 7919 + 500;
}

static void lose_session(struct events *e, uint32_t n)
{
	struct side client = side_of(&CLIENT, n), server = side_of(&SERVER, n);

	ev_close(e, &server, false, 1011, "going down");
	ev_fin_both(e, &server, true);
	ev_fin_both(e, &client, false);
}

static void apply_all(struct track *t, void (*make)(struct events *e, uint32_t n))
{
	for (uint32_t from = 0; from < SESSIONS; from += BATCH) {
		struct events *e = events_new();

		for (uint32_t n = from; n < from + BATCH; n++)
			make(e, n);
		for (size_t i = 0; i < e->count; i++)
			CHECK_EQ(track_apply(t, e->records[i]), 0);
		events_free(e);
	}
}

static uint32_t count_reports(struct track *t, enum report_kind kind)
{
	uint32_t count = 0;
	struct report r;

	while ((r = track_next(t, UINT64_MAX / 2)).kind != REPORT_NOTHING) {
		count += r.kind == kind;
		if (r.kind == REPORT_END)
			track_release(t, r.session);
	}
	return count;
}

TEST(track_memory, a_silent_session_fits_in_a_kibibyte)
{
	size_t before = __sanitizer_get_current_allocated_bytes(), empty, bytes;
	struct track *t = track_new(NULL);

	REQUIRE(t);
	empty = __sanitizer_get_current_allocated_bytes();
	apply_all(t, open_session);
	CHECK_EQ(count_reports(t, REPORT_OPEN), SESSIONS);
	CHECK_EQ(track_conn_count(t), 2 * SESSIONS);
	bytes = (__sanitizer_get_current_allocated_bytes() - before) / SESSIONS + 3 * MALLOC_BYTES;
	test_note("%zu bytes for both sockets of a session with a share of all tables", bytes);
	CHECK(bytes <= 1024);
	apply_all(t, lose_session);
	CHECK_EQ(count_reports(t, REPORT_END), SESSIONS);
	CHECK_EQ(track_conn_count(t), 0);
	/* the heap of due times may stay: 16 bytes for each that waited at one moment */
	CHECK(__sanitizer_get_current_allocated_bytes() <= empty + 24 * SESSIONS);
	track_free(t);
	CHECK_EQ(__sanitizer_get_current_allocated_bytes(), before);
}

#define STRANGERS 9000u /* more than any table has room for */
#define TABLES_MAX_BYTES (24u << 20)

static int count_line(void *arg, const char *line, size_t len)
{
	size_t *count = arg;

	*count += line && len;
	return 0;
}

/* Whose address, port, namespace, process, container and path nobody else has. */
static void add_stranger(struct events *e, uint32_t n, bool let_in)
{
	struct side s = SERVER;
	char remote[32], local[32], comm[16], path[256], cgroup[96];

	snprintf(remote, sizeof(remote), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	snprintf(local, sizeof(local), "172.16.%u.%u", n >> 8 & 255, n & 255);
	snprintf(comm, sizeof(comm), "server%u", n);
	snprintf(path, sizeof(path), "GET /%c%c%c%c/chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
		 'a' + n % 26, 'a' + n / 26 % 26, 'a' + n / 676 % 26, 'a' + n / 17576 % 26);
	snprintf(cgroup, sizeof(cgroup), "/docker/%064x", n);
	s.cookie = n + 1;
	s.remote = remote;
	s.local = local;
	s.local_port = (uint16_t)(1000 + n);
	s.tgid = 1000 + n;
	s.comm = comm;
	s.netns = 1000 + n;
	ev_listen(e, &s, false);
	ev_process(e, s.tgid, comm, cgroup);
	ev_open(e, &s);
	ev_request(e, &s, path)->head_seq = n * 7919;
	ev_response(e, &s, let_in ? "HTTP/1.1 101 X\r\n\r\n" : "HTTP/1.1 503 X\r\n\r\n")
		->head_seq = n * 7919 + 5;
	ev_drop(e, &s, 2);
	ev_signal(e, s.tgid, 9, 1, "killer");
	ev_exit(e, s.tgid, 9);
	ev_fin_both(e, &s, true);
	events_pass_ms(e, 50);
	ev_tick(e);
}

static void feed_strangers(struct pipeline *p, uint32_t from, uint64_t *now_ns)
{
	for (uint32_t first = from; first < from + STRANGERS; first += 100) {
		struct events *e = events_new();

		if (*now_ns)
			e->now_ns = *now_ns;
		for (uint32_t n = first; n < first + 100; n++)
			add_stranger(e, n, n % 2);
		for (size_t i = 0; i < e->count; i++)
			CHECK_EQ(pipeline_feed(p, e->records[i], e->records[i]->size), 0);
		*now_ns = e->now_ns;
		events_free(e);
	}
}

/* What is remembered of those that are gone has its limits. */
TEST(track_memory, strangers_fill_the_tables_once)
{
	size_t before = __sanitizer_get_current_allocated_bytes(), lines = 0, full, later;
	struct pipeline_config config = { .all = true, .on_line = count_line, .arg = &lines };
	struct pipeline *p = pipeline_new(&config);
	uint64_t now_ns = 0;

	REQUIRE(p);
	feed_strangers(p, 0, &now_ns);
	full = __sanitizer_get_current_allocated_bytes() - before;
	feed_strangers(p, STRANGERS, &now_ns);
	later = __sanitizer_get_current_allocated_bytes() - before;
	test_note("%zu KiB, then %zu KiB, %zu lines", full >> 10, later >> 10, lines);
	CHECK(full <= TABLES_MAX_BYTES);
	CHECK(later <= full + full / 20);
	CHECK(lines >= 2 * STRANGERS);
	pipeline_free(p);
	CHECK_EQ(__sanitizer_get_current_allocated_bytes(), before);
}
