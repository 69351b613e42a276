/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process in the middle of which one side is all that is seen. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "story.h"

/* A gateway makes a key of its own for what is behind it: two sessions, one end, in either direction. */
TEST(rules_gateway, passes_the_end_on)
{
	struct story st, other;

	for (int i = 0; i < 4; i++) {
		bool lost = i & 1, by_client = i & 2;

		test_note("lost %d, by the client %d", lost, by_client);
		story_begin(&st, by_client ? STORY_CLIENT_ONLY : STORY_SERVER_ONLY);
		story_begin(&other, by_client ? STORY_SERVER_ONLY : STORY_CLIENT_ONLY);
		other.parts[0].owner.tgid = st.parts[0].owner.tgid;
		other.parts[0].owner.start_ns = st.parts[0].owner.start_ns;
		story_fin_received(&other, 0);
		other.s.ended_ns = STORY_END_NS - (lost ? 1 : 2000) * STORY_MS;
		groups_note_closing(track_groups(st.track), &other.s);
		story_fin(&st, 0);
		story_verdict(&st);
		CHECK_STR(st.v.rule->id, "session.closed_without_close_frame");
		CHECK_EQ(st.v.confidence, lost ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		CHECK_EQ(story_evidence(&st, "lost_before") != NULL, lost);
		story_done(&other);
		story_done(&st);
	}
}

/* Whoever connects, nginx does so for others: its death is no client's. */
TEST(rules_gateway, proxy_dies_whose_client_is_unseen)
{
	struct story st;

	story_begin(&st, STORY_CLIENT_ONLY);
	memcpy(st.parts[0].owner.comm, "nginx", sizeof("nginx"));
	story_signal(&st, STORY_CLIENT_PID, SIGKILL, 77, -1);
	story_died(&st, 0, SIGKILL);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.proxy_exited");
	CHECK_EQ(st.v.close.initiator, BY_PROXY);
	story_done(&st);
}

/* nginx with Nchan is a server: what it is to the session shows in its legs. HAProxy never is one. */
TEST(rules_gateway, server_that_has_the_name_of_a_proxy)
{
	static const struct {
		const char *comm, *cause;
	} rows[] = {
		{ "nginx", "session.process_killed" },
		{ "haproxy", "session.proxy_exited" },
	};
	struct story st;

	for (size_t i = 0; i < 2; i++) {
		story_begin(&st, STORY_DIRECT);
		memcpy(st.parts[STORY_SERVER_LEG].owner.comm, rows[i].comm,
		       strlen(rows[i].comm) + 1);
		story_signal(&st, STORY_SERVER_PID, SIGKILL, 77, -1);
		story_died(&st, STORY_SERVER_LEG, SIGKILL);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
		story_done(&st);
	}
}
