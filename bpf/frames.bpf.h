/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FRAMES_BPF_H
#define FRAMES_BPF_H

#include "maps.bpf.h"

/* Walks frames of a segment, see frames.bpf.c. Returns 1 when it has to be called again. */
int walk_frames(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len);
/*
 * Scans up to HTTP_SCAN_BYTES of a head, see handshake.bpf.c. Returns the bytes taken, -1 when they
 * could not be read.
 */
int scan_head(struct __sk_buff *skb, u32 offset, u32 n);
/* Sends one chunk of a head to user space. flags: enum wst_http_flag, the direction in bit 8. */
int emit_chunk(struct __sk_buff *skb, u32 offset, u32 n, u32 head_offset, u32 flags);

#endif
