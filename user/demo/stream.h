/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whole reads and writes on a blocking socket. 0 or -errno; -ENODATA when the stream ended first.
 */
#ifndef DEMO_STREAM_H
#define DEMO_STREAM_H

#include <stddef.h>

struct websocket;

int stream_write(int fd, const void *data, size_t len);
int stream_read(struct websocket *ws, void *ret, size_t len); /* ret NULL: throws the bytes away */

#endif
