/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sessions that are not reported yet: by what their key gives, by their last event, and by the time
 * at which they are due.
 */
#ifndef TRACK_SESSION_TABLE_H
#define TRACK_SESSION_TABLE_H

#include <stddef.h>

#include "track/session.h"

struct session_table {
	struct session **buckets;
	uint32_t mask;
	struct session *oldest, *newest;
	/* binary heap by session_next_ns(), the earliest at heap[1] */
	struct session **heap;
	uint64_t *due_ns; /* of heap[i]: what it was sorted by */
	size_t heap_count, heap_room;
};

int session_table_init(struct session_table *t, uint32_t capacity); /* 0 or -ENOMEM */
/* Frees the tables, not the sessions. */
void session_table_free(struct session_table *t);
void session_table_add(struct session_table *t, struct session *s);
void session_table_remove(struct session_table *t, struct session *s);
void session_table_touch(struct session_table *t, struct session *s);
/*
 * The first session with this key_id; the others follow in ->next, mixed with sessions of other
 * keys.
 */
struct session *session_table_first(const struct session_table *t, const uint8_t key_id[16]);

/* Puts the session where session_next_ns() says, in or out. 0 or -ENOMEM. */
int session_table_schedule(struct session_table *t, struct session *s);
/* The session that is due first and its time, or NULL. */
struct session *session_table_due(const struct session_table *t, uint64_t *ret_ns);

#endif
