/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Do ends repeat a silence or an age? */
#include "test.h"

#include <string.h>

#include "track/pattern.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

/* A session that ended at that second, so old, after such a silence. */
static struct pattern_sample sample(uint64_t ended_s, uint64_t age_ms, uint64_t idle_ms)
{
	struct pattern_sample s = { .ended_ns = ended_s * SECOND, .client_messages = 1 };

	s.value_ns[PATTERN_AGE] = age_ms * MS;
	s.value_ns[PATTERN_IDLE] = idle_ms * MS;
	s.value_ns[PATTERN_IDLE_OF_CLIENT] = idle_ms * MS;
	s.value_ns[PATTERN_IDLE_OF_SERVER] = idle_ms * MS;
	return s;
}

static struct pattern find_after(const struct pattern_sample *samples, unsigned int count)
{
	static struct pattern_group g;

	memset(&g, 0, sizeof(g));
	for (unsigned int i = 0; i < count; i++)
		pattern_add(&g, &samples[i]);
	return pattern_find(&g, &samples[count - 1]);
}

TEST(pattern, third_time_tells)
{
	const struct pattern_sample s[] = { sample(1000, 70000, 60000), sample(1100, 95000, 60010),
					    sample(1300, 61000, 59800) };
	struct pattern p = find_after(s, 2);

	CHECK_EQ(p.kind, PATTERN_NONE);
	p = find_after(s, 3);
	CHECK_EQ(p.kind, PATTERN_IDLE);
	CHECK_EQ(p.count, 3);
	CHECK_EQ(p.spread_ns / MS, 210);
	CHECK(p.independent && !p.age_too);
}

static struct pattern_sample ended_at(uint64_t ended_ms, uint64_t age_ms, uint64_t idle_ms)
{
	struct pattern_sample s = sample(0, age_ms, idle_ms);

	s.ended_ns = ended_ms * MS;
	return s;
}

/* Timers that are looked at once a second run out up to a second late. */
TEST(pattern, swept_timers)
{
	const struct pattern_sample swept[] = { ended_at(1000995, 9000, 2030),
						ended_at(1006010, 7300, 2980),
						ended_at(1013030, 30000, 2400) };
	struct pattern p = find_after(swept, 3);

	CHECK_EQ(p.kind, PATTERN_IDLE);
	CHECK(p.swept && !p.age_too);
	CHECK_EQ(find_after(swept, 2).kind, PATTERN_NONE);
}

/* One after the other they are looked at when they are of the same age, too. */
TEST(pattern, swept_in_step)
{
	struct pattern_sample s[] = { ended_at(1000995, 3010, 2260), ended_at(1004005, 3005, 2510),
				      ended_at(1007010, 3000, 2990) };
	struct pattern p = find_after(s, 3);

	CHECK_EQ(p.kind, PATTERN_IDLE);
	CHECK(p.swept && p.age_too);
	/* something was said until shortly before: no silence ended these */
	s[1].value_ns[PATTERN_IDLE] = 300 * MS;
	CHECK_EQ(find_after(s, 3).kind, PATTERN_AGE);
}

TEST(pattern, not_swept)
{
	/* ends at any time; silences that differ by more; one that outlived a longer one */
	struct pattern_sample s[][3] = {
		{ ended_at(1000995, 9000, 2030), ended_at(1006310, 7300, 2980),
		  ended_at(1013030, 30000, 2400) },
		{ ended_at(1000995, 9000, 1830), ended_at(1006010, 7300, 2980),
		  ended_at(1013030, 30000, 2400) },
		{ ended_at(1000995, 9000, 2030), ended_at(1006010, 7300, 2980),
		  ended_at(1013030, 30000, 2400) },
		/* short ones are mostly not timers */
		{ ended_at(1000995, 9000, 930), ended_at(1006010, 7300, 1880),
		  ended_at(1013030, 30000, 1400) },
		/* ages, with something said until the end */
		{ ended_at(1000995, 2030, 10), ended_at(1006010, 2980, 250),
		  ended_at(1013030, 2400, 500) },
	};

	s[2][0].outlived_ns[PATTERN_IDLE] = 4 * SECOND;
	for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++) {
		test_note("%zu", i);
		CHECK_EQ(find_after(s[i], 3).kind, PATTERN_NONE);
	}
}

/* Of many sets of three random ends with silences of up to ten seconds, hardly any look swept. */
TEST(pattern, random_ends_are_not_swept)
{
	uint64_t random = 88172645463325252ull;
	struct pattern_sample s[3];
	unsigned int swept = 0;

	for (unsigned int n = 0; n < 20000; n++) {
		for (unsigned int i = 0; i < 3; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			s[i] = ended_at(1000000 + 60000ull * i + random % 30000,
					20000 + random / 3 % 5000, 900 + random / 7 % 9100);
		}
		swept += find_after(s, 3).swept;
	}
	CHECK(swept < 20);
}

TEST(pattern, age_is_told_from_silence)
{
	const struct pattern_sample s[] = { sample(1000, 30000, 5000), sample(1100, 30020, 100),
					    sample(1300, 30010, 17000) };

	CHECK_EQ(find_after(s, 3).kind, PATTERN_AGE);
}

/*
 * EventMachine looks at its idle timer of 3.3 s once in 3.3 s: who said something early ends at the
 * second look, silent for anything up to twice as long.
 */
TEST(pattern, idle_timer_that_is_looked_at_seldom)
{
	struct pattern_sample s[] = { ended_at(1000000, 6600, 6200), ended_at(1100300, 6610, 5900),
				      ended_at(1300600, 6590, 5500) };

	CHECK_EQ(find_after(s, 3).kind, PATTERN_AGE);
	CHECK(!find_after(s, 3).talked_late);
	s[0].outlived_ns[PATTERN_IDLE] = 6550 * MS; /* no idle timer does that */
	CHECK(find_after(s, 3).talked_late);
	s[0] = sample(1000, 6600, 1500);
	CHECK(find_after(s, 3).talked_late);
}

TEST(pattern, silence_of_one_side)
{
	struct pattern_sample s[] = { sample(1000, 70000, 100), sample(1100, 95000, 400),
				      sample(1300, 61000, 800) };

	for (int i = 0; i < 3; i++)
		s[i].value_ns[PATTERN_IDLE_OF_CLIENT] = 30 * SECOND + (uint64_t)i * MS;
	CHECK_EQ(find_after(s, 3).kind, PATTERN_IDLE_OF_CLIENT);
}

/* Everyone was idle for the same time since all were opened, and ended, at once. */
TEST(pattern, one_moment_is_no_timer)
{
	struct pattern_sample s[3];

	for (unsigned int i = 0; i < 3; i++) {
		s[i] = sample(1000, 10000 + i, 10000 + i);
		s[i].ended_ns += i;
	}
	CHECK(find_after(s, 3).kind == PATTERN_IDLE && !find_after(s, 3).independent);
}

TEST(pattern, chance_is_no_timer)
{
	struct pattern_sample s[PATTERN_SAMPLES];
	uint32_t random = 1;

	for (unsigned int i = 0; i < PATTERN_SAMPLES; i++) {
		random = random * 1103515245 + 12345;
		s[i] = sample(1000 + i, 1000 + (random >> 8) % 20000, 1000 + (random >> 12) % 9000);
		CHECK_EQ(find_after(s, i + 1).kind, PATTERN_NONE);
	}
}

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Many short times and few long ones, as of people who come and leave. */
static uint64_t some_ms(uint64_t *random, uint64_t longest_ms)
{
	return 300 + next_random(random) % longest_ms * (next_random(random) % 1000) / 1000;
}

/* Visitors who leave whenever they like, with no Close frame, are no timer however many there are. */
TEST(pattern, crowds_are_no_timers)
{
	uint64_t random = 88172645463325252ull;
	static struct pattern_group g;
	unsigned int sure = 0;

	for (unsigned int n = 0; n < 20000; n++) {
		bool talks = n / 10000;
		uint64_t idle_ms = talks ? some_ms(&random, 700) : some_ms(&random, 60000);
		uint64_t age_ms = idle_ms + some_ms(&random, talks ? 240000 : 5000);
		struct pattern_sample s = ended_at(1000000ull + 700 * n, age_ms, idle_ms);
		struct pattern p;

		if (n % 10000 == 0)
			memset(&g, 0, sizeof(g));
		s.frames = 4;
		pattern_add(&g, &s);
		p = pattern_find(&g, &s);
		sure += p.independent && !p.age_too && !p.idle_too;
	}
	test_note("%u of 20000", sure);
	CHECK(sure < 20);
}

TEST(pattern, timer_among_other_ends)
{
	struct pattern_sample s[20];
	uint32_t random = 7;

	for (unsigned int i = 0; i < 20; i++) {
		random = random * 1103515245 + 12345;
		s[i] = sample(1000 + i, 90000 + (random >> 8) % 900000,
			      i % 2 ? 60000 : (random >> 12) % 50000);
	}
	CHECK_EQ(find_after(s, 20).kind, PATTERN_IDLE);
	CHECK_EQ(find_after(s, 20).count, 10);
}

TEST(pattern, short_times_are_no_timers)
{
	const struct pattern_sample s[] = { sample(1000, 500, 300), sample(1100, 500, 300),
					    sample(1300, 500, 300) };

	CHECK_EQ(find_after(s, 3).kind, PATTERN_NONE);
}

/* Opened and closed one after the other, as fast as a process does it. */
TEST(pattern, one_sweep_is_no_timer)
{
	struct pattern_sample s[3];

	for (unsigned int i = 0; i < 3; i++) {
		s[i] = sample(1000, 10000, 10000);
		s[i].ended_ns += 20 * MS * i;
	}
	CHECK(!find_after(s, 3).independent);
	CHECK_EQ(find_after(s, 3).moments, 1);
}

/* Silent since they were opened: which of the two it was cannot be told. */
TEST(pattern, nothing_said_leaves_both)
{
	const struct pattern_sample s[] = { sample(1000, 5000, 4990), sample(1010, 5010, 5000),
					    sample(1020, 4995, 4985) };
	struct pattern p = find_after(s, 3);

	CHECK_EQ(p.kind, PATTERN_IDLE);
	CHECK(p.independent && p.age_too);
}

/* nginx may fire 0.3 s early; the ages tell nevertheless that it is the silence. */
TEST(pattern, early_timers)
{
	const struct pattern_sample s[] = { sample(1000, 9000, 2000), sample(1010, 8000, 1710),
					    sample(1020, 9900, 1900) };
	struct pattern p = find_after(s, 3);

	CHECK_EQ(p.kind, PATTERN_IDLE);
	CHECK(p.independent && !p.age_too);
}

/* The limit is a minute, and a heartbeat every 25 s that begins at the open makes it 10 s idle. */
TEST(pattern, a_silence_that_was_outlived_is_no_timer)
{
	struct pattern_sample s[] = { sample(1000, 60000, 10000), sample(1100, 60010, 10020),
				      sample(1300, 59990, 9990) };

	CHECK_EQ(find_after(s, 3).kind, PATTERN_IDLE);
	for (int i = 0; i < 3; i++)
		s[i].outlived_ns[PATTERN_IDLE] = 25 * SECOND;
	CHECK_EQ(find_after(s, 3).kind, PATTERN_AGE);
	CHECK(!find_after(s, 3).idle_too);
}

/* Clients of one script: the server fails at their third message, always at the same age. */
TEST(pattern, what_follows_a_message_is_an_answer)
{
	struct pattern_sample s[] = { sample(1000, 3000, 2), sample(1100, 3010, 1),
				      sample(1300, 2990, 2) };

	for (int i = 0; i < 3; i++)
		s[i].frames = 6;
	CHECK_EQ(find_after(s, 3).kind, PATTERN_AGE);
	CHECK(find_after(s, 3).reaction);
	s[1].value_ns[PATTERN_IDLE] = 300 * MS; /* one of them may take its time */
	CHECK(find_after(s, 3).reaction);
	s[2].value_ns[PATTERN_IDLE] = 200 * MS;
	CHECK(!find_after(s, 3).reaction);
}

/* Some ages are always near to each other. */
TEST(pattern, ages_of_all_sizes_are_no_limit)
{
	uint64_t random = 88172645463325252ull;
	unsigned int found = 0, sure = 0;

	for (unsigned int n = 0; n < 500; n++) {
		struct pattern_sample s[20];

		for (unsigned int i = 0; i < 20; i++) {
			struct pattern p;

			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* most are short, some are not */
			s[i] = sample(1000 + 7 * i,
				      600 + random % 4000 + (i % 4 ? 0 : random / 5 % 30000), 100);
			p = find_after(s, i + 1);
			found += p.kind == PATTERN_AGE;
			sure += p.kind == PATTERN_AGE && p.independent;
		}
	}
	/* of 10000 ends */
	CHECK(found < 100);
	CHECK(sure < 25);
}

/* One proxy with two routes that have timers of their own. */
TEST(pattern, two_timers)
{
	struct pattern_sample s[12];

	for (unsigned int i = 0; i < 12; i++)
		s[i] = sample(1000 + 10 * i, 9000 + 700 * i, (i % 3 ? 3000 : 5000) + i);
	for (unsigned int i = 9; i < 12; i++) {
		struct pattern p = find_after(s, i + 1);

		CHECK(p.kind == PATTERN_IDLE);
		CHECK_EQ(p.count, i == 9 ? 4 : i == 10 ? 7 : 8);
	}
}

TEST(pattern, limit_with_jitter)
{
	const struct pattern_sample s[] = { sample(1000, 60000, 100), sample(1100, 57500, 700),
					    sample(1300, 62400, 50), sample(1400, 64900, 300),
					    sample(1500, 60900, 500) };

	CHECK_EQ(find_after(s, 4).kind, PATTERN_NONE);
	CHECK_EQ(find_after(s, 5).kind, PATTERN_AGE);
	CHECK(find_after(s, 5).blurred);
}
