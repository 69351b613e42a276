// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Walks the frames of one segment. Only what is worth telling goes to user space. */
#include "packet.bpf.h"
#include "frames.bpf.h"
#include "held.bpf.h"

#define WALK_STEPS 128
#define HTTP_TEXT_BYTES 48 /* no more than a status line: what follows may be anything */

/*
 * Sends WST_EV_FRAME about the header that the walker has just read. what: enum wst_frame_kind,
 * faults from bit 8 on. n bytes (0: none) of payload or text lie at `offset` of the packet; `at` is
 * their place in the payload.
 */
__noinline int emit_frame(struct __sk_buff *skb, u32 direction, u32 what, u32 offset, u32 at_n)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	struct wst_frame_event *event;
	struct ws_frame frame = {};
	u32 n = at_n & 0xff;
	struct ws_walk *w;

	if (!stream)
		return 0;
	event = reserve_event(WST_EV_FRAME, sizeof(*event), packet_cookie(skb, sk), 0);
	if (!event)
		return 0;
	w = &stream->walk[direction & 1];
	event->kind = what;
	event->faults = what >> 8;
	event->direction = direction & 1;
	__builtin_memcpy(event->header, w->header, WS_HEADER_MAX);
	ws_frame_parse(w->header, WS_HEADER_MAX, &frame);
	event->payload_len = frame.payload_len;
	event->header_len = frame.header_len;
	event->seq = w->next_seq;
	event->offset = at_n >> 8;
	event->len = n;
	if (n) {
		n = ((n - 1) & 127) + 1;
		if (!load_bytes(skb, offset, held_way(direction, w->hole), event->seq, event->data,
				n))
			event->len = 0;
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

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
 * Returns 1 when there is more to do.
 */
__noinline int walk_frame(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	u64 now_ns = bpf_ktime_get_boot_ns();
	struct ws_frame frame = {};
	u8 bytes[16] = {};
	enum ws_step step;
	struct ws_walk *w;
	u32 at, n, faults = 0;

	if (!stream)
		return 0;
	direction &= 1;
	w = &stream->walk[direction];
	if (w->skip && w->next_seq - seq <= len) {
		ws_walk_hop(w);
		return 1;
	}
	at = w->next_seq - seq;
	if (at >= len || (w->phase != WS_WALK_HEADER && w->phase != WS_WALK_CLOSE_PAYLOAD))
		return 0;
	if (w->phase == WS_WALK_CLOSE_PAYLOAD)
		return walk_close(skb, w, direction, further(offset, at), len - at);
	n = len - at > WS_HEADER_MAX ? WS_HEADER_MAX : len - at;
	n = ((n - 1) & 15) + 1;
	offset = further(offset, at);
	if (!load_bytes(skb, offset, held_way(direction, w->hole), w->next_seq, bytes, n))
		return 0;
	step = ws_walk_step(w, bytes, len - at, len - at, now_ns, &frame, &faults);
	return tell_step(skb, stream, direction, offset, len - at, step, &frame, faults, now_ns);
}

/*
 * Global functions in two tiers are verified once each, so the loops may be as long as a segment
 * can hold frames.
 */
__noinline int walk_frames(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	u32 i;

	for (i = 0; i < WALK_STEPS; i++)
		if (!walk_frame(skb, direction, offset, seq, len))
			return 0;
	return 1;
}
