/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How clients come back. */
#include "test.h"

#include <string.h>

#include "track/client.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

/* Attempts of 10 ms that begin after these pauses. */
static struct client_habit come_back(const unsigned int *pauses_ms, unsigned int count)
{
	static struct client c;
	uint64_t now_ns = 1000 * SECOND;

	memset(&c, 0, sizeof(c));
	for (unsigned int i = 0; i <= count; i++) {
		struct client_attempt a = { .began_ns = now_ns, .ended_ns = now_ns + 10 * MS };

		a.lost = true;
		client_note(&c, &a);
		if (i < count)
			now_ns += (10 + pauses_ms[i]) * MS;
	}
	return client_habit(&c, 0);
}

TEST(client, habits)
{
	static const struct {
		unsigned int pauses_ms[7], count;
		enum comeback comeback;
		bool relentless;
	} cases[] = {
		{ { 0 }, 0, COMEBACK_UNKNOWN, false },
		{ { 300 }, 1, COMEBACK_SEEN, false },
		{ { 10, 20, 10, 15, 12 }, 5, COMEBACK_HAMMERING, true },
		{ { 10, 20, 10 }, 3, COMEBACK_HAMMERING, false },
		{ { 3000, 3010, 2990, 3000, 3005 }, 5, COMEBACK_FIXED, true },
		{ { 500, 505, 530, 501, 510 }, 5, COMEBACK_FIXED, true },
		{ { 500, 300, 800, 400, 250 }, 5, COMEBACK_HAMMERING, true },
		{ { 30000, 30010, 29990, 30000, 30005 }, 5, COMEBACK_FIXED, false },
		{ { 1000, 2000, 4000, 8000, 16000 }, 5, COMEBACK_BACKOFF, false },
		{ { 100, 350, 300, 1100, 2100, 1900, 5000 }, 7, COMEBACK_BACKOFF, false },
		{ { 9000, 2000, 7000, 1000, 8000 }, 5, COMEBACK_IRREGULAR, false },
		{ { 400000 }, 1, COMEBACK_LATE, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client_habit h = come_back(cases[i].pauses_ms, cases[i].count);

		test_note("case %zu", i);
		CHECK_EQ(h.comeback, cases[i].comeback);
		CHECK_EQ(h.relentless, cases[i].relentless);
		CHECK_EQ(h.attempts, cases[i].count);
	}
}

TEST(client, backends_among_the_latest)
{
	static const uint64_t keys[] = { 7, 8, 7, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9 };
	static const uint32_t counts[] = { 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 2, 1, 1 };
	struct client c = { 0 };

	CHECK_EQ(client_habit(&c, 0).backends, 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct client_attempt a = { .began_ns = i, .ended_ns = i, .backend_key = keys[i] };

		client_note(&c, &a);
		test_note("attempt %zu", i);
		CHECK_EQ(client_habit(&c, 0).backends, counts[i]);
	}
}

/* A reload, and soon after it a restart: of eight people behind one address each comes back twice. */
TEST(client, many_behind_one_address)
{
	struct client c = { 0 };

	for (unsigned int round = 0; round < 3; round++)
		for (unsigned int i = 0; i < 8; i++) {
			struct client_attempt a = { .began_ns = (1000 + 3 * round) * SECOND +
								i * 50 * MS,
						    .ended_ns = (1002 + 3 * round) * SECOND,
						    .served = round == 0,
						    .lost = true };

			client_note(&c, &a);
		}
	CHECK_EQ(client_habit(&c, 0).attempts, 2);
	CHECK(!client_habit(&c, 0).relentless);
}

TEST(client, leaving_in_good_order_is_no_loss)
{
	struct client c = { 0 };

	for (uint64_t i = 0; i < 10; i++) {
		struct client_attempt a = { .began_ns = i * SECOND, .ended_ns = i * SECOND + MS };

		client_note(&c, &a);
	}
	CHECK_EQ(client_habit(&c, 0).comeback, COMEBACK_UNKNOWN);
	CHECK_EQ(client_habit(&c, 0).attempts, 0);
}

TEST(client, use_begins_a_new_row)
{
	struct client c = { 0 };

	for (uint64_t i = 1; i < 8; i++) {
		struct client_attempt a = { .began_ns = i * 100 * SECOND,
					    .ended_ns = i * 100 * SECOND + 99 * SECOND };

		a.served = a.lost = true;
		client_note(&c, &a);
	}
	CHECK_EQ(client_habit(&c, 0).attempts, 1);
	CHECK(!client_habit(&c, 0).relentless);
}

/* So many clients, all lost at one moment, try so often each; are they ever taken for a storm? */
static bool storms(unsigned int clients, const unsigned int *pauses_ms, unsigned int tries)
{
	uint64_t now_ns = 1000 * SECOND;
	struct client c = { 0 };
	bool stormed = false;

	for (unsigned int try = 0; try <= tries; try++) {
		for (unsigned int i = 0; i < clients; i++) {
			uint64_t at_ns = now_ns + i * 7 * MS;
			struct client_attempt a = { .began_ns = at_ns, .lost = true };

			a.ended_ns = at_ns + 2 * MS;
			a.served = !try;
			a.began_ns -= try ? 0 : 100 * SECOND;
			client_note(&c, &a);
			stormed = stormed || client_habit(&c, 0).relentless;
		}
		now_ns += try < tries ? pauses_ms[try] * MS : 0;
	}
	return stormed;
}

/* The users of an office, or all that one load balancer sends on, have one address. */
TEST(client, clients_that_share_an_address)
{
	static const unsigned int later[] = { 1000, 2000, 4000, 8000, 16000, 30000 };
	static const unsigned int always[] = { 1000, 1000, 1000, 1000, 1000, 1000 };

	for (unsigned int clients = 1; clients <= 100; clients += 9) {
		test_note("%u clients", clients);
		CHECK(!storms(clients, later, 6));
		CHECK_EQ(storms(clients, always, 6), clients < CLIENT_ROWS);
	}
}

/* Each of them tries once, right after another one has failed. */
TEST(client, newcomers_from_one_address)
{
	for (unsigned int others = 0; others <= 20; others += 5) {
		struct client c = { 0 };

		for (unsigned int i = 0; i < 20; i++) {
			struct client_attempt a = { .began_ns = (1000 + 30 * i) * MS, .lost = true };

			a.ended_ns = a.began_ns + 5 * MS;
			client_note(&c, &a);
		}
		CHECK_EQ(client_habit(&c, others).relentless, !others);
	}
}
