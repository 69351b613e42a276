/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Input that ends at an unreadable page: reading one byte too many crashes, with and without sanitizers. */
#ifndef UNIT_GUARD_H
#define UNIT_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* A copy of len bytes (0 is fine) whose last byte lies right before an unreadable page. Never NULL; aborts if memory is short. */
uint8_t *guarded_copy(const void *bytes, size_t len);
/* With the length it was made with. */
void guarded_free(uint8_t *copy, size_t len);

#endif
