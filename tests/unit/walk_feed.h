/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drives ws_walk.h over segments as the kernel side does, and notes what it finds. For unit tests and fuzzing. */
#ifndef UNIT_WALK_FEED_H
#define UNIT_WALK_FEED_H

#include <stdint.h>

#include "wstrace/ws_walk.h"

#define WALK_LOG_MAX 2048

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
};

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
	uint8_t window[WS_HEADER_MAX] = { 0 };
	uint32_t faults = 0;
	uint32_t seq = w->next_seq - w->have;
	struct ws_frame frame = { 0 };
	int trial = ws_walk_in_trial(w);
	enum ws_step step;

	memcpy(window, bytes, left < WS_HEADER_MAX ? left : WS_HEADER_MAX);
	step = ws_walk_step(w, window, left, left, now_ns, &frame, &faults);
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

static inline void walk_feed(struct ws_walk *w, struct walk_log *log, uint32_t seq,
			     const uint8_t *bytes, uint32_t len, uint64_t now_ns)
{
	if (ws_walk_enter(w, seq, len) < 0)
		return;
	walk_feed_steps(w, log, seq, bytes, len, now_ns);
	ws_walk_leave(w, seq + len);
}

#endif
