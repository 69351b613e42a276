/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/incident.h"

#define SECOND_NS 1000000000ull
#define GROWN 4

/*
 * Sessions of a process that ended are reported one after the other, within the longest wait for
 * other legs.
 */
#define EXIT_DELAY_NS (1200 * SECOND_NS / 1000)
/* The same after the latest of them. */
#define EXIT_SETTLE_NS (1100 * SECOND_NS / 1000)
/* To close thousands of sockets takes a kernel seconds; who never stops closing is told of anyway. */
#define EXIT_DELAY_MAX_NS (10 * SECOND_NS)
/* Clients that were lost together are looked for together. */
#define GONE_DELAY_NS (5 * SECOND_NS)
#define QUIET_NS (60 * SECOND_NS)
/* Whoever restarts processes has done so by now. */
#define REMIND_NS (60 * SECOND_NS)

struct incident *incident_raise(struct keyed *incidents, enum incident_kind kind, uint64_t key,
				uint64_t ts_ns)
{
	struct incident *i = keyed_obtain(incidents, key_add_number(key, kind));

	if (!i)
		return NULL;
	if (!i->count) {
		i->kind = kind;
		i->first_ns = ts_ns;
		i->due_ns = ts_ns + (kind == INCIDENT_PROCESS_EXIT ? EXIT_DELAY_NS :
				     kind == INCIDENT_CLIENTS_GONE ? GONE_DELAY_NS :
								     0);
		i->quiet_ns = QUIET_NS;
	}
	i->count++;
	if (ts_ns > i->last_ns)
		i->last_ns = ts_ns;
	if (kind == INCIDENT_PROCESS_EXIT && i->last_ns + EXIT_SETTLE_NS > i->due_ns &&
	    i->last_ns < i->first_ns + EXIT_DELAY_MAX_NS)
		i->due_ns = i->last_ns + EXIT_SETTLE_NS;
	return i;
}

struct incident *incident_find(const struct keyed *incidents, enum incident_kind kind, uint64_t key)
{
	return keyed_find(incidents, key_add_number(key, kind));
}

void incident_add_client(struct incident *i, uint64_t client_key)
{
	for (uint32_t at = 0; at < i->client_count; at++)
		if (i->client_keys[at] == client_key)
			return;
	if (i->client_count < INCIDENT_CLIENTS)
		i->client_keys[i->client_count++] = client_key;
}

void incidents_note_listener(struct keyed *incidents, const struct listener *l,
			     struct process_table *processes)
{
	for (struct keyed_entry *e = incidents->oldest; e; e = e->newer) {
		struct incident *i = (struct incident *)e;

		if (i->kind == INCIDENT_PROCESS_EXIT)
			restart_note(&i->restart, l, processes);
	}
}

/*
 * One session that a process took with it is in that session's own verdict: what is left to say is
 * who came back. A process that does not come back is told of twice.
 */
static uint64_t exit_wakes_ns(const struct incident *i)
{
	bool back = i->restart.state == RESTART_BACK;

	if (i->over)
		return 0;
	if (!i->told && i->count == 1)
		return back && i->restart.back_ns < i->first_ns + REMIND_NS ? i->due_ns : 0;
	if (!i->told)
		return i->due_ns;
	if (back)
		return i->restart.back_ns;
	return i->followed_up ? 0 : i->first_ns + REMIND_NS;
}

/* 0: not before something is added. */
static uint64_t wakes_ns(const struct incident *i)
{
	if (i->kind == INCIDENT_PROCESS_EXIT)
		return exit_wakes_ns(i);
	if (!i->told)
		return i->due_ns;
	return i->count >= (uint64_t)GROWN * i->told ? i->last_ns : i->last_ns + i->quiet_ns;
}

static bool is_over(const struct incident *i)
{
	if (i->kind == INCIDENT_PROCESS_EXIT)
		return i->restart.state != RESTART_AWAITED;
	return i->told && i->count < (uint64_t)GROWN * i->told;
}

static void advance(struct keyed *incidents, struct incident *i, uint64_t now_ns,
		    struct incident *ret)
{
	i->state = is_over(i) ? INCIDENT_ENDED : i->told ? INCIDENT_ONGOING : INCIDENT_STARTED;
	i->followed_up = i->told > 0;
	i->told = i->count;
	i->told_ns = now_ns;
	*ret = *i;
	if (i->state != INCIDENT_ENDED)
		return;
	/* a process ends once: what is heard of it later makes no second incident */
	if (i->kind == INCIDENT_PROCESS_EXIT)
		i->over = true;
	else
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
		/* that nobody else stays away is no news */
		if (i->kind == INCIDENT_CLIENTS_GONE && i->told == i->count) {
			keyed_remove(incidents, i);
			continue;
		}
		advance(incidents, i, now_ns, ret);
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
