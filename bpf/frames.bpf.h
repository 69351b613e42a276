/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FRAMES_BPF_H
#define FRAMES_BPF_H

#include "maps.bpf.h"

/* Walks frames of a segment, see frames.bpf.c. Returns 1 when it has to be called again. */
int walk_frames(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);
/*
 * Walks what is held of the stream, see held.bpf.c. Returns 1 when sync was lost.
 */
int walk_held(struct __sk_buff *skb, u32 direction);
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
/* Looks for a head in bytes that come in order, see handshake.bpf.c. */
int read_segment(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);

#endif
