/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Holes in what was seen, and joining a connection that was open before. Never a wrong frame: lost sync is said. */
#include "frames.h"
#include "test.h"

static uint32_t frames_counted(const struct walking *w)
{
	uint32_t sum = 0;

	for (int i = 0; i < 6; i++)
		sum += w->walk.facts.frames[i];
	return sum;
}

/* One that cannot hold what overtakes a hole. */
static struct walking *forgetful_new(const struct stream *s, uint32_t seq)
{
	struct walking *w = walking_new(s, seq, false);

	w->log.forgetful = true;
	return w;
}

/* Three frames of 12 bytes each on the wire, the second one begins at 12. */
static struct stream *make_three(void)
{
	struct stream *s = stream_new(false);

	stream_frame(s, 0x81, 10);
	stream_frame(s, 0x81, 10);
	stream_frame(s, 0x81, 10);
	return s;
}

TEST(ws_walk_loss, hole_inside_payload_costs_nothing)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 0, 4);
	walking_segment(w, s, 9, 36);
	walking_segment(w, s, 4, 9);
	CHECK_EQ(frames_counted(w), 3);
	CHECK_EQ(w->walk.facts.losses, 0);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, overtaken_header_is_waited_for)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 20, 24);
	CHECK_EQ(frames_counted(w), 1);
	CHECK_EQ(w->walk.facts.losses, 0);
	/* the retransmission reaches the end of what was seen: nothing was missed */
	walking_segment(w, s, 10, 36);
	CHECK_EQ(frames_counted(w), 3);
	CHECK_EQ(w->walk.facts.losses, 0);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, segments_that_swapped_places)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 18, 23); /* payload of the second frame */
	walking_segment(w, s, 10, 18);
	walking_segment(w, s, 23, 36);
	CHECK_EQ(frames_counted(w), 3);
	CHECK_EQ(w->walk.facts.losses, 0);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, header_among_overtaking_bytes)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 20, 36);
	CHECK_EQ(frames_counted(w), 1);
	walking_segment(w, s, 10, 20);
	CHECK_EQ(frames_counted(w), 3);
	CHECK_EQ(w->walk.facts.losses, 0);
	CHECK(!(w->walk.options & WS_WALK_HELD));
	walking_free(w);
	stream_free(s);
}

/* Each byte on its own, the last first. */
TEST(ws_walk_loss, backwards)
{
	struct stream *s = make_three();
	struct walking *w;

	stream_close(s, 1001, "gone");
	for (uint32_t size = 1; size < s->len; size++) {
		test_note("segments of %u", size);
		w = walking_new(s, 0xfffffff0u, false);
		for (uint32_t at = (s->len - 1) / size * size; at < s->len; at -= size)
			walking_segment(w, s, at, at + size < s->len ? at + size : s->len);
		CHECK_EQ(frames_counted(w), 4);
		CHECK_EQ(w->log.close_len, 6);
		CHECK_MEM(w->log.close, s->bytes + s->len - 6, 6);
		CHECK_EQ(w->walk.facts.losses, 0);
		walking_free(w);
	}
	stream_free(s);
}

/* Two holes: what lies between them is walked when the first is filled. */
TEST(ws_walk_loss, two_holes)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 20, 30);
	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 32, 36);
	walking_segment(w, s, 10, 20);
	CHECK_EQ(frames_counted(w), 3);
	CHECK(!(w->walk.options & WS_WALK_HELD));
	walking_segment(w, s, 30, 32);
	CHECK_EQ(frames_counted(w), 3);
	CHECK_EQ(w->walk.facts.losses, 0);
	walking_free(w);
	stream_free(s);
}

/* What was held of one hole is not there for the next, although sequence numbers have come round. */
TEST(ws_walk_loss, another_hole_at_the_same_place)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);
	uint16_t hole = w->walk.hole;

	walking_segment(w, s, 12, 36);
	CHECK_EQ(walk_kept(&w->log.held, 1 + 12, w->walk.hole), 24);
	walking_segment(w, s, 0, 12);
	CHECK_EQ(frames_counted(w), 3);
	CHECK(w->walk.hole != hole);
	CHECK_EQ(walk_kept(&w->log.held, 1 + 12, w->walk.hole), 0);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, header_among_forgotten_bytes_is_said)
{
	struct stream *s = make_three();
	struct walking *w = forgetful_new(s, 1);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 20, 36); /* holds the third header, seen too early */
	walking_segment(w, s, 10, 20);
	CHECK_EQ(frames_counted(w), 2);
	CHECK_EQ(w->walk.facts.losses, 1);
	CHECK(w->walk.facts.flags & WST_WALK_LOST);
	CHECK_EQ(w->walk.phase, WS_WALK_HUNT);
	walking_free(w);
	stream_free(s);
}

/* A hole that is never filled (the tracer missed a segment): no later byte is taken for a header. */
TEST(ws_walk_loss, hole_that_stays)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 13, 36);
	CHECK_EQ(frames_counted(w), 1);
	walking_free(w);
	stream_free(s);
}

static void swap_segments(struct walking *w, const struct stream *s, uint32_t from, uint32_t to)
{
	walking_segment(w, s, 0, from);
	walking_segment(w, s, to, s->len);
	walking_segment(w, s, from, to);
}

TEST(ws_walk_loss, hole_at_every_place_never_invents_frames)
{
	struct stream *s = stream_new(true);
	struct walking *w;

	stream_frame(s, 0x81, 5);
	stream_frame(s, 0x82, 130);
	stream_frame(s, 0x89, 3);
	stream_frame(s, 0x81, 20);
	for (uint32_t from = 1; from < s->len; from++) {
		for (uint32_t to = from + 1; to < s->len; to += 3) {
			test_note("%u to %u came late", from, to);
			w = walking_new(s, 0xffffffc0u, false);
			swap_segments(w, s, from, to);
			CHECK_EQ(frames_counted(w), 4);
			CHECK_EQ(w->walk.facts.losses, 0);
			walking_free(w);
			w = forgetful_new(s, 0xffffffc0u);
			swap_segments(w, s, from, to);
			CHECK(frames_counted(w) == 4 || w->walk.facts.flags & WST_WALK_LOST);
			CHECK(frames_counted(w) <= 4);
			walking_free(w);
		}
	}
	stream_free(s);
}

/* Messages of one frame each, a segment each: as a chat sends them. */
static uint32_t send_messages(struct walking *w, struct stream *s, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint32_t from = s->len;

		stream_frame(s, 0x81, 20 + i);
		walking_segment(w, s, from, s->len);
	}
	return s->len;
}

TEST(ws_walk_loss, sync_comes_back)
{
	struct stream *s = make_three();
	struct walking *w = forgetful_new(s, 1);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 20, 36);
	walking_segment(w, s, 10, 20);
	REQUIRE(w->walk.facts.flags & WST_WALK_LOST);
	send_messages(w, s, 6);
	CHECK(!(w->walk.facts.flags & WST_WALK_LOST));
	CHECK(w->walk.facts.flags & WST_WALK_REGAINED);
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	stream_close(s, 1000, "bye");
	walking_segment(w, s, s->len - 7, s->len);
	CHECK_EQ(w->walk.facts.frames[3], 1);
	CHECK_EQ(w->log.close_len, 5);
	walking_free(w);
	stream_free(s);
}

static struct walking *walking_join(const struct stream *s)
{
	struct walking *w = walking_new(s, 1, false);

	ws_walk_join(&w->walk, s->from_client);
	return w;
}

TEST(ws_walk_loss, joins_an_open_connection)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);

	send_messages(w, s, 6);
	CHECK(w->walk.facts.flags & WST_WALK_JOINED);
	CHECK(w->walk.facts.flags & WST_WALK_ON);
	CHECK(!(w->walk.facts.flags & (WST_WALK_LOST | WST_WALK_REGAINED)));
	CHECK(frames_counted(w) <= 6);
	send_messages(w, s, 3);
	CHECK(frames_counted(w) >= 3);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, joins_inside_a_compressed_stream)
{
	struct stream *s = stream_new(false);
	struct walking *w = walking_join(s);

	for (unsigned int i = 0; i < 8; i++) {
		uint32_t from = s->len;

		stream_frame(s, 0xc1, 30);
		walking_segment(w, s, from, s->len);
	}
	CHECK(w->walk.facts.flags & WST_WALK_JOINED);
	CHECK_EQ(w->log.count > 0 && w->log.found[0].step == WS_STEP_ILLEGAL, 0);
	walking_free(w);
	stream_free(s);
}

/* The usual end of an idle connection: the first bytes that are seen are its Close frame. */
TEST(ws_walk_loss, close_as_the_first_thing_seen)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);

	stream_close(s, 1001, "");
	walking_segment(w, s, 0, s->len);
	REQUIRE(w->log.count == 1);
	CHECK_EQ(w->log.found[0].step, WS_STEP_CLOSE);
	CHECK_EQ(w->log.close_len, 2);
	CHECK_MEM(w->log.close, s->bytes + 6, 2);
	CHECK(w->walk.facts.flags & WST_WALK_JOINED);
	walking_free(w);
	stream_free(s);
}

/* In the middle of a long frame the payload must not be taken for headers, although it is made to look like them. */
TEST(ws_walk_loss, payload_is_not_taken_for_frames)
{
	struct stream *s = stream_new(false);
	struct walking *w = walking_join(s);

	stream_frame(s, 0x82, 100000);
	for (uint32_t at = 10; at + 1448 < s->len; at += 1448)
		walking_segment(w, s, at, at + 1448);
	CHECK_EQ(frames_counted(w), 0);
	CHECK_EQ(w->log.count, 0);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, text_bytes_never_join)
{
	struct stream *s = stream_new(false);
	struct walking *w = walking_join(s);

	for (uint32_t i = 0; i < 60000; i++)
		s->bytes[s->len++] = (uint8_t) "GET / HTTP/1.1\r\nHost: a\r\n\r\n"[i % 27];
	walking_all(w, s, 27);
	CHECK_EQ(w->log.count, 0);
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	walking_free(w);
	stream_free(s);
}

/* Each message that ends with its segment makes it likelier that this is no accident: four of them are enough, three are not. */
TEST(ws_walk_loss, joins_after_four_headers)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);

	send_messages(w, s, 3);
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	send_messages(w, s, 1);
	CHECK(w->walk.facts.flags & WST_WALK_JOINED);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, headers_alone_do_not_join)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);

	for (int i = 0; i < 20; i++)
		stream_frame(s, 0x81, 3);
	walking_segment(w, s, 0, s->len - 1); /* no end of a frame meets the end of the segment */
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, illegal_headers_do_not_join)
{
	struct stream *s = stream_new(false);
	struct walking *w = walking_join(s);

	ws_walk_join(&w->walk, true); /* a client's frames are masked, these are not */
	send_messages(w, s, 10);
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	CHECK_EQ(w->log.count, 0);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, old_segments_do_not_join)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);

	for (int i = 0; i < 8; i++)
		stream_frame(s, 0x81, 4); /* 10 bytes each */
	stream_header(s, 0x87, 0); /* seen first, and no legal header */
	walking_segment(w, s, 80, s->len);
	for (uint32_t at = 0; at < 80; at += 10)
		walking_segment(w, s, at, at + 10);
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, joins_inside_a_fragmented_message)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);
	static const uint8_t first[] = { 0x00, 0x00, 0x80, 0x81 };

	for (unsigned int i = 0; i < sizeof(first); i++) {
		uint32_t from = s->len;

		stream_frame(s, first[i], 9);
		walking_segment(w, s, from, s->len);
	}
	CHECK(w->walk.facts.flags & WST_WALK_JOINED);
	walking_free(w);
	stream_free(s);
}

/* Some stacks write the header and the payload by two calls. */
TEST(ws_walk_loss, first_seen_close_in_two_segments)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);

	stream_close(s, 1000, "done");
	walking_segment(w, s, 0, 1);
	walking_segment(w, s, 1, s->len);
	REQUIRE(w->log.count == 1);
	CHECK_EQ(w->log.found[0].step, WS_STEP_CLOSE);
	CHECK_EQ(w->log.close_len, 6);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, one_end_alone_does_not_join)
{
	struct stream *s = stream_new(true);
	struct walking *w = walking_join(s);
	uint32_t from;

	for (int i = 0; i < 6; i++)
		stream_frame(s, 0x81, 3);
	walking_segment(w, s, 0, s->len);
	CHECK(!(w->walk.facts.flags & WST_WALK_JOINED));
	from = s->len;
	stream_frame(s, 0x81, 3);
	walking_segment(w, s, from, s->len);
	CHECK(w->walk.facts.flags & WST_WALK_JOINED);
	walking_free(w);
	stream_free(s);
}

TEST(ws_walk_loss, hole_filled_in_two_steps)
{
	struct stream *s = make_three();
	struct walking *w = walking_new(s, 1, false);

	walking_segment(w, s, 0, 10);
	walking_segment(w, s, 30, 36); /* payload of the third frame */
	walking_segment(w, s, 10, 14); /* the second header, but not yet the third */
	CHECK_EQ(w->walk.facts.losses, 0);
	walking_segment(w, s, 14, 30);
	CHECK_EQ(frames_counted(w), 3);
	CHECK_EQ(w->walk.facts.losses, 0);
	walking_free(w);
	stream_free(s);
}

/* In two pieces, the second one first, and once more as far as it goes. */
TEST(ws_walk_loss, segments_left_for_another_cpu)
{
	for (uint32_t a = 1; a < 35; a++)
		for (uint32_t b = a + 1; b < 36; b++) {
			struct stream *s = make_three();
			struct walking *w = walking_new(s, 1, false);

			walking_segment(w, s, 0, a);
			walking_late_segment(w, s, b, 36);
			walking_late_segment(w, s, a, b);
			walking_late_segment(w, s, 0, b);
			CHECK_EQ(frames_counted(w), 3);
			CHECK_EQ(w->walk.facts.losses, 0);
			walking_free(w);
			stream_free(s);
		}
}

TEST(ws_walk_loss, late_segments_never_join)
{
	struct stream *s = make_three();
	struct walking *w = walking_join(s);

	for (uint32_t at = 0; at < 36; at += 12)
		walking_late_segment(w, s, at, at + 12);
	CHECK_EQ(frames_counted(w), 0);
	CHECK_EQ(w->walk.phase, WS_WALK_HUNT);
	walking_free(w);
	stream_free(s);
}
