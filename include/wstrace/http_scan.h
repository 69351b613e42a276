/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Looks at an HTTP/1.x head byte by byte, in any cut: is it a WebSocket handshake, and where does
 * it end? No text is kept. Pure; compiled by both sides (user space reads the fields with
 * http_upgrade.h).
 */
#ifndef WSTRACE_HTTP_SCAN_H
#define WSTRACE_HTTP_SCAN_H

#include "wstrace/limits.h"
#include "wstrace/types.h"

enum http_scan_mark {
	/* "websocket" in any case: Upgrade: websocket or Sec-WebSocket-... */
	HTTP_MARK_WEBSOCKET = 1 << 0,
	HTTP_MARK_DEFLATE = 1 << 1, /* "-deflate": a compression extension */
	HTTP_MARK_END = 1 << 2, /* the empty line was seen */
	HTTP_MARK_ANSWER = 1 << 3, /* set by the caller: a response */
};

struct http_scan {
	__u64 window; /* last eight bytes, newest lowest */
	__u32 head_seq;
	__u32 next_seq; /* of the first byte not scanned yet */
	__u16 total; /* bytes scanned */
	__u16 status; /* of a response, once 12 bytes were scanned */
	__u8 marks; /* enum http_scan_mark */
	__u8 active;
	__u8 direction; /* enum wst_direction */
	__u8 emitted; /* its chunks are being sent to user space */
};

#define HTTP_SCAN_LOWER 0x2020202020202020ull
/* eight bytes as http_scan.window has them, upper case letters folded */
#define HTTP_SCAN_EBSOCKET 0x6562736f636b6574ull /* "ebsocket" */
#define HTTP_SCAN_DEFLATE 0x2d6465666c617465ull /* "-deflate" */

#define HTTP_SCAN_SEVEN 0x00ffffffffffffffull
#define HTTP_SCAN_SESSION 0x0073657373696f6eull /* "session" */

/* Do the last bytes of the window read "session", in any case? */
static __always_inline int http_scan_is_session(__u64 window)
{
	return ((window | HTTP_SCAN_LOWER) & HTTP_SCAN_SEVEN) == HTTP_SCAN_SESSION;
}

static __always_inline void http_scan_start(struct http_scan *s, __u32 seq, __u8 direction)
{
	wst_memset(s, 0, sizeof(*s));
	s->head_seq = seq;
	s->next_seq = seq;
	s->direction = direction;
	s->active = 1;
}

/* One byte. Returns 1 when it ends the head. */
static __always_inline int http_scan_byte(struct http_scan *s, __u8 byte)
{
	__u64 folded;

	s->window = s->window << 8 | byte;
	folded = s->window | HTTP_SCAN_LOWER;
	if (folded == HTTP_SCAN_EBSOCKET)
		s->marks |= HTTP_MARK_WEBSOCKET;
	if (folded == HTTP_SCAN_DEFLATE)
		s->marks |= HTTP_MARK_DEFLATE;
	/* "HTTP/1.1 101": the digits are bytes 9 to 11 */
	if (s->total >= 9 && s->total < 12)
		s->status = s->status * 10 + (byte & 0xf);
	s->total++;
	if ((__u32)s->window == 0x0d0a0d0a) {
		s->marks |= HTTP_MARK_END;
		return 1;
	}
	return 0;
}

#endif
