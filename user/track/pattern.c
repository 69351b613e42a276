/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/pattern.h"

#define TOLERANCE_NS 300000000ull
/* Shorter ones are the time that something takes, not a timer that somebody set. */
#define SHORTEST_NS 900000000ull
/* A process that closes all that it has, one after the other, needs no longer between two. */
#define MOMENT_NS 100000000ull
/* Timers of a busy process are late by that much, more or less. */
#define LATE_NS 100000000ull
/* A cluster is one if ends at random make one like it no more often than once in so many. */
#define CHANCE_ONE_IN 10000
/* How near to it those are that tell how many are to be expected. */
#define NEAR_TOLERANCES 4
#define FAR_TOLERANCES 8
#define FAR_SHARE 4
/* Clocks and loops differ by that much. */
#define CLOCK_NS 10000000ull
/* Of the mean time between two frames: whoever ends a session sooner answers the last one. */
#define REACTION_SHARE 10
/* How often software looks at its timers that does not have one for each connection. */
#define SWEEP_NS 1000000000ull
/* What it does first, and how late it wakes up. */
#define SWEEP_LATE_NS 50000000ull
/* Limits with jitter (Envoy, gRPC) differ by a tenth at most; fewer ends may be chance. */
#define JITTER_SHARE 10
#define JITTER_REPEATS 5
/* Of its life: who said something in that last part of it was not ended for being silent. */
#define LATE_SHARE 4

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
	if (sample->outlived_ns[PATTERN_IDLE] > g->outlived_ns)
		g->outlived_ns = sample->outlived_ns[PATTERN_IDLE];
}

bool pattern_outlived(const struct pattern_sample *sample, enum pattern_kind kind)
{
	uint64_t value_ns = sample->value_ns[kind];

	return sample->outlived_ns[kind] > value_ns + pattern_tolerance_ns(value_ns);
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

/* Samples that one timer of that kind may have ended, at about the wanted value. */
struct cluster {
	enum pattern_kind kind;
	uint64_t wanted_ns, tolerance_ns;
};

static uint64_t apart_ns(const struct cluster *cl, const struct pattern_sample *s)
{
	uint64_t value_ns = s->value_ns[cl->kind];

	return value_ns > cl->wanted_ns ? value_ns - cl->wanted_ns : cl->wanted_ns - value_ns;
}

static bool cluster_has(const struct cluster *cl, const struct pattern_sample *s)
{
	return s->value_ns[cl->kind] && apart_ns(cl, s) <= cl->tolerance_ns &&
	       !pattern_outlived(s, cl->kind);
}

/* Do so many happen, or more, where that many are expected (Poisson), once in CHANCE_ONE_IN? */
static bool happens(uint32_t count, double expected)
{
	double term = 1, all = 0, so_many = 0;

	for (uint32_t i = 0; i < 4 * PATTERN_SAMPLES; i++) {
		all += term;
		so_many += i >= count ? term : 0;
		term *= expected / (i + 1);
	}
	return so_many * CHANCE_ONE_IN > all;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* How close together those lie that are beside the cluster: per ns, on the side where they are more. */
static double density_beside(const struct pattern_group *g, const struct cluster *cl,
			     uint64_t reach_ns, uint32_t at_least)
{
	uint64_t below_ns = reach_ns < cl->wanted_ns ? reach_ns : cl->wanted_ns;
	uint32_t below = at_least, above = at_least;

	for (uint32_t i = 0; i < g->count; i++) {
		const struct pattern_sample *s = &g->samples[i];
		uint64_t value_ns = s->value_ns[cl->kind];

		if (!value_ns || apart_ns(cl, s) > reach_ns || cluster_has(cl, s))
			continue;
		*(value_ns < cl->wanted_ns ? &below : &above) += 1;
	}
	if (below_ns <= cl->tolerance_ns)
		below = 0;
	return larger((double)above / (double)(reach_ns - cl->tolerance_ns),
		      below ? (double)below / (double)(below_ns - cl->tolerance_ns) : 0);
}

/*
 * Are there so many alike because values of about that size are many? Those nearby that are not alike
 * tell how many would be, just beside them and further off.
 */
static bool is_chance(const struct pattern_group *g, const struct cluster *cl)
{
	uint64_t far_ns = FAR_TOLERANCES * cl->tolerance_ns, widest_ns = CLOCK_NS;
	uint32_t alike = 0;
	double density;

	for (uint32_t i = 0; i < g->count; i++) {
		if (!cluster_has(cl, &g->samples[i]))
			continue;
		alike++;
		if (apart_ns(cl, &g->samples[i]) > widest_ns)
			widest_ns = apart_ns(cl, &g->samples[i]);
	}
	if (far_ns < cl->wanted_ns / FAR_SHARE)
		far_ns = cl->wanted_ns / FAR_SHARE;
	/* of the few among many that nothing else is like there may be others soon */
	density = larger(density_beside(g, cl, NEAR_TOLERANCES * cl->tolerance_ns, 0),
			 density_beside(g, cl, far_ns, 2 * alike < g->count));
	return happens(alike - 1, 2 * (double)widest_ns * density);
}

static uint64_t spread_of(const struct pattern_group *g, const struct cluster *cl,
			  enum pattern_kind kind)
{
	struct range r = { 0 };

	for (uint32_t i = 0; i < g->count; i++)
		if (cluster_has(cl, &g->samples[i]))
			range_add(&r, g->samples[i].value_ns[kind]);
	return range_span(&r);
}

/* How many different moments they ended at: no one event ends sessions at more than one. */
static uint32_t count_moments(const struct pattern_group *g, const struct cluster *cl)
{
	uint64_t after_ns = 0, next_ns;
	uint32_t moments = 0;

	do {
		next_ns = UINT64_MAX;
		for (uint32_t i = 0; i < g->count; i++) {
			uint64_t ended_ns = g->samples[i].ended_ns;

			if (ended_ns >= after_ns && ended_ns < next_ns &&
			    cluster_has(cl, &g->samples[i]))
				next_ns = ended_ns;
		}
		moments += next_ns != UINT64_MAX;
		after_ns = next_ns + MOMENT_NS;
	} while (next_ns != UINT64_MAX);
	return moments;
}

/* Nobody is as quick as to answer every one of them: they ended because of what was said. */
static bool is_reaction(const struct pattern_sample *s)
{
	uint64_t pause_ns = s->value_ns[PATTERN_AGE] / (s->frames + 1ull);

	return s->frames && s->value_ns[PATTERN_IDLE] < pause_ns / REACTION_SHARE;
}

static bool has_talked_late(const struct pattern_sample *s)
{
	uint64_t idle_ns = s->value_ns[PATTERN_IDLE];

	return (idle_ns && idle_ns < s->value_ns[PATTERN_AGE] / LATE_SHARE) ||
	       pattern_outlived(s, PATTERN_IDLE);
}

/* Fills p when the values of that kind repeat. */
static bool repeats(const struct pattern_group *g, const struct cluster *cl, uint32_t at_least,
		    struct pattern *p)
{
	struct range alike = { 0 }, began = { 0 };
	uint32_t messages = 0, reactions = 0;

	if (cl->wanted_ns < SHORTEST_NS)
		return false;
	for (uint32_t i = 0; i < g->count; i++) {
		const struct pattern_sample *s = &g->samples[i];

		if (!cluster_has(cl, s))
			continue;
		range_add(&alike, s->value_ns[cl->kind]);
		range_add(&began, s->ended_ns - s->value_ns[cl->kind]);
		if (!p->first_ns || s->ended_ns < p->first_ns)
			p->first_ns = s->ended_ns;
		messages += s->client_messages;
		p->talked_late |= has_talked_late(s);
		reactions += is_reaction(s);
	}
	if (alike.count < at_least || is_chance(g, cl))
		return false;
	p->reaction = 2 * reactions > alike.count;
	p->kind = cl->kind;
	p->count = alike.count;
	p->value_ns = alike.sum / alike.count;
	p->spread_ns = range_span(&alike);
	p->moments = count_moments(g, cl);
	p->independent = p->moments >= PATTERN_REPEATS && range_span(&began) > 2 * p->spread_ns;
	p->client_silent = messages == 0;
	return true;
}

static struct cluster cluster_at(const struct pattern_sample *sample, enum pattern_kind kind)
{
	struct cluster cl = { .kind = kind, .wanted_ns = sample->value_ns[kind] };

	cl.tolerance_ns = pattern_tolerance_ns(cl.wanted_ns);
	return cl;
}

/* The timer is the clock that shows the same; the other one differs by what it was set off by. */
static bool outweighs(const struct pattern_group *g, const struct cluster *cl,
		      enum pattern_kind other)
{
	return spread_of(g, cl, other) > 2 * spread_of(g, cl, cl->kind) + LATE_NS;
}

/*
 * Sessions that talk by the same script, or do not talk, repeat in both. Then the one that differs
 * less is the timer, and where they do not differ, a silence is more often one.
 */
static struct pattern choose(const struct pattern_group *g, const struct pattern_sample *sample)
{
	struct cluster by_idle = cluster_at(sample, PATTERN_IDLE);
	struct cluster by_age = cluster_at(sample, PATTERN_AGE);
	struct pattern idle = { 0 }, age = { 0 };
	bool has_idle = repeats(g, &by_idle, PATTERN_REPEATS, &idle);
	bool has_age = repeats(g, &by_age, PATTERN_REPEATS, &age);

	idle.age_too = has_idle && !outweighs(g, &by_idle, PATTERN_AGE);
	age.idle_too = has_age && has_idle && !outweighs(g, &by_age, PATTERN_IDLE);
	if (has_idle && has_age && !age.idle_too && idle.age_too)
		return age;
	return has_idle ? idle : age;
}

/* Did those of the cluster end at the same fraction of a second as this one? */
static bool ends_align(const struct pattern_group *g, const struct cluster *cl, uint64_t ended_ns)
{
	for (uint32_t i = 0; i < g->count; i++) {
		/* the moment before is as near as the one after */
		uint64_t apart = (g->samples[i].ended_ns + SWEEP_LATE_NS + SWEEP_NS -
				  ended_ns % SWEEP_NS) %
				 SWEEP_NS;

		if (cluster_has(cl, &g->samples[i]) && apart > 2 * SWEEP_LATE_NS)
			return false;
	}
	return true;
}

/* Silences that differ by no more than the time between two looks at the timers. */
static bool repeats_swept(const struct pattern_group *g, const struct pattern_sample *sample,
			  struct pattern *p)
{
	struct cluster cl = cluster_at(sample, PATTERN_IDLE);

	cl.tolerance_ns = SWEEP_NS;
	p->swept = ends_align(g, &cl, sample->ended_ns) && repeats(g, &cl, PATTERN_REPEATS, p) &&
		   p->moments >= PATTERN_REPEATS && p->spread_ns <= SWEEP_NS + SWEEP_LATE_NS &&
		   2 * p->spread_ns <= p->value_ns;
	if (!p->swept)
		*p = (struct pattern){ 0 };
	p->age_too = p->swept && !outweighs(g, &cl, PATTERN_AGE);
	return p->swept;
}

/* A limit that is set with jitter, so that not all come back at once. */
static bool repeats_roughly(const struct pattern_group *g, const struct pattern_sample *sample,
			    struct pattern *p)
{
	struct cluster cl = cluster_at(sample, PATTERN_AGE);

	cl.tolerance_ns = cl.wanted_ns / JITTER_SHARE;
	p->blurred = repeats(g, &cl, JITTER_REPEATS, p);
	return p->blurred;
}

struct pattern pattern_find(const struct pattern_group *g, const struct pattern_sample *sample)
{
	static const enum pattern_kind of_one_side[] = { PATTERN_IDLE_OF_CLIENT,
							 PATTERN_IDLE_OF_SERVER };
	struct pattern p = { 0 };

	if (!g)
		return p;
	p = choose(g, sample);
	/* sessions that follow one another begin in step with the looks at the timers */
	if (p.kind == PATTERN_AGE && !p.talked_late) {
		struct pattern swept = { 0 };

		if (repeats_swept(g, sample, &swept))
			p = swept;
	}
	for (int i = 0; i < 2 && !p.kind; i++) {
		struct cluster cl = cluster_at(sample, of_one_side[i]);

		p = (struct pattern){ 0 };
		if (repeats(g, &cl, PATTERN_REPEATS, &p))
			p.age_too = !outweighs(g, &cl, PATTERN_AGE);
	}
	if (!p.kind) {
		p = (struct pattern){ 0 };
		if (!repeats_swept(g, sample, &p))
			repeats_roughly(g, sample, &p);
	}
	p.total = g->count;
	return p;
}

uint64_t pattern_shortest_ns(const struct pattern_group *g, enum pattern_kind kind)
{
	uint64_t shortest = 0;

	for (uint32_t i = 0; g && i < g->count; i++)
		if (!shortest || g->samples[i].value_ns[kind] < shortest)
			shortest = g->samples[i].value_ns[kind];
	return shortest;
}

bool pattern_has_busy(const struct pattern_group *g, uint64_t silence_ns)
{
	for (uint32_t i = 0; g && i < g->count; i++) {
		const struct pattern_sample *s = &g->samples[i];

		if (!s->dropped && s->value_ns[PATTERN_AGE] > silence_ns + silence_ns / 2 &&
		    s->value_ns[PATTERN_IDLE] < silence_ns && s->outlived_ns[PATTERN_IDLE] &&
		    s->outlived_ns[PATTERN_IDLE] < silence_ns)
			return true;
	}
	return false;
}
