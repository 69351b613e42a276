/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Small values as people write them. Every function fills dst and returns it. Pure. */
#ifndef DIAGNOSE_FORMAT_H
#define DIAGNOSE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_ADDRESS 48
#define FORMAT_ENDPOINT 56
#define FORMAT_DURATION 32
#define FORMAT_BYTES 64
#define FORMAT_COUNT 48

/* addr: 16 bytes in network order; ::ffff:a.b.c.d is written as a.b.c.d. */
const char *format_address(char dst[FORMAT_ADDRESS], const uint8_t addr[16]);
/* 198.18.0.1:80 or [fd00::1]:80; port in host order */
const char *format_endpoint(char dst[FORMAT_ENDPOINT], const uint8_t addr[16], uint16_t port);
/* 412 us, 83.1 ms, 3.2 s, 2 min 5 s, 7 h 12 min */
const char *format_duration(char dst[FORMAT_DURATION], uint64_t ns);
/* 59.9 s: comparable with the numbers in configurations */
const char *format_seconds(char dst[FORMAT_DURATION], uint64_t ns);
/* 1 byte, 4096 bytes, 1.5 MiB (1572864 bytes) */
const char *format_bytes(char dst[FORMAT_BYTES], uint64_t bytes);
/* 1 SYN, 2 SYNs: noun is one that takes an s */
const char *format_count(char dst[FORMAT_COUNT], uint64_t count, const char *noun);
/* "c1 85 00": as much as fits */
const char *format_hex(char *dst, size_t cap, const uint8_t *bytes, size_t len);
/*
 * A list of subprotocols, as much as fits. Some programs pass credentials in it: what is too long
 * for a name, or has the looks of a bearer token, is replaced.
 */
const char *format_subprotocols(char *dst, size_t cap, const char *list);

#endif
