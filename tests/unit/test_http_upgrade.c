/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <string.h>

#include "guard.h"
#include "wstrace/http_upgrade.h"

static const char request[] = "GET /chat?room=1&token=secret HTTP/1.1\r\n"
			      "Host: chat.example:8080\r\n"
			      "Upgrade: websocket\r\n"
			      "Connection: keep-alive, Upgrade\r\n"
			      "X-Folded: one\r\n"
			      "\ttwo\r\n"
			      "Empty:\r\n"
			      "Sec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ== \r\n"
			      "\r\n";

static const char response[] = "HTTP/1.1 101 Switching Protocols\r\n"
			       "upgrade: WebSocket\r\n"
			       "\r\n";

static struct http_span span(const char *text)
{
	return (struct http_span){ (const __u8 *)text, (__u32)strlen(text) };
}

static bool same(struct http_span s, const char *text)
{
	return s.len == strlen(text) && (!s.len || !memcmp(s.at, text, s.len));
}

static int head_len(const char *text, size_t len)
{
	uint8_t *copy = guarded_copy(text, len);
	int used = http_head_len(copy, (__u32)len);

	guarded_free(copy, len);
	return used;
}

static int start_of(const char *text, struct http_start *ret)
{
	return http_read_start((const __u8 *)text, (__u32)strlen(text), ret);
}

TEST(http_upgrade, every_prefix_is_partial)
{
	for (size_t len = 0; len < sizeof(request) - 1; len++) {
		test_note("request cut to %zu", len);
		CHECK_EQ(head_len(request, len), HTTP_PARTIAL);
	}
	for (size_t len = 0; len < sizeof(response) - 1; len++) {
		test_note("response cut to %zu", len);
		CHECK_EQ(head_len(response, len), HTTP_PARTIAL);
	}
}

TEST(http_upgrade, whole_head_is_consumed)
{
	char more[sizeof(request) + 20];

	CHECK_EQ(head_len(request, sizeof(request) - 1), sizeof(request) - 1);
	CHECK_EQ(head_len(response, sizeof(response) - 1), sizeof(response) - 1);
	memcpy(more, request, sizeof(request) - 1);
	memcpy(more + sizeof(request) - 1, "\x81\x85\r\n\r\nframes", 13);
	CHECK_EQ(head_len(more, sizeof(request) + 12), sizeof(request) - 1);
	CHECK_EQ(head_len("GET / HTTP/1.1\n\n", 16), 16);
}

TEST(http_upgrade, start_of_request)
{
	struct http_start start;

	CHECK_EQ(start_of(request, &start), 40);
	CHECK(same(start.method, "GET"));
	CHECK(same(start.target, "/chat?room=1&token=secret"));
	CHECK_EQ(start.minor, 1);
	CHECK_EQ(start.status, 0);
	CHECK_EQ(start_of("GET /x HTTP/1.0\n", &start), 16);
	CHECK_EQ(start.minor, 0);
	CHECK_EQ(start_of("M-SEARCH * HTTP/1.1\r\n", &start), 21);
	CHECK(same(start.method, "M-SEARCH"));
}

TEST(http_upgrade, start_of_response)
{
	struct http_start start;

	CHECK_EQ(start_of(response, &start), 34);
	CHECK_EQ(start.status, 101);
	CHECK_EQ(start.minor, 1);
	CHECK_EQ(start.method.len, 0);
	CHECK_EQ(start_of("HTTP/1.0 502\r\n", &start), 14);
	CHECK_EQ(start.status, 502);
	CHECK_EQ(start.minor, 0);
	CHECK_EQ(start_of("HTTP/1.1 404 \r\n", &start), 15);
	CHECK_EQ(start.status, 404);
}

TEST(http_upgrade, nonsense_is_invalid)
{
	static const char *const starts[] = {
		"\x16\x03\x01\x02",
		"get / HTTP/1.1\r\n",
		" GET / HTTP/1.1\r\n",
		"GET /\r\n",
		"GET / HTTP/2.0\r\n",
		"GET  HTTP/1.1\r\n",
		"GET / HTTP/1.x\r\n",
		"HTTP/1.1 1o1 X\r\n",
		"HTTP/1.1 000 X\r\n",
		"HTTP/1.1 1011 X\r\n",
		"HTTP/1.1\r\n",
		"HTTP/1.1 10\r\n",
		"\r\n",
		"HTTP/1.\r\n",
		"GET\r\n",
		"ABCDEFGHIJKLMNOPQRSTU ",
		"GET / HTTP/1.1 more\r\n",
	};
	struct http_start start;

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		test_note("%s", starts[i]);
		CHECK_EQ(start_of(starts[i], &start), HTTP_INVALID);
	}
}

TEST(http_upgrade, fields)
{
	const __u8 *at = (const __u8 *)request + 40, *end = (const __u8 *)request + sizeof(request);
	static const struct {
		const char *name, *value;
		int line;
	} expected[] = {
		{ "Host", "chat.example:8080", HTTP_LINE_FIELD },
		{ "Upgrade", "websocket", HTTP_LINE_FIELD },
		{ "Connection", "keep-alive, Upgrade", HTTP_LINE_FIELD },
		{ "X-Folded", "one", HTTP_LINE_FIELD },
		{ "", "two", HTTP_LINE_FOLD },
		{ "Empty", "", HTTP_LINE_FIELD },
		{ "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", HTTP_LINE_FIELD },
		{ "", "", HTTP_LINE_END },
	};
	struct http_field f;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		int used = http_read_field(at, (__u32)(end - at), &f);

		REQUIRE(used > 0);
		test_note("line %zu", i);
		CHECK(same(f.name, expected[i].name));
		CHECK(same(f.value, expected[i].value));
		CHECK_EQ(f.line, expected[i].line);
		at += used;
	}
}

TEST(http_upgrade, lines_that_are_no_header)
{
	static const char *const lines[] = { "no colon\n", ": no name\n", "bad name: x\n",
					     "tab\tname: x\n" };
	struct http_field f;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct http_span s = span(lines[i]);

		test_note("%s", lines[i]);
		CHECK_EQ(http_read_field(s.at, s.len, &f), HTTP_INVALID);
		CHECK_EQ(http_skip_line(s.at, s.len), s.len);
		CHECK_EQ(http_read_field(s.at, s.len - 1, &f), HTTP_PARTIAL);
	}
	CHECK_EQ(head_len("GET / HTTP/1.1\nno colon\n\n", 25), 25);
}

TEST(http_upgrade, lists)
{
	CHECK(http_list_has(span("keep-alive, Upgrade"), "upgrade"));
	CHECK(http_list_has(span("UPGRADE"), "upgrade"));
	CHECK(http_list_has(span(",, upgrade ,"), "upgrade"));
	CHECK(!http_list_has(span("upgraded"), "upgrade"));
	CHECK(!http_list_has(span("upgrad"), "upgrade"));
	CHECK(!http_list_has(span(""), "upgrade"));
	CHECK(http_list_has(span("foo, permessage-deflate; client_max_window_bits"),
			    "permessage-deflate"));
	CHECK(!http_list_has(span("x-permessage-deflate"), "permessage-deflate"));
}

TEST(http_upgrade, paths)
{
	static const char *const rows[][2] = {
		{ "/chat?token=1", "/chat" },
		{ "/chat#here", "/chat" },
		{ "/", "/" },
		{ "?x", "" },
		{ "*", "*" },
		{ "http://user:pw@host:8080/chat?x", "/chat" },
		{ "http://host", "/" },
		{ "http://host?x=/y", "/" },
		{ "/a//b", "/a//b" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_note("%s", rows[i][0]);
		CHECK(same(http_path_of(span(rows[i][0])), rows[i][1]));
	}
}

TEST(http_upgrade, names)
{
	CHECK_EQ(http_name_of(span("HOST")), HTTP_HOST);
	CHECK_EQ(http_name_of(span("sec-websocket-KEY")), HTTP_WS_KEY);
	CHECK_EQ(http_name_of(span("Sec-WebSocket-Accept")), HTTP_WS_ACCEPT);
	CHECK_EQ(http_name_of(span("Sec-WebSocket-Version")), HTTP_WS_VERSION);
	CHECK_EQ(http_name_of(span("Sec-WebSocket-Protocol")), HTTP_WS_PROTOCOL);
	CHECK_EQ(http_name_of(span("Sec-WebSocket-Extensions")), HTTP_WS_EXTENSIONS);
	CHECK_EQ(http_name_of(span("User-Agent")), HTTP_USER_AGENT);
	CHECK_EQ(http_name_of(span("Connection")), HTTP_CONNECTION);
	CHECK_EQ(http_name_of(span("Upgrade")), HTTP_UPGRADE);
	CHECK_EQ(http_name_of(span("Origin")), HTTP_ORIGIN);
	CHECK_EQ(http_name_of(span("Server")), HTTP_SERVER);
	CHECK_EQ(http_name_of(span("Location")), HTTP_LOCATION);
	CHECK_EQ(http_name_of(span("Content-Type")), HTTP_CONTENT_TYPE);
	CHECK_EQ(http_name_of(span("Cookie")), HTTP_OTHER);
	CHECK_EQ(http_name_of(span("Authorization")), HTTP_OTHER);
	CHECK_EQ(http_name_of(span("")), HTTP_OTHER);
}

/* Every single-byte change of a head: whatever it means, nothing may be read out of bounds. */
TEST(http_upgrade, hostile_bytes)
{
	static const uint8_t bytes[] = { 0, '\r', '\n', ' ', ':', ',', 0x7f, 0xff };
	size_t len = sizeof(request) - 1;

	for (size_t at = 0; at < len; at++) {
		for (size_t b = 0; b < sizeof(bytes); b++) {
			uint8_t *copy = guarded_copy(request, len);
			int used;

			copy[at] = bytes[b];
			used = http_head_len(copy, (__u32)len);
			CHECK(used == HTTP_PARTIAL || used == HTTP_INVALID ||
			      (used > 0 && used <= (int)len));
			guarded_free(copy, len);
		}
	}
}
