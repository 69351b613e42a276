/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Input against an unreadable page: the sanitizers do not see an over-read inside the fuzzer's own buffer. */
#ifndef FUZZ_EDGE_H
#define FUZZ_EDGE_H

#include <stddef.h>
#include <stdint.h>

#define EDGE_BYTES 65536

/* A copy that ends at the page, valid until the next call; len <= EDGE_BYTES. One mapping for all: no allocation per run. */
uint8_t *edge_copy(const void *bytes, size_t len);

#endif
