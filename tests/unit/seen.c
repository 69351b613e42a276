/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "seen.h"

#include <string.h>

#include "test.h"

struct seen seen_of(struct events *e)
{
	struct seen seen = { .t = track_new(NULL) };
	struct report r;

	REQUIRE(seen.t);
	for (size_t i = 0; i < e->count; i++)
		CHECK_EQ(track_apply(seen.t, e->records[i]), 0);
	while ((r = track_next(seen.t, UINT64_MAX)).kind != REPORT_NOTHING) {
		if (r.kind == REPORT_OPEN)
			continue;
		REQUIRE(seen.count < 64);
		seen.sessions[seen.count++] = r.session;
	}
	return seen;
}

void seen_done(struct seen *seen, struct events *e)
{
	for (unsigned int i = 0; i < seen->count; i++)
		track_release(seen->t, seen->sessions[i]);
	CHECK_EQ(track_conn_count(seen->t), 0);
	track_free(seen->t);
	events_free(e);
}

const struct conn *leg_of(const struct seen *seen, uint64_t cookie,
			  const struct session **ret_session)
{
	for (unsigned int n = 0; n < seen->count; n++) {
		for (unsigned int i = 0; i < seen->sessions[n]->leg_count; i++) {
			if (seen->sessions[n]->legs[i]->cookie != cookie)
				continue;
			*ret_session = seen->sessions[n];
			return seen->sessions[n]->legs[i];
		}
	}
	return NULL;
}

const struct session *session_of(const struct seen *seen, const struct side *s)
{
	const struct session *session = NULL;

	CHECK(leg_of(seen, s->cookie, &session) != NULL);
	return session;
}

void check_ids_differ(const struct seen *seen)
{
	for (unsigned int i = 0; i < seen->count; i++)
		for (unsigned int j = 0; j < i; j++)
			CHECK(memcmp(seen->sessions[i]->id, seen->sessions[j]->id, 16));
}
