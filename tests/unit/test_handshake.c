/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"
#include "track/handshake.h"
#include "track/session_key.h"

#define KEY "dGhlIHdzdHJhY2Uga2V5IQ=="
#define REQUEST_START "GET /chat?token=secret HTTP/1.1\r\nHost: chat.example\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define END "\r\n"

static const char whole_request[] = REQUEST_START
	"User-Agent: tester/1.0\r\nConnection: keep-alive\r\n" UPGRADE
	"Origin: https://chat.example\r\nCookie: sid=verysecret\r\n"
	"Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
	"Sec-WebSocket-Protocol: chat.v2,chat.v1\r\nsec-websocket-protocol: chat.v0\r\n"
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" END;

/* One chunk of text [from, to) of a head. */
struct piece {
	const char *text;
	size_t from, to;
	bool request;
	uint32_t seq;
	uint8_t flags;
};

static struct wst_http_event event_of(struct piece p)
{
	struct wst_http_event e = {
		.h = { .type = WST_EV_HTTP, .size = sizeof(e), .ts_ns = 1000 + p.from, .cookie = 1 },
		.head_seq = p.seq,
		.offset = (uint32_t)p.from,
		.len = (uint16_t)(p.to - p.from),
		.direction = p.request ? WST_OUT : WST_IN,
		.flags = p.flags | (p.request ? WST_HTTP_REQUEST : WST_HTTP_RESPONSE),
	};

	memcpy(e.data, p.text + p.from, p.to - p.from);
	return e;
}

static int add(struct handshake *hs, struct piece p)
{
	struct wst_http_event e = event_of(p);

	return handshake_add(hs, &e, parts_interns());
}

/* In chunks of `step` bytes. */
static int add_all(struct handshake *hs, const char *text, bool request, uint32_t seq, size_t step)
{
	size_t len = strlen(text), to;
	int result = HANDSHAKE_MORE;

	for (size_t from = 0; from < len; from = to) {
		to = len - from < step ? len : from + step;
		result = add(hs, (struct piece){ text, from, to, request, seq,
						 to == len ? WST_HTTP_LAST : 0 });
		if (to < len)
			CHECK_EQ(result, HANDSHAKE_MORE);
	}
	return result;
}

static int request(struct handshake *hs, const char *text)
{
	return add_all(hs, text, true, 100, WST_HTTP_CHUNK_BYTES);
}

static int response(struct handshake *hs, const char *text)
{
	return add_all(hs, text, false, 900, WST_HTTP_CHUNK_BYTES);
}

static void check_whole_request(const struct handshake *hs)
{
	CHECK(hs->request_seen && !hs->request_cut);
	CHECK_EQ(hs->request_direction, WST_OUT);
	CHECK_EQ(hs->request_ns, 1000);
	CHECK_EQ(hs->request_seq, 100);
	CHECK_STR(hs->path, "/chat");
	CHECK_STR(hs->host, "chat.example");
	CHECK_STR(hs->origin, "https://chat.example");
	CHECK_STR(hs->user_agent, "tester/1.0");
	CHECK_STR(hs->version, "13");
	CHECK_STR(hs->connection, "keep-alive, Upgrade");
	CHECK_STR(hs->subprotocols, "chat.v2, chat.v1, chat.v0");
	CHECK(hs->has_upgrade && hs->has_connection_upgrade && hs->has_key && hs->id_known);
	CHECK(hs->deflate_offered && !hs->http_1_0 && !hs->key_constant);
}

TEST(handshake, request_in_every_split)
{
	size_t len = sizeof(whole_request) - 1;

	for (size_t cut = 0; cut <= len; cut++) {
		struct handshake hs = no_handshake();

		if (cut > WST_HTTP_CHUNK_BYTES || len - cut > WST_HTTP_CHUNK_BYTES)
			continue;
		test_note("cut at %zu", cut);
		if (cut < len)
			CHECK_EQ(add(&hs, (struct piece){ whole_request, 0, cut, true, 100, 0 }),
				 HANDSHAKE_MORE);
		CHECK_EQ(add(&hs, (struct piece){ whole_request, cut == len ? 0 : cut, len, true,
						  100, WST_HTTP_LAST }),
			 HANDSHAKE_REQUEST);
		check_whole_request(&hs);
		CHECK(!hs.partial[WST_OUT]);
		handshake_release(&hs);
	}
}

TEST(handshake, request_in_chunks_of_every_size)
{
	for (size_t step = 1; step <= WST_HTTP_CHUNK_BYTES; step++) {
		struct handshake hs = no_handshake();

		test_note("chunks of %zu", step);
		CHECK_EQ(add_all(&hs, whole_request, true, 100, step), HANDSHAKE_REQUEST);
		check_whole_request(&hs);
		handshake_release(&hs);
	}
}

TEST(handshake, overlapping_and_repeated_chunks)
{
	struct handshake hs = no_handshake();
	size_t len = sizeof(whole_request) - 1;

	CHECK_EQ(add(&hs, (struct piece){ whole_request, 0, 60, true, 100, 0 }), HANDSHAKE_MORE);
	CHECK_EQ(add(&hs, (struct piece){ whole_request, 0, 60, true, 100, 0 }), HANDSHAKE_MORE);
	CHECK_EQ(add(&hs, (struct piece){ whole_request, 20, 90, true, 100, 0 }), HANDSHAKE_MORE);
	CHECK_EQ(add(&hs, (struct piece){ whole_request, 30, 80, true, 100, 0 }), HANDSHAKE_MORE);
	CHECK_EQ(add(&hs, (struct piece){ whole_request, 80, len, true, 100, WST_HTTP_LAST }),
		 HANDSHAKE_REQUEST);
	check_whole_request(&hs);
	/* the whole head again */
	CHECK_EQ(response(&hs, "HTTP/1.1 403 Forbidden\r\n\r\n"), HANDSHAKE_RESPONSE);
	CHECK_EQ(request(&hs, whole_request), HANDSHAKE_IGNORED);
	CHECK_EQ(response(&hs, "HTTP/1.1 403 Forbidden\r\n\r\n"), HANDSHAKE_IGNORED);
	CHECK_EQ(hs.status, 403);
	handshake_release(&hs);
}

TEST(handshake, response)
{
	struct handshake hs = no_handshake();

	request(&hs, whole_request);
	CHECK_EQ(response(&hs, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			       "Sec-WebSocket-Accept: " /* of KEY, by openssl */
			       "19wpsLUUCWGaK4Jio+qA5lG8xzE=\r\n"
			       "Sec-WebSocket-Protocol: chat.v1\r\nServer: nginx/1.22.1\r\n"
			       "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
		 HANDSHAKE_RESPONSE);
	CHECK(hs.response_seen && hs.accept_seen && hs.accept_right);
	CHECK_EQ(hs.status, 101);
	CHECK_EQ(hs.response_seq, 900);
	CHECK_STR(hs.subprotocol, "chat.v1");
	CHECK_STR(hs.server, "nginx/1.22.1");
	CHECK(hs.deflate_agreed);
	CHECK_STR(hs.path, "/chat");
	handshake_release(&hs);
}

/* RFC 6455, 1.3 gives a key and its answer. */
TEST(handshake, accept_of_the_rfc)
{
	static const uint8_t id[16] = { 0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16,
					0x90, 0xf6, 0x46, 0x06, 0xcf, 0x38, 0x59, 0x45 };
	struct handshake hs = no_handshake();

	request(&hs, REQUEST_START UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	CHECK_MEM(hs.session_id, id, 16);
	CHECK(hs.key_constant);
	response(&hs,
		 "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
	CHECK(hs.accept_seen && hs.accept_right);
	handshake_release(&hs);
}

TEST(handshake, wrong_and_missing_accept)
{
	struct handshake wrong = no_handshake(), missing = no_handshake();

	request(&wrong, whole_request);
	response(&wrong,
		 "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
	CHECK(wrong.accept_seen && !wrong.accept_right);
	request(&missing, whole_request);
	CHECK_EQ(response(&missing, "HTTP/1.1 101 X\r\n\r\n"), HANDSHAKE_RESPONSE);
	CHECK(!missing.accept_seen && !missing.accept_right);
}

TEST(handshake, constant_keys)
{
	static const char *const keys[] = {
		"dGhlIHNhbXBsZSBub25jZQ==",
		"SGVsbG8sIHdvcmxkIQ==",
		"x3JJHMbDL1EzLkh9GBhXDw==",
		"AAAAAAAAAAAAAAAAAAAAAA==",
		"not base64",
		"",
		"dG9vIHNob3J0",
		"dGhpcyBrZXkgaXMgdG9vIGxvbmcgdG8gYmUgb25l",
	};
	char text[200];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct handshake hs = no_handshake();

		test_note("%s", keys[i]);
		snprintf(text, sizeof(text), REQUEST_START "Sec-WebSocket-Key: %s\r\n\r\n", keys[i]);
		CHECK_EQ(request(&hs, text), HANDSHAKE_REQUEST);
		CHECK(hs.has_key && hs.key_constant);
		handshake_release(&hs);
	}
}

TEST(handshake, id_from_the_answer_alone)
{
	struct handshake both = no_handshake(), alone = no_handshake(), constant = no_handshake();
	const char *answer = "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: U75xp6C7wEyx7oHqA+pP1H09dgM="
			     "\r\n\r\n";

	request(&both, REQUEST_START UPGRADE "Sec-WebSocket-Key: d3N0cmFjZSB0ZXN0IGtleQ==\r\n\r\n");
	CHECK_EQ(response(&both, answer), HANDSHAKE_RESPONSE);
	CHECK(both.accept_right);
	CHECK_EQ(response(&alone, answer), HANDSHAKE_RESPONSE);
	CHECK(alone.id_known && !alone.has_key && !alone.accept_right && !alone.key_constant);
	CHECK_EQ(alone.request_direction, WST_OUT);
	CHECK_MEM(alone.session_id, both.session_id, 16);
	response(&constant,
		 "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
	CHECK(constant.id_known && constant.key_constant);
}

TEST(handshake, answers_to_nobody_are_ignored)
{
	struct handshake hs = no_handshake();

	CHECK_EQ(response(&hs, "HTTP/1.1 200 OK\r\n\r\n"), HANDSHAKE_IGNORED);
	CHECK_EQ(add_all(&hs, "HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n", false, 901, 512),
		 HANDSHAKE_IGNORED);
	CHECK_EQ(add_all(&hs, "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: short\r\n\r\n", false, 902,
			 512),
		 HANDSHAKE_IGNORED);
	CHECK(!hs.response_seen && !hs.accept_seen);
}

TEST(handshake, headers_that_a_proxy_took_away)
{
	struct handshake no_upgrade = no_handshake(), no_key = no_handshake();

	CHECK_EQ(request(&no_upgrade, "GET /chat HTTP/1.0\r\nHost: backend\r\nConnection: close\r\n"
				      "Sec-WebSocket-Key: " KEY "\r\n\r\n"),
		 HANDSHAKE_REQUEST);
	CHECK(no_upgrade.has_key && !no_upgrade.has_upgrade && no_upgrade.http_1_0);
	CHECK(!no_upgrade.has_connection_upgrade);
	CHECK_STR(no_upgrade.connection, "close");
	CHECK_EQ(request(&no_key, REQUEST_START UPGRADE END), HANDSHAKE_REQUEST);
	CHECK(no_key.has_upgrade && !no_key.has_key && !no_key.id_known);
}

TEST(handshake, ordinary_requests_are_ignored_with_their_answers)
{
	struct handshake hs = no_handshake();

	CHECK_EQ(request(&hs, REQUEST_START END), HANDSHAKE_IGNORED);
	CHECK(hs.other_request);
	CHECK_EQ(response(&hs, "HTTP/1.1 200 OK\r\n\r\n"), HANDSHAKE_IGNORED);
	CHECK_EQ(add_all(&hs, "POST /chat HTTP/1.1\r\n" UPGRADE END, true, 200, 512),
		 HANDSHAKE_IGNORED);
	CHECK_EQ(add_all(&hs, "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", true, 300, 512),
		 HANDSHAKE_IGNORED);
	CHECK(!hs.request_seen && !hs.response_seen);
	/* and then the handshake */
	CHECK_EQ(add_all(&hs, whole_request, true, 400, 512), HANDSHAKE_REQUEST);
	CHECK_EQ(add_all(&hs, "HTTP/1.1 404 X\r\n\r\n", false, 950, 512), HANDSHAKE_RESPONSE);
	CHECK_EQ(hs.status, 404);
	CHECK(!hs.other_request);
}

TEST(handshake, answer_of_a_later_ordinary_request)
{
	struct handshake hs = no_handshake();

	request(&hs, whole_request);
	CHECK_EQ(add_all(&hs, "GET /favicon.ico HTTP/1.1\r\n\r\n", true, 200, 512),
		 HANDSHAKE_IGNORED);
	CHECK_EQ(response(&hs, "HTTP/1.1 404 Not Found\r\n\r\n"), HANDSHAKE_IGNORED);
	CHECK(hs.request_seen && !hs.response_seen);
}

TEST(handshake, interim_answers_are_passed_over)
{
	struct handshake hs = no_handshake();

	request(&hs, whole_request);
	CHECK_EQ(response(&hs, "HTTP/1.1 103 Early Hints\r\n\r\n"), HANDSHAKE_IGNORED);
	CHECK(!hs.response_seen);
	CHECK_EQ(add_all(&hs, "HTTP/1.1 403 Forbidden\r\n\r\n", false, 930, 512),
		 HANDSHAKE_RESPONSE);
	CHECK_EQ(hs.status, 403);
}

TEST(handshake, second_try_replaces_the_first)
{
	struct handshake hs = no_handshake();

	request(&hs, whole_request);
	response(&hs, "HTTP/1.1 401 Unauthorized\r\nServer: x\r\n\r\n");
	CHECK_EQ(add_all(&hs, "GET /again HTTP/1.1\r\n" UPGRADE END, true, 700, 512),
		 HANDSHAKE_REQUEST);
	CHECK_STR(hs.path, "/again");
	CHECK_STR(hs.server, "");
	CHECK_STR(hs.host, "");
	CHECK(!hs.response_seen && !hs.has_key);
}

TEST(handshake, nothing_is_http_after_101)
{
	struct handshake hs = no_handshake();

	request(&hs, whole_request);
	response(&hs, "HTTP/1.1 101 X\r\n\r\n");
	CHECK_EQ(add_all(&hs, "GET /again HTTP/1.1\r\n" UPGRADE END, true, 700, 512),
		 HANDSHAKE_IGNORED);
	CHECK_STR(hs.path, "/chat");
	CHECK_EQ(hs.status, 101);
}

TEST(handshake, lost_chunk_cuts_the_head)
{
	struct handshake hs = no_handshake();
	size_t len = sizeof(whole_request) - 1, key_end;

	key_end = (size_t)(strstr(whole_request, KEY) - whole_request) + sizeof(KEY) + 1;
	add(&hs, (struct piece){ whole_request, 0, key_end, true, 100, 0 });
	CHECK_EQ(add(&hs,
		     (struct piece){ whole_request, key_end + 10, len, true, 100, WST_HTTP_LAST }),
		 HANDSHAKE_REQUEST);
	CHECK(hs.request_cut && hs.has_key);
	CHECK_STR(hs.version, "");
	handshake_release(&hs);
}

TEST(handshake, head_whose_start_was_missed)
{
	struct handshake hs = no_handshake();
	size_t len = sizeof(whole_request) - 1;

	CHECK_EQ(add(&hs, (struct piece){ whole_request, 50, len, true, 100, WST_HTTP_LAST }),
		 HANDSHAKE_IGNORED);
	CHECK(!hs.request_seen && !hs.other_request && !hs.partial[WST_OUT]);
}

TEST(handshake, cut_head_is_read_as_far_as_it_goes)
{
	struct handshake hs = no_handshake(), plain = no_handshake();
	const char *text = REQUEST_START UPGRADE "X-Long: aaaaaaaaaaaaaa";

	CHECK_EQ(add(&hs, (struct piece){ text, 0, strlen(text), true, 100, WST_HTTP_CUT }),
		 HANDSHAKE_REQUEST);
	CHECK(hs.request_cut && hs.has_upgrade);
	text = REQUEST_START "X-Long: aaaaaaaaaaaaaa";
	CHECK_EQ(add(&plain, (struct piece){ text, 0, strlen(text), true, 100, WST_HTTP_CUT }),
		 HANDSHAKE_IGNORED);
}

TEST(handshake, end_of_the_stream_finishes_heads)
{
	struct handshake hs = no_handshake();

	CHECK_EQ(handshake_finish(&hs, true, parts_interns()), HANDSHAKE_MORE);
	CHECK_EQ(request(&hs, REQUEST_START UPGRADE), HANDSHAKE_REQUEST); /* LAST, but no end */
	CHECK(hs.request_cut);
	CHECK_EQ(add(&hs, (struct piece){ "HTTP/1.1 502 Bad Gateway\r\nServer: ng", 0, 37, false,
					  900, 0 }),
		 HANDSHAKE_MORE);
	CHECK_EQ(handshake_finish(&hs, true, parts_interns()), HANDSHAKE_RESPONSE);
	CHECK_EQ(hs.status, 502);
	CHECK(!hs.partial[WST_IN]);
	CHECK_EQ(add(&hs, (struct piece){ "GET /x HTTP/1.1\r\nUpgrade: websocket\r\n", 0, 37, true,
					  1000, 0 }),
		 HANDSHAKE_MORE);
	CHECK_EQ(handshake_finish(&hs, false, parts_interns()), HANDSHAKE_MORE);
	CHECK(!hs.partial[WST_OUT]);
	CHECK_STR(hs.path, "/chat");
}

TEST(handshake, secrets_do_not_pass)
{
	struct handshake hs = no_handshake();

	request(&hs, REQUEST_START UPGRADE
		"Sec-WebSocket-Protocol: k8s.io, base64url.bearer.authorization.k8s.io.SECRETTOKEN\r\n"
		"Cookie: a=secret\r\nAuthorization: Bearer secret\r\n\r\n");
	CHECK_STR(hs.subprotocols, "k8s.io, base64url.bearer.authorization.k*");
	response(&hs, "HTTP/1.1 302 Found\r\n"
		      "Location: https://me:pw@login.example/in?return=/chat&sid=secret\r\n"
		      "Content-Type: text/html\r\n\r\n");
	CHECK_STR(hs.location, "https://login.example/in");
	CHECK_STR(hs.content_type, "text/html");
	for (int i = 0; i < HANDSHAKE_TEXTS; i++)
		CHECK(!strstr(hs.texts[i], "secret") && !strstr(hs.texts[i], "SECRET"));
	handshake_release(&hs);
}

TEST(handshake, long_values_are_cut)
{
	static char text[WST_HTTP_HEAD_BYTES];
	struct handshake hs = no_handshake();
	size_t len;

	len = (size_t)snprintf(text, sizeof(text),
			       "GET /%0700d HTTP/1.1\r\n" UPGRADE "Host: %0900d\r\n\r\n", 7, 8);
	CHECK_EQ(add_all(&hs, text, true, 100, 512), HANDSHAKE_REQUEST);
	CHECK_EQ(strlen(hs.path), HANDSHAKE_TEXT - 1);
	CHECK_EQ(strlen(hs.host), HANDSHAKE_TEXT - 1);
	CHECK(len > 1600);
}

TEST(handshake, nul_bytes_hide_nothing)
{
	struct handshake hs = no_handshake();
	char text[] = "GET /ab HTTP/1.1\r\n" UPGRADE "Host: a.b\r\n\r\n";
	char *dot = strstr(text, "a.b") + 1;
	struct wst_http_event e;

	e = event_of((struct piece){ text, 0, sizeof(text) - 1, true, 100, WST_HTTP_LAST });
	e.data[dot - text] = '\0';
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), HANDSHAKE_REQUEST);
	CHECK_STR(hs.host, "a?b");
}

TEST(handshake, hostile_records)
{
	struct handshake hs = no_handshake();
	struct piece p = { whole_request, 0, 100, true, 100, 0 };
	struct wst_http_event e;

	e = event_of(p);
	e.direction = 2;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	e = event_of(p);
	e.flags = 0;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	e.flags = WST_HTTP_REQUEST | WST_HTTP_RESPONSE;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	e = event_of(p);
	e.len = WST_HTTP_CHUNK_BYTES + 1;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	e = event_of(p);
	e.offset = 0xffffffff;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	e.offset = WST_HTTP_HEAD_BYTES + 1;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	e = event_of(p);
	e.h.size = sizeof(e) - 1;
	CHECK_EQ(handshake_add(&hs, &e, parts_interns()), -EINVAL);
	CHECK(!hs.partial[0] && !hs.partial[1]);
}

/* A head that never ends stops growing. */
TEST(handshake, endless_head)
{
	static char text[WST_HTTP_HEAD_BYTES + WST_HTTP_CHUNK_BYTES];
	struct handshake hs = no_handshake();
	int step = HANDSHAKE_MORE;

	memset(text, 'a', sizeof(text));
	memcpy(text, whole_request, sizeof(whole_request) - 3);
	for (size_t at = 0; at <= WST_HTTP_HEAD_BYTES && step == HANDSHAKE_MORE; at += 512)
		step = add(&hs, (struct piece){ text, at, at + 512, true, 100, 0 });
	CHECK_EQ(step, HANDSHAKE_MORE);
	CHECK_EQ(add(&hs, (struct piece){ text, WST_HTTP_HEAD_BYTES, WST_HTTP_HEAD_BYTES + 512,
					  true, 100, WST_HTTP_CUT }),
		 HANDSHAKE_REQUEST);
	CHECK(hs.request_cut && hs.has_key);
	CHECK(!hs.partial[WST_OUT]);
}
