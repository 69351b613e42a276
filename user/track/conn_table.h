/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All followed sockets: by cookie, by tuple, by the sequence number of their request; and by role
 * in the order of their last event.
 */
#ifndef TRACK_CONN_TABLE_H
#define TRACK_CONN_TABLE_H

#include <stddef.h>

#include "track/conn.h"

struct conn_list {
	struct conn *oldest, *newest;
};

struct conn_table {
	struct conn **by_cookie;
	struct conn **chains[CONN_CHAINS];
	uint32_t mask;
	size_t count;
	struct conn_list lists[CONN_CLONE]; /* by enum conn_role */
};

int conn_table_init(struct conn_table *t, uint32_t capacity); /* 0 or -ENOMEM */
void conn_table_free(struct conn_table *t);
struct conn *conn_table_find(const struct conn_table *t, uint64_t cookie);
struct conn *conn_table_add(struct conn_table *t, uint64_t cookie); /* NULL: out of memory */
/* Forgets and frees it. Clones too, which are in no table. */
void conn_table_remove(struct conn_table *t, struct conn *c);
/* A copy for a session that has to keep what its socket was; NULL: out of memory. */
struct conn *conn_clone(const struct conn *c);
void conn_table_set_role(struct conn_table *t, struct conn *c, enum conn_role role);
/* The latest of its role. */
void conn_table_touch(struct conn_table *t, struct conn *c);
/* After its tuple or its request became known. */
void conn_table_index(struct conn_table *t, struct conn *c);

/*
 * Walks the sockets that may have this tuple or its mirror image: after NULL the first one. The
 * caller compares.
 */
struct conn *conn_table_next_by_tuple(const struct conn_table *t, const struct wst_tuple *tuple,
				      const struct conn *after);
/* Walks the sockets whose request may have begun where that of c did. */
struct conn *conn_table_next_by_seq(const struct conn_table *t, const struct conn *c,
				    const struct conn *after);

#endif
