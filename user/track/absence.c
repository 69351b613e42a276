/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/absence.h"

/* A service that is not back by then has a story of its own. */
#define ABSENCE_MAX_NS (5 * ABSENCE_WAIT_NS)

struct presence {
	struct keyed_entry entry;
	uint64_t began_ns; /* of its latest attempt */
	uint32_t open; /* sessions */
	bool gone; /* was told */
};

int absences_init(struct absences *a)
{
	return keyed_init(&a->clients, ABSENCE_CLIENTS, sizeof(struct presence));
}

void absences_free(struct absences *a)
{
	keyed_free(&a->clients);
}

static struct presence *note(struct absences *a, uint64_t client_key, uint64_t began_ns)
{
	struct presence *p = keyed_obtain(&a->clients, client_key);

	if (p && began_ns > p->began_ns) {
		p->began_ns = began_ns;
		p->gone = false;
	}
	return p;
}

void absence_note_open(struct absences *a, uint64_t client_key, uint64_t began_ns)
{
	struct presence *p = note(a, client_key, began_ns);

	if (p)
		p->open++;
}

void absence_note_end(struct absences *a, uint64_t client_key, uint64_t began_ns, bool opened)
{
	struct presence *p = note(a, client_key, began_ns);

	if (p && opened && p->open)
		p->open--;
}

static void wait_for(struct absences *a, const struct loss_of_client *loss, uint64_t since_ns)
{
	uint32_t at;

	if (a->count == ABSENCES_WAITING) {
		a->first++;
		a->count--;
	}
	at = (a->first + a->count++) % ABSENCES_WAITING;
	a->waiting[at] = *loss;
	a->waiting[at].due_ns = since_ns + ABSENCE_WAIT_NS;
}

void absence_note_loss(struct absences *a, const struct loss_of_client *loss)
{
	wait_for(a, loss, loss->lost_ns);
}

static bool has_exited(struct process_table *processes, const struct wst_task *task)
{
	const struct process *p = task->tgid ? process_find(processes, task->tgid, task->start_ns) :
					       NULL;

	return p && p->exited;
}

static enum absence state_of(struct absences *a, struct process_table *processes,
			     const struct loss_of_client *loss)
{
	struct presence *p = keyed_find(&a->clients, loss->client_key);

	if (!p || has_exited(processes, &loss->task))
		return ABSENCE_NONE; /* forgotten */
	if (p->open || p->began_ns > loss->lost_ns)
		return ABSENCE_BACK;
	if (p->gone)
		return ABSENCE_NONE;
	p->gone = true;
	return ABSENCE_GONE;
}

uint64_t absence_next_due_ns(const struct absences *a)
{
	return a->count ? a->waiting[a->first % ABSENCES_WAITING].due_ns : 0;
}

enum absence absence_next(struct absences *a, const struct keyed *listeners,
			  struct process_table *processes, uint64_t now_ns,
			  struct loss_of_client *ret)
{
	while (a->count && a->waiting[a->first % ABSENCES_WAITING].due_ns <= now_ns) {
		const struct loss_of_client loss = a->waiting[a->first++ % ABSENCES_WAITING];
		uint64_t back_ns = listeners_back_ns(listeners, loss.netns, loss.endpoint.port);
		enum absence state;

		a->count--;
		if (back_ns > loss.lost_ns && back_ns > now_ns - ABSENCE_WAIT_NS) {
			if (now_ns - loss.lost_ns < ABSENCE_MAX_NS)
				wait_for(a, &loss, back_ns < now_ns ? back_ns : now_ns);
			continue;
		}
		state = state_of(a, processes, &loss);
		*ret = loss;
		if (state != ABSENCE_NONE)
			return state;
	}
	return ABSENCE_NONE;
}
