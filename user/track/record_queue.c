/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/record_queue.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (256u << 10)

/* In front of each record, which begins 8 bytes behind it. */
struct slot {
	uint64_t len;
	uint8_t record[];
};

struct block {
	struct block *next;
	size_t begin, end; /* of the slots in use */
	uint64_t bytes[BLOCK_BYTES / sizeof(uint64_t)];
};

struct record_queue {
	struct block *first, *last;
	size_t blocks, blocks_max;
};

struct record_queue *record_queue_new(size_t bytes_max)
{
	struct record_queue *q = calloc(1, sizeof(*q));

	if (q)
		q->blocks_max = bytes_max / BLOCK_BYTES + 1;
	return q;
}

static void free_first(struct record_queue *q)
{
	struct block *b = q->first;

	q->first = b->next;
	if (!q->first)
		q->last = NULL;
	q->blocks--;
	free(b);
}

void record_queue_free(struct record_queue *q)
{
	while (q && q->first)
		free_first(q);
	free(q);
}

static size_t slot_bytes(size_t len)
{
	return (sizeof(struct slot) + len + 7) & ~(size_t)7;
}

static bool fits(const struct block *b, size_t len)
{
	return b && slot_bytes(len) <= BLOCK_BYTES - b->end;
}

bool record_queue_has_room(const struct record_queue *q, size_t bytes)
{
	return q->blocks < q->blocks_max || fits(q->last, bytes + 2 * slot_bytes(0));
}

/* Behind the last one. */
static int add_block(struct record_queue *q)
{
	struct block *b;

	if (q->blocks == q->blocks_max)
		return -ENOBUFS;
	b = malloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->next = NULL;
	b->begin = b->end = 0;
	*(q->last ? &q->last->next : &q->first) = b;
	q->last = b;
	q->blocks++;
	return 0;
}

int record_queue_add(struct record_queue *q, const void *record, size_t len)
{
	struct slot *slot;
	int err = 0;

	if (slot_bytes(len) > BLOCK_BYTES)
		return -ENOBUFS;
	if (!fits(q->last, len))
		err = add_block(q);
	if (err)
		return err;
	slot = (struct slot *)((uint8_t *)q->last->bytes + q->last->end);
	slot->len = len;
	memcpy(slot->record, record, len);
	q->last->end += slot_bytes(len);
	return 0;
}

static const struct slot *first_slot(const struct record_queue *q)
{
	return (const struct slot *)((const uint8_t *)q->first->bytes + q->first->begin);
}

const void *record_queue_first(const struct record_queue *q, size_t *ret_len)
{
	if (!q->first || q->first->begin == q->first->end)
		return NULL;
	*ret_len = first_slot(q)->len;
	return first_slot(q)->record;
}

/* In the steady state there is one record at a time, for which the last block stays. */
void record_queue_remove_first(struct record_queue *q)
{
	struct block *b = q->first;

	b->begin += slot_bytes(first_slot(q)->len);
	if (b->begin == b->end && b->next)
		free_first(q);
	else if (b->begin == b->end)
		b->begin = b->end = 0;
}
