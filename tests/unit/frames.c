/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "frames.h"

#include "guard.h"
#include "test.h"

#include <stdlib.h>

struct stream *stream_new(bool from_client)
{
	struct stream *s = calloc(1, sizeof(*s));

	REQUIRE(s);
	s->from_client = from_client;
	return s;
}

void stream_free(struct stream *s)
{
	free(s);
}

static void put(struct stream *s, uint8_t byte)
{
	REQUIRE(s->len < STREAM_BYTES);
	s->bytes[s->len++] = byte;
}

static const uint8_t mask_key[4] = { 0x81, 0x85, 0x88, 0x82 };

void stream_header(struct stream *s, uint8_t first, uint64_t payload_len)
{
	uint8_t mask_bit = s->from_client ? 0x80 : 0;
	int extended = payload_len < 126 ? 0 : payload_len < 65536 ? 2 : 8;

	put(s, first);
	put(s, mask_bit | (extended == 8 ? 127 : extended ? 126 : (uint8_t)payload_len));
	while (extended--)
		put(s, (uint8_t)(payload_len >> 8 * extended));
	for (unsigned int i = 0; mask_bit && i < 4; i++)
		put(s, mask_key[i]);
}

void stream_frame(struct stream *s, uint8_t first, uint64_t payload_len)
{
	static const uint8_t text[] = "\x88\x02\x03\xe8\x81\x05HTTP/1.1 ";

	stream_header(s, first, payload_len);
	for (uint64_t i = 0; i < payload_len; i++)
		put(s, text[i % (sizeof(text) - 1)]);
}

void stream_close(struct stream *s, uint16_t code, const char *reason)
{
	uint8_t payload[WST_CONTROL_PAYLOAD_BYTES] = { (uint8_t)(code >> 8), (uint8_t)code };
	size_t len = 2 + strlen(reason);

	REQUIRE(len <= sizeof(payload));
	memcpy(payload + 2, reason, len - 2);
	stream_header(s, 0x88, len);
	for (size_t i = 0; i < len; i++)
		put(s, payload[i] ^ (s->from_client ? mask_key[i % 4] : 0));
}

struct walking *walking_new(const struct stream *s, uint32_t seq, bool deflate)
{
	struct walking *w = calloc(1, sizeof(*w));

	REQUIRE(w);
	w->seq = seq;
	ws_walk_start(&w->walk, seq, s->from_client, deflate);
	return w;
}

void walking_free(struct walking *w)
{
	free(w);
}

void walking_segment(struct walking *w, const struct stream *s, uint32_t from, uint32_t to)
{
	uint8_t *copy;

	if (from == to)
		return;
	copy = guarded_copy(s->bytes + from, to - from);
	walk_feed(&w->walk, &w->log, w->seq + from, copy, to - from, STREAM_NOW_NS);
	guarded_free(copy, to - from);
}

void walking_late_segment(struct walking *w, const struct stream *s, uint32_t from, uint32_t to)
{
	walk_feed_late(&w->walk, &w->log, w->seq + from, s->bytes + from, to - from, STREAM_NOW_NS);
}

void walking_all(struct walking *w, const struct stream *s, uint32_t size)
{
	for (uint32_t at = 0; at < s->len; at += size)
		walking_segment(w, s, at, s->len - at < size ? s->len : at + size);
}

static void check_same_found(const struct walking *a, const struct walking *b, uint32_t i)
{
	const struct walk_found *x = &a->log.found[i], *y = &b->log.found[i];

	CHECK_EQ(x->step, y->step);
	CHECK_EQ(x->faults, y->faults);
	CHECK_EQ(x->seq - a->seq, y->seq - b->seq);
	CHECK_EQ(x->frame.opcode, y->frame.opcode);
	CHECK_EQ(x->frame.payload_len, y->frame.payload_len);
}

void walking_check_same(const struct walking *a, const struct walking *b)
{
	CHECK_EQ(a->log.count, b->log.count);
	for (uint32_t i = 0; i < a->log.count && i < b->log.count && i < WALK_LOG_MAX; i++)
		check_same_found(a, b, i);
	CHECK_EQ(a->log.close_len, b->log.close_len);
	CHECK_MEM(a->log.close, b->log.close, sizeof(a->log.close));
	CHECK_MEM(&a->walk.facts, &b->walk.facts, sizeof(a->walk.facts));
	CHECK_EQ(a->walk.phase, b->walk.phase);
}
