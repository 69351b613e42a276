/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TRACK_HASH_H
#define TRACK_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Cookies and pids are counters: spread them over all bits (the finaliser of MurmurHash3). */
static inline uint32_t hash_u64(uint64_t v)
{
	v ^= v >> 33;
	v *= 0xff51afd7ed558ccdull;
	v ^= v >> 33;
	v *= 0xc4ceb9fe1a85ec53ull;
	v ^= v >> 33;
	return (uint32_t)v;
}

/* FNV-1a */
static inline uint32_t hash_bytes(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t v = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		v = (v ^ at[i]) * 0x100000001b3ull;
	return hash_u64(v);
}

/* Mask of a table with a bucket for each of `entries`, within reason. */
static inline uint32_t hash_mask_for(uint32_t entries)
{
	uint32_t buckets = 16;

	while (buckets < entries && buckets < 1u << 24)
		buckets *= 2;
	return buckets - 1;
}

#endif
