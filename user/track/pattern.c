/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/pattern.h"

#define TOLERANCE_NS 300000000ull
/* Shorter ones are the time that something takes, not a timer that somebody set. */
#define SHORTEST_NS 900000000ull
#define INDEPENDENT_NS 5000000ull
/* Timers of a busy process are late by some milliseconds. */
#define SHARP_NS 50000000ull
/* A cluster is one if by chance there would be that much less in it. */
#define ABOVE_CHANCE 3

uint64_t pattern_tolerance_ns(uint64_t value_ns)
{
	return value_ns / 100 > TOLERANCE_NS ? value_ns / 100 : TOLERANCE_NS;
}

void pattern_add(struct pattern_group *g, const struct pattern_sample *sample)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->samples[i].ended_ns == sample->ended_ns &&
		    g->samples[i].value_ns[PATTERN_AGE] == sample->value_ns[PATTERN_AGE])
			return;
	g->samples[g->next] = *sample;
	g->next = (g->next + 1) % PATTERN_SAMPLES;
	if (g->count < PATTERN_SAMPLES)
		g->count++;
	if (sample->client_messages && sample->value_ns[PATTERN_AGE] > g->talker_age_ns)
		g->talker_age_ns = sample->value_ns[PATTERN_AGE];
}

struct range {
	uint64_t low, high, sum;
	uint32_t count;
};

static void range_add(struct range *r, uint64_t value)
{
	if (!r->count || value < r->low)
		r->low = value;
	if (!r->count || value > r->high)
		r->high = value;
	r->sum += value;
	r->count++;
}

static uint64_t range_span(const struct range *r)
{
	return r->high - r->low;
}

static bool is_alike(uint64_t value_ns, uint64_t wanted_ns)
{
	uint64_t apart = value_ns > wanted_ns ? value_ns - wanted_ns : wanted_ns - value_ns;

	return value_ns && apart <= pattern_tolerance_ns(wanted_ns);
}

/* Are there so many alike because values of all sizes are many? */
static bool is_chance(uint32_t alike, uint32_t others, uint64_t span_ns, uint64_t tolerance_ns)
{
	uint64_t window = 2 * tolerance_ns;

	if (span_ns < 2 * window)
		span_ns = 2 * window;
	return alike * span_ns <= span_ns + ABOVE_CHANCE * others * window;
}

/* Fills p when the values of that kind repeat. */
static bool repeats(const struct pattern_group *g, const struct pattern_sample *sample,
		    enum pattern_kind kind, struct pattern *p)
{
	uint64_t wanted = sample->value_ns[kind];
	struct range all = { 0 }, alike = { 0 }, began = { 0 };
	uint32_t messages = 0;

	if (wanted < SHORTEST_NS)
		return false;
	for (uint32_t i = 0; i < g->count; i++) {
		const struct pattern_sample *s = &g->samples[i];

		range_add(&all, s->value_ns[kind]);
		if (!is_alike(s->value_ns[kind], wanted))
			continue;
		range_add(&alike, s->value_ns[kind]);
		range_add(&began, s->ended_ns - s->value_ns[kind]);
		if (!p->first_ns || s->ended_ns < p->first_ns)
			p->first_ns = s->ended_ns;
		messages += s->client_messages;
	}
	if (alike.count < PATTERN_REPEATS ||
	    is_chance(alike.count, all.count - alike.count, range_span(&all),
		      pattern_tolerance_ns(wanted)))
		return false;
	p->kind = kind;
	p->count = alike.count;
	p->value_ns = alike.sum / alike.count;
	p->spread_ns = range_span(&alike);
	p->independent = range_span(&began) >= INDEPENDENT_NS &&
			 range_span(&began) > 2 * p->spread_ns;
	p->sharp = p->spread_ns <= p->value_ns / 50 + SHARP_NS;
	p->client_silent = messages == 0;
	p->talkers_outlive = g->talker_age_ns > p->value_ns + p->value_ns / 2;
	return true;
}

static bool is_sharper(const struct pattern *a, const struct pattern *b)
{
	return a->kind && 4 * a->spread_ns + SHARP_NS < b->spread_ns;
}

struct pattern pattern_find(const struct pattern_group *g, const struct pattern_sample *sample)
{
	struct pattern idle = { 0 }, age = { 0 }, other = { 0 };

	if (!g)
		return other;
	idle.total = age.total = other.total = g->count;
	repeats(g, sample, PATTERN_IDLE, &idle);
	repeats(g, sample, PATTERN_AGE, &age);
	/*
	 * Sessions that talk by the same script repeat in both: the timer itself is the more exact
	 * one.
	 */
	if (idle.kind && is_sharper(&age, &idle))
		return age;
	idle.age_too = age.kind && !is_sharper(&idle, &age);
	if (idle.kind)
		return idle;
	if (age.kind)
		return age;
	if (!repeats(g, sample, PATTERN_IDLE_OF_CLIENT, &other))
		repeats(g, sample, PATTERN_IDLE_OF_SERVER, &other);
	return other;
}

uint64_t pattern_shortest_ns(const struct pattern_group *g, enum pattern_kind kind)
{
	uint64_t shortest = 0;

	for (uint32_t i = 0; g && i < g->count; i++)
		if (!shortest || g->samples[i].value_ns[kind] < shortest)
			shortest = g->samples[i].value_ns[kind];
	return shortest;
}

/* On average a frame at least twice in that time, and none missing at the end. */
bool pattern_has_busy(const struct pattern_group *g, uint64_t silence_ns)
{
	for (uint32_t i = 0; g && i < g->count; i++) {
		const struct pattern_sample *s = &g->samples[i];
		uint64_t age_ns = s->value_ns[PATTERN_AGE];

		if (age_ns > silence_ns + silence_ns / 2 && s->value_ns[PATTERN_IDLE] < silence_ns &&
		    age_ns / (s->frames + 1ull) < silence_ns / 2)
			return true;
	}
	return false;
}
