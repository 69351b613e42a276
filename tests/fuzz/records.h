/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records behind one another in fuzzer input. */
#ifndef FUZZ_RECORDS_H
#define FUZZ_RECORDS_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own mutations, in place; returns the new size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Calls fn for each record; what is too short for a record, or claims to be longer than the input, comes last as it is. */
void records_each(const uint8_t *data, size_t size,
		  void (*fn)(void *arg, const uint8_t *record, size_t len), void *arg);
/* Changes, swaps, repeats or removes whole records. Returns the new size. */
size_t records_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#endif
