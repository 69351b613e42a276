// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Steps over the bytes of a head: scans them, sends them to user space. */
#include "frames.bpf.h"

#define BODY_BYTES 64
#define SHORT_CHUNK_BYTES 256

/*
 * Scans the next bytes of the head in the segment [seq, seq + len) whose payload starts at
 * `offset`. Returns 1 when there is more to scan.
 */
__noinline int scan_piece(struct __sk_buff *skb, u32 offset, u32 seq, u32 len)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	struct http_scan scan;
	u8 bytes[HEAD_PIECE_BYTES];
	u32 i, n, at;

	if (!note)
		return 0;
	scan = note->scan;
	at = scan.next_seq - seq;
	if (at >= len || scan.marks & HTTP_MARK_END || scan.total >= WST_HTTP_HEAD_BYTES)
		return 0;
	n = len - at > HEAD_PIECE_BYTES ? HEAD_PIECE_BYTES : len - at;
	barrier_var(n); /* the verifier has to see the bounds, not clang */
	n = ((n - 1) & (HEAD_PIECE_BYTES - 1)) + 1;
	if (!load_bytes(skb, further(offset, at), held_way(scan.direction, 0), scan.next_seq, bytes,
			n))
		return 0;
	for (i = 0; i < HEAD_PIECE_BYTES; i++) {
		/* clang would test for i != n alone, which older verifiers do not take for a bound */
		barrier_var(i);
		if (i >= n || i >= HEAD_PIECE_BYTES)
			break;
		if (http_scan_byte(&scan, bytes[i])) {
			i++;
			break;
		}
	}
	scan.next_seq += i;
	note->scan = scan;
	return 1;
}

/*
 * Do the first words of a body of len bytes at `offset` speak of a session? That is all that is
 * ever learned of it.
 */
__noinline int body_names_session(struct __sk_buff *skb, u32 offset, u32 len)
{
	u8 bytes[BODY_BYTES] = {};
	u64 window = 0;
	u32 i, n = len > BODY_BYTES ? BODY_BYTES : len;

	if (!n)
		return 0;
	barrier_var(n);
	n = ((n - 1) & (BODY_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(skb, offset, bytes, n))
		return 0;
	for (i = 0; i < BODY_BYTES; i++) {
		barrier_var(i);
		if (i >= n || i >= BODY_BYTES)
			break;
		window = window << 8 | bytes[i];
		if (http_scan_is_session(window))
			return 1;
	}
	return 0;
}

/* The next chunk of a head: where its n bytes are, and what is to be said of them. */
struct chunk {
	u64 cookie;
	u32 tgid, head_seq, head_offset, offset, n;
	u8 direction, flags;
};

/* Sends a chunk of `room` bytes at most (a constant, a power of two), for which the record has room. */
static __always_inline bool send_chunk(struct __sk_buff *skb, const struct chunk *c, u32 room)
{
	u32 n = c->n, size = __builtin_offsetof(struct wst_http_event, data) + room;
	struct wst_http_event *event = reserve_event(WST_EV_HTTP, size, c->cookie, c->tgid);

	if (!event)
		return false;
	event->head_seq = c->head_seq;
	event->offset = c->head_offset;
	event->direction = c->direction;
	event->flags = c->flags;
	event->len = n;
	barrier_var(n);
	n = ((n - 1) & (room - 1)) + 1;
	if (!load_bytes(skb, c->offset, held_way(c->direction, 0), c->head_seq + c->head_offset,
			event->data, n)) {
		event->len = 0;
		event->flags |= WST_HTTP_CUT;
	}
	bpf_ringbuf_submit(event, 0);
	return true;
}

/*
 * Sends a chunk of the n bytes of a head that lie at `offset` of the packet. flags: enum
 * wst_http_flag, the direction in bit 8, which chunk from bit 16 on. Returns 1 when there are more.
 */
__noinline int emit_chunk(struct __sk_buff *skb, u32 offset, u32 n, u32 head_offset, u32 flags)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	u32 done = (flags >> 16) * WST_HTTP_CHUNK_BYTES;
	struct chunk c = { .n = n - done };
	bool more, sent;

	if (!note || done >= n)
		return 0;
	more = c.n > WST_HTTP_CHUNK_BYTES;
	if (more) {
		c.n = WST_HTTP_CHUNK_BYTES;
		flags &= ~(u32)(WST_HTTP_LAST | WST_HTTP_CUT | WST_HTTP_SESSION_BODY);
	}
	c.cookie = packet_cookie(skb, sk);
	c.tgid = note->owner.tgid;
	c.head_seq = note->scan.head_seq;
	c.head_offset = head_offset + done;
	c.offset = further(offset, done);
	c.direction = flags >> 8 & 1;
	c.flags = flags;
	if (c.n <= SHORT_CHUNK_BYTES)
		sent = send_chunk(skb, &c, SHORT_CHUNK_BYTES);
	else
		sent = send_chunk(skb, &c, WST_HTTP_CHUNK_BYTES);
	return sent && more;
}
