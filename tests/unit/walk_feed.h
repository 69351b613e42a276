/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drives ws_walk.h over segments as the kernel side does, and notes what it finds. For unit tests and fuzzing. */
#ifndef UNIT_WALK_FEED_H
#define UNIT_WALK_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "wstrace/ws_held.h"
#include "wstrace/ws_walk.h"

#define WALK_LOG_MAX 2048
#define WALK_CELLS 512 /* by cell number modulo this */

/* Bytes by sequence number. */
struct walk_store {
	struct ws_cell cells[WALK_CELLS];
};

struct walk_found {
	enum ws_step step;
	uint32_t seq; /* of the header's first byte */
	uint32_t faults;
	struct ws_frame frame; /* zero for WS_STEP_HTTP */
};

struct walk_log {
	struct walk_found found[WALK_LOG_MAX];
	uint32_t count; /* all, also those beyond WALK_LOG_MAX */
	uint8_t close[WST_CONTROL_PAYLOAD_BYTES]; /* payload as on the wire */
	uint32_t close_len;
	bool forgetful; /* holds nothing, as when there is no memory */
	bool started;
	uint32_t arrived; /* what TCP has without a hole ends here */
	struct walk_store held, queued; /* the walker's, and TCP's own */
};

static inline struct ws_cell *walk_cell(struct walk_store *store, uint32_t seq)
{
	return &store->cells[ws_cell_number(seq) % WALK_CELLS];
}

static inline uint64_t walk_flow(uint32_t seq, uint16_t hole)
{
	return (uint64_t)hole << 32 | (ws_cell_number(seq) + 1);
}

static inline void walk_keep(struct walk_store *store, uint32_t seq, uint16_t hole,
			     const uint8_t *bytes, uint32_t len)
{
	while (len) {
		struct ws_cell *cell = walk_cell(store, seq);
		uint32_t at = ws_cell_offset(seq), n = ws_line_share(at, len);

		if (cell->flow != walk_flow(seq, hole)) {
			memset(cell->lines, 0, sizeof(cell->lines));
			cell->flow = walk_flow(seq, hole);
		}
		memcpy(cell->bytes + at, bytes, n);
		ws_cell_mark(cell, at, n);
		seq += n;
		bytes += n;
		len -= n;
	}
}

static inline uint32_t walk_kept(struct walk_store *store, uint32_t seq, uint16_t hole)
{
	struct ws_cell *cell = walk_cell(store, seq);

	return cell->flow == walk_flow(seq, hole) ? ws_cell_run(cell, ws_cell_offset(seq)) : 0;
}

/* What TCP makes of a segment: log->arrived. */
static inline void walk_receive(struct walk_log *log, uint32_t seq, const uint8_t *bytes,
				uint32_t len)
{
	uint32_t n = 1;

	if (ws_seq_before(log->arrived, seq)) {
		walk_keep(&log->queued, seq, 0, bytes, len);
		return;
	}
	if (ws_seq_before(log->arrived, seq + len))
		log->arrived = seq + len;
	while (n) {
		n = walk_kept(&log->queued, log->arrived, 0);
		log->arrived += n;
	}
}

static inline void walk_log_add(struct walk_log *log, enum ws_step step, uint32_t seq,
				uint32_t faults, const struct ws_frame *frame)
{
	if (log->count < WALK_LOG_MAX)
		log->found[log->count] = (struct walk_found){ step, seq, faults, *frame };
	log->count++;
}

static inline void walk_feed_close(struct ws_walk *w, struct walk_log *log, const uint8_t *bytes,
				   uint32_t left)
{
	uint32_t n = left < w->close_left ? left : w->close_left;

	memcpy(log->close + log->close_len, bytes, n);
	log->close_len += n;
	ws_walk_took_close(w, n);
}

/* One step at bytes[0], which is w->next_seq. Returns WS_STEP_MORE when this segment has nothing more to say. */
static inline enum ws_step walk_feed_step(struct ws_walk *w, struct walk_log *log,
					  const uint8_t *bytes, uint32_t left, uint64_t now_ns)
{
	uint32_t faults = 0;
	uint32_t seq = w->next_seq - w->have;
	struct ws_frame frame = { 0 };
	int trial = ws_walk_in_trial(w);
	enum ws_step step;

	memcpy(ws_walk_room(w), bytes, left < WS_HEADER_MAX ? left : WS_HEADER_MAX);
	step = ws_walk_step(w, left, left, now_ns, &frame, &faults);
	/* What a trial sees is told only once it is certain: a Close. */
	if (frame.opcode == WS_CLOSE)
		log->close_len = 0;
	if (step != WS_STEP_MORE && (!trial || !ws_walk_in_trial(w)))
		walk_log_add(log, step, seq, faults, &frame);
	return step;
}

/* The steps of one segment [seq, seq + len), as walk_frames() in bpf/frames.bpf.c takes them. */
static inline void walk_feed_steps(struct ws_walk *w, struct walk_log *log, uint32_t seq,
				   const uint8_t *bytes, uint32_t len, uint64_t now_ns)
{
	for (;;) {
		uint32_t at = w->next_seq - seq;

		if (w->skip && at <= len) {
			ws_walk_hop(w);
			continue;
		}
		if (at >= len)
			return;
		if (w->phase == WS_WALK_CLOSE_PAYLOAD)
			walk_feed_close(w, log, bytes + at, len - at);
		else if (w->phase != WS_WALK_HEADER ||
			 walk_feed_step(w, log, bytes + at, len - at, now_ns) == WS_STEP_MORE)
			return;
	}
}

/* What was held and is of use now, as in walk_held() of bpf/held.bpf.c. */
static inline void walk_feed_held(struct ws_walk *w, struct walk_log *log, uint64_t now_ns)
{
	while (ws_walk_has_hole(w)) {
		uint32_t seq = w->next_seq, n = walk_kept(&log->held, seq, w->hole);

		if (!n)
			return;
		walk_feed_steps(w, log, seq,
				walk_cell(&log->held, seq)->bytes + ws_cell_offset(seq), n, now_ns);
	}
}

/* TCP has the segment as well, and what was waiting for it is walked. */
static inline void walk_feed_arrived(struct ws_walk *w, struct walk_log *log, uint32_t seq,
				     const uint8_t *bytes, uint32_t len, uint64_t now_ns)
{
	walk_receive(log, seq, bytes, len);
	if (!(w->options & WS_WALK_HELD))
		return;
	walk_feed_held(w, log, now_ns);
	ws_walk_settle(w, log->arrived);
}

static inline void walk_feed(struct ws_walk *w, struct walk_log *log, uint32_t seq,
			     const uint8_t *bytes, uint32_t len, uint64_t now_ns)
{
	enum ws_entry entry;

	if (!log->started)
		log->arrived = w->phase == WS_WALK_HEADER ? w->next_seq : seq;
	log->started = true;
	entry = ws_walk_enter(w, seq, len);
	if (entry == WS_ENTRY_HOLD && !log->forgetful)
		walk_keep(&log->held, seq, w->hole, bytes, len);
	if (entry == WS_ENTRY_WALK) {
		walk_feed_steps(w, log, seq, bytes, len, now_ns);
		ws_walk_leave(w, seq + len);
	}
	walk_feed_arrived(w, log, seq, bytes, len, now_ns);
}

/* The same of a segment that another CPU has left, as take_late() in bpf/turn.bpf.c takes it. */
static inline void walk_feed_late(struct ws_walk *w, struct walk_log *log, uint32_t seq,
				  const uint8_t *bytes, uint32_t len, uint64_t now_ns)
{
	if (ws_walk_enter_held(w, seq, len))
		walk_keep(&log->held, seq, w->hole, bytes, len);
	walk_feed_arrived(w, log, seq, bytes, len, now_ns);
}

#endif
