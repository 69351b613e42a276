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
/* Reads a segment that may hold bytes of a head, see handshake.bpf.c. */
int read_head(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);

#endif
