/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes, cut in any way, with retransmissions and overlaps: the walker has to find what a plain parser finds in the whole
 * stream. Segments out of order change nothing as long as they are held; otherwise
 * sync may be lost, but that has to be said, and what was found until then must be right.
 *
 * Input: flags, number of plan bytes, plan, stream. Each plan byte says how the next segment is delivered.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/walk_feed.h"
#include "edge.h"
#include "frame_reference.h"

enum { FLAG_FROM_CLIENT = 1, FLAG_DEFLATE = 2, FLAG_WRAP = 4 };
enum { IN_ORDER, OVERLAP, REPEAT, LONG }; /* top two bits of a plan byte */

struct input {
	bool from_client, deflate;
	uint32_t seq;
	const uint8_t *plan, *stream;
	uint32_t plan_len, len;
};

static void fail(const char *what, uint32_t i)
{
	fprintf(stderr, "fuzz_walk: %s, item %u\n", what, i);
	abort();
}

static bool read_input(const uint8_t *data, size_t size, struct input *ret)
{
	if (size < 2 || size > EDGE_BYTES || (size_t)data[1] + 2 > size)
		return false;
	ret->from_client = data[0] & FLAG_FROM_CLIENT;
	ret->deflate = data[0] & FLAG_DEFLATE;
	ret->plan = data + 2;
	ret->plan_len = data[1];
	ret->stream = ret->plan + ret->plan_len;
	ret->len = (uint32_t)(size - 2 - ret->plan_len);
	ret->seq = data[0] & FLAG_WRAP ? 0u - ret->len / 2 : 1000;
	return true;
}

static void deliver(struct ws_walk *w, struct walk_log *log, const struct input *in, uint32_t from,
		    uint32_t to)
{
	if (from < to)
		walk_feed(w, log, in->seq + from, edge_copy(in->stream + from, to - from),
			  to - from, 1);
}

static uint32_t segment_size(uint8_t plan)
{
	uint32_t size = (plan & 0x3f) + 1;

	return plan >> 6 == LONG ? size * 32 : size;
}

/* Without holes; every byte at least once. */
static void deliver_in_order(struct ws_walk *w, struct walk_log *log, const struct input *in)
{
	uint32_t at = 0, i = 0;

	while (at < in->len) {
		uint8_t plan = in->plan_len ? in->plan[i++ % in->plan_len] : 0;
		uint32_t size = in->plan_len ? segment_size(plan) : in->len;
		uint32_t end = in->len - at < size ? in->len : at + size;
		uint32_t back = at < size ? at : size;

		if (plan >> 6 == OVERLAP)
			deliver(w, log, in, at - back, end);
		else
			deliver(w, log, in, at, end);
		if (plan >> 6 == REPEAT)
			deliver(w, log, in, at - back, at);
		at = end;
	}
}

/* A REPEAT segment is held back until after the next one: a hole that is filled later. */
static void deliver_out_of_order(struct ws_walk *w, struct walk_log *log, const struct input *in)
{
	uint32_t at = 0, i = 0, held_from = 0, held_to = 0;

	while (at < in->len) {
		uint8_t plan = in->plan[i++ % in->plan_len];
		uint32_t size = segment_size(plan);
		uint32_t end = in->len - at < size ? in->len : at + size;

		if (plan >> 6 == REPEAT && held_from == held_to) {
			held_from = at;
			held_to = end;
		} else {
			deliver(w, log, in, at, end);
			deliver(w, log, in, held_from, held_to);
			held_from = held_to = 0;
		}
		at = end;
	}
	deliver(w, log, in, held_from, held_to);
}

static void check_found(const struct walk_log *log, const struct reference *ref, uint32_t seq,
			uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct walk_found *f = &log->found[i];
		const struct reference_frame *r = &ref->frames[i];

		if (f->seq != seq + r->offset)
			fail("header elsewhere", i);
		if (f->faults != r->faults)
			fail("other faults", i);
		if (f->frame.payload_len != r->payload_len || f->frame.opcode != r->opcode)
			fail("other frame", i);
		if ((f->step == WS_STEP_ILLEGAL) != (r->faults != 0))
			fail("legality", i);
		if ((f->step == WS_STEP_CLOSE) != (r->opcode == 8 && !r->faults))
			fail("close", i);
	}
}

static void check_facts(const struct wst_walk_facts *f, const struct reference *ref)
{
	uint32_t frames[6] = { 0 };
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < ref->count; i++) {
		int index = reference_index(ref->frames[i].opcode);

		if (index >= 0)
			frames[index]++;
		bytes += ref->frames[i].payload_len;
	}
	for (int i = 0; i < 6; i++)
		if (f->frames[i] != frames[i])
			fail("frame count", (uint32_t)i);
	if (f->payload_bytes != bytes)
		fail("payload bytes", 0);
}

static void check_in_order(const struct input *in, const struct reference *ref, struct walk_log *log)
{
	struct ws_walk w;

	ws_walk_start(&w, in->seq, in->from_client, in->deflate);
	deliver_in_order(&w, log, in);
	if (w.facts.losses)
		fail("lost in order", w.facts.losses);
	if (log->count < ref->count)
		fail("frame missed", log->count);
	check_found(log, ref, in->seq, ref->count);
	if (ref->http)
		return; /* where the text is cut decides what it is taken for */
	if (log->count > ref->count)
		fail("frame invented", log->count);
	check_facts(&w.facts, ref);
	if (log->close_len != ref->close_len || memcmp(log->close, ref->close, log->close_len))
		fail("close payload", log->close_len);
}

static void check_out_of_order(const struct input *in, const struct reference *ref,
			       struct walk_log *log)
{
	struct ws_walk w;

	ws_walk_start(&w, in->seq, in->from_client, in->deflate);
	deliver_out_of_order(&w, log, in);
	if (ref->http)
		return;
	if (w.facts.losses) {
		if (!log->forgetful)
			fail("lost what was held", w.facts.losses);
		return;
	}
	if (log->count != ref->count)
		fail(log->forgetful ? "loss not said" : "frame missed or invented", log->count);
	check_found(log, ref, in->seq, ref->count);
}

/* Joining in the middle may find little, but never crashes nor counts what it has not read. */
static void check_join(const struct input *in, struct walk_log *log)
{
	struct ws_walk w;

	ws_walk_join(&w, in->from_client);
	deliver_in_order(&w, log, in);
	if (log->close_len > WST_CONTROL_PAYLOAD_BYTES)
		fail("close too long", log->close_len);
	if (log->count && !(w.facts.flags & WST_WALK_JOINED))
		fail("told before joined", log->count);
}

/* Not the bytes of the stores, half a megabyte: a cell without a flow holds nothing. */
static void start_over(struct walk_log *log)
{
	memset(log, 0, offsetof(struct walk_log, held));
	for (int i = 0; i < WALK_CELLS; i++)
		log->held.cells[i].flow = log->queued.cells[i].flow = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct walk_log log;
	static struct reference ref;
	struct input in;

	if (!read_input(data, size, &in))
		return 0;
	reference_parse(&ref, in.stream, in.len, in.from_client, in.deflate);
	start_over(&log);
	check_in_order(&in, &ref, &log);
	for (int forgetful = 0; in.plan_len && forgetful < 2; forgetful++) {
		start_over(&log);
		log.forgetful = forgetful;
		check_out_of_order(&in, &ref, &log);
	}
	start_over(&log);
	check_join(&in, &log);
	return 0;
}
