/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of one address and of the backends behind it: failures, spread, churn. */
#include "test.h"

#include <string.h>

#include "track/service.h"

#define SECOND 1000000000ull

static struct service_endpoint backend(uint16_t port)
{
	return (struct service_endpoint){ .port = port };
}

/* New sessions by turns according to weights; true once it is uneven. */
static bool spread(struct service *s, unsigned int sessions, unsigned int weight_a)
{
	const struct service_backend *most, *least;
	bool uneven = false;

	for (unsigned int i = 0; i < sessions; i++) {
		struct service_endpoint e = backend(i % (weight_a + 1) == weight_a ? 2 : 1);

		service_note_open(s, &e, i * SECOND);
		uneven = uneven || service_is_uneven(s, &most, &least);
	}
	return uneven;
}

TEST(service, spread)
{
	static struct service s;

	CHECK(!spread(&s, 100, 1));
	memset(&s, 0, sizeof(s));
	CHECK(spread(&s, 40, 9));
	memset(&s, 0, sizeof(s));
	CHECK(!spread(&s, 11, 9)); /* too few to tell */
}

/* One restarts, all go to the other; then it takes its turns again, or all of them. */
TEST(service, restart_is_no_imbalance)
{
	const struct service_backend *most, *least;
	const struct service_endpoint a = backend(1), b = backend(2);
	static struct service s;
	unsigned int i;

	memset(&s, 0, sizeof(s));
	spread(&s, 20, 1);
	service_forget_spread(&s);
	for (i = 0; i < 10; i++)
		service_note_end(&s, &b);
	for (i = 0; i < 30; i++) {
		service_note_open(&s, &a, (100 + i) * SECOND);
		CHECK(!service_is_uneven(&s, &most, &least));
	}
	for (i = 0; i < 30; i++) { /* least_conn evens out what is open */
		service_note_open(&s, &b, (200 + i) * SECOND);
		CHECK(!service_is_uneven(&s, &most, &least));
	}
}

TEST(service, a_101_that_was_not_taken_counts_once)
{
	struct service_attempt opened = { .ts_ns = SECOND }, other = { .ts_ns = 2 * SECOND };
	struct service_attempt failed = { .ts_ns = 3 * SECOND, .cause = "upgrade.bad_accept" };
	static struct service s;
	struct service_failures f;

	memset(&s, 0, sizeof(s));
	service_note_attempt(&s, &opened);
	service_note_attempt(&s, &other);
	service_note_failed(&s, &failed, opened.ts_ns);
	f = service_failures(&s, 4 * SECOND);
	CHECK_EQ(f.attempts, 2);
	CHECK_EQ(f.failed, 1);
	service_note_failed(&s, &failed, 0);
	CHECK_EQ(service_failures(&s, 4 * SECOND).attempts, 3);
	CHECK_EQ(service_failures(&s, 4 * SECOND).failed, 2);
}

/* Sessions a second apart, by turns on so many backends; those of the last `kept` ones live on. */
static struct service_churn churn_of(unsigned int sessions, unsigned int backends, unsigned int kept)
{
	static struct service s;

	memset(&s, 0, sizeof(s));
	for (unsigned int i = 0; i < sessions; i++) {
		struct service_attempt a = { .ts_ns = (1000 + i) * SECOND };

		a.backend = backend(1 + i % backends);
		service_note_attempt(&s, &a);
		if (i % backends < backends - kept)
			service_note_lost(&s, a.ts_ns, &a.backend);
	}
	return service_churn(&s, (1000 + sessions) * SECOND);
}

TEST(service, churn)
{
	static const struct {
		unsigned int sessions, backends, kept;
		bool churns;
	} cases[] = {
		{ 8, 2, 0, true },   { 7, 2, 0, false }, /* too few to tell */
		{ 50, 1, 0, false }, /* there is no other backend */
		{ 50, 2, 1, false }, /* one of two is bad, and the other is not */
		{ 50, 3, 1, true },  { 50, 5, 3, false }, /* most sessions last */
		{ 50, 3, 3, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct service_churn c = churn_of(cases[i].sessions, cases[i].backends,
						  cases[i].kept);

		test_note("case %zu", i);
		CHECK_EQ(service_churns(&c), cases[i].churns);
		CHECK_EQ(c.opened, cases[i].sessions);
		CHECK_EQ(c.backend_count, cases[i].backends);
	}
}

TEST(service, churn_is_of_the_last_minute)
{
	static struct service s;
	struct service_attempt a = { 0 };

	memset(&s, 0, sizeof(s));
	for (unsigned int i = 0; i < 100; i++) {
		a.ts_ns = (1000 + 2 * i) * SECOND;
		a.backend = backend(1 + i % 2);
		service_note_attempt(&s, &a);
		service_note_lost(&s, a.ts_ns, &a.backend);
		CHECK_EQ(service_churn(&s, a.ts_ns).lost, i < 30 ? i + 1 : 31);
	}
	CHECK_EQ(service_churn(&s, a.ts_ns + 61 * SECOND).lost, 0);
}

TEST(service, failures_by_cause)
{
	static const char *const refused = "connect.refused", *const denied = "upgrade.forbidden";
	static struct service s;
	struct service_failures f;

	memset(&s, 0, sizeof(s));
	for (unsigned int i = 0; i < 20; i++) {
		struct service_attempt a = { .ts_ns = (1000 + i) * SECOND };

		a.cause = i % 2 ? NULL : i % 4 ? refused : denied;
		service_note_attempt(&s, &a);
	}
	f = service_failures(&s, 1019 * SECOND);
	CHECK_EQ(f.attempts, 20);
	CHECK_EQ(f.failed, 10);
	CHECK_EQ(f.causes[0].count, 5);
	CHECK_EQ(f.causes[1].count, 5);
	CHECK(f.causes[2].cause == NULL);
	CHECK_EQ(service_failures(&s, 1075 * SECOND).attempts, 5);
}
