/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two CPUs may bring segments of one stream at the same time: nobody holds the socket's lock yet.
 * Who has the turn walks; others leave their bytes for it. What goes out is sent under that lock,
 * and needs no turn.
 */
#ifndef TURN_BPF_H
#define TURN_BPF_H

#include "held.bpf.h"

/* Waits for some microseconds. Returns 1 when this CPU has the turn. */
int wait_for_turn(struct __sk_buff *skb);
/* Leaves a segment for the CPU that has the turn. Returns 1 when this one has it after all. */
int leave_late(struct __sk_buff *skb, u32 offset, u32 seq, u32 len);
/* Puts what others have left among what is held for the walker. */
int take_all_late(struct __sk_buff *skb);

static __always_inline bool try_turn(struct stream *stream)
{
	if (compat_ordered_add(&stream->walkers, 1) == 1)
		return true;
	compat_ordered_add(&stream->walkers, -1);
	return false;
}

static __always_inline bool take_turn(struct __sk_buff *skb, struct stream *stream)
{
	return try_turn(stream) || wait_for_turn(skb);
}

/* While others go on to set it. */
static __always_inline bool is_skipped(const struct stream *stream)
{
	return *(const volatile u8 *)&stream->walk[WST_IN].skipped;
}

#endif
