/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/intern.h"

#include <stdlib.h>
#include <string.h>

#include "track/hash.h"

#define BUCKETS_AT_FIRST 64

/*
 * Texts come from strangers, who may choose them so that they share a bucket: behind this many, one
 * more copy costs less than the search for an equal one.
 */
#define LOOK_AT_MOST 16

struct interned {
	struct interned *next; /* in its bucket */
	struct interned **at; /* the pointer that points here */
	struct interns *table;
	uint32_t hash, uses, len;
	uint32_t pad; /* bytes are aligned as malloc() aligns */
	uint64_t bytes[];
};

struct interns {
	struct interned **buckets;
	uint32_t mask, count;
	size_t used_bytes, lent_bytes, max_bytes;
	uint64_t refused;
};

const char intern_no_text[] = "";

struct interns *interns_new(size_t max_bytes)
{
	struct interns *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->buckets = calloc(BUCKETS_AT_FIRST, sizeof(*t->buckets));
	if (!t->buckets) {
		free(t);
		return NULL;
	}
	t->mask = BUCKETS_AT_FIRST - 1;
	t->max_bytes = max_bytes;
	return t;
}

void interns_free(struct interns *t)
{
	if (!t)
		return;
	free(t->buckets);
	free(t);
}

static void insert(struct interned **bucket, struct interned *i)
{
	i->next = *bucket;
	if (i->next)
		i->next->at = &i->next;
	i->at = bucket;
	*bucket = i;
}

static void unlink_one(struct interned *i)
{
	*i->at = i->next;
	if (i->next)
		i->next->at = i->at;
}

/* A bucket for each entry, or, out of memory, longer chains. */
static void grow(struct interns *t)
{
	uint32_t mask = 2 * t->mask + 1;
	struct interned **buckets = calloc((size_t)mask + 1, sizeof(*buckets));

	if (!buckets)
		return;
	for (uint32_t b = 0; b <= t->mask; b++) {
		struct interned *i, *next;

		for (i = t->buckets[b]; i; i = next) {
			next = i->next;
			insert(&buckets[i->hash & mask], i);
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->mask = mask;
}

static struct interned *find(const struct interns *t, uint32_t hash, const void *bytes, size_t len)
{
	struct interned *i = t->buckets[hash & t->mask];

	for (int looked_at = 0; i && looked_at < LOOK_AT_MOST; i = i->next, looked_at++)
		if (i->hash == hash && i->len == len && !memcmp(i->bytes, bytes, len))
			return i;
	return NULL;
}

static struct interned *add(struct interns *t, uint32_t hash, const void *bytes, size_t len)
{
	size_t size = sizeof(struct interned) + len;
	bool fits = len <= UINT32_MAX && size <= t->max_bytes - t->used_bytes;
	struct interned *i = fits ? malloc(size) : NULL;

	if (!i) {
		t->refused++;
		return NULL;
	}
	if (t->count > t->mask)
		grow(t);
	*i = (struct interned){ .table = t, .hash = hash, .len = (uint32_t)len };
	memcpy(i->bytes, bytes, len);
	insert(&t->buckets[hash & t->mask], i);
	t->used_bytes += size;
	t->count++;
	return i;
}

const void *intern_bytes(struct interns *t, const void *bytes, size_t len)
{
	uint32_t hash = hash_bytes(bytes, len);
	struct interned *i = find(t, hash, bytes, len);

	if (!i)
		i = add(t, hash, bytes, len);
	if (!i)
		return NULL;
	i->uses++;
	return i->bytes;
}

static struct interned *entry_of(const void *kept)
{
	return (struct interned *)((uintptr_t)kept - offsetof(struct interned, bytes));
}

const void *intern_again(const void *kept)
{
	if (kept)
		entry_of(kept)->uses++;
	return kept;
}

void intern_release(const void *kept)
{
	struct interned *i;

	if (!kept)
		return;
	i = entry_of(kept);
	if (--i->uses)
		return;
	unlink_one(i);
	i->table->count--;
	i->table->used_bytes -= sizeof(*i) + i->len;
	free(i);
}

const char *intern_text(struct interns *t, const char *text)
{
	const char *kept = text[0] ? intern_bytes(t, text, strlen(text) + 1) : NULL;

	return kept ? kept : intern_no_text;
}

const char *intern_text_again(const char *text)
{
	return text[0] ? intern_again(text) : text;
}

void intern_text_release(const char *text)
{
	if (text[0])
		intern_release(text);
}

size_t interns_used_bytes(const struct interns *t)
{
	return t->used_bytes;
}

bool interns_lend(struct interns *t, size_t bytes)
{
	if (bytes > t->max_bytes - t->lent_bytes) {
		t->refused++;
		return false;
	}
	t->lent_bytes += bytes;
	return true;
}

void interns_return(struct interns *t, size_t bytes)
{
	t->lent_bytes -= bytes;
}

uint64_t interns_refused(const struct interns *t)
{
	return t->refused;
}
