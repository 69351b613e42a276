/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records that have been taken out of the ring buffer and are not evaluated yet, first in, first
 * out. When thousands of sockets end at once, taking them costs a fraction of telling why they did:
 * the ring buffer has to last for a delay of this process, not for the whole burst.
 */
#ifndef TRACK_RECORD_QUEUE_H
#define TRACK_RECORD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct record_queue;

/* Holds about so many bytes at most; memory is taken as it is needed. NULL: out of memory. */
struct record_queue *record_queue_new(size_t bytes_max);
/* NULL is fine. */
void record_queue_free(struct record_queue *q);
/* So many bytes, in two records at most, fit for certain unless memory runs out. */
bool record_queue_has_room(const struct record_queue *q, size_t bytes);
/* Copies the record, of 64 KiB at most. 0; -ENOBUFS: full; -ENOMEM. */
int record_queue_add(struct record_queue *q, const void *record, size_t len);
/* The oldest record, aligned for any type, valid until it is removed; NULL: the queue is empty. */
const void *record_queue_first(const struct record_queue *q, size_t *ret_len);
/* There has to be one. */
void record_queue_remove_first(struct record_queue *q);

#endif
