/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections that were never made: who is to blame, and what says so. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "story.h"

TEST(rules_connect, connect_failures)
{
	static const struct {
		uint32_t error;
		enum initiator by;
	} rows[] = {
		{ ECONNREFUSED, BY_SERVER },
		{ ETIMEDOUT, BY_NETWORK },
		{ EHOSTUNREACH, BY_NETWORK },
		{ EADDRNOTAVAIL, BY_KERNEL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("errno %u", rows[i].error);
		story_begin(&st, STORY_CLIENT_ONLY);
		story_unconnected(&st, rows[i].error);
		CHECK_EQ(story_verdict(&st)->close.initiator, rows[i].by);
		CHECK_EQ(st.v.close.code, 1006);
		story_done(&st);
	}
}

/* A client with a timeout of its own: the network is to blame all the same. */
TEST(rules_connect, client_stops_waiting_for_syn_ack)
{
	struct story st;

	story_begin(&st, STORY_CLIENT_ONLY);
	story_unconnected(&st, 0);
	st.conns[0].syn_retransmits = 1;
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	CHECK_STR(verdict_cause_id(&st.v), "connect.timeout");
	CHECK_EQ(st.v.close.initiator, BY_NETWORK);
	story_done(&st);
}

TEST(rules_connect, refused_on_this_host)
{
	struct story st;

	story_begin(&st, STORY_CLIENT_ONLY);
	story_unconnected(&st, ECONNREFUSED);
	st.conns[0].end->rst_in_ns = STORY_END_NS;
	story_verdict(&st);
	CHECK(story_evidence(&st, "no_listener") == NULL);
	memcpy(st.conns[0].tuple.remote, st.conns[0].tuple.local, 16);
	story_verdict(&st);
	CHECK(story_evidence(&st, "no_listener") != NULL);
	story_done(&st);
}
