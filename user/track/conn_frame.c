/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Close frames put together from pieces, and the first frame that breaks the protocol. */
#include <errno.h>
#include <string.h>

#include "track/conn.h"

static bool has_byte(const struct close_frame *f, unsigned int at)
{
	return f->have_map[at / 8] >> at % 8 & 1;
}

static bool header_is_usable(const struct wst_frame_event *e)
{
	bool masked = e->header_len >= 2 && e->header[1] & 0x80;

	return e->header_len >= (masked ? 6 : 2);
}

static void begin_close(struct close_frame *f, const struct wst_frame_event *e)
{
	f->seen = true;
	f->ts_ns = e->h.ts_ns;
	memcpy(f->header, e->header, sizeof(f->header));
	f->header_len = e->header_len;
	f->payload_len = e->payload_len > WST_CONTROL_PAYLOAD_BYTES ? WST_CONTROL_PAYLOAD_BYTES :
								      (uint8_t)e->payload_len;
}

static bool is_same_frame(const struct close_frame *f, const struct wst_frame_event *e)
{
	return !e->header_len ||
	       (e->header_len == f->header_len && !memcmp(e->header, f->header, f->header_len));
}

static void add_payload(struct close_frame *f, const struct wst_frame_event *e)
{
	const uint8_t *key = f->header[1] & 0x80 ? f->header + f->header_len - 4 : NULL;

	for (unsigned int i = 0; i < e->len; i++) {
		unsigned int at = e->offset + i;

		if (at >= f->payload_len || has_byte(f, at))
			continue;
		f->payload[at] = key ? e->data[i] ^ key[at % 4] : e->data[i];
		f->have_map[at / 8] |= (uint8_t)(1 << at % 8);
	}
	while (f->have_bytes < f->payload_len && has_byte(f, f->have_bytes))
		f->have_bytes++;
}

/* RFC 6455, 5.5.1: two bytes of code in network order, then the reason. */
static void read_close(struct close_frame *f)
{
	if (f->have_bytes < 2)
		return;
	f->has_code = true;
	f->code = (uint16_t)(f->payload[0] << 8 | f->payload[1]);
	f->reason_bytes = f->have_bytes - 2;
	memcpy(f->reason, f->payload + 2, f->reason_bytes);
	f->reason[f->reason_bytes] = '\0';
}

static int apply_close(struct conn *c, const struct wst_frame_event *e)
{
	struct close_frame *f = &c->frames->close[e->direction];

	if (!f->seen) {
		if (!header_is_usable(e))
			return -EINVAL; /* without the mask nothing can be read */
		begin_close(f, e);
	} else if (!is_same_frame(f, e)) {
		return 0; /* nothing counts after the first (RFC 6455, 5.5.1) */
	}
	if (e->h.ts_ns < f->ts_ns)
		f->ts_ns = e->h.ts_ns;
	add_payload(f, e);
	read_close(f);
	return 0;
}

/* The status line, as far as it is text. */
static void copy_text(char *to, size_t size, const uint8_t *from, size_t len)
{
	size_t n = 0;

	while (n < len && n < size - 1 && from[n] >= ' ' && from[n] < 0x7f) {
		to[n] = (char)from[n];
		n++;
	}
	to[n] = '\0';
}

static void apply_bad(struct conn *c, const struct wst_frame_event *e)
{
	struct bad_frame *b = &c->frames->bad;

	if (b->kind && b->ts_ns <= e->h.ts_ns)
		return;
	memset(b, 0, sizeof(*b));
	/* a Close frame may be illegal, too */
	b->kind = e->kind == WST_FRAME_HTTP_TEXT ? WST_FRAME_HTTP_TEXT : WST_FRAME_ILLEGAL;
	b->direction = e->direction;
	b->faults = e->faults;
	b->payload_len = e->payload_len;
	memcpy(b->header, e->header, sizeof(b->header));
	b->header_len = e->header_len;
	b->ts_ns = e->h.ts_ns;
	if (e->kind == WST_FRAME_HTTP_TEXT)
		copy_text(b->text, sizeof(b->text), e->data, e->len);
}

int conn_apply_frame(struct conn *c, const struct wst_frame_event *e)
{
	if (e->direction > WST_OUT || e->header_len > sizeof(e->header) ||
	    e->len > sizeof(e->data) || e->offset + e->len > (int)sizeof(e->data))
		return -EINVAL;
	if (e->kind < WST_FRAME_CLOSE || e->kind > WST_FRAME_HTTP_TEXT)
		return -EINVAL;
	if (conn_begin_frames(c))
		return -ENOMEM;
	switch (e->kind) {
	case WST_FRAME_CLOSE:
		if (e->faults)
			apply_bad(c, e);
		return apply_close(c, e);
	case WST_FRAME_ILLEGAL:
	case WST_FRAME_HTTP_TEXT:
		apply_bad(c, e);
		return 0;
	}
	return -EINVAL;
}
