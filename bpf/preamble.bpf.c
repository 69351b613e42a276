// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What may stand before a request: an empty line, which servers pass over (RFC 9112, 2.2), or the
 * header of the PROXY protocol, by which a load balancer tells whose connection it is
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
 */
#include "frames.bpf.h"

#define PIECE_BYTES 16
#define PROXY_V1_PIECES 7 /* 107 bytes at most, with its line end */
#define PROXY_V2_BYTES 16 /* and as many as its last two bytes say */

/* Loads what there is of the PIECE_BYTES at seq + done; returns how many. */
static __always_inline u32 load_piece(struct __sk_buff *skb, const struct packet *p, u32 done,
				      u8 *bytes)
{
	u32 n = p->len - done > PIECE_BYTES ? PIECE_BYTES : p->len - done;

	if (done >= p->len)
		return 0;
	barrier_var(n);
	n = ((n - 1) & (PIECE_BYTES - 1)) + 1;
	return load_bytes(skb, further(p->payload_offset, done), held_way(p->direction, 0),
			  p->seq + done, bytes, n) ?
		       n :
		       0;
}

/* How many bytes a piece has up to the end of a line, with it; 0: it has none. */
static __always_inline u32 line_end(const u8 *bytes, u32 n)
{
	u32 i;

	for (i = 0; i < PIECE_BYTES; i++)
		if (i < n && bytes[i] == '\n')
			return i + 1;
	return 0;
}

__noinline int preamble(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	struct packet p = {
		.seq = seq, .payload_offset = offset, .len = len, .direction = direction & 1
	};
	u8 bytes[PIECE_BYTES] = {};
	u32 n = load_piece(skb, &p, 0, bytes), i, line;

	if (!n)
		return 0;
	if (n == PROXY_V2_BYTES && is_prefix(bytes, n, "\r\n\r\n\0\r\nQUIT\n", 12))
		return PROXY_V2_BYTES + (bytes[14] << 8 | bytes[15]);
	if (bytes[0] == '\n')
		return 1;
	if (bytes[0] == '\r')
		return n >= 2 && bytes[1] == '\n' ? 2 : 0;
	if (n <= 6 || !is_prefix(bytes, n, "PROXY ", 6))
		return 0;
	for (i = 0; i < PROXY_V1_PIECES && n; i++) {
		line = line_end(bytes, n);
		if (line)
			return i * PIECE_BYTES + line;
		n = load_piece(skb, &p, (i + 1) * PIECE_BYTES, bytes);
	}
	return 0;
}
