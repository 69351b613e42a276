// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Walks the frames of one segment. Only what is worth telling goes to user space. */
#include "packet.bpf.h"
#include "frames.bpf.h"
#include "held.bpf.h"

#define WALK_STEPS 128

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
