/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes that overtook a hole in the stream, held until the hole is filled: cells of 512 bytes by
 * sequence number, and a bit for each byte that is there. Pure; compiled by both sides.
 */
#ifndef WSTRACE_WS_HELD_H
#define WSTRACE_WS_HELD_H

#include "wstrace/types.h"

#define WS_LINE_BYTES 64 /* a line has a word of bits */
#define WS_CELL_LINES 8
#define WS_CELL_BYTES (WS_CELL_LINES * WS_LINE_BYTES)

struct ws_cell {
	__u64 flow; /* whose bytes these are */
	__u64 lines[WS_CELL_LINES]; /* bit n: byte n of the line is there */
	/* one line more than is used, for verifiers that add up the largest offset and length */
	__u8 bytes[WS_CELL_BYTES + WS_LINE_BYTES];
};

static __always_inline __u32 ws_cell_number(__u32 seq)
{
	return seq / WS_CELL_BYTES;
}

static __always_inline __u32 ws_cell_offset(__u32 seq)
{
	return seq & (WS_CELL_BYTES - 1);
}

/* How much of n bytes at `offset` of a cell belongs to the line that begins there: 1 to 64. */
static __always_inline __u32 ws_line_share(__u32 offset, __u32 n)
{
	__u32 left = WS_LINE_BYTES - (offset & (WS_LINE_BYTES - 1));

	return n < left ? n : left;
}

/* The n bytes (1 to 64, within one line) at `offset` are there now. */
static __always_inline void ws_cell_mark(struct ws_cell *cell, __u32 offset, __u32 n)
{
	__u64 bits = ~0ull >> ((WS_LINE_BYTES - n) & 63) << (offset & (WS_LINE_BYTES - 1));

	cell->lines[offset / WS_LINE_BYTES & (WS_CELL_LINES - 1)] |= bits;
}

/* Of the line, how many bytes are there from `offset` on without a gap: 0 to 64. */
static __always_inline __u32 ws_cell_run(const struct ws_cell *cell, __u32 offset)
{
	__u32 first = offset & (WS_LINE_BYTES - 1);
	__u64 missing = ~(cell->lines[offset / WS_LINE_BYTES & (WS_CELL_LINES - 1)] >> first);
	__u32 n = 0;

	/* the lowest bit that is set; none beyond the line's end, for zeroes were shifted in */
	if (!missing)
		return WS_LINE_BYTES;
	if (!(missing & 0xffffffff)) {
		n += 32;
		missing >>= 32;
	}
	if (!(missing & 0xffff)) {
		n += 16;
		missing >>= 16;
	}
	if (!(missing & 0xff)) {
		n += 8;
		missing >>= 8;
	}
	if (!(missing & 0xf)) {
		n += 4;
		missing >>= 4;
	}
	if (!(missing & 3)) {
		n += 2;
		missing >>= 2;
	}
	return n + !(missing & 1);
}

#endif
