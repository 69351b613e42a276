/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All sessions that come out of a stream of records. */
#ifndef UNIT_SEEN_H
#define UNIT_SEEN_H

#include "events.h"
#include "track/track.h"

/* What was reported, in the order of the reports. */
struct seen {
	struct track *t;
	struct session *sessions[64];
	unsigned int count;
};

struct seen seen_of(struct events *e);
void seen_done(struct seen *seen, struct events *e);
/* The socket with that cookie and its session; NULL: it is in none. */
const struct conn *leg_of(const struct seen *seen, uint64_t cookie,
			  const struct session **ret_session);
const struct session *session_of(const struct seen *seen, const struct side *s);
void check_ids_differ(const struct seen *seen);

#endif
