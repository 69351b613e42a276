// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Holds bytes that overtook a hole until the hole is filled: nothing of a stream without holes comes
 * here. They stay in the kernel. Where there is no room for them, the oldest of all streams give
 * way, and the walker notices what is missing by TCP's own sequence numbers.
 */
#include "frames.bpf.h"
#include "held.bpf.h"
#include "turn.bpf.h"

#define HELD_STEPS 64 /* each a header or 64 bytes */
#define HELD_CALLS 64 /* what is left waits for the next segment */
#define FORGET_CELLS 256
#define SEGMENT_CELLS (65536 / WS_CELL_BYTES + 1)

static __always_inline u64 mix(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
	return hash ^ hash >> 29;
}

__noinline u64 find_flow(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	struct sock *ksk = sk ? packet_kernel_sock(sk) : NULL;
	struct wst_tuple tuple = {};
	const u64 *words = (const u64 *)&tuple;
	u64 hash = 0;
	u32 i;

	if (!ksk)
		return 0;
	if (note && note->flow)
		return note->flow;
	if (sk->state == TCP_LISTEN)
		packet_tuple(skb, ksk, &tuple);
	else
		sock_tuple(ksk, &tuple);
	for (i = 0; i < sizeof(tuple) / 8; i++)
		hash = mix(hash, words[i]);
	if (note && sk->state != TCP_LISTEN)
		note->flow = hash;
	return hash;
}

/*
 * Copies what the segment has for the cell that holds its first byte. Returns the number of bytes,
 * 0 when they cannot be held.
 */
__noinline int hold_cell(struct __sk_buff *skb, u32 way, u32 offset, u32 seq, u32 len)
{
	u32 first = ws_cell_offset(seq), done = 0, n, i;
	struct ws_cell *cell = create_held_cell(skb, way, seq);

	if (!cell)
		return 0;
	for (i = 0; i < WS_CELL_LINES; i++) {
		if (done >= len || first >= WS_CELL_BYTES)
			break;
		n = ws_line_share(first, len - done);
		barrier_var(n); /* the verifier has to see the bounds, not clang */
		n = ((n - 1) & (WS_LINE_BYTES - 1)) + 1;
		if (bpf_skb_load_bytes(skb, offset + done,
				       cell->bytes + (first & (WS_CELL_BYTES - 1)), n)) {
			count_loss(WST_LOSS_LOAD);
			return 0;
		}
		ws_cell_mark(cell, first & (WS_CELL_BYTES - 1), n);
		first += n;
		done += n;
	}
	return done;
}

__noinline int hold_segment(struct __sk_buff *skb, u32 way, u32 offset, u32 seq, u32 len)
{
	u32 i, n;

	for (i = 0; i < SEGMENT_CELLS; i++) {
		if (!len)
			break;
		n = hold_cell(skb, way, offset, seq, len);
		if (!n || n > len)
			break;
		offset += n;
		seq += n;
		len -= n;
	}
	return 0;
}

__noinline int held_run(struct __sk_buff *skb, u32 way, u32 seq)
{
	struct held_key key = held_key(skb, way, seq);
	const struct ws_cell *cell = bpf_map_lookup_elem(&held, &key);

	return cell ? ws_cell_run(cell, ws_cell_offset(seq)) : 0;
}

__noinline int forget_held(u64 flow, u32 way, u32 from, u32 to)
{
	u32 cells = ws_cell_number(to - 1 - from + ws_cell_offset(from)) + 1, i;
	struct held_key key = { flow, ws_cell_number(from), way };

	if (from == to)
		return 0;
	for (i = 0; i < FORGET_CELLS; i++) {
		if (i >= cells)
			break;
		bpf_map_delete_elem(&held, &key);
		key.cell = (key.cell + 1) & (~0u / WS_CELL_BYTES);
	}
	return 0;
}

static __always_inline u32 arrived_seq(struct bpf_sock *sk, u32 direction)
{
	struct bpf_tcp_sock *tp = bpf_tcp_sock(sk);
	u32 received, acked;

	if (!tp)
		return 0;
	received = tp->rcv_nxt;
	acked = tp->snd_una;
	/* or clang would choose the field by arithmetic, which this pointer does not allow */
	barrier_var(received);
	barrier_var(acked);
	return direction == WST_IN ? received : acked;
}

/* Returns 1 when there may be more. */
__noinline int walk_held_some(struct __sk_buff *skb, u32 direction)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	struct ws_walk *w;
	u32 i, seq;
	int n;

	if (!stream)
		return 0;
	w = &stream->walk[direction & 1];
	for (i = 0; i < HELD_STEPS; i++) {
		if (!ws_walk_has_hole(w))
			return 0;
		seq = w->next_seq;
		n = held_run(skb, held_way(direction, w->hole), seq);
		if (n <= 0)
			return 0;
		walk_frame(skb, direction, FROM_HELD, seq, n);
	}
	return 1;
}

__noinline int walk_held(struct __sk_buff *skb, u32 direction)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct stream *stream = sk ? packet_stream(sk) : NULL;
	u32 i, way, arrived;
	struct ws_walk *w;
	int lost;

	if (!stream)
		return 0;
	w = &stream->walk[direction & 1];
	way = held_way(direction, w->hole);
	/* read before the look at what is held, so that it is not about anything later */
	arrived = arrived_seq(sk, direction & 1);
	if ((direction & 1) == WST_IN && is_skipped(stream))
		take_all_late(skb);
	for (i = 0; i < HELD_CALLS; i++)
		if (!walk_held_some(skb, direction))
			break;
	if (i == HELD_CALLS)
		return 0;
	lost = ws_walk_settle(w, arrived);
	if (!(w->options & WS_WALK_HELD))
		forget_held(held_flow(skb), way, w->held_seq, w->seen_seq);
	return lost;
}
