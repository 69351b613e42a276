/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Streams of records through struct track. */
#ifndef UNIT_TRACK_RUN_H
#define UNIT_TRACK_RUN_H

#include "events.h"
#include "track/track.h"

/* Applies the records from `from` on. Returns how many there are. */
size_t apply_from(struct track *t, const struct events *e, size_t from);
struct track *track_of(const struct events *e);
/* The next END that is due, NULL when there is none; OPENs before it are counted (may be NULL). */
struct session *next_end(struct track *t, uint64_t now_ns, int *ret_opens);
/* The one session that is due at now, and no other. */
struct session *only_end(struct track *t, uint64_t now_ns);
/* Releases the last session and everything: nothing may be left. */
void finish(struct track *t, struct session *s, struct events *e);
/* The same with so many sockets that have not closed. */
void finish_with(unsigned int open, struct track *t, struct session *s, struct events *e);
/* No session has an end to tell, and so many sockets have not closed: releases everything. */
void finish_silent(unsigned int open, struct track *t, struct events *e);

#endif
