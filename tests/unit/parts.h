/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests that make a conn or a handshake by hand, or feed one themselves. */
#ifndef UNIT_PARTS_H
#define UNIT_PARTS_H

#include "track/conn.h"

/* What a conn allocates when it comes: here it has everything from the beginning. */
struct conn_parts {
	struct conn_end end;
	struct conn_frames frames;
	struct wst_task owner;
};

/* Makes a zeroed conn usable, with parts that may be written to. */
void conn_parts_give(struct conn_parts *parts, struct conn *c);
/* One of its own, in no table; aborts when there is no memory. */
struct conn *lone_conn(void);
void lone_conn_free(struct conn *c);
/* One table for all tests. */
struct interns *parts_interns(void);
/* A handshake of which nothing is known. */
struct handshake no_handshake(void);

#endif
