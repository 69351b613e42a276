/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sessions that end after the same silence: a timer, or one event? */
#include "test.h"

#include <string.h>

#include "story.h"
#include "track/group.h"

static void last_words(struct story *st, int before_end_ms)
{
	for (unsigned int i = 0; i < 2 * st->s.leg_count; i++) {
		struct wst_walk_facts *w = &st->conns[i / 2].end->walk[i % 2];

		w->last_payload_ns = w->last_data_ns = STORY_END_NS -
						       (uint64_t)before_end_ms * STORY_MS;
	}
}

static bool tells_of_a_period(const struct story *st)
{
	struct incident i;

	while (incident_next(&track_groups(st->track)->incidents, STORY_END_NS, true, &i))
		if (i.kind == INCIDENT_PERIODIC_DISCONNECT)
			return true;
	return false;
}

/*
 * Sessions of one moment have the same silence behind them whatever ended them (a process that
 * replaces itself, a lost database): only a long one of a length that people set is telling.
 */
TEST(rules_timer, one_moment_is_no_period)
{
	static const struct {
		int silence_ms;
		const char *id;
	} cases[] = {
		{ 2900, "session.closed_without_close_frame" },
		{ 5000, "session.closed_without_close_frame" },
		{ 9200, "session.closed_without_close_frame" },
		{ 9900, "session.server_idle_timeout" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		last_words(&st, cases[i].silence_ms);
		story_fin(&st, STORY_SERVER_LEG);
		story_companions(&st, 3);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), cases[i].id);
		CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		CHECK(!tells_of_a_period(&st));
		story_done(&st);
	}
}

TEST(rules_timer, several_moments_are_one)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	last_words(&st, 2900);
	story_fin(&st, STORY_SERVER_LEG);
	story_forerunners(&st, 3, 700, 0);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.server_idle_timeout");
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	CHECK(tells_of_a_period(&st));
	story_done(&st);
}

/* Its beginning was not seen, so nothing is as long after that. */
TEST(rules_timer, silence_of_unknown_age)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	last_words(&st, 6600);
	for (unsigned int i = 0; i < st.s.leg_count; i++) {
		st.conns[i].open_flags |= WST_OPEN_MIDSTREAM;
		st.conns[i].handshake = (struct handshake){ 0 };
	}
	st.s.opened_ns = 0;
	story_fin(&st, STORY_SERVER_LEG);
	story_verdict(&st);
	CHECK_STR(story_evidence(&st, "idle"),
		  "the last payload byte of either side passed 6.6 s before the end");
	story_done(&st);
}

/*
 * The silences differ by up to 2.1 s, the ages do not at all: a proxy that ends sessions for nothing
 * but silences looked at its timers at those moments. A server may have a limit of the age.
 */
TEST(rules_timer, ages_of_a_proxy_that_has_no_limit)
{
	for (int proxied = 0; proxied < 2; proxied++) {
		struct story st;

		test_note("proxied %d", proxied);
		story_begin(&st, proxied ? STORY_PROXIED : STORY_DIRECT);
		last_words(&st, 6000);
		story_fin(&st, proxied ? STORY_PROXY_IN : STORY_SERVER_LEG);
		if (proxied)
			story_fin(&st, STORY_PROXY_OUT);
		story_forerunners(&st, 3, 0, -700);
		CHECK_STR(verdict_cause_id(story_verdict(&st)),
			  proxied ? "session.proxy_idle_timeout" : "session.lifetime_limit");
		CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

/*
 * Sessions of one age through such a proxy, of which some had spoken late: a silence of a length that
 * people set is its timeout, whatever ended the others.
 */
TEST(rules_timer, round_silence_at_one_age)
{
	for (int round = 0; round < 2; round++) {
		struct story st;

		test_note("round %d", round);
		story_begin(&st, STORY_PROXIED);
		last_words(&st, round ? 5000 : 5400);
		story_fin(&st, STORY_PROXY_IN);
		story_fin(&st, STORY_PROXY_OUT);
		story_forerunners(&st, 3, 0, -1600);
		CHECK_STR(verdict_cause_id(story_verdict(&st)),
			  round ? "session.proxy_idle_timeout" : "session.lifetime_limit");
		CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

/* Whatever the silence: its listener went as well. */
TEST(rules_timer, goes_with_the_listener)
{
	static const struct {
		int listener_ms;
		const char *id;
	} cases[] = {
		{ -5000, "session.server_idle_timeout" },
		{ -300, "session.closed_without_close_frame" },
		{ 1, "session.closed_without_close_frame" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_DIRECT);
		last_words(&st, 2900);
		story_fin(&st, STORY_SERVER_LEG);
		story_forerunners(&st, 3, 700, 0);
		story_stop_listening(&st, cases[i].listener_ms);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), cases[i].id);
		CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
		CHECK_EQ(story_evidence(&st, "stopped_listening") != NULL, i > 0);
		CHECK_EQ(strstr(st.v.summary, ", which stopped listening,") != NULL, i > 0);
		story_done(&st);
	}
}

/* Sessions that the proxy closed this long before the end, and how long those had been silent. */
static void proxy_closed(struct story *st, int before_end_ms, int silence_ms)
{
	struct conn_end *end = st->conns[STORY_PROXY_OUT].end;
	uint64_t at_ns = STORY_END_NS - (uint64_t)before_end_ms * STORY_MS;

	last_words(st, before_end_ms + silence_ms);
	st->conns[STORY_PROXY_IN].end->closer_ns = end->closer_ns = at_ns;
	groups_note_closing(track_groups(st->track), &st->s);
	st->conns[STORY_PROXY_IN].end->closer_ns = end->closer_ns = STORY_END_NS;
}

/*
 * A worker with several timeouts, or that always closes some session, ends such as were silent for
 * different times at one moment. Alone that is a shutdown.
 */
TEST(rules_timer, busy_worker_is_not_shut_down)
{
	static const struct {
		unsigned int forerunners, before;
		const char *id;
		enum confidence confidence;
	} cases[] = {
		{ 0, 0, "session.proxy_worker_shutdown", CONFIDENCE_MEDIUM },
		{ 3, 0, "session.proxy_idle_timeout", CONFIDENCE_HIGH },
		{ 0, 100, "session.proxy_idle_timeout", CONFIDENCE_MEDIUM },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story st;

		test_note("case %zu", i);
		story_begin(&st, STORY_PROXIED);
		story_fin(&st, STORY_PROXY_OUT);
		story_fin(&st, STORY_PROXY_IN);
		for (unsigned int n = cases[i].before; n; n--)
			proxy_closed(&st, 200 + 130 * (int)n, 1000 + 2000 * ((int)n % 3));
		proxy_closed(&st, 80, 2000);
		proxy_closed(&st, 40, 3000);
		proxy_closed(&st, 0, 7950);
		last_words(&st, 7950);
		story_forerunners(&st, cases[i].forerunners, 700, 0);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), cases[i].id);
		CHECK_EQ(st.v.confidence, cases[i].confidence);
		story_done(&st);
	}
}
