/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ends that begin or show at a process in the middle, with the cause on the other side of it. */
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

/* It tells its client so with Close 1011, and waits for the answer. */
TEST(rules_gateway, says_an_error_of_a_backend_that_is_gone)
{
	struct story st, other;

	for (int lost = 0; lost < 2; lost++) {
		test_note("lost %d", lost);
		story_begin(&st, STORY_SERVER_ONLY);
		story_begin(&other, STORY_CLIENT_ONLY);
		other.parts[0].owner.tgid = st.parts[0].owner.tgid;
		other.parts[0].owner.start_ns = st.parts[0].owner.start_ns;
		story_fin_received(&other, 0);
		other.s.ended_ns = STORY_END_NS - (lost ? 21 : 2000) * STORY_MS;
		groups_note_closing(track_groups(st.track), &other.s);
		story_close_frame(&st, false, 1011, "");
		story_close_frame(&st, true, 1011, "");
		story_fin_received(&st, 0);
		story_verdict(&st);
		CHECK_STR(st.v.rule->id, "session.internal_error");
		CHECK_EQ(st.v.confidence, lost ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH);
		CHECK_EQ(story_evidence(&st, "lost_before") != NULL, lost);
		story_done(&other);
		story_done(&st);
	}
}

/* Or with Close 1000, of which nothing is normal if the backend ended without any Close frame. */
TEST(rules_gateway, says_1000_of_a_backend_that_is_gone)
{
	struct story st, other;

	for (int polite = 0; polite < 2; polite++) {
		test_note("polite %d", polite);
		story_begin(&st, STORY_SERVER_ONLY);
		story_begin(&other, STORY_CLIENT_ONLY);
		other.parts[0].owner.tgid = st.parts[0].owner.tgid;
		other.parts[0].owner.start_ns = st.parts[0].owner.start_ns;
		if (polite)
			story_close_frame(&other, false, 1000, "");
		story_fin_received(&other, 0);
		other.s.ended_ns = STORY_END_NS - 21 * STORY_MS;
		groups_note_closing(track_groups(st.track), &other.s);
		story_close_frame(&st, false, 1000, "");
		story_close_frame(&st, true, 1000, "");
		story_fin_received(&st, 0);
		story_verdict(&st);
		CHECK_STR(st.v.rule->id, polite ? "session.normal" : "session.try_again_later");
		CHECK_EQ(st.v.confidence, polite ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
		CHECK_EQ(story_evidence(&st, "lost_before") != NULL, !polite);
		CHECK_EQ(st.v.close.code, 1000);
		story_done(&other);
		story_done(&st);
	}
}

/* Which side of a proxy was not seen: a client that speaks HTTP/2, or a Unix socket behind it. */
TEST(rules_gateway, names_the_side_that_is_unseen)
{
	struct story st;

	for (int client_side = 0; client_side < 2; client_side++) {
		test_note("the client's side %d", client_side);
		story_begin(&st, client_side ? STORY_CLIENT_ONLY : STORY_SERVER_ONLY);
		memcpy(st.parts[0].owner.comm, "haproxy", sizeof("haproxy"));
		story_fin(&st, 0);
		story_verdict(&st);
		CHECK_EQ(strstr(story_evidence(&st, "other_side_unseen"), "HTTP/2") != NULL,
			 client_side);
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

/* nginx closes both legs after a silence of eight seconds, as it has before. */
static void silence(struct story *st, uint32_t pings, uint64_t last_ping_ns)
{
	for (unsigned int i = 0; i < 2 * st->s.leg_count; i++) {
		struct wst_walk_facts *w = &st->conns[i / 2].end->walk[i % 2];

		w->last_payload_ns = w->last_data_ns = STORY_END_NS - 8000 * STORY_MS;
		if ((int)(i % 2) != conn_from_server(&st->conns[i / 2]))
			continue;
		w->frames[4] = pings;
		w->last_ping_ns = last_ping_ns;
	}
	story_fin(st, STORY_PROXY_OUT);
	story_fin(st, STORY_PROXY_IN);
}

/* Pings are no remedy where the backend cannot send them. */
TEST(rules_gateway, backend_halted_in_a_silence)
{
	struct story st;

	for (int continued = 0; continued < 2; continued++) {
		test_note("continued %d", continued);
		story_begin(&st, STORY_PROXIED);
		silence(&st, 0, 0);
		story_signal(&st, STORY_SERVER_PID, SIGSTOP, 77, -7900);
		if (continued)
			story_signal(&st, STORY_SERVER_PID, SIGCONT, 77, -7800);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.proxy_idle_timeout");
		CHECK_EQ(story_evidence(&st, "signal") != NULL, !continued);
		CHECK_EQ(strstr(st.v.steps[0], "halted for 7.9 s") != NULL, !continued);
		CHECK_EQ(strstr(st.v.steps[0], "Let the server ping") != NULL, continued);
		story_done(&st);
	}
}

/* It had pinged twenty times in two seconds, or just once. */
TEST(rules_gateway, backend_that_stopped_pinging)
{
	struct story st;

	for (int often = 0; often < 2; often++) {
		test_note("often %d", often);
		story_begin(&st, STORY_PROXIED);
		silence(&st, often ? 20 : 1, STORY_END_NS - 8000 * STORY_MS);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.proxy_idle_timeout");
		CHECK_EQ(strstr(st.v.steps[0], "had stopped to") != NULL, often);
		story_done(&st);
	}
}
