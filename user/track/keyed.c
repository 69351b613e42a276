/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/keyed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "track/hash.h"

int keyed_init(struct keyed *k, uint32_t max, size_t entry_bytes)
{
	memset(k, 0, sizeof(*k));
	k->max = max;
	k->entry_bytes = entry_bytes;
	k->mask = hash_mask_for(max);
	k->buckets = calloc((size_t)k->mask + 1, sizeof(struct keyed_entry *));
	return k->buckets ? 0 : -ENOMEM;
}

void keyed_free(struct keyed *k)
{
	struct keyed_entry *e, *newer;

	for (e = k->oldest; e; e = newer) {
		newer = e->newer;
		free(e);
	}
	free(k->buckets);
	memset(k, 0, sizeof(*k));
}

static struct keyed_entry **bucket_of(const struct keyed *k, uint64_t key)
{
	return &k->buckets[hash_u64(key) & k->mask];
}

void *keyed_find(const struct keyed *k, uint64_t key)
{
	struct keyed_entry *e = k->buckets ? *bucket_of(k, key) : NULL;

	while (e && e->key != key)
		e = e->next;
	return e;
}

static void unlink_by_use(struct keyed *k, struct keyed_entry *e)
{
	*(e->older ? &e->older->newer : &k->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &k->newest) = e->older;
}

static void append_by_use(struct keyed *k, struct keyed_entry *e)
{
	e->older = k->newest;
	e->newer = NULL;
	*(k->newest ? &k->newest->newer : &k->oldest) = e;
	k->newest = e;
}

void keyed_remove(struct keyed *k, void *entry)
{
	struct keyed_entry *e = entry, **at = bucket_of(k, e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_by_use(k, e);
	k->count--;
	free(e);
}

void *keyed_obtain(struct keyed *k, uint64_t key)
{
	struct keyed_entry *e = keyed_find(k, key), **at;

	if (e) {
		unlink_by_use(k, e);
		append_by_use(k, e);
		return e;
	}
	if (!k->buckets)
		return NULL;
	if (k->count >= k->max)
		keyed_remove(k, k->oldest);
	e = calloc(1, k->entry_bytes);
	if (!e)
		return NULL;
	e->key = key;
	at = bucket_of(k, key);
	e->next = *at;
	*at = e;
	append_by_use(k, e);
	k->count++;
	return e;
}

/* FNV-1a, 64 bits: of a few thousand keys no two are the same. */
uint64_t key_add(uint64_t key, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	key ^= 0xcbf29ce484222325ull;
	for (size_t i = 0; i < len; i++)
		key = (key ^ at[i]) * 0x100000001b3ull;
	return key;
}

uint64_t key_add_number(uint64_t key, uint64_t number)
{
	return key_add(key, &number, sizeof(number));
}

uint64_t key_add_text(uint64_t key, const char *text)
{
	return key_add(key, text, strlen(text) + 1);
}
