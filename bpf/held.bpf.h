/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes that overtook a hole, see held.bpf.c. way: the direction in bit 0, above it the number of
 * the hole (ws_walk.hole; 0 before the frames begin).
 */
#ifndef HELD_BPF_H
#define HELD_BPF_H

#include "packet.bpf.h"

/* Instead of a place in the packet: the bytes are held, at their sequence number. */
#define FROM_HELD 0xffffffff

static __always_inline u32 held_way(u32 direction, u32 hole)
{
	return hole << 1 | (direction & 1);
}

/* Of bytes that wait for the CPU that has the turn, see turn.bpf.c. */
static __always_inline u32 late_way(u32 number)
{
	return 1u << 31 | number;
}

/* Keeps the payload bytes [seq, seq + len), which lie at `offset` of the packet. */
int hold_segment(struct __sk_buff *skb, u32 way, u32 offset, u32 seq, u32 len);
/* How many bytes are held from seq on without a gap, 64 at most; they lie in one cell. */
int held_run(struct __sk_buff *skb, u32 way, u32 seq);
/* What is held of [from, to) is of no use any more. flow: note.flow */
int forget_held(u64 flow, u32 way, u32 from, u32 to);
/* The same of segments that were left for a CPU that never took them. */
int forget_late(u64 flow);
/*
 * Whose bytes the packet has: the same for the listener that a first one meets and for the socket.
 * To be called before anything that is held is asked for.
 */
u64 find_flow(struct __sk_buff *skb);

static __always_inline u64 held_flow(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	const struct note *note = sk ? packet_note(sk) : NULL;

	return note ? note->flow : 0;
}

static __always_inline struct held_key held_key(struct __sk_buff *skb, u32 way, u32 seq)
{
	struct held_key key = { held_flow(skb), ws_cell_number(seq), way };

	return key;
}

static __always_inline struct ws_cell *create_held_cell(struct __sk_buff *skb, u32 way, u32 seq)
{
	struct held_key key = { find_flow(skb), ws_cell_number(seq), way };
	struct ws_cell *cell = bpf_map_lookup_elem(&held, &key);

	if (cell)
		return cell;
	bpf_map_update_elem(&held, &key, (void *)zeroes, BPF_NOEXIST);
	cell = bpf_map_lookup_elem(&held, &key);
	if (cell)
		cell->flow = key.flow;
	return cell;
}

/*
 * Copies n bytes (within what held_run() told). False when they are gone: the map is full, and
 * another stream has taken the place.
 */
static __always_inline bool held_copy(struct __sk_buff *skb, u32 way, u32 seq, void *to, u32 n)
{
	struct held_key key = held_key(skb, way, seq);
	struct ws_cell *cell = bpf_map_lookup_elem(&held, &key);

	if (!cell || bpf_probe_read_kernel(to, n, cell->bytes + ws_cell_offset(seq)))
		return false;
	barrier();
	return cell->flow == key.flow && ws_cell_run(cell, ws_cell_offset(seq)) >= n;
}

/* n bytes at `offset` of the packet, or held ones at seq. The bounds of n are the caller's. */
static __always_inline bool load_bytes(struct __sk_buff *skb, u32 offset, u32 way, u32 seq,
				       void *to, u32 n)
{
	bool loaded = offset == FROM_HELD ? held_copy(skb, way, seq, to, n) :
					    !bpf_skb_load_bytes(skb, offset, to, n);

	if (!loaded)
		count_loss(WST_LOSS_LOAD);
	return loaded;
}

/* As far as there are bytes. */
static __always_inline bool is_prefix(const u8 *bytes, u32 n, const char *word, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (i < n && bytes[i] != word[i])
			return false;
	return true;
}

static __always_inline u32 further(u32 offset, u32 n)
{
	return offset == FROM_HELD ? offset : offset + n;
}

static __always_inline void forget_way(u64 flow, const struct ws_walk *w, u32 direction)
{
	if (w->options & WS_WALK_HELD)
		forget_held(flow, held_way(direction, w->hole), w->held_seq, w->seen_seq);
}

/* The hole was never filled: what overtook it is payload, and is not to lie around. */
static __always_inline void forget_all_held(const struct note *note, const struct stream *stream)
{
	if (note->flow) /* what goes out does so in order; of a head that was read the last cell is left */
		forget_held(note->flow, held_way(WST_IN, 0),
			    note->seen & SEEN_HELD ? note->next_seq[WST_IN] : note->held_end - 1,
			    note->held_end);
	if (!stream)
		return;
	if (stream->walk[WST_IN].skipped)
		forget_late(note->flow);
	forget_way(note->flow, &stream->walk[WST_IN], WST_IN);
	forget_way(note->flow, &stream->walk[WST_OUT], WST_OUT);
}

#endif
