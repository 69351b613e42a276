/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Facts over many sessions: repetition, spread, incidents. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/facts.h"
#include "diagnose/timeouts.h"
#include "diagnose/rule.h"
#include "story.h"
#include "track/group.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

static unsigned int told(struct keyed *incidents, uint64_t now_ns, enum incident_state state)
{
	unsigned int count = 0;
	struct incident i;

	while (incident_next(incidents, now_ns, false, &i))
		count += i.state == state;
	return count;
}

TEST(incident, begins_grows_ends)
{
	struct keyed incidents;

	REQUIRE(!keyed_init(&incidents, 4, sizeof(struct incident)));
	incident_raise(&incidents, INCIDENT_FAILURE_RATE, 1, 100 * SECOND);
	CHECK_EQ(told(&incidents, 100 * SECOND, INCIDENT_STARTED), 1);
	for (uint64_t i = 1; i < 16; i++) {
		incident_raise(&incidents, INCIDENT_FAILURE_RATE, 1, (100 + i) * SECOND);
		CHECK_EQ(told(&incidents, (100 + i) * SECOND, INCIDENT_ONGOING), i == 3 || i == 15);
	}
	CHECK_EQ(incident_next_due_ns(&incidents), 175 * SECOND);
	CHECK_EQ(told(&incidents, 174 * SECOND, INCIDENT_ENDED), 0);
	CHECK_EQ(told(&incidents, 175 * SECOND, INCIDENT_ENDED), 1);
	CHECK_EQ(incident_next_due_ns(&incidents), 0);
	keyed_free(&incidents);
}

TEST(incident, process_is_told_once_all_sessions_are_known)
{
	struct keyed incidents;
	struct incident i;

	REQUIRE(!keyed_init(&incidents, 4, sizeof(struct incident)));
	incident_raise(&incidents, INCIDENT_PROCESS_EXIT, 1, 100 * SECOND);
	CHECK_EQ(incident_next_due_ns(&incidents), 0); /* one session has its own verdict */
	incident_raise(&incidents, INCIDENT_PROCESS_EXIT, 1, 100 * SECOND + MS);
	CHECK(!incident_next(&incidents, 101 * SECOND, false, &i));
	CHECK(incident_next(&incidents, 101 * SECOND, true, &i));
	CHECK_EQ(i.count, 2);
	CHECK(!incident_next(&incidents, 200 * SECOND, true, &i));
	keyed_free(&incidents);
}

/* The kernel closes thousands of sockets one after the other: still one end of one process. */
TEST(incident, process_that_takes_long_to_close_its_sockets)
{
	struct keyed incidents;
	struct incident i;

	REQUIRE(!keyed_init(&incidents, 4, sizeof(struct incident)));
	for (unsigned int n = 0; n < 20; n++) {
		incident_raise(&incidents, INCIDENT_PROCESS_EXIT, 1, 100 * SECOND + n * 100 * MS);
		CHECK(!incident_next(&incidents, 100 * SECOND + n * 100 * MS, false, &i));
	}
	CHECK(!incident_next(&incidents, 102 * SECOND + 999 * MS, false, &i));
	CHECK(incident_next(&incidents, 103 * SECOND, false, &i));
	CHECK_EQ(i.count, 20);
	/* one whose end was seen late */
	incident_raise(&incidents, INCIDENT_PROCESS_EXIT, 1, 104 * SECOND);
	incident_raise(&incidents, INCIDENT_PROCESS_EXIT, 1, 105 * SECOND);
	CHECK(!incident_next(&incidents, 300 * SECOND, true, &i));
	keyed_free(&incidents);
}

static struct incident *raise_exit(struct keyed *incidents, unsigned int sessions)
{
	struct incident *i = NULL;

	while (sessions--)
		i = incident_raise(incidents, INCIDENT_PROCESS_EXIT, 1, 100 * SECOND);
	i->restart = (struct restart){ .state = RESTART_AWAITED, .ended_ns = 100 * SECOND };
	return i;
}

TEST(incident, process_that_comes_back_later)
{
	struct keyed incidents;
	struct incident *i, told;

	REQUIRE(!keyed_init(&incidents, 4, sizeof(struct incident)));
	i = raise_exit(&incidents, 3);
	CHECK(incident_next(&incidents, 102 * SECOND, false, &told));
	CHECK_EQ(told.state, INCIDENT_STARTED);
	CHECK_EQ(told.told_ns, 102 * SECOND);
	CHECK(!told.followed_up);
	CHECK(!incident_next(&incidents, 150 * SECOND, false, &told));
	CHECK_EQ(incident_next_due_ns(&incidents), 160 * SECOND);
	CHECK(incident_next(&incidents, 160 * SECOND, false, &told)); /* a minute, and not back */
	CHECK_EQ(told.state, INCIDENT_ONGOING);
	CHECK_EQ(incident_next_due_ns(&incidents), 0);
	i->restart.state = RESTART_BACK;
	i->restart.back_ns = 500 * SECOND;
	CHECK(incident_next(&incidents, 500 * SECOND, false, &told));
	CHECK_EQ(told.state, INCIDENT_ENDED);
	CHECK(told.followed_up);
	CHECK_EQ(incident_next_due_ns(&incidents), 0);
	keyed_free(&incidents);
}

TEST(incident, process_that_is_back_when_it_is_told)
{
	struct keyed incidents;
	struct incident told;

	REQUIRE(!keyed_init(&incidents, 4, sizeof(struct incident)));
	raise_exit(&incidents, 3)->restart.state = RESTART_BACK;
	CHECK(!incident_next(&incidents, 101 * SECOND, false, &told));
	CHECK(incident_next(&incidents, 102 * SECOND, false, &told));
	CHECK_EQ(told.state, INCIDENT_ENDED);
	CHECK(!told.followed_up);
	keyed_free(&incidents);
}

/* Its end is in the verdict of that session; that it is back is in no other line. */
TEST(incident, process_with_one_session_comes_back)
{
	struct keyed incidents;
	struct incident *i, told;

	REQUIRE(!keyed_init(&incidents, 4, sizeof(struct incident)));
	i = raise_exit(&incidents, 1);
	CHECK(!incident_next(&incidents, 200 * SECOND, true, &told));
	i->restart.state = RESTART_BACK;
	i->restart.back_ns = 104 * SECOND;
	CHECK(incident_next(&incidents, 104 * SECOND, false, &told));
	CHECK_EQ(told.state, INCIDENT_ENDED);
	raise_exit(&incidents, 1)->restart = (struct restart){
		.state = RESTART_BACK,
		.back_ns = 400 * SECOND,
	};
	CHECK(!incident_next(&incidents, 400 * SECOND, false, &told)); /* nobody waits any more */
	keyed_free(&incidents);
}

TEST(keyed, stays_within_its_bounds)
{
	struct keyed k;

	REQUIRE(!keyed_init(&k, 100, sizeof(struct burst)));
	for (uint64_t key = 1; key <= 1000; key++) {
		CHECK(keyed_obtain(&k, key) != NULL);
		CHECK(keyed_obtain(&k, 1) != NULL); /* in use: stays */
	}
	CHECK_EQ(k.count, 100);
	CHECK(keyed_find(&k, 1) != NULL);
	CHECK(keyed_find(&k, 1000) != NULL);
	CHECK(keyed_find(&k, 500) == NULL);
	keyed_free(&k);
}

TEST(timeouts, are_found_by_value_and_place)
{
	const struct known_timeout *t = timeout_next(NULL, 59800 * MS, false, TIMEOUT_NETWORK,
						     TIMEOUT_FIN);

	REQUIRE(t != NULL);
	CHECK_STR(t->product, "AWS ALB");
	CHECK(timeout_next(t, 59800 * MS, false, TIMEOUT_NETWORK, TIMEOUT_FIN) == NULL);
	CHECK(timeout_next(NULL, 59300 * MS, false, TIMEOUT_NETWORK, TIMEOUT_FIN) == NULL);
	CHECK(timeout_next(NULL, 59800 * MS, true, TIMEOUT_NETWORK, TIMEOUT_FIN) == NULL);
	CHECK(timeout_is_round(59750 * MS) && timeout_is_round(5003 * MS));
	CHECK(!timeout_is_round(59200 * MS) && !timeout_is_round(5400 * MS));
	CHECK(known_proxy_find("nginx") && known_proxy_find("nginx: worker") &&
	      !known_proxy_find("node"));
}

TEST(path_template, ids_are_left_out)
{
	static const char *const cases[][2] = {
		{ "/chat", "/chat" },
		{ "/v1/rooms/42/ws", "/v1/rooms/*/ws" },
		{ "/lab/idle/3", "/lab/idle/*" },
		{ "/", "/" },
		{ "", "" },
		{ "/session/abcdefghijklmnopqrstuvwxyzabcdef", "/session/*" },
	};
	char text[INCIDENT_PATH_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		facts_path_template(text, cases[i][0]);
		CHECK_STR(text, cases[i][1]);
	}
}

/* The proxy's own connect() failed between the request and its answer. */
TEST(gateway, failed_connect_is_evidence)
{
	struct conn failed = { .connect_ns = STORY_OPENED_NS - STORY_MS };
	struct conn_parts parts;
	struct story st;

	conn_parts_give(&parts, &failed);
	failed.end->closed_ns = STORY_OPENED_NS - STORY_MS / 2;
	failed.end->error = 111;
	story_begin(&st, STORY_DIRECT);
	story_answered(&st, 502);
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_MEDIUM);
	parts.owner.tgid = STORY_SERVER_PID;
	groups_note_failed_connect(track_groups(st.track), &failed);
	CHECK_EQ(story_verdict(&st)->confidence, CONFIDENCE_HIGH);
	CHECK_STR(st.v.rule->id, "upgrade.bad_gateway");
	REQUIRE(story_evidence(&st, "backend_connect") != NULL);
	CHECK(strstr(story_evidence(&st, "backend_connect"), "ECONNREFUSED") != NULL);
	story_done(&st);
}

/* To where nothing of WebSocket was seen: the reason of a gateway's answer, not of a server's own. */
TEST(gateway, failed_connect_elsewhere)
{
	static const struct {
		const char *comm;
		uint16_t status;
		const char *cause;
		enum confidence confidence;
	} cases[] = {
		{ "node", 502, "upgrade.bad_gateway", CONFIDENCE_HIGH },
		{ "haproxy", 503, "upgrade.bad_gateway", CONFIDENCE_HIGH },
		{ "node", 503, "upgrade.unavailable", CONFIDENCE_HIGH }, /* a database is down */
		{ "node", 500, "upgrade.server_error", CONFIDENCE_HIGH },
	};
	struct conn failed = { .connect_ns = STORY_OPENED_NS - STORY_MS };
	struct conn_parts parts;
	struct story st;

	conn_parts_give(&parts, &failed);
	failed.end->closed_ns = STORY_OPENED_NS - STORY_MS / 2;
	failed.end->error = 111;
	failed.open_flags = WST_OPEN_ASIDE;
	parts.owner.tgid = STORY_SERVER_PID;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_note("%s %u", cases[i].comm, cases[i].status);
		story_begin(&st, STORY_DIRECT);
		snprintf(st.parts[STORY_SERVER_LEG].owner.comm, WST_COMM_LEN, "%s", cases[i].comm);
		story_answered(&st, cases[i].status);
		groups_note_failed_connect(track_groups(st.track), &failed);
		CHECK_STR(story_verdict(&st)->rule->id, cases[i].cause);
		CHECK_EQ(st.v.confidence, cases[i].confidence);
		story_done(&st);
	}
}

/* A backend that was given up is no longer asked: that the checks of it fail tells, but never surely. */
TEST(gateway, failing_checks_are_a_hint)
{
	struct conn failed = { 0 };
	struct conn_parts parts;
	struct story st;

	conn_parts_give(&parts, &failed);
	failed.connect_ns = failed.end->closed_ns = STORY_OPENED_NS - 20000 * STORY_MS;
	failed.end->error = 111;
	parts.owner.tgid = STORY_SERVER_PID;
	story_begin(&st, STORY_DIRECT);
	story_answered(&st, 503);
	CHECK_STR(story_verdict(&st)->rule->id, "upgrade.unavailable");
	groups_note_failed_connect(track_groups(st.track), &failed);
	CHECK_STR(story_verdict(&st)->rule->id, "upgrade.bad_gateway");
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	CHECK_STR(st.v.alternatives[3], "upgrade.unavailable");
	story_done(&st);
}

static unsigned int checks_told(const unsigned int *gaps_ms, unsigned int count)
{
	struct groups *g = groups_new();
	struct conn c = { .connect_ns = 1000 * SECOND };
	struct conn_parts parts;
	unsigned int lines = 0;

	if (!g)
		return 0;
	conn_parts_give(&parts, &c);
	parts.owner.tgid = 7;
	c.end->error = 111;
	for (unsigned int i = 0; i < 90; i++) {
		c.cookie = i + 1;
		lines += !groups_hold_back(g, &c);
		c.connect_ns += gaps_ms[i % count] * MS;
	}
	if (count == 1 && groups_failing_check(g, &c))
		CHECK_EQ(groups_failing_check(g, &c)->told_with, 59);
	groups_free(g);
	return lines;
}

/* 90 failures: three until it is clear that they are regular, then one that stands for a minute. */
TEST(failing_check, regular_ones_are_counted)
{
	static const unsigned int regular[] = { 1000 }, irregular[] = { 1000, 3000, 500 };

	CHECK_EQ(checks_told(regular, 1), 4);
	CHECK_EQ(checks_told(irregular, 3), 90);
}

/* Refusals that a proxy closes say nothing of the silence after which it ends sessions. */
TEST(groups, refusals_are_no_burst)
{
	for (int refused = 0; refused < 2; refused++) {
		struct story st;

		test_note("refused %d", refused);
		story_begin(&st, STORY_DIRECT);
		if (refused)
			story_answered(&st, 403);
		story_fin(&st, 1);
		for (int i = 0; i < 3; i++)
			groups_note_closing(track_groups(st.track), &st.s);
		CHECK_EQ(!groups_burst(track_groups(st.track), st.conns[1].owner, 0, STORY_END_NS),
			 refused);
		story_done(&st);
	}
}

/* A busy server turns one away while another one leaves it without a word. */
TEST(groups, bursts_are_of_one_code)
{
	static const uint16_t codes[] = { 0, 1001, 1008 };
	struct story st[3];

	for (int i = 0; i < 3; i++) {
		story_begin(&st[i], STORY_SERVER_ONLY);
		if (codes[i])
			story_close_frame(&st[i], false, codes[i], "");
		story_fin(&st[i], 0);
		session_refresh(&st[i].s, 0, 0);
		for (int n = 0; n <= i; n++)
			groups_note_closing(track_groups(st[0].track), &st[i].s);
	}
	for (int i = 0; i < 3; i++) {
		const struct burst *b = groups_burst(track_groups(st[0].track),
						     st[i].conns[0].owner, codes[i], STORY_END_NS);

		REQUIRE(b);
		CHECK_EQ(b->count, i + 1);
	}
	for (int i = 0; i < 3; i++)
		story_done(&st[i]);
}

TEST(groups, mixed_bursts)
{
	struct burst b = { .count = 2, .idle = { 100 * MS, 60 * SECOND } };

	CHECK(!burst_is_mixed(NULL));
	CHECK(!burst_is_mixed(&b)); /* by chance */
	b.count = 3;
	CHECK(burst_is_mixed(&b));
	b.idle.low_ns = 59 * SECOND;
	CHECK(!burst_is_mixed(&b));
}
