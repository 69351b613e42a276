/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/client.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000ull
#define AT_ONCE_NS SECOND_NS
/* Below this a pause is what the network and the client's own work take. */
#define NO_PAUSE_NS (SECOND_NS / 5)
#define GONE_NS (300 * SECOND_NS)
/* Less than this between attempts that all fail is a load on the server. */
#define RELENTLESS_NS (5 * SECOND_NS)
#define RELENTLESS_ATTEMPTS 5
#define HABIT_PAUSES 3

/* The earliest loss that this attempt may be the answer to. */
static uint64_t take_loss(struct client *c, uint64_t began_ns)
{
	uint64_t loss_ns;

	if (!c->loss_count || c->losses_ns[0] > began_ns)
		return 0;
	loss_ns = c->losses_ns[0];
	c->loss_count--;
	memmove(c->losses_ns, c->losses_ns + 1, c->loss_count * sizeof(c->losses_ns[0]));
	return loss_ns;
}

static void add_loss(struct client *c, uint64_t ended_ns)
{
	if (c->loss_count == CLIENT_LOSSES)
		take_loss(c, UINT64_MAX);
	c->losses_ns[c->loss_count++] = ended_ns;
}

static void add_pause(struct client *c, uint64_t pause_ns)
{
	if (c->pause_count == CLIENT_PAUSES) {
		c->pause_count--;
		memmove(c->pauses_ns, c->pauses_ns + 1, c->pause_count * sizeof(c->pauses_ns[0]));
	}
	c->pauses_ns[c->pause_count++] = pause_ns;
	c->pauses_known++;
}

static void begin_anew(struct client *c)
{
	c->attempts = c->pauses_known = 0;
	c->backed_off = c->late = c->served = false;
}

static uint64_t mean(const uint64_t *values, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += values[i];
	return count ? sum / count : 0;
}

/* Jitter may make one pause shorter than the one before it; on the whole they grow. */
static bool grows(const struct client *c)
{
	uint32_t half = c->pause_count / 2;
	uint64_t early = mean(c->pauses_ns, half);
	uint64_t late = mean(c->pauses_ns + c->pause_count - half, half);

	return c->pause_count >= HABIT_PAUSES && late >= 2 * early && late - early > SECOND_NS / 10;
}

void client_note(struct client *c, const struct client_attempt *attempt)
{
	uint64_t loss_ns = take_loss(c, attempt->began_ns);

	if (c->served)
		begin_anew(c);
	if (loss_ns) {
		c->attempts++;
		c->late = attempt->began_ns - loss_ns > GONE_NS;
		if (c->late)
			c->pause_count = 0;
		else
			add_pause(c, attempt->began_ns - loss_ns);
		c->backed_off = c->backed_off || grows(c);
	}
	c->served = attempt->served;
	if (attempt->backend_key)
		c->backend_keys[c->backend_next++ % CLIENT_BACKENDS] = attempt->backend_key;
	if (attempt->lost)
		add_loss(c, attempt->ended_ns);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A timer that is a little late each time. */
static bool is_fixed(uint64_t shortest, uint64_t middle, uint64_t longest)
{
	uint64_t least = SECOND_NS / (middle < AT_ONCE_NS ? 10 : 3);
	uint64_t tolerance = middle / 7 > least ? middle / 7 : least;

	return shortest >= NO_PAUSE_NS && longest - shortest <= tolerance;
}

static enum comeback habit_of(const struct client *c, const uint64_t *sorted)
{
	uint64_t shortest = sorted[0], longest = sorted[c->pause_count - 1];

	if (c->pause_count < HABIT_PAUSES)
		return COMEBACK_SEEN;
	if (c->backed_off)
		return COMEBACK_BACKOFF;
	if (is_fixed(shortest, sorted[c->pause_count / 2], longest))
		return COMEBACK_FIXED;
	return longest < AT_ONCE_NS ? COMEBACK_HAMMERING : COMEBACK_IRREGULAR;
}

static uint32_t count_backends(const struct client *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CLIENT_BACKENDS && c->backend_keys[i]; i++) {
		uint32_t same = 0;

		while (c->backend_keys[same] != c->backend_keys[i])
			same++;
		count += same == i;
	}
	return count;
}

struct client_habit client_habit(const struct client *c)
{
	struct client_habit habit = { .attempts = c ? c->attempts : 0 };
	uint64_t sorted[CLIENT_PAUSES];

	if (c)
		habit.backends = count_backends(c);
	if (c && c->late)
		habit.comeback = COMEBACK_LATE;
	if (!c || !c->pause_count)
		return habit;
	memcpy(sorted, c->pauses_ns, sizeof(sorted));
	qsort(sorted, c->pause_count, sizeof(sorted[0]), compare);
	habit.pause_ns = sorted[c->pause_count / 2];
	habit.comeback = habit_of(c, sorted);
	habit.relentless = habit.comeback != COMEBACK_BACKOFF &&
			   c->pauses_known >= RELENTLESS_ATTEMPTS && habit.pause_ns < RELENTLESS_NS;
	return habit;
}
