/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "guard.h"
#include "parts.h"
#include "track/conn.h"
#include "track/handshake.h"
#include "track/redact.h"
#include "track/redact_words.h"

static const char
	request[] = "GET /chat?token=secret#x HTTP/1.1\r\n"
		    "Host: chat.example\r\n"
		    "Cookie: sid=secret\r\n"
		    "Authorization: Bearer secret\r\n"
		    "  folded secret\r\n"
		    "X: secret\r\n"
		    "\r secret\r\n"
		    "a secret without a colon\r\n"
		    "Sec-WebSocket-Key: d3N0cmFjZSB0ZXN0IGtleQ==\r\n"
		    "SEC-WEBSOCKET-PROTOCOL: chat, base64url.bearer.authorization.k8s.io.secret, v2\r\n"
		    "Origin: https://chat.example?secret\r\n"
		    "Referer: https://chat.example/secret\r\n"
		    "Upgrade: websocket\r\n"
		    "\r\n";

static const char request_redacted
	[] = "GET /chat?************** HTTP/1.1\r\n"
	     "Host: chat.example\r\n"
	     "Cookie:***********\r\n"
	     "Authorization:**************\r\n"
	     " **************\r\n"
	     "X:*******\r\n"
	     "\r ******\r\n"
	     "a***********************\r\n"
	     "Sec-WebSocket-Key: d3N0cmFjZSB0ZXN0IGtleQ==\r\n"
	     "SEC-WEBSOCKET-PROTOCOL: chat, base64url.bearer.authorization.k************, v2\r\n"
	     "Origin: https://chat.example?******\r\n"
	     "Referer:****************************\r\n"
	     "Upgrade: websocket\r\n"
	     "\r\n";

static struct wst_http_event chunk(const char *text, size_t from, size_t to, bool is_request)
{
	struct wst_http_event e = {
		.h = { .type = WST_EV_HTTP, .size = sizeof(e), .ts_ns = 1, .cookie = 42 },
		.head_seq = 5,
		.offset = (uint32_t)from,
		.len = (uint16_t)(to - from),
		.direction = is_request ? WST_IN : WST_OUT,
		.flags = is_request ? WST_HTTP_REQUEST : WST_HTTP_RESPONSE,
	};

	memset(e.data, 's', sizeof(e.data)); /* of an earlier record */
	memcpy(e.data, text + from, to - from);
	return e;
}

/* Redacts text in chunks of `step` bytes, over itself. */
static void redact_text(struct redactor *r, char *text, size_t step, bool is_request)
{
	size_t len = strlen(text), to;

	for (size_t from = 0; from < len; from = to) {
		struct wst_http_event e;

		to = len - from < step ? len : from + step;
		e = chunk(text, from, to, is_request);
		redact_record(r, &e, sizeof(e));
		memcpy(text + from, e.data, to - from);
		for (size_t i = to - from; i < sizeof(e.data); i++)
			if (e.data[i])
				CHECK(!"bytes behind the chunk were left");
	}
}

static void check(const char *text, const char *expected, bool is_request)
{
	struct redactor *r = redactor_new();
	char copy[1024];

	REQUIRE(r && strlen(text) < sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	redact_text(r, copy, WST_HTTP_CHUNK_BYTES, is_request);
	CHECK_STR(copy, expected);
	redactor_free(r);
}

TEST(redact, request)
{
	CHECK_EQ(strlen(request), strlen(request_redacted));
	check(request, request_redacted, true);
	CHECK(!strstr(request_redacted, "secret"));
}

TEST(redact, request_in_chunks_of_every_size)
{
	for (size_t step = 1; step <= WST_HTTP_CHUNK_BYTES; step++) {
		struct redactor *r = redactor_new();
		char copy[sizeof(request)];

		REQUIRE(r);
		memcpy(copy, request, sizeof(copy));
		redact_text(r, copy, step, true);
		test_note("chunks of %zu", step);
		CHECK_STR(copy, request_redacted);
		redactor_free(r);
	}
}

TEST(redact, response)
{
	check("HTTP/1.1 302 Found\r\nServer: nginx\r\nSet-Cookie: sid=1\r\n"
	      "Location: https://me:pw@login.example/a@b?return=1\r\nContent-Type: text/html\r\n\r\n",
	      "HTTP/1.1 302 Found\r\nServer: nginx\r\nSet-Cookie:******\r\n"
	      "Location: https://*****@login.example/a@b?********\r\nContent-Type: text/html\r\n\r\n",
	      false);
	check("HTTP/1.1 301 X\r\nLocation: //me:pw@host/x\r\nOrigin: /a@b\r\n\r\n",
	      "HTTP/1.1 301 X\r\nLocation: //*****@host/x\r\nOrigin: /a@b\r\n\r\n", false);
}

TEST(redact, targets)
{
	check("GET http://me:pw@host/a@b?q HTTP/1.1\r\n",
	      "GET http://*****@host/a@b?* HTTP/1.1\r\n", true);
	check("GET /a//b@c/d HTTP/1.0\n", "GET /a//b@c/d HTTP/1.0\n", true);
	check("GET /a?b c d HTTP/1.1\r\n", "GET /a?* * * HTTP/1.1\r\n", true);
	check("GET /a b HTTP/1.1\r\n", "GET /a * HTTP/1.1\r\n", true);
	check("GET /a HTTP/1.1 x\r\n", "GET /a HTTP/1.1 *\r\n", true);
	check("GET /a?b HTTP/1.1x HTTP/1.0\r\n", "GET /a?* HTTP/1.1* HTTP/1.0\r\n", true);
	check("GET /a;jsessionid=1F;x?b HTTP/1.1\r\n", "GET /a;***************?* HTTP/1.1\r\n",
	      true);
	check("GET /a;v=1/b;c/d HTTP/1.1\r\n", "GET /a;***/b;*/d HTTP/1.1\r\n", true);
	check("HTTP/1.1 302 X\r\nLocation: /login;sid=1\r\nServer: a;b\r\n",
	      "HTTP/1.1 302 X\r\nLocation: /login;*****\r\nServer: a;b\r\n", false);
}

/* The whole password may be gone before its '@' comes: then so is the host in front. */
TEST(redact, password_in_two_records)
{
	static const char
		text[] = "HTTP/1.1 302 Found\r\nLocation: https://me:secret@host/secure\r\n\r\n";
	size_t first = strlen("HTTP/1.1 302 Found\r\nLocation: https://");
	size_t last = first + strlen("me:secret@");

	for (size_t cut = first + 1; cut < last; cut++) {
		struct redactor *r = redactor_new();
		struct wst_http_event one = chunk(text, 0, cut, false);
		struct wst_http_event two = chunk(text, cut, strlen(text), false);

		REQUIRE(r);
		redact_record(r, &one, sizeof(one));
		redact_record(r, &two, sizeof(two));
		for (size_t i = first; i < cut; i++)
			CHECK_EQ(one.data[i], '*');
		for (size_t i = cut; i < last - 1; i++)
			CHECK_EQ(two.data[i - cut], '*');
		CHECK(strstr((const char *)two.data, "host/secure"));
		redactor_free(r);
	}
}

static void check_words(const char *text, const char *expected)
{
	char copy[160];

	REQUIRE(strlen(text) < sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	redact_words((uint8_t *)copy, strlen(copy));
	CHECK_STR(copy, expected);
}

TEST(redact, words)
{
	check_words("token expired, code=4001", "token expired, code=4001");
	check_words("upstream ip-10-0-12-34.eu-west-1.compute.internal gone",
		    "upstream ip-10-0-12-34.eu-west-1.compute.internal gone");
	check_words("graphql-transport-ws, v12.stomp, actioncable-v1-json, ocpp1.6",
		    "graphql-transport-ws, v12.stomp, actioncable-v1-json, ocpp1.6");
	check_words("internationalization unauthorized: reconnect in 1700000000000 ms",
		    "internationalization unauthorized: reconnect in 1700000000000 ms");
	check_words("bad eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.S-fl_K",
		    "bad ************************************");
	check_words("access_token=abc&room=1, Bearer abc, key=",
		    "access_token=***&room=1, Bearer ***, key=");
	check_words("see /login?next=/a&t=1 now", "see /login?****=**&*=* now");
	check_words("session 550e8400-e29b-41d4-a716-446655440000!",
		    "session ************************************!");
	check_words("chat, 0123456789abcdef0123456789abcdef",
		    "chat, ********************************");
	check_words("", "");
}

/* Through the mask of a client, and in pieces. */
TEST(redact, reason_of_a_close_frame)
{
	struct redactor *r = redactor_new();
	struct events *e = events_new();
	struct wst_frame_event *f = ev_close(e, &SERVER, true, 1008, "denied token=hunter2 again");
	struct conn *c = lone_conn();

	REQUIRE(r);
	redact_record(r, f, sizeof(*f));
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), 0);
	events_free(e);
	CHECK_EQ(c->frames->close[WST_IN].code, 1008);
	CHECK_STR(c->frames->close[WST_IN].reason, "denied token=******* again");
	lone_conn_free(c);
	redactor_free(r);
}

/* A reader of the redacted head sees what a reader of the head sees. */
TEST(redact, nothing_that_matters_is_lost)
{
	struct redactor *r = redactor_new();
	struct handshake plain = no_handshake(), redacted = no_handshake();
	struct wst_http_event e = chunk(request, 0, 200, true), rest;

	REQUIRE(r);
	rest = chunk(request, 200, sizeof(request) - 1, true);
	CHECK_EQ(handshake_add(&plain, &e, parts_interns()), HANDSHAKE_MORE);
	CHECK_EQ(handshake_add(&plain, &rest, parts_interns()), HANDSHAKE_REQUEST);
	redact_record(r, &e, sizeof(e));
	redact_record(r, &rest, sizeof(rest));
	CHECK_EQ(handshake_add(&redacted, &e, parts_interns()), HANDSHAKE_MORE);
	CHECK_EQ(handshake_add(&redacted, &rest, parts_interns()), HANDSHAKE_REQUEST);
	CHECK_STR(redacted.path, plain.path);
	CHECK_STR(redacted.host, plain.host);
	CHECK_STR(redacted.subprotocols, plain.subprotocols);
	CHECK(redacted.has_upgrade && plain.has_upgrade);
	CHECK_MEM(redacted.session_id, plain.session_id, 16);
	redactor_free(r);
}

/* In the middle of who knows what: hidden up to the next line. */
TEST(redact, lost_thread)
{
	struct redactor *r = redactor_new();
	const char *text = "GET /?secret HTTP/1.1\r\nCookie: secret\r\nHost: h\r\n\r\n";
	struct wst_http_event e;

	REQUIRE(r);
	/* the start is missing */
	e = chunk(text, 6, strlen(text), true);
	redact_record(r, &e, sizeof(e));
	CHECK(!memcmp(e.data, "***************\r\nCookie:*******\r\nHost: h\r\n\r\n", 43));
	/* a chunk between two is missing */
	e = chunk(text, 0, 8, true);
	redact_record(r, &e, sizeof(e));
	e = chunk(text, 32, strlen(text), true);
	redact_record(r, &e, sizeof(e));
	CHECK(!memcmp(e.data, "*****\r\nHost: h", 14));
	/* of another head */
	e = chunk(text, 0, 30, true);
	redact_record(r, &e, sizeof(e));
	e = chunk(text, 30, strlen(text), true);
	e.head_seq++;
	redact_record(r, &e, sizeof(e));
	CHECK(!memcmp(e.data, "*******\r\nHost: h", 16));
	redactor_free(r);
}

TEST(redact, streams_do_not_mix)
{
	struct redactor *r = redactor_new();
	struct wst_http_event a, b;

	REQUIRE(r);
	for (size_t at = 0; at < sizeof(request) - 1; at += 10) {
		size_t to = at + 10 < sizeof(request) - 1 ? at + 10 : sizeof(request) - 1;

		for (uint64_t cookie = 1; cookie <= 20; cookie++) {
			a = chunk(request, at, to, true);
			a.h.cookie = cookie;
			a.direction = cookie & 1;
			redact_record(r, &a, sizeof(a));
			b = chunk(request_redacted, at, to, true);
			CHECK_MEM(a.data, b.data, to - at);
		}
	}
	redactor_free(r);
}

TEST(redact, hostile_records)
{
	struct redactor *r = redactor_new();
	struct wst_http_event e = chunk(request, 0, 100, true);

	REQUIRE(r);
	for (size_t len = 0; len <= sizeof(e); len++) {
		uint8_t *copy = guarded_copy(&e, len);

		redact_record(r, copy, len);
		for (size_t i = sizeof(e.h); i + 6 < len; i++)
			CHECK(memcmp(copy + i, "secret", 6));
		guarded_free(copy, len);
	}
	e = chunk(request, 0, 100, true);
	e.len = 60000;
	redact_record(r, &e, sizeof(e));
	CHECK_EQ(e.data[4], 0);
	e = chunk(request, 0, 100, true);
	e.direction = 9;
	redact_record(r, &e, sizeof(e));
	CHECK_EQ(e.data[4], 0);
	e = chunk(request, 0, 100, true);
	e.h.size = 30;
	redact_record(r, &e, sizeof(e));
	CHECK_EQ(e.data[4], 0);
	redactor_free(r);
}

TEST(redact, other_records_are_left_alone)
{
	struct redactor *r = redactor_new();
	struct wst_frame_event f = { .h = { .type = WST_EV_FRAME, .size = sizeof(f) } }, same;

	REQUIRE(r);
	memset(f.data, 'x', sizeof(f.data));
	same = f;
	redact_record(r, &f, sizeof(f));
	CHECK_MEM(&f, &same, sizeof(f));
	redactor_free(r);
}

/* Is the query said to have a parameter sid, in whatever pieces it comes? */
static bool finds_sid(const char *target, size_t step)
{
	struct redactor *r = redactor_new();
	struct handshake hs = no_handshake();
	char text[256];
	bool found;

	REQUIRE(r);
	snprintf(text, sizeof(text),
		 "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Key: d3N0cmFjZSB0ZXN0IGtleQ==\r\n\r\n",
		 target);
	for (size_t from = 0, len = strlen(text); from < len; from += step) {
		struct wst_http_event e = chunk(text, from, from + step < len ? from + step : len,
						true);

		redact_record(r, &e, sizeof(e));
		CHECK(!strstr((const char *)e.data, "sid"));
		CHECK(handshake_add(&hs, &e, parts_interns()) >= 0);
	}
	CHECK(hs.request_seen);
	found = hs.has_sid;
	handshake_release(&hs);
	redactor_free(r);
	return found;
}

TEST(redact, a_session_in_the_query_is_told_not_shown)
{
	for (size_t step = 1; step < 200; step++) {
		CHECK(finds_sid("/socket.io/?EIO=4&transport=websocket&sid=abc", step));
		CHECK(finds_sid("/?sid=", step));
		CHECK(!finds_sid("/socket.io/?EIO=4&mysid=1&a=sid=&sidx=2&si=3", step));
		CHECK(!finds_sid("/chat?token=x", step));
	}
}
