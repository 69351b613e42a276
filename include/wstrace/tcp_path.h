/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of a path as the segments of one socket tell it: since when data has been waiting for
 * its ACK, how long the peer's window was zero, and how large a segment the path has carried. A few
 * comparisons a segment. Pure; compiled by both sides.
 */
#ifndef WSTRACE_TCP_PATH_H
#define WSTRACE_TCP_PATH_H

#include "wstrace/types.h"

struct tcp_path {
	__u64 busy_since_ns; /* the oldest byte in flight was sent; valid while some are */
	__u64 zero_since_ns; /* the peer's window became zero; 0: it is open */
	__u32 sent_seq; /* behind the furthest byte sent */
	__u32 acked_seq; /* the furthest ACK */
	__u32 probe_seq; /* where a segment larger than any ACKed one ends, if probe_len is not 0 */
	__u32 zero_total_ms; /* the window was zero, of the times before */
	__u16 probe_len;
	__u16 largest_acked; /* payload bytes of the largest segment that was ACKed */
	__u16 resent_len; /* payload bytes of the segment that was sent again last */
	__u8 sent_known, acked_known;
};

static __always_inline int tcp_seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static __always_inline int tcp_path_in_flight(const struct tcp_path *p)
{
	return p->sent_known && (!p->acked_known || tcp_seq_before(p->acked_seq, p->sent_seq));
}

/*
 * len > 0 payload bytes from seq on go out, cut into segments of segment_len (the same as len
 * unless the network card cuts them); 65535 at most.
 */
static __always_inline void tcp_path_sent(struct tcp_path *p, __u32 seq, __u32 len,
					  __u32 segment_len, __u64 now_ns)
{
	if (!tcp_path_in_flight(p))
		p->busy_since_ns = now_ns;
	if (!p->sent_known || tcp_seq_before(p->sent_seq, seq + len))
		p->sent_seq = seq + len;
	p->sent_known = 1;
	if (!p->probe_len && segment_len > p->largest_acked) {
		p->probe_len = segment_len;
		p->probe_seq = seq + segment_len;
	}
}

/* A segment with an ACK came in; window as in its header: only zero means the same whatever the
 * scale. */
static __always_inline void tcp_path_acked(struct tcp_path *p, __u32 ack, __u32 window, __u64 now_ns)
{
	if (!p->acked_known || tcp_seq_before(p->acked_seq, ack))
		p->acked_seq = ack;
	p->acked_known = 1;
	if (p->probe_len && !tcp_seq_before(ack, p->probe_seq)) {
		p->largest_acked = p->probe_len;
		p->probe_len = 0;
	}
	if (!window && !p->zero_since_ns) {
		p->zero_since_ns = now_ns;
	} else if (window && p->zero_since_ns) {
		p->zero_total_ms += (now_ns - p->zero_since_ns) / 1000000;
		p->zero_since_ns = 0;
	}
}

#endif
