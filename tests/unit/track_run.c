/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track_run.h"

#include "track/group.h"

#include "test.h"

size_t apply_from(struct track *t, const struct events *e, size_t from)
{
	for (size_t i = from; i < e->count; i++)
		CHECK_EQ(track_apply(t, e->records[i]), 0);
	return e->count;
}

struct track *track_of(const struct events *e)
{
	struct track *t = track_new(NULL);

	REQUIRE(t);
	apply_from(t, e, 0);
	return t;
}

struct session *next_end(struct track *t, uint64_t now_ns, int *ret_opens)
{
	struct report r;

	while ((r = track_next(t, now_ns)).kind == REPORT_OPEN)
		if (ret_opens)
			(*ret_opens)++;
	return r.kind == REPORT_END ? r.session : NULL;
}

struct session *only_end(struct track *t, uint64_t now_ns)
{
	struct session *s = next_end(t, now_ns, NULL);

	REQUIRE(s);
	CHECK(!next_end(t, now_ns, NULL));
	return s;
}

void finish_with(unsigned int open, struct track *t, struct session *s, struct events *e)
{
	track_release(t, s);
	CHECK_EQ(track_conn_count(t), open);
	/* but for what a verdict leaves behind: is its client coming back? */
	CHECK_EQ(track_next_due_ns(t), absence_next_due_ns(&track_groups(t)->absences));
	track_free(t);
	events_free(e);
}

void finish(struct track *t, struct session *s, struct events *e)
{
	finish_with(0, t, s, e);
}

void finish_silent(unsigned int open, struct track *t, struct events *e)
{
	CHECK(!next_end(t, UINT64_MAX, NULL));
	CHECK_EQ(track_conn_count(t), open);
	track_free(t);
	events_free(e);
}
