/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/session_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "track/hash.h"

int session_table_init(struct session_table *t, uint32_t capacity)
{
	memset(t, 0, sizeof(*t));
	t->mask = hash_mask_for(capacity / 2); /* most sessions have two legs here */
	t->buckets = calloc((size_t)t->mask + 1, sizeof(*t->buckets));
	return t->buckets ? 0 : -ENOMEM;
}

void session_table_free(struct session_table *t)
{
	free(t->buckets);
	free(t->heap);
	free(t->due_ns);
	memset(t, 0, sizeof(*t));
}

static struct session **bucket_of(const struct session_table *t, const uint8_t key_id[16])
{
	return &t->buckets[hash_bytes(key_id, 16) & t->mask];
}

struct session *session_table_first(const struct session_table *t, const uint8_t key_id[16])
{
	return *bucket_of(t, key_id);
}

static void append(struct session_table *t, struct session *s)
{
	s->older = t->newest;
	s->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = s;
	t->newest = s;
}

static void unlink_by_age(struct session_table *t, struct session *s)
{
	*(s->older ? &s->older->newer : &t->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &t->newest) = s->older;
	s->older = s->newer = NULL;
}

void session_table_add(struct session_table *t, struct session *s)
{
	struct session **bucket = bucket_of(t, s->key_id);

	s->next = *bucket;
	if (s->next)
		s->next->at = &s->next;
	s->at = bucket;
	*bucket = s;
	append(t, s);
}

void session_table_touch(struct session_table *t, struct session *s)
{
	if (t->newest == s)
		return;
	unlink_by_age(t, s);
	append(t, s);
}

static void place(struct session_table *t, size_t at, struct session *s, uint64_t due_ns)
{
	t->heap[at] = s;
	t->due_ns[at] = due_ns;
	s->heap_index = (uint32_t)at;
}

static void sift_up(struct session_table *t, size_t at, struct session *s, uint64_t due_ns)
{
	for (; at > 1 && t->due_ns[at / 2] > due_ns; at /= 2)
		place(t, at, t->heap[at / 2], t->due_ns[at / 2]);
	place(t, at, s, due_ns);
}

static void sift_down(struct session_table *t, size_t at, struct session *s, uint64_t due_ns)
{
	size_t child;

	while ((child = 2 * at) <= t->heap_count) {
		if (child < t->heap_count && t->due_ns[child + 1] < t->due_ns[child])
			child++;
		if (t->due_ns[child] >= due_ns)
			break;
		place(t, at, t->heap[child], t->due_ns[child]);
		at = child;
	}
	place(t, at, s, due_ns);
}

static void move(struct session_table *t, size_t at, struct session *s, uint64_t due_ns)
{
	if (at > 1 && t->due_ns[at / 2] > due_ns)
		sift_up(t, at, s, due_ns);
	else
		sift_down(t, at, s, due_ns);
}

static void unschedule(struct session_table *t, struct session *s)
{
	size_t at = s->heap_index, last = t->heap_count;

	if (!at)
		return;
	s->heap_index = 0;
	t->heap_count--;
	if (at != last)
		move(t, at, t->heap[last], t->due_ns[last]);
}

static int make_room(struct session_table *t)
{
	size_t room = t->heap_room ? t->heap_room * 2 : 64;
	struct session **heap;
	uint64_t *due_ns;

	if (t->heap_count + 1 < t->heap_room)
		return 0;
	heap = realloc(t->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	due_ns = realloc(t->due_ns, room * sizeof(*due_ns));
	if (!due_ns)
		return -ENOMEM;
	t->due_ns = due_ns;
	t->heap_room = room;
	return 0;
}

int session_table_schedule(struct session_table *t, struct session *s)
{
	uint64_t due_ns = session_next_ns(s);

	if (!due_ns) {
		unschedule(t, s);
		return 0;
	}
	if (s->heap_index) {
		move(t, s->heap_index, s, due_ns);
		return 0;
	}
	if (make_room(t))
		return -ENOMEM;
	sift_up(t, ++t->heap_count, s, due_ns);
	return 0;
}

struct session *session_table_due(const struct session_table *t, uint64_t *ret_ns)
{
	if (!t->heap_count)
		return NULL;
	*ret_ns = t->due_ns[1];
	return t->heap[1];
}

void session_table_remove(struct session_table *t, struct session *s)
{
	unschedule(t, s);
	if (!s->at)
		return;
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	s->next = NULL;
	s->at = NULL;
	unlink_by_age(t, s);
}
