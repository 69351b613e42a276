/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/host_facts.h"

#include <string.h>

#include "track/event_check.h"

void host_apply(struct host_facts *h, const struct wst_host_event *event)
{
	h->realtime_offset_ns = event->realtime_offset_ns;
	h->flags = event->flags;
	field_copy(h->hostname, sizeof(h->hostname), event->hostname, sizeof(event->hostname));
}

#define READINGS (sizeof(((struct host_facts *)0)->readings) / sizeof(struct loss_reading))
/* Together they reach back for longer than records wait. */
#define READINGS_APART_NS 250000000ull

static const struct loss_reading *reading(const struct host_facts *h, uint32_t number)
{
	return &h->readings[number % READINGS];
}

void host_apply_losses(struct host_facts *h, const struct wst_loss_event *event)
{
	const struct loss_reading *last = reading(h, h->reading_count - 1);
	uint32_t before = host_lost_facts(h), lost;

	for (unsigned int i = 0; i < 8; i++)
		if (event->total[i] > h->losses[i])
			h->losses[i] = event->total[i];
	lost = host_lost_facts(h);
	if (lost == before)
		return;
	h->lost_ns = event->h.ts_ns;
	if (h->reading_count && h->lost_ns < last->ts_ns + READINGS_APART_NS)
		return;
	h->readings[h->reading_count++ % READINGS] = (struct loss_reading){ h->lost_ns, lost };
}

/*
 * Not WST_LOSS_SYNC and _LOOP: they belong to one socket, whose walk flags say so. Not
 * _DROP_EVENTS: those drops are counted in the socket. Not _OWNERS: that is about processes, and a
 * later look at /proc makes up for it.
 */
uint32_t host_lost_facts(const struct host_facts *h)
{
	uint64_t sum = h->losses[WST_LOSS_RING] + h->losses[WST_LOSS_STORAGE] +
		       h->losses[WST_LOSS_LOAD] + h->losses[WST_LOSS_SKIPPED];

	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

uint32_t host_lost_facts_at(const struct host_facts *h, uint64_t ts_ns)
{
	uint32_t oldest = h->reading_count > READINGS ? h->reading_count - READINGS : 0;

	if (h->lost_ns <= ts_ns)
		return host_lost_facts(h);
	for (uint32_t i = h->reading_count; i > oldest; i--)
		if (reading(h, i - 1)->ts_ns <= ts_ns)
			return reading(h, i - 1)->lost;
	return oldest ? reading(h, oldest)->lost : 0;
}

/* Index of the first name that is not before (kind, value). */
static unsigned int position_of(const struct reason_names *n, uint32_t kind, uint32_t value)
{
	unsigned int low = 0, high = n->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (n->names[middle].kind < kind ||
		    (n->names[middle].kind == kind && n->names[middle].value < value))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct reason_names *n, unsigned int at, uint32_t kind, uint32_t value)
{
	return at < n->count && n->names[at].kind == kind && n->names[at].value == value;
}

void reason_names_add(struct reason_names *n, const struct wst_name_event *event)
{
	unsigned int at = position_of(n, event->kind, event->value);

	if (!is_at(n, at, event->kind, event->value)) {
		if (n->count == REASON_NAMES_MAX)
			return;
		memmove(&n->names[at + 1], &n->names[at], (n->count - at) * sizeof(n->names[0]));
		n->count++;
	}
	n->names[at].kind = event->kind;
	n->names[at].value = event->value;
	field_copy(n->names[at].name, sizeof(n->names[at].name), event->name, sizeof(event->name));
}

const char *reason_names_find(const struct reason_names *n, uint32_t kind, uint32_t value)
{
	unsigned int at = position_of(n, kind, value);

	return is_at(n, at, kind, value) ? n->names[at].name : NULL;
}
