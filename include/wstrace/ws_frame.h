/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The header of one WebSocket frame, RFC 6455 section 5.2. Pure; compiled by both sides. */
#ifndef WSTRACE_WS_FRAME_H
#define WSTRACE_WS_FRAME_H

#include "wstrace/event.h"
#include "wstrace/types.h"

#define WS_HEADER_MAX 14 /* 2 + 8 bytes of length + 4 of mask */

enum ws_opcode {
	WS_CONTINUATION = 0x0,
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xa,
};

struct ws_frame {
	__u64 payload_len;
	__u8 fin;
	__u8 rsv; /* the three bits, RSV1 = 4 */
	__u8 opcode;
	__u8 masked;
	__u8 header_len;
};

/* Bytes of the whole header, from its first two. */
static __always_inline __u32 ws_header_len(const __u8 header[2])
{
	__u32 len7 = header[1] & 0x7f;

	return 2 + (len7 == 126 ? 2 : len7 == 127 ? 8 : 0) + (header[1] & 0x80 ? 4 : 0);
}

/*
 * Reads a header of which `have` bytes are in `header` (an array of WS_HEADER_MAX). Returns the
 * header's length when it is whole, 0 when more bytes are needed. Every bit pattern has a meaning
 * here; whether it is legal is ws_frame_faults()' business.
 */
static __always_inline __u32 ws_frame_parse(const __u8 *header, __u32 have, struct ws_frame *ret)
{
	__u32 need;

	if (have < 2)
		return 0;
	need = ws_header_len(header);
	if (have < need)
		return 0;
	ret->fin = header[0] >> 7;
	ret->rsv = (header[0] >> 4) & 7;
	ret->opcode = header[0] & 0xf;
	ret->masked = header[1] >> 7;
	ret->header_len = need;
	ret->payload_len = header[1] & 0x7f;
	if (ret->payload_len == 126) {
		ret->payload_len = (__u64)header[2] << 8 | header[3];
	} else if (ret->payload_len == 127) {
		ret->payload_len = (__u64)header[2] << 56 | (__u64)header[3] << 48 |
				   (__u64)header[4] << 40 | (__u64)header[5] << 32 |
				   (__u64)header[6] << 24 | (__u64)header[7] << 16 |
				   (__u64)header[8] << 8 | header[9];
	}
	return need;
}

static __always_inline int ws_is_control(__u8 opcode)
{
	return opcode & 0x8;
}

static __always_inline int ws_opcode_known(__u8 opcode)
{
	return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

/* Index into wst_walk_facts.frames, for known opcodes. */
static __always_inline __u32 ws_opcode_index(__u8 opcode)
{
	return opcode & 0x8 ? (opcode & 0x3) + 3 : opcode & 0x3;
}

enum ws_frame_context {
	WS_FROM_CLIENT = 1 << 0, /* sent by the client, so it has to be masked (5.1) */
	/*
	 * permessage-deflate was agreed: RSV1 may be set on the first frame of a message (RFC 7692,
	 * 6)
	 */
	WS_DEFLATE = 1 << 1,
	WS_FRAGMENTED = 1 << 2, /* a message is open in this direction (5.4) */
};

static __always_inline __u32 ws_control_faults(__u32 opcode, __u32 fin, __u32 len7)
{
	__u32 faults = 0;

	if (len7 > WST_CONTROL_PAYLOAD_BYTES)
		faults |= WST_FAULT_CONTROL_LENGTH;
	if (!fin)
		faults |= WST_FAULT_CONTROL_FRAGMENT;
	if (opcode == WS_CLOSE && len7 == 1)
		faults |= WST_FAULT_CLOSE_LENGTH;
	return faults;
}

/*
 * What is wrong with a header, as enum wst_frame_fault bits; 0 for a legal one. first_two: its
 * bytes 0 and 1, byte 0 lowest; payload_len as ws_frame_parse() gives it; context: enum
 * ws_frame_context.
 */
WST_VERIFIED_ONCE __u32 ws_frame_faults(__u32 first_two, __u64 payload_len, __u32 context)
{
	__u32 opcode = first_two & 0xf, rsv = first_two >> 4 & 7, fin = first_two >> 7 & 1;
	__u32 masked = first_two >> 15 & 1, len7 = first_two >> 8 & 0x7f, allowed = 0, faults = 0;

	/* 5.2: the minimal number of bytes, the top bit of 64 zero */
	if ((len7 == 126 && payload_len < 126) ||
	    (len7 == 127 && (payload_len < 65536 || payload_len >> 63)))
		faults |= WST_FAULT_LENGTH;
	if (!ws_opcode_known(opcode))
		return faults | WST_FAULT_OPCODE;
	if (context & WS_DEFLATE && (opcode == WS_TEXT || opcode == WS_BINARY))
		allowed = 4;
	if (rsv & ~allowed)
		faults |= WST_FAULT_RSV;
	if (context & WS_FROM_CLIENT && !masked)
		faults |= WST_FAULT_UNMASKED;
	if (!(context & WS_FROM_CLIENT) && masked)
		faults |= WST_FAULT_MASKED;
	if (ws_is_control(opcode))
		return faults | ws_control_faults(opcode, fin, len7);
	if (opcode == WS_CONTINUATION && !(context & WS_FRAGMENTED))
		faults |= WST_FAULT_CONTINUATION;
	if (opcode != WS_CONTINUATION && context & WS_FRAGMENTED)
		faults |= WST_FAULT_INTERLEAVED;
	return faults;
}

#endif
