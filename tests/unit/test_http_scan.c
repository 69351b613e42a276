/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <stdint.h>

#include "wstrace/event.h"
#include "wstrace/http_scan.h"

/* Scans until the head ends or the text does; returns the bytes taken. */
static unsigned int scan(struct http_scan *s, const char *text)
{
	unsigned int i = 0;

	http_scan_start(s, 1000, WST_IN);
	while (text[i])
		if (http_scan_byte(s, (uint8_t)text[i++]))
			break;
	return i;
}

TEST(http_scan, head_ends_at_the_empty_line)
{
	struct http_scan s;

	CHECK_EQ(scan(&s, "GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), 24);
	CHECK(s.marks & HTTP_MARK_END);
	CHECK_EQ(s.total, 24);
	CHECK_EQ(scan(&s, "GET / HTTP/1.1\r\nA: b\r\n\r"), 23);
	CHECK(!(s.marks & HTTP_MARK_END));
}

TEST(http_scan, marks_handshakes_in_any_case)
{
	struct http_scan s;

	scan(&s, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
	CHECK_EQ(s.marks, HTTP_MARK_WEBSOCKET | HTTP_MARK_END);
	scan(&s, "GET / HTTP/1.1\r\nUPGRADE: WEBSOCKET\r\n\r\n");
	CHECK_EQ(s.marks, HTTP_MARK_WEBSOCKET | HTTP_MARK_END);
	/* a middlebox removed Upgrade and left this */
	scan(&s, "GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n\r\n");
	CHECK_EQ(s.marks, HTTP_MARK_WEBSOCKET | HTTP_MARK_END);
	scan(&s, "GET / HTTP/1.1\r\nHost: web.socket\r\n\r\n");
	CHECK_EQ(s.marks, HTTP_MARK_END);
}

TEST(http_scan, marks_compression)
{
	struct http_scan s;

	scan(&s, "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
	CHECK(s.marks & HTTP_MARK_DEFLATE);
	scan(&s, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n");
	CHECK(!(s.marks & HTTP_MARK_DEFLATE));
}

TEST(http_scan, reads_the_status)
{
	struct http_scan s;

	scan(&s, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
	CHECK_EQ(s.status, 101);
	scan(&s, "HTTP/1.0 502\r\n\r\n");
	CHECK_EQ(s.status, 502);
}

/* The text before must not leak into a new head on the same connection. */
TEST(http_scan, starts_afresh)
{
	struct http_scan s;

	scan(&s, "GET /websocket HTTP/1.1\r\n\r\n");
	CHECK_EQ(scan(&s, "\r\nGET"), 5);
	CHECK_EQ(s.marks, 0);
	CHECK_EQ(s.head_seq, 1000);
}
