/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes from the wire and numbers of the kernel, made fit to print. Pure: arithmetic only, no
 * clock, no locale.
 */
#ifndef OUTPUT_TEXT_H
#define OUTPUT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_TIME 32
#define TEXT_ID 33

/*
 * Valid UTF-8 from any bytes: what is not becomes U+FFFD, control characters become \xNN, and so do
 * those that turn the direction of the text or break lines (\u{202e}), which could make a terminal
 * or a reader see something else. Cut at a character to fit cap bytes, the end then being "…".
 * Returns the length of dst, which is NUL-terminated.
 */
size_t text_clean(char *dst, size_t cap, const char *src, size_t len);
/* 2025-11-23T13:09:01.123456789Z of nanoseconds since 1970 */
const char *text_time(char dst[TEXT_TIME], uint64_t unix_ns);
/* 32 hex digits */
const char *text_id(char dst[TEXT_ID], const uint8_t id[16]);

#endif
