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

static void forget_oldest(struct client *c)
{
	c->row_count--;
	memmove(c->rows, c->rows + 1, c->row_count * sizeof(c->rows[0]));
}

/* Whose attempt this may be: of those who may come back, the one who was lost first. */
static bool take_row(struct client *c, uint64_t began_ns)
{
	while (c->row_count > 1 && c->rows[0].lost_ns + GONE_NS < began_ns)
		forget_oldest(c);
	if (!c->row_count || c->rows[0].lost_ns > began_ns)
		return false;
	c->latest = c->rows[0];
	forget_oldest(c);
	return true;
}

static void begin_anew(struct client_row *row)
{
	row->attempts = 0;
	row->backed_off = row->late = false;
}

static void add_row(struct client *c, const struct client_attempt *attempt)
{
	struct client_row *row;

	if (c->row_count == CLIENT_ROWS)
		forget_oldest(c);
	row = &c->rows[c->row_count++];
	*row = c->latest;
	row->lost_ns = attempt->ended_ns;
	if (attempt->served)
		begin_anew(row);
}

static void add_pause(struct client_row *row, uint64_t pause_ns)
{
	if (row->pause_count == CLIENT_PAUSES) {
		row->pause_count--;
		memmove(row->pauses_us, row->pauses_us + 1,
			row->pause_count * sizeof(row->pauses_us[0]));
	}
	row->pauses_us[row->pause_count++] = (uint32_t)(pause_ns / 1000);
}

static uint64_t mean_ns(const uint32_t *values_us, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += values_us[i];
	return count ? 1000 * sum / count : 0;
}

/* Jitter may make one pause shorter than the one before it; on the whole they grow. */
static bool grows(const struct client_row *row)
{
	uint32_t half = row->pause_count / 2;
	uint64_t early = mean_ns(row->pauses_us, half);
	uint64_t late = mean_ns(row->pauses_us + row->pause_count - half, half);

	return row->pause_count >= HABIT_PAUSES && late >= 2 * early &&
	       late - early > SECOND_NS / 10;
}

static void come_back(struct client_row *row, uint64_t pause_ns)
{
	if (!row->attempts++)
		row->first_lost_ns = row->lost_ns;
	row->late = pause_ns > GONE_NS;
	if (row->late)
		row->pause_count = 0;
	else
		add_pause(row, pause_ns);
	row->backed_off = row->backed_off || grows(row);
}

void client_note(struct client *c, const struct client_attempt *attempt)
{
	if (take_row(c, attempt->began_ns))
		come_back(&c->latest, attempt->began_ns - c->latest.lost_ns);
	else
		begin_anew(&c->latest);
	if (attempt->backend_key)
		c->backend_keys[c->backend_next++ % CLIENT_BACKENDS] = attempt->backend_key;
	if (attempt->lost)
		add_row(c, attempt);
	c->crowded = c->row_count == CLIENT_ROWS || (c->crowded && c->row_count);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A timer that is a little late each time. */
static bool is_fixed(uint64_t shortest, uint64_t middle, uint64_t longest)
{
	uint64_t least = SECOND_NS / (middle < AT_ONCE_NS ? 10 : 3);
	uint64_t tolerance = middle / 7 > least ? middle / 7 : least;

	return shortest >= NO_PAUSE_NS && longest - shortest <= tolerance;
}

static enum comeback habit_of(const struct client_row *row, const uint32_t *sorted_us)
{
	uint64_t shortest = 1000ull * sorted_us[0];
	uint64_t middle = 1000ull * sorted_us[row->pause_count / 2];
	uint64_t longest = 1000ull * sorted_us[row->pause_count - 1];

	if (row->pause_count < HABIT_PAUSES)
		return COMEBACK_SEEN;
	if (row->backed_off)
		return COMEBACK_BACKOFF;
	if (is_fixed(shortest, middle, longest))
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

struct client_habit client_habit(const struct client *c, uint32_t others)
{
	struct client_habit habit = { 0 };
	uint32_t sorted_us[CLIENT_PAUSES], rows, clients;
	const struct client_row *row;

	if (!c)
		return habit;
	row = &c->latest;
	rows = c->row_count ? c->row_count : 1;
	clients = (rows + others) / rows; /* that a row may be made of */
	habit.attempts = (row->attempts + clients - 1) / clients;
	habit.first_ns = row->first_lost_ns;
	habit.backends = count_backends(c);
	if (row->late)
		habit.comeback = COMEBACK_LATE;
	if (!row->pause_count || c->crowded || others >= CLIENT_ROWS)
		return habit;
	memcpy(sorted_us, row->pauses_us, sizeof(sorted_us));
	qsort(sorted_us, row->pause_count, sizeof(sorted_us[0]), compare);
	habit.pause_ns = 1000ull * sorted_us[row->pause_count / 2];
	habit.comeback = clients > 1 && habit.attempts < HABIT_PAUSES ? COMEBACK_SEEN :
									habit_of(row, sorted_us);
	habit.relentless = habit.comeback != COMEBACK_BACKOFF &&
			   row->pause_count >= RELENTLESS_ATTEMPTS &&
			   habit.attempts >= RELENTLESS_ATTEMPTS && habit.pause_ns < RELENTLESS_NS;
	return habit;
}
