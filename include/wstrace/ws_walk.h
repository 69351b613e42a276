/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Follows the frames of one direction of a TCP connection by sequence number: "the next byte of
 * interest is at next_seq". Segments that do not hold that byte cost a comparison. Works on
 * segments in any cut: headers split over segments are carried, retransmitted and overlapping bytes
 * are passed over, sequence numbers may wrap. Pure; compiled by both sides.
 *
 * Bytes that overtook a hole are seen once: the caller holds them (ws_held.h) and walks them when
 * the hole is filled. Where that failed and TCP has the next header but the walker does not, sync is
 * lost and said so; it is regained only by hunting: several headers in a row that are legal and end
 * where segments end.
 */
#ifndef WSTRACE_WS_WALK_H
#define WSTRACE_WS_WALK_H

#include "wstrace/ws_frame.h"

enum ws_walk_phase {
	WS_WALK_OFF = 0,
	WS_WALK_HEADER, /* next_seq is a byte of a header */
	WS_WALK_CLOSE_PAYLOAD, /* next_seq is a byte of a Close frame's payload */
	WS_WALK_HUNT, /* not synchronised: the next segment start is tried as a header */
	WS_WALK_DONE, /* nothing more to learn in this direction */
};

#define WS_WALK_CONTEXT (WS_FROM_CLIENT | WS_DEFLATE | WS_FRAGMENTED)

enum ws_walk_option {
	/* bits 0 to 2: enum ws_frame_context */
	WS_WALK_HELD = 1 << 3, /* bytes of [held_seq, seen_seq) are held */
	WS_WALK_TRIAL = 1 << 4, /* hunting, a candidate is being followed */
	WS_WALK_SEEN = 1 << 5, /* seen_seq is valid */
	/* the connection was open before the tracer: joining it, not regaining it */
	WS_WALK_BEFORE = 1 << 6,
};

/*
 * What a data frame needs lies together, in 120 bytes behind the first 8: they are two cache lines
 * if those 8 end one.
 */
struct ws_walk {
	__u32 held_seq;
	__u32 ping_end; /* behind the last frame of that kind; see pong_end, data_end */
	__u8 header[32]; /* WS_HEADER_MAX, written WS_HEADER_MAX at a time behind what is carried */
	/*
	 * payload bytes beyond next_seq that come before the next header (frames of 1 GiB and more)
	 */
	__u64 skip;
	__u32 next_seq;
	__u32 seen_seq; /* end of the furthest segment */
	__u8 phase; /* enum ws_walk_phase */
	__u8 options; /* enum ws_walk_option */
	__u8 have; /* header bytes carried over from earlier segments */
	__u8 close_left; /* bytes of Close payload still to come */
	__u8 trial_headers : 4, trial_ends : 4; /* legal headers and exact ends in this trial */
	__u8 skipped; /* a segment was left for another CPU (turn.bpf.c) */
	__u16 hole; /* goes up with each hole, so that its bytes are not taken for another's */
	__u32 pong_end, data_end;
	struct wst_walk_facts facts;
};

/* What one step found. */
enum ws_step {
	WS_STEP_MORE = 0, /* all bytes of this segment that matter were used */
	WS_STEP_FRAME, /* a header; frame is filled */
	WS_STEP_CLOSE, /* header of a Close frame; its payload follows */
	WS_STEP_ILLEGAL, /* frame and faults are filled */
	WS_STEP_HTTP, /* "HTTP/1." instead of a header */
};

#define WS_TRIAL_HEADERS 4
#define WS_TRIAL_ENDS 2
#define WS_TRIAL_MAX 15 /* counted no further */
#define WS_SKIP_HOP (1u << 30) /* sequence numbers compare over less than 2^31 */

static __always_inline int ws_seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* Starts at a known header boundary: the first byte after the opening handshake's head. */
static __always_inline void ws_walk_start(struct ws_walk *w, __u32 seq, int from_client, int deflate)
{
	wst_memset(w, 0, sizeof(*w));
	w->next_seq = seq;
	w->phase = WS_WALK_HEADER;
	w->options = (from_client ? WS_FROM_CLIENT : 0) | (deflate ? WS_DEFLATE : 0);
	w->facts.flags = WST_WALK_ON;
}

/* Starts on a connection that was open before: hunts. */
static __always_inline void ws_walk_join(struct ws_walk *w, int from_client)
{
	wst_memset(w, 0, sizeof(*w));
	w->phase = WS_WALK_HUNT;
	/* Unknown, so RSV1 must not count as a fault. */
	w->options = (from_client ? WS_FROM_CLIENT : 0) | WS_DEFLATE | WS_WALK_BEFORE;
}

static __always_inline void ws_walk_lose(struct ws_walk *w)
{
	w->phase = WS_WALK_HUNT;
	w->options &= ~(WS_WALK_TRIAL | WS_FRAGMENTED | WS_WALK_HELD);
	w->hole++;
	w->facts.flags |= WST_WALK_LOST;
	w->facts.losses++;
	w->have = 0;
	w->skip = 0;
}

/* A candidate failed: wait for the next segment. Nothing of it was counted. */
static __always_inline void ws_walk_abort_trial(struct ws_walk *w)
{
	w->options &= ~(WS_WALK_TRIAL | WS_FRAGMENTED);
	w->phase = WS_WALK_HUNT;
	w->have = 0;
	w->skip = 0;
}

static __always_inline void ws_walk_begin_trial(struct ws_walk *w, __u32 seq)
{
	w->options |= WS_WALK_TRIAL;
	w->options &= ~WS_FRAGMENTED;
	w->phase = WS_WALK_HEADER;
	w->next_seq = seq;
	w->have = 0;
	w->skip = 0;
	w->trial_headers = 0;
	w->trial_ends = 0;
}

/* The candidate is certain: count from here on. */
static __always_inline void ws_walk_end_trial(struct ws_walk *w)
{
	w->options &= ~WS_WALK_TRIAL;
	w->facts.flags &= ~WST_WALK_LOST;
	w->facts.flags |= WST_WALK_ON |
			  (w->options & WS_WALK_BEFORE ? WST_WALK_JOINED : WST_WALK_REGAINED);
}

static __always_inline int ws_walk_in_trial(const struct ws_walk *w)
{
	return w->options & WS_WALK_TRIAL;
}

/* Moves next_seq over payload that is longer than sequence numbers can compare. */
static __always_inline void ws_walk_hop(struct ws_walk *w)
{
	__u32 hop = w->skip > WS_SKIP_HOP ? WS_SKIP_HOP : (__u32)w->skip;

	w->next_seq += hop;
	w->skip -= hop;
}

/* Bytes up to `end` may be held already. */
static __always_inline void ws_walk_expect_held(struct ws_walk *w, __u32 end)
{
	if (!(w->options & WS_WALK_SEEN) || ws_seq_before(w->seen_seq, end))
		w->seen_seq = end;
	if (!(w->options & WS_WALK_HELD))
		w->held_seq = w->next_seq;
	w->options |= WS_WALK_SEEN | WS_WALK_HELD;
}

enum ws_entry {
	WS_ENTRY_NONE, /* no byte of interest */
	WS_ENTRY_WALK, /* next_seq lies in it */
	WS_ENTRY_HOLD, /* next_seq comes before it, in a hole */
};

/* Bytes beyond next_seq went by: next_seq lies in a hole, or among bytes that are held. */
static __always_inline int ws_walk_has_hole(const struct ws_walk *w)
{
	return w->options & WS_WALK_SEEN && ws_seq_before(w->next_seq, w->seen_seq) &&
	       (w->phase == WS_WALK_HEADER || w->phase == WS_WALK_CLOSE_PAYLOAD);
}

/* Call for each segment of len > 0 payload bytes that starts at seq. */
static __always_inline enum ws_entry ws_walk_enter(struct ws_walk *w, __u32 seq, __u32 len)
{
	__u32 end = seq + len;
	int fresh = !(w->options & WS_WALK_SEEN) || ws_seq_before(w->seen_seq, end);
	/*
	 * Hunting starts at segments that follow the last one without a hole: their start is where
	 * a writer's call began.
	 */
	int follows = !(w->options & WS_WALK_SEEN) || !ws_seq_before(seq, w->seen_seq);

	if (w->phase == WS_WALK_OFF || w->phase == WS_WALK_DONE)
		return WS_ENTRY_NONE;
	if (fresh)
		w->seen_seq = end;
	w->options |= WS_WALK_SEEN;
	if (w->phase == WS_WALK_HUNT) {
		if (!follows)
			return WS_ENTRY_NONE;
		ws_walk_begin_trial(w, seq);
	}
	if (!ws_seq_before(w->next_seq, end))
		return WS_ENTRY_NONE;
	if (!ws_seq_before(w->next_seq, seq))
		return WS_ENTRY_WALK;
	if (ws_walk_in_trial(w)) {
		ws_walk_abort_trial(w);
		return WS_ENTRY_NONE;
	}
	if (!(w->options & WS_WALK_HELD) || ws_seq_before(seq, w->held_seq))
		w->held_seq = seq;
	w->options |= WS_WALK_HELD;
	return WS_ENTRY_HOLD;
}

/*
 * For a segment whose bytes can only be held: returns 1 if they are of use. While hunting they are
 * not: what a segment is cut into, and when, is all there is to go by.
 */
static __always_inline int ws_walk_enter_held(struct ws_walk *w, __u32 seq, __u32 len)
{
	if (w->phase == WS_WALK_HUNT || ws_walk_in_trial(w) ||
	    ws_walk_enter(w, seq, len) == WS_ENTRY_NONE)
		return 0;
	if (!(w->options & WS_WALK_HELD) || ws_seq_before(seq, w->held_seq))
		w->held_seq = seq;
	w->options |= WS_WALK_HELD;
	return 1;
}

/* Call when a segment that ends at `end` was walked to its end: a trial takes note. */
static __always_inline void ws_walk_leave(struct ws_walk *w, __u32 end)
{
	if (!ws_walk_in_trial(w) || w->phase != WS_WALK_HEADER || w->have || w->skip ||
	    w->next_seq != end)
		return;
	if (w->trial_ends < WS_TRIAL_MAX)
		w->trial_ends++;
	if (w->trial_headers >= WS_TRIAL_HEADERS && w->trial_ends >= WS_TRIAL_ENDS)
		ws_walk_end_trial(w);
}

/*
 * Bytes that are needed and were not held: TCP has everything up to `arrived` (rcv_nxt, or snd_una
 * for what goes out), so next_seq will not come again.
 */
static __always_inline int ws_walk_has_missed(const struct ws_walk *w, __u32 arrived)
{
	return w->options & WS_WALK_HELD && ws_walk_has_hole(w) &&
	       ws_seq_before(w->next_seq, arrived);
}

/*
 * Call when all that is held and can be walked was walked. Returns 1 if sync was lost; without
 * WS_WALK_HELD afterwards, what was held is of no use any more.
 */
static __always_inline int ws_walk_settle(struct ws_walk *w, __u32 arrived)
{
	if (!(w->options & WS_WALK_HELD))
		return 0;
	if (ws_walk_has_missed(w, arrived)) {
		if (w->phase == WS_WALK_HEADER) {
			ws_walk_lose(w);
			return 1;
		}
		w->phase = WS_WALK_DONE; /* no frame follows a Close frame */
	}
	if (!ws_walk_has_hole(w)) {
		w->options &= ~WS_WALK_HELD;
		w->hole++;
	}
	return 0;
}

static __always_inline void ws_walk_count(struct ws_walk *w, const struct ws_frame *f, __u64 now_ns)
{
	__u32 index = ws_opcode_index(f->opcode), end = w->next_seq + (__u32)f->payload_len;

	wst_hide(index);
	if (ws_opcode_known(f->opcode) && index < 6)
		w->facts.frames[index]++;
	w->facts.payload_bytes += f->payload_len;
	if (f->payload_len > w->facts.largest_frame_bytes)
		w->facts.largest_frame_bytes = f->payload_len;
	if (f->opcode == WS_PING) {
		w->facts.last_ping_ns = now_ns;
		w->ping_end = end;
		if (!w->facts.unanswered_pings++)
			w->facts.unanswered_since_ns = now_ns;
	} else if (f->opcode == WS_PONG) {
		w->facts.last_pong_ns = now_ns;
		w->pong_end = end;
	} else if (f->opcode != WS_CLOSE) {
		w->facts.last_data_ns = now_ns;
		w->data_end = end;
		w->facts.last_data_bytes = f->payload_len > 0xffffffff ? 0xffffffff :
									 (__u32)f->payload_len;
	}
}

/* The other direction has answered. */
static __always_inline void ws_walk_answered(struct wst_walk_facts *pinger, __u64 now_ns)
{
	if (pinger->last_ping_ns && now_ns > pinger->last_ping_ns)
		pinger->ping_rtt_us = (now_ns - pinger->last_ping_ns) / 1000;
	pinger->unanswered_pings = 0;
	pinger->unanswered_since_ns = 0;
}

/*
 * Which of the last frames end behind `done`, the sequence number up to which all has arrived:
 * enum wst_walk_flag
 */
static __always_inline __u32 ws_walk_pending(const struct ws_walk *w, __u32 done)
{
	const struct wst_walk_facts *f = &w->facts;

	return (f->last_ping_ns && ws_seq_before(done, w->ping_end) ? WST_WALK_PING_PENDING : 0) |
	       (f->last_pong_ns && ws_seq_before(done, w->pong_end) ? WST_WALK_PONG_PENDING : 0) |
	       (f->last_data_ns && ws_seq_before(done, w->data_end) ? WST_WALK_DATA_PENDING : 0);
}

static __always_inline void ws_walk_track_message(struct ws_walk *w, const struct ws_frame *f)
{
	if (ws_is_control(f->opcode))
		return;
	if (f->fin)
		w->options &= ~WS_FRAGMENTED;
	else
		w->options |= WS_FRAGMENTED;
}

/* In a trial the continuation state is unknown until a message begins. */
static __always_inline __u32 ws_walk_faults(const struct ws_walk *w, const struct ws_frame *f)
{
	__u32 faults = ws_frame_faults(w->header[0] | (__u32)w->header[1] << 8, f->payload_len,
				       w->options & WS_WALK_CONTEXT);

	if (w->options & WS_WALK_TRIAL && !w->trial_headers)
		faults &= ~WST_FAULT_CONTINUATION;
	return faults;
}

/* A whole Close frame that ends where the segment ends is certain enough to be told. */
static __always_inline int ws_walk_close_is_certain(const struct ws_frame *f, __u32 segment_left)
{
	return (f->payload_len == 0 || f->payload_len >= 2) &&
	       segment_left == f->header_len + f->payload_len;
}

/* A header in a trial. Returns 0 when the candidate failed. */
static __always_inline int ws_walk_try(struct ws_walk *w, const struct ws_frame *f, __u32 faults,
				       __u32 segment_left)
{
	int close = f->opcode == WS_CLOSE;

	if (faults || (close && !ws_walk_close_is_certain(f, segment_left))) {
		ws_walk_abort_trial(w);
		return 0;
	}
	if (close)
		ws_walk_end_trial(w);
	else if (w->trial_headers < WS_TRIAL_MAX)
		w->trial_headers++;
	return 1;
}

/* After a whole header: where the next byte of interest is, and what was found. */
static __always_inline enum ws_step ws_walk_header(struct ws_walk *w, const struct ws_frame *f,
						   __u32 segment_left, __u64 now_ns,
						   __u32 *ret_faults)
{
	__u32 faults = ws_walk_faults(w, f);

	w->have = 0;
	*ret_faults = faults;
	if (ws_walk_in_trial(w) && !ws_walk_try(w, f, faults, segment_left))
		return WS_STEP_MORE;
	if (!ws_walk_in_trial(w))
		ws_walk_count(w, f, now_ns);
	if (faults & (WST_FAULT_OPCODE | WST_FAULT_LENGTH)) {
		/* What follows means nothing any more. */
		w->phase = WS_WALK_DONE;
		w->facts.flags |= WST_WALK_STOPPED;
		return WS_STEP_ILLEGAL;
	}
	ws_walk_track_message(w, f);
	if (f->opcode == WS_CLOSE && !(faults & WST_FAULT_CONTROL_LENGTH)) {
		w->close_left = f->payload_len;
		w->phase = f->payload_len ? WS_WALK_CLOSE_PAYLOAD : WS_WALK_DONE;
		w->facts.flags |= WST_WALK_STOPPED;
		return faults ? WS_STEP_ILLEGAL : WS_STEP_CLOSE;
	}
	w->skip = f->payload_len;
	ws_walk_hop(w);
	return faults ? WS_STEP_ILLEGAL : WS_STEP_FRAME;
}

/* Where the caller of ws_walk_step() puts what comes next: WS_HEADER_MAX bytes have room. */
static __always_inline __u8 *ws_walk_room(struct ws_walk *w)
{
	return w->header + (w->have & 15);
}

/*
 * A step as nearly all are: a whole message below 64 KiB, legal, its header in this segment. Returns
 * 0 if it is any other, and has changed nothing.
 */
static __always_inline int ws_walk_plain(struct ws_walk *w, __u32 n, __u64 now_ns,
					 struct ws_frame *ret_frame)
{
	__u32 masked = w->options & WS_FROM_CLIENT ? 1 : 0, header_len = 2 + 4 * masked;
	__u32 opcode = w->header[0] ^ 0x80, len = w->header[1] ^ masked << 7;

	if (w->options & WS_DEFLATE)
		opcode &= ~0x40u;
	if (w->have || w->options & (WS_WALK_TRIAL | WS_FRAGMENTED) ||
	    (opcode != WS_TEXT && opcode != WS_BINARY) || len > 126)
		return 0;
	if (len == 126) {
		len = (__u32)w->header[2] << 8 | w->header[3];
		header_len += 2;
		if (len < 126)
			return 0;
	}
	if (n < header_len)
		return 0;
	ret_frame->payload_len = len;
	ret_frame->fin = 1;
	ret_frame->rsv = w->header[0] >> 4 & 7;
	ret_frame->opcode = opcode;
	ret_frame->masked = masked;
	ret_frame->header_len = header_len;
	w->next_seq += header_len;
	ws_walk_count(w, ret_frame, now_ns);
	w->next_seq += len;
	return 1;
}

/*
 * One step at next_seq. The bytes of the segment from there on (as many as it has, WS_HEADER_MAX at
 * most) are in ws_walk_room(); n is their number or more; segment_left is what the segment has from
 * there on. Call while next_seq lies inside the segment and the answer is not WS_STEP_MORE.
 */
static __always_inline enum ws_step ws_walk_step(struct ws_walk *w, __u32 n, __u32 segment_left,
						 __u64 now_ns, struct ws_frame *ret_frame,
						 __u32 *ret_faults)
{
	const __u8 *bytes = w->header;
	__u32 had = w->have & 15, used;

	if (ws_walk_plain(w, n, now_ns, ret_frame))
		return WS_STEP_FRAME;
	if (!had && n >= 7 && bytes[0] == 'H' && bytes[1] == 'T' && bytes[2] == 'T' &&
	    bytes[3] == 'P' && bytes[4] == '/' && bytes[5] == '1' && bytes[6] == '.') {
		if (ws_walk_in_trial(w)) {
			ws_walk_abort_trial(w);
			return WS_STEP_MORE;
		}
		w->phase = WS_WALK_DONE;
		w->facts.flags |= WST_WALK_STOPPED;
		return WS_STEP_HTTP;
	}
	if (n > WS_HEADER_MAX - had)
		n = WS_HEADER_MAX - had;
	used = ws_frame_parse(w->header, had + n, ret_frame);
	if (!used) {
		w->have = had + n;
		w->next_seq += n;
		return WS_STEP_MORE;
	}
	w->next_seq += used - had;
	return ws_walk_header(w, ret_frame, segment_left + had, now_ns, ret_faults);
}

/* Close payload: n bytes at next_seq were taken. */
static __always_inline void ws_walk_took_close(struct ws_walk *w, __u32 n)
{
	w->next_seq += n;
	w->close_left -= n;
	if (!w->close_left)
		w->phase = WS_WALK_DONE;
}

#endif
