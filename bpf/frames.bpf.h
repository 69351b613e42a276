/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Steps over the frames of one segment. */
#ifndef FRAMES_BPF_H
#define FRAMES_BPF_H

#include "held.bpf.h"

#define HEAD_PIECE_BYTES 32 /* short, because of the stack, and the verifier follows every byte */
#define HTTP_TEXT_BYTES 48 /* no more than a status line: what follows may be anything */

/* Sends a record about a frame, see frames.bpf.c. */
int emit_frame(struct __sk_buff *skb, u32 direction, u32 what, u32 offset, u32 at_n);
/* One step in a segment, or in held bytes (offset FROM_HELD). Returns 1 when there is more to do. */
int walk_frame(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);
/* Walks what is left of a segment, see frames.bpf.c. Returns 1 when it has to be called again. */
int walk_frames(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);
/*
 * Walks what is held of the stream, see held.bpf.c. Returns 1 when sync was lost.
 */
int walk_held(struct __sk_buff *skb, u32 direction);
/* Makes up for what no tracepoint has told of the socket, see head_order.bpf.c. */
int meet_socket(struct __sk_buff *skb);
/*
 * Takes a segment that may hold bytes of a head, see head_order.bpf.c. Returns 1 when
 * read_held_line() has to follow.
 */
int read_head(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);
/*
 * The process answers, so TCP has what it answers to. Returns 1 when that never met the socket, but
 * perhaps its listener: then read_held_line() has to follow, for what came in.
 */
int find_early_head(struct __sk_buff *skb);
/*
 * Reads one line of what is held, or passes over what TCP has and nobody held. Returns 1 when there
 * may be more to read.
 */
int read_held_line(struct __sk_buff *skb, u32 direction);
/*
 * Looks for a head in bytes that come in order, see handshake.bpf.c. Returns how many of them were
 * used where a head may begin behind them, else 0.
 */
int read_segment(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);

/* Steps over a head, see head_bytes.bpf.c. */
int scan_piece(struct __sk_buff *skb, u32 offset, u32 seq, u32 len);
int body_names_session(struct __sk_buff *skb, u32 offset, u32 len);
int emit_chunk(struct __sk_buff *skb, u32 offset, u32 n, u32 head_offset, u32 flags);
/* How many bytes of the segment come before a request, see preamble.bpf.c. */
int preamble(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);

/* A pong answers the last ping of the other direction. */
static __always_inline void note_pong(struct stream *stream, u32 direction, u64 now_ns)
{
	ws_walk_answered(&stream->walk[(direction ^ 1) & 1].facts, now_ns);
}

static __always_inline int walk_close(struct __sk_buff *skb, struct ws_walk *w, u32 direction,
				      u32 offset, u32 left)
{
	u32 n = left > w->close_left ? w->close_left : left;

	emit_frame(skb, direction, WST_FRAME_CLOSE, offset,
		   ((w->header[1] & 0x7f) - w->close_left) << 8 | n);
	ws_walk_took_close(w, n);
	return 1;
}

static __always_inline int tell_step(struct __sk_buff *skb, struct stream *stream, u32 direction,
				     u32 offset, u32 left, enum ws_step step,
				     const struct ws_frame *frame, u32 faults, u64 now_ns)
{
	if (step == WS_STEP_FRAME) {
		if (frame->opcode == WS_PONG)
			note_pong(stream, direction, now_ns);
		return 1;
	}
	if (step == WS_STEP_MORE)
		return 0;
	if (step == WS_STEP_HTTP) {
		emit_frame(skb, direction, WST_FRAME_HTTP_TEXT, offset,
			   left > HTTP_TEXT_BYTES ? HTTP_TEXT_BYTES : left);
		return 0;
	}
	if (step == WS_STEP_ILLEGAL)
		emit_frame(skb, direction, WST_FRAME_ILLEGAL | faults << 8, offset, 0);
	if (frame->opcode == WS_CLOSE && !frame->payload_len)
		emit_frame(skb, direction, WST_FRAME_CLOSE | faults << 8, offset, 0);
	return 1;
}

/*
 * One step in the segment [seq, seq + len) whose payload starts at `offset`, or is FROM_HELD.
 * Returns 1 when there is more to do in it.
 */
static __always_inline int walk_step(struct __sk_buff *skb, struct stream *stream, u32 direction,
				     u32 offset, u32 seq, u32 len, u64 now_ns)
{
	struct ws_walk *w = direction & 1 ? &stream->walk[1] : &stream->walk[0];
	u32 at = w->next_seq - seq, n, faults = 0;
	struct ws_frame frame = {};
	enum ws_step step;

	if (w->skip && at <= len) {
		ws_walk_hop(w);
		return 1;
	}
	if (at >= len || (w->phase != WS_WALK_HEADER && w->phase != WS_WALK_CLOSE_PAYLOAD))
		return 0;
	if (w->phase == WS_WALK_CLOSE_PAYLOAD)
		return walk_close(skb, w, direction, further(offset, at), len - at);
	n = len - at > WS_HEADER_MAX ? WS_HEADER_MAX : len - at;
	n = ((n - 1) & 15) + 1;
	offset = further(offset, at);
	if (!load_bytes(skb, offset, held_way(direction, w->hole), w->next_seq, ws_walk_room(w), n))
		return 0;
	if (ws_is_control(w->header[0])) { /* else it may be a tick early, see clock.bpf.h */
		now_ns = bpf_ktime_get_boot_ns();
		w->facts.last_payload_ns = now_ns;
	}
	step = ws_walk_step(w, len - at, len - at, now_ns, &frame, &faults);
	if (!tell_step(skb, stream, direction, offset, len - at, step, &frame, faults, now_ns))
		return 0;
	/* most segments hold one frame: no second look at them */
	return w->next_seq - seq < len || w->skip;
}

#endif
