/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walking in order: any cut, retransmissions and overlaps, sequence wrap. What is lost: test_ws_walk_loss.c */
#include "frames.h"
#include "test.h"

/* A message in three fragments with a ping inside, all lengths' encodings, a Close: every kind of header once. */
static struct stream *make_talk(bool from_client)
{
	struct stream *s = stream_new(from_client);

	stream_frame(s, 0x81, 5);
	stream_frame(s, 0x81, 0);
	stream_frame(s, 0x02, 126);
	stream_frame(s, 0x89, 4);
	stream_frame(s, 0x00, 1);
	stream_frame(s, 0x80, 125);
	stream_frame(s, 0x8a, 4);
	stream_frame(s, 0x82, 300);
	stream_close(s, 1001, "going away");
	return s;
}

static void check_talk(const struct walking *w)
{
	const struct wst_walk_facts *f = &w->walk.facts;
	static const uint32_t frames[6] = { 2, 2, 2, 1, 1, 1 };

	for (int i = 0; i < 6; i++)
		CHECK_EQ(f->frames[i], frames[i]);
	CHECK_EQ(f->payload_bytes, 5 + 126 + 4 + 1 + 125 + 4 + 300 + 12);
	CHECK_EQ(f->largest_frame_bytes, 300);
	CHECK_EQ(f->flags, WST_WALK_ON | WST_WALK_STOPPED);
	CHECK_EQ(f->losses, 0);
	CHECK_EQ(f->last_ping_ns, STREAM_NOW_NS);
	CHECK_EQ(f->last_pong_ns, STREAM_NOW_NS);
	CHECK_EQ(f->last_data_ns, STREAM_NOW_NS);
	CHECK_EQ(w->log.count, 9);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(w->log.found[i].step, WS_STEP_FRAME);
	CHECK_EQ(w->log.found[8].step, WS_STEP_CLOSE);
	CHECK_EQ(w->log.close_len, 12);
	CHECK_EQ(w->walk.phase, WS_WALK_DONE);
}

/* What a walk over one segment says, which check_talk() has verified, is what any other cut has to say. */
static struct walking *walk_whole(const struct stream *s, uint32_t seq)
{
	struct walking *w = walking_new(s, seq, false);

	walking_segment(w, s, 0, s->len);
	check_talk(w);
	return w;
}

static void check_every_cut_in_two(bool from_client)
{
	struct stream *s = make_talk(from_client);
	struct walking *whole = walk_whole(s, 1000);

	for (uint32_t cut = 1; cut < s->len; cut++) {
		struct walking *w = walking_new(s, 1000, false);

		test_note("from_client %d, cut at %u", from_client, cut);
		walking_segment(w, s, 0, cut);
		walking_segment(w, s, cut, s->len);
		walking_check_same(w, whole);
		walking_free(w);
	}
	walking_free(whole);
	stream_free(s);
}

TEST(ws_walk, every_cut_in_two)
{
	check_every_cut_in_two(false);
	check_every_cut_in_two(true);
}

TEST(ws_walk, every_segment_size)
{
	struct stream *s = make_talk(true);
	struct walking *whole = walk_whole(s, 1000);

	for (uint32_t size = 1; size < s->len; size++) {
		struct walking *w = walking_new(s, 1000, false);

		test_note("segments of %u bytes", size);
		walking_all(w, s, size);
		walking_check_same(w, whole);
		walking_free(w);
	}
	walking_free(whole);
	stream_free(s);
}

TEST(ws_walk, every_cut_in_three_of_a_64_bit_header)
{
	struct stream *s = stream_new(true);
	struct walking *whole;

	stream_frame(s, 0x82, 65536);
	stream_frame(s, 0x81, 3);
	whole = walking_new(s, 7, false);
	walking_segment(whole, s, 0, s->len);
	CHECK_EQ(whole->walk.facts.frames[1], 1);
	CHECK_EQ(whole->walk.facts.frames[2], 1);
	CHECK_EQ(whole->walk.facts.largest_frame_bytes, 65536);
	for (uint32_t a = 1; a < WS_HEADER_MAX; a++) {
		for (uint32_t b = a + 1; b <= WS_HEADER_MAX; b++) {
			struct walking *w = walking_new(s, 7, false);

			test_note("cuts at %u and %u", a, b);
			walking_segment(w, s, 0, a);
			walking_segment(w, s, a, b);
			walking_segment(w, s, b, s->len);
			walking_check_same(w, whole);
			walking_free(w);
		}
	}
	walking_free(whole);
	stream_free(s);
}

TEST(ws_walk, sequence_wraps_anywhere)
{
	struct stream *s = make_talk(true);
	struct walking *whole = walk_whole(s, 1000);

	for (uint32_t before = 1; before < s->len; before++) {
		struct walking *w = walking_new(s, 0u - before, false);

		test_note("wraps after %u bytes", before);
		walking_all(w, s, 7);
		walking_check_same(w, whole);
		walking_free(w);
	}
	walking_free(whole);
	stream_free(s);
}

TEST(ws_walk, every_segment_sent_twice)
{
	struct stream *s = make_talk(true);
	struct walking *whole = walk_whole(s, 1000);

	for (uint32_t size = 1; size < 40; size++) {
		struct walking *w = walking_new(s, 1000, false);

		test_note("segments of %u bytes", size);
		for (uint32_t at = 0; at < s->len; at += size) {
			uint32_t end = at + size < s->len ? at + size : s->len;

			walking_segment(w, s, at, end);
			walking_segment(w, s, at, end);
		}
		walking_check_same(w, whole);
		walking_free(w);
	}
	walking_free(whole);
	stream_free(s);
}

/* Go-back-N: a retransmission starts earlier and reaches further than what went before. */
TEST(ws_walk, overlapping_segments)
{
	struct stream *s = make_talk(false);
	struct walking *whole = walk_whole(s, 1000);

	for (uint32_t back = 1; back < 60; back++) {
		struct walking *w = walking_new(s, 1000, false);

		test_note("%u bytes again", back);
		for (uint32_t at = 0; at < s->len; at += 13)
			walking_segment(w, s, at > back ? at - back : 0,
					at + 13 < s->len ? at + 13 : s->len);
		walking_check_same(w, whole);
		walking_free(w);
	}
	walking_free(whole);
	stream_free(s);
}

TEST(ws_walk, a_late_old_segment_changes_nothing)
{
	struct stream *s = make_talk(true);
	struct walking *whole = walk_whole(s, 1000), *w = walking_new(s, 1000, false);

	for (uint32_t at = 0; at < s->len; at += 11) {
		walking_segment(w, s, at, at + 11 < s->len ? at + 11 : s->len);
		walking_segment(w, s, 0, 11);
		walking_segment(w, s, at / 2, at / 2 + 1);
	}
	walking_check_same(w, whole);
	walking_free(w);
	walking_free(whole);
	stream_free(s);
}

/* Payload beyond 2^31 cannot be compared in one go: the walk hops. Only the segments' lengths matter, their bytes do not. */
TEST(ws_walk, frame_of_5_gib)
{
	const uint64_t payload = 5ull << 30;
	struct stream *s = stream_new(false);
	struct walking *w = walking_new(s, 0xfffffff0u, false);
	static const uint8_t zeros[65536];
	uint32_t seq;

	stream_header(s, 0x82, payload);
	walking_segment(w, s, 0, s->len);
	seq = w->seq + s->len;
	for (uint64_t sent = 0; sent < payload; sent += sizeof(zeros)) {
		walk_feed(&w->walk, &w->log, seq, zeros, sizeof(zeros), STREAM_NOW_NS);
		seq += sizeof(zeros);
	}
	walk_feed(&w->walk, &w->log, seq, (const uint8_t *)"\x88\x00", 2, STREAM_NOW_NS);
	REQUIRE(w->log.count == 2);
	CHECK_EQ(w->log.found[0].frame.payload_len, payload);
	CHECK_EQ(w->log.found[1].step, WS_STEP_CLOSE);
	CHECK_EQ(w->walk.facts.losses, 0);
	CHECK_EQ(w->walk.facts.largest_frame_bytes, payload);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk, close_payload_in_pieces)
{
	struct stream *s = stream_new(false);

	stream_close(s, 1011,
		     "the longest reason that fits is one hundred and twenty three bytes long, "
		     "and this one has just that number, counted twice.!");
	CHECK_EQ(s->len, 2 + 125);
	for (uint32_t size = 1; size <= s->len; size++) {
		struct walking *w = walking_new(s, 1, false);

		test_note("pieces of %u bytes", size);
		walking_all(w, s, size);
		CHECK_EQ(w->log.close_len, 125);
		CHECK_MEM(w->log.close, s->bytes + 2, 125);
		CHECK_EQ(w->walk.phase, WS_WALK_DONE);
		walking_free(w);
	}
	stream_free(s);
}

TEST(ws_walk, nothing_is_read_after_a_close)
{
	struct stream *s = stream_new(false);
	struct walking *w = walking_new(s, 1, false);

	stream_frame(s, 0x88, 0);
	stream_frame(s, 0x81, 5);
	walking_all(w, s, s->len);
	CHECK_EQ(w->log.count, 1);
	CHECK_EQ(w->log.found[0].step, WS_STEP_CLOSE);
	CHECK_EQ(w->walk.facts.frames[1], 0);
	CHECK_EQ(w->walk.phase, WS_WALK_DONE);
	walking_free(w);
	stream_free(s);
}

/* Walks one frame after a legal one; returns what it was. */
static struct walk_found walk_bad_frame(bool from_client, bool deflate, const char *bytes,
					uint32_t len, struct ws_walk *ret)
{
	struct stream *s = stream_new(from_client);
	struct walking *w = walking_new(s, 1, deflate);
	struct walk_found found;

	stream_frame(s, 0x81, 2);
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
	stream_frame(s, 0x8a, 0);
	walking_all(w, s, s->len);
	REQUIRE(w->log.count >= 2);
	found = w->log.found[1];
	*ret = w->walk;
	walking_free(w);
	stream_free(s);
	return found;
}

TEST(ws_walk, illegal_but_readable_frames_are_walked_over)
{
	struct ws_walk walk;
	struct walk_found f = walk_bad_frame(true, false, "\x81\x01x", 3, &walk);

	CHECK_EQ(f.step, WS_STEP_ILLEGAL);
	CHECK_EQ(f.faults, WST_FAULT_UNMASKED);
	CHECK_EQ(walk.facts.frames[5], 1);

	f = walk_bad_frame(false, false, "\xc1\x01x", 3, &walk);
	CHECK_EQ(f.faults, WST_FAULT_RSV);
	CHECK_EQ(walk.facts.frames[5], 1);

	f = walk_bad_frame(false, true, "\xc1\x01x", 3, &walk);
	CHECK_EQ(f.step, WS_STEP_FRAME);

	f = walk_bad_frame(false, false, "\x80\x01x", 3, &walk);
	CHECK_EQ(f.faults, WST_FAULT_CONTINUATION);
}

TEST(ws_walk, stops_where_bytes_stop_making_sense)
{
	struct ws_walk walk;
	struct walk_found f = walk_bad_frame(false, false, "\x83\x01x", 3, &walk);

	CHECK_EQ(f.step, WS_STEP_ILLEGAL);
	CHECK_EQ(f.faults, WST_FAULT_OPCODE);
	CHECK_EQ(walk.phase, WS_WALK_DONE);
	CHECK_EQ(walk.facts.frames[5], 0);
	CHECK(walk.facts.flags & WST_WALK_STOPPED);

	f = walk_bad_frame(false, false, "\x82\x7f\xff\0\0\0\0\0\0\0", 10, &walk);
	CHECK_EQ(f.faults, WST_FAULT_LENGTH);
	CHECK_EQ(walk.phase, WS_WALK_DONE);
}

TEST(ws_walk, close_of_one_byte_is_illegal)
{
	struct ws_walk walk;
	struct walk_found f = walk_bad_frame(false, false, "\x88\x01x", 3, &walk);

	CHECK_EQ(f.step, WS_STEP_ILLEGAL);
	CHECK_EQ(f.faults, WST_FAULT_CLOSE_LENGTH);
	CHECK_EQ(walk.phase, WS_WALK_DONE);
}

TEST(ws_walk, http_text_instead_of_a_frame)
{
	struct ws_walk walk;
	struct walk_found f = walk_bad_frame(false, false, "HTTP/1.1 502 Bad Gateway\r\n", 26,
					     &walk);

	CHECK_EQ(f.step, WS_STEP_HTTP);
	CHECK_EQ(walk.phase, WS_WALK_DONE);
	CHECK(walk.facts.flags & WST_WALK_STOPPED);
}

/* Length 0x4854, mask "TP/1", payload ".": only at the start of a header do these bytes mean HTTP. */
TEST(ws_walk, http_text_inside_a_header_is_no_http)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_new(s, 1, false);

	stream_frame(s, 0x82, 0x4854);
	memcpy(s->bytes + 4, "TP/1.", 5);
	stream_frame(s, 0x8a, 0);
	walking_segment(w, s, 0, 2);
	walking_segment(w, s, 2, s->len);
	REQUIRE(w->log.count == 2);
	CHECK_EQ(w->log.found[0].step, WS_STEP_FRAME);
	CHECK_EQ(w->log.found[0].frame.payload_len, 0x4854);
	CHECK_EQ(w->log.found[1].frame.opcode, WS_PONG);
	walking_free(w);
	stream_free(s);
}

/* Feeds the header to ws_walk_step(), its first byte alone if `cut`. */
static enum ws_step step_header(struct ws_walk *w, const uint8_t header[WS_HEADER_MAX], bool cut,
				struct ws_frame *ret_frame, uint32_t *ret_faults)
{
	uint32_t at = 0;

	if (cut) {
		memcpy(ws_walk_room(w), header, 1);
		ws_walk_step(w, 1, 1, STREAM_NOW_NS, ret_frame, ret_faults);
		at = 1;
	}
	memcpy(ws_walk_room(w), header + at, WS_HEADER_MAX - at);
	return ws_walk_step(w, WS_HEADER_MAX - at, 1000, STREAM_NOW_NS, ret_frame, ret_faults);
}

/* Frames of the usual kind are taken by a short cut: only where nothing was carried. */
static void check_short_cut(const uint8_t header[WS_HEADER_MAX], bool from_client, bool deflate)
{
	struct ws_frame frames[2] = { 0 };
	uint32_t faults[2] = { 0 };
	enum ws_step steps[2];
	struct ws_walk w[2];

	for (int cut = 0; cut < 2; cut++) {
		ws_walk_start(&w[cut], 1000, from_client, deflate);
		steps[cut] = step_header(&w[cut], header, cut, &frames[cut], &faults[cut]);
		memset(w[cut].header, 0, sizeof(w[cut].header));
	}
	CHECK_EQ(steps[0], steps[1]);
	CHECK_EQ(faults[0], faults[1]);
	CHECK(!memcmp(&frames[0], &frames[1], sizeof(frames[0])));
	CHECK(!memcmp(&w[0], &w[1], sizeof(w[0])));
}

TEST(ws_walk, every_header_is_the_same_with_and_without_the_short_cut)
{
	uint8_t header[WS_HEADER_MAX] = { 0, 0, 0, 0, 0, 1, 2, 3, 4, 5 };

	for (uint32_t i = 0; i < 65536 * 2 * 4; i++) {
		header[0] = i;
		header[1] = i >> 8;
		header[2] = i >> 16 & 1; /* 126: below 126, and not */
		header[3] = 5;
		if (header[0] !=
		    'H') /* may be the answer's text, which is looked for in one piece */
			check_short_cut(header, i >> 17 & 1, i >> 18 & 1);
	}
}
