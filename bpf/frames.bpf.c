// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Walks the frames of one segment. Only what is worth telling goes to user space. */
#include "packet.bpf.h"
#include "frames.bpf.h"
#include "held.bpf.h"

#define WALK_STEPS 128
#define SHORT_BYTES 16 /* most Close frames hold no more */

/* What is told of a frame: n bytes (0: none) of payload or text lie at `offset` of the packet. */
struct told {
	u64 cookie;
	u32 direction, what, offset, at, n;
};

/* In a record with room for `room` bytes (a constant, a power of two). */
static __always_inline void send_frame(struct __sk_buff *skb, const struct ws_walk *w,
				       const struct told *t, u32 room)
{
	u32 n = t->n, size = __builtin_offsetof(struct wst_frame_event, data) + room + 4;
	struct wst_frame_event *event = reserve_event(WST_EV_FRAME, size, t->cookie, 0);
	struct ws_frame frame = {};

	if (!event)
		return;
	event->kind = t->what;
	event->faults = t->what >> 8;
	event->direction = t->direction;
	__builtin_memcpy(event->header, w->header, WS_HEADER_MAX);
	ws_frame_parse(w->header, WS_HEADER_MAX, &frame);
	event->payload_len = frame.payload_len;
	event->header_len = frame.header_len;
	event->seq = w->next_seq;
	event->offset = t->at;
	event->len = n;
	if (n) {
		barrier_var(n);
		n = ((n - 1) & (room - 1)) + 1;
		if (!load_bytes(skb, t->offset, held_way(t->direction, w->hole), event->seq,
				event->data, n))
			event->len = 0;
	}
	bpf_ringbuf_submit(event, 0);
}

/*
 * Sends WST_EV_FRAME about the header that the walker has just read. what: enum wst_frame_kind,
 * faults from bit 8 on. at_n: in the low byte how many bytes are told, above it their place in the
 * payload.
 */
__noinline int emit_frame(struct __sk_buff *skb, u32 direction, u32 what, u32 offset, u32 at_n)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	struct told t = { .direction = direction & 1,
			  .what = what,
			  .offset = offset,
			  .at = at_n >> 8,
			  .n = at_n & 0xff };
	struct ws_walk *w;

	if (!stream)
		return 0;
	w = &stream->walk[direction & 1];
	t.cookie = packet_cookie(skb, sk);
	if (t.n <= SHORT_BYTES)
		send_frame(skb, w, &t, SHORT_BYTES);
	else
		send_frame(skb, w, &t, 128);
	return 0;
}

__noinline int walk_frame(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;

	if (!stream)
		return 0;
	return walk_step(skb, stream, direction, offset, seq, len,
			 stream->walk[direction & 1].facts.last_payload_ns);
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
