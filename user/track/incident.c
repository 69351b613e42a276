/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/incident.h"

#define SECOND_NS 1000000000ull
#define GROWN 4

/*
 * Sessions of a process that ended are reported one after the other, within the longest wait for
 * other legs.
 */
#define EXIT_DELAY_NS (1200 * SECOND_NS / 1000)
#define QUIET_NS (60 * SECOND_NS)

struct incident *incident_raise(struct keyed *incidents, enum incident_kind kind, uint64_t key,
				uint64_t ts_ns)
{
	struct incident *i = keyed_obtain(incidents, key_add_number(key, kind));

	if (!i)
		return NULL;
	if (!i->count) {
		i->kind = kind;
		i->first_ns = ts_ns;
		i->due_ns = ts_ns + (kind == INCIDENT_PROCESS_EXIT ? EXIT_DELAY_NS : 0);
		i->quiet_ns = QUIET_NS;
	}
	i->count++;
	if (ts_ns > i->last_ns)
		i->last_ns = ts_ns;
	return i;
}

void incident_add_client(struct incident *i, uint64_t client_key)
{
	for (uint32_t at = 0; at < i->client_count; at++)
		if (i->client_keys[at] == client_key)
			return;
	if (i->client_count < INCIDENT_CLIENTS)
		i->client_keys[i->client_count++] = client_key;
}

/* One session that a process took with it is in that session's own verdict. */
static bool is_worth_telling(const struct incident *i)
{
	return i->kind != INCIDENT_PROCESS_EXIT || i->count > 1;
}

/* 0: not before something is added. */
static uint64_t wakes_ns(const struct incident *i)
{
	if (!is_worth_telling(i))
		return 0;
	if (!i->told)
		return i->due_ns;
	return i->count >= (uint64_t)GROWN * i->told ? i->last_ns : i->last_ns + i->quiet_ns;
}

static void advance(struct keyed *incidents, struct incident *i, struct incident *ret)
{
	bool over = i->told && i->count < (uint64_t)GROWN * i->told;

	i->state = over ? INCIDENT_ENDED : i->told ? INCIDENT_ONGOING : INCIDENT_STARTED;
	/* A process ends once. */
	if (i->kind == INCIDENT_PROCESS_EXIT)
		i->state = INCIDENT_ENDED;
	i->told = i->count;
	*ret = *i;
	if (i->state == INCIDENT_ENDED)
		keyed_remove(incidents, i);
}

bool incident_next(struct keyed *incidents, uint64_t now_ns, bool final, struct incident *ret)
{
	struct keyed_entry *e, *newer;

	for (e = incidents->oldest; e; e = newer) {
		struct incident *i = (struct incident *)e;

		newer = e->newer;
		if (!wakes_ns(i) || (wakes_ns(i) > now_ns && !(final && !i->told)))
			continue;
		advance(incidents, i, ret);
		return true;
	}
	return false;
}

uint64_t incident_next_due_ns(const struct keyed *incidents)
{
	uint64_t due_ns = 0;

	for (const struct keyed_entry *e = incidents->oldest; e; e = e->newer) {
		uint64_t at_ns = wakes_ns((const struct incident *)e);

		if (at_ns && (!due_ns || at_ns < due_ns))
			due_ns = at_ns;
	}
	return due_ns;
}
