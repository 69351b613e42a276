// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What comes in of a stream is walked by one CPU at a time. Another one that brings a segment
 * meanwhile does not wait for long: the first may be a virtual CPU that its host has put aside. It
 * holds its bytes under a number of their own, where nobody else writes, and who has the turn takes
 * them from there.
 */
#include "turn.bpf.h"
#include "frames.bpf.h"

#define SEGMENT_LINES (65536 / WS_LINE_BYTES + 1)
#define TURN_TRIES 200 /* some microseconds */

__noinline int wait_for_turn(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	u32 i;

	for (i = 0; stream && i < TURN_TRIES; i++)
		if (try_turn(stream))
			return 1;
	return 0;
}

/* When too many are waiting, or there is no room, the bytes are missed. */
static __always_inline void hold_late(struct __sk_buff *skb, u32 offset, u32 seq, u32 len)
{
	struct late_segment *segment, fresh = { .seq = seq, .len = len };
	struct late_key key = { .flow = find_flow(skb) };
	u32 i;

	for (i = 0; key.flow && i < LATE_SEGMENTS; i++) {
		key.number = i;
		if (bpf_map_update_elem(&late_segments, &key, &fresh, BPF_NOEXIST))
			continue;
		hold_segment(skb, late_way(i), offset, seq, len);
		segment = bpf_map_lookup_elem(&late_segments, &key);
		if (segment)
			compat_ordered_add(&segment->whole, 1);
		return;
	}
}

__noinline int leave_late(struct __sk_buff *skb, u32 offset, u32 seq, u32 len)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;

	if (!stream)
		return 0;
	hold_late(skb, offset, seq, len);
	stream->skipped_end = seq + len;
	compat_ordered_add(&stream->walkers, 0);
	stream->walk[WST_IN].skipped = 1;
	compat_ordered_add(&stream->walkers, 0);
	/* the other one may have looked for it for the last time just before */
	return wait_for_turn(skb);
}

/* Takes the first of these bytes, as far as their line goes. Returns how many, 0: they are not there. */
__noinline int take_line(struct __sk_buff *skb, u32 from, u32 to, u32 seq, u32 len)
{
	struct ws_cell *cell = create_held_cell(skb, to, seq);
	u32 first = ws_cell_offset(seq), n = ws_line_share(first, len);

	barrier_var(n); /* the verifier has to see the bounds, not clang */
	n = ((n - 1) & (WS_LINE_BYTES - 1)) + 1;
	if (!cell || !held_copy(skb, from, seq, cell->bytes + (first & (WS_CELL_BYTES - 1)), n))
		return 0;
	ws_cell_mark(cell, first & (WS_CELL_BYTES - 1), n);
	return n;
}

__noinline int take_lines(struct __sk_buff *skb, u32 from, u32 to, u32 seq, u32 len)
{
	u32 i, n;

	for (i = 0; i < SEGMENT_LINES; i++) {
		if (!len)
			break;
		n = take_line(skb, from, to, seq, len);
		if (!n || n > len)
			break;
		seq += n;
		len -= n;
	}
	return 0;
}

/* Puts the bytes of a late segment among those that are held for the walker. */
__noinline int take_late(struct __sk_buff *skb, u32 number)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	struct late_key key = { .flow = held_flow(skb), .number = number };
	struct late_segment *segment = bpf_map_lookup_elem(&late_segments, &key);
	struct ws_walk *w;
	u32 seq, len;

	if (!stream || !segment || !segment->whole || number >= LATE_SEGMENTS)
		return 0;
	seq = segment->seq;
	len = segment->len;
	w = &stream->walk[WST_IN];
	if (ws_walk_enter_held(w, seq, len))
		take_lines(skb, late_way(number), held_way(WST_IN, w->hole), seq, len);
	forget_held(key.flow, late_way(number), seq, seq + len);
	bpf_map_delete_elem(&late_segments, &key);
	return 0;
}

__noinline int take_all_late(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	u32 i;

	if (!stream)
		return 0;
	stream->walk[WST_IN].skipped = 0;
	compat_ordered_add(&stream->walkers, 0);
	for (i = 0; i < LATE_SEGMENTS; i++)
		take_late(skb, i);
	ws_walk_expect_held(&stream->walk[WST_IN], stream->skipped_end);
	return 0;
}

__noinline int forget_late(u64 flow)
{
	struct late_key key = { .flow = flow };
	struct late_segment *segment;
	u32 i;

	for (i = 0; i < LATE_SEGMENTS; i++) {
		key.number = i;
		segment = bpf_map_lookup_elem(&late_segments, &key);
		if (!segment)
			continue;
		forget_held(flow, late_way(i), segment->seq, segment->seq + segment->len);
		bpf_map_delete_elem(&late_segments, &key);
	}
	return 0;
}
