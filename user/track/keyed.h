/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Entries by a 64-bit key, at most so many: the least recently used one goes first. An entry is a
 * struct that begins with struct keyed_entry and is zeroed when it is made. Pure.
 */
#ifndef TRACK_KEYED_H
#define TRACK_KEYED_H

#include <stddef.h>
#include <stdint.h>

struct keyed_entry {
	uint64_t key;
	struct keyed_entry *next; /* hash chain */
	struct keyed_entry *older, *newer; /* by use */
};

struct keyed {
	struct keyed_entry **buckets;
	uint32_t mask, count, max;
	size_t entry_bytes;
	struct keyed_entry *oldest, *newest;
};

int keyed_init(struct keyed *k, uint32_t max, size_t entry_bytes); /* 0 or -ENOMEM */
void keyed_free(struct keyed *k);
void *keyed_find(const struct keyed *k, uint64_t key); /* NULL: not there */
/* Makes it if need be, and uses it; NULL: out of memory. */
void *keyed_obtain(struct keyed *k, uint64_t key);
void keyed_remove(struct keyed *k, void *entry);

/* A key of several parts: begin with any number, then add them one by one. */
uint64_t key_add(uint64_t key, const void *bytes, size_t len);
uint64_t key_add_number(uint64_t key, uint64_t number);
uint64_t key_add_text(uint64_t key, const char *text);

#endif
