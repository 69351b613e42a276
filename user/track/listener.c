/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/listener.h"

#include <string.h>

#include "track/event_check.h"

static uint64_t key_of(uint32_t netns, uint16_t port)
{
	return (uint64_t)netns << 16 | port;
}

static struct listener *obtain(struct keyed *listeners, uint32_t netns, uint16_t port)
{
	struct listener *l = keyed_obtain(listeners, key_of(netns, port));

	if (!l)
		return NULL;
	l->at.netns = netns;
	l->at.port = port;
	return l;
}

static void note_listening(struct listener *l, uint64_t ts_ns)
{
	if (l->stopped_ns)
		l->back_ns = ts_ns;
	l->stopped_ns = 0;
}

const struct listener *listeners_apply(struct keyed *listeners, const struct wst_listen_event *e)
{
	struct listener *l = obtain(listeners, e->tuple.netns, e->tuple.local_port);

	if (!l)
		return NULL;
	if (e->flags & WST_LISTEN_STOPPED) {
		l->stopped_ns = e->listeners ? 0 : e->h.ts_ns;
		return e->listeners ? NULL : l;
	}
	memcpy(l->at.address, e->tuple.local, sizeof(l->at.address));
	task_copy(&l->task, &e->task);
	l->since_ns = e->h.ts_ns;
	l->accepted = false;
	note_listening(l, e->h.ts_ns);
	return l;
}

const struct listener *listeners_note_accept(struct keyed *listeners, const struct wst_tuple *tuple,
					     const struct wst_task *task, bool inherited,
					     uint64_t ts_ns)
{
	struct listener *l = obtain(listeners, tuple->netns, tuple->local_port);
	bool new_address;

	if (!l || !task->tgid)
		return NULL;
	new_address = memcmp(l->at.address, tuple->local, sizeof(l->at.address)) != 0;
	memcpy(l->at.address, tuple->local, sizeof(l->at.address));
	if (l->task.tgid == task->tgid && l->task.start_ns == task->start_ns)
		return new_address ? l : NULL;
	/* that is the one who listens, which was known; not the one who accepted before */
	if (inherited && l->task.tgid)
		return NULL;
	task_copy(&l->task, task);
	l->since_ns = ts_ns;
	l->accepted = true;
	return l;
}

static bool is_any(const uint8_t address[16])
{
	static const uint8_t any_ipv6[16], any_ipv4[16] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, any_ipv6, 16) || !memcmp(address, any_ipv4, 16);
}

static bool is_loopback(const uint8_t address[16])
{
	static const uint8_t ipv6[16] = { [15] = 1 };
	static const uint8_t ipv4[13] = { [10] = 0xff, [11] = 0xff, [12] = 127 };

	return !memcmp(address, ipv6, sizeof(ipv6)) || !memcmp(address, ipv4, sizeof(ipv4));
}

static bool same_place(const struct restart *r, const struct listener *l,
		       struct process_table *processes)
{
	bool same_address = !memcmp(r->at.address, l->at.address, sizeof(r->at.address));
	const struct process *p;

	if (r->at.port != l->at.port)
		return false;
	if (r->at.netns == l->at.netns)
		return same_address || is_any(r->at.address) || is_any(l->at.address);
	if (same_address && !is_any(r->at.address) && !is_loopback(r->at.address))
		return true;
	p = r->container_id[0] ? process_find(processes, l->task.tgid, l->task.start_ns) : NULL;
	return p && strcmp(p->container_id, r->container_id) == 0;
}

/* Who accepts may have listened for long; only a process that began later took over. */
static bool took_over(const struct restart *r, const struct listener *l)
{
	uint64_t began_ns = l->accepted ? l->task.start_ns : l->since_ns;

	return l->task.tgid && began_ns > r->ended_ns;
}

bool restart_note(struct restart *r, const struct listener *l, struct process_table *processes)
{
	if (!r->at.port || r->state == RESTART_BACK || !same_place(r, l, processes))
		return false;
	if (took_over(r, l)) {
		r->state = RESTART_BACK;
		r->task = l->task;
		r->accepted = l->accepted;
		r->back_ns = l->since_ns;
		return true;
	}
	if (!l->stopped_ns || r->state == RESTART_AWAITED || r->at.netns != l->at.netns)
		return false;
	r->state = RESTART_AWAITED;
	return true;
}

uint64_t listeners_stopped_ns(const struct keyed *listeners, uint32_t netns, uint16_t port)
{
	const struct listener *l = keyed_find(listeners, key_of(netns, port));

	return l ? l->stopped_ns : 0;
}

uint64_t listeners_back_ns(const struct keyed *listeners, uint32_t netns, uint16_t port)
{
	const struct listener *l = keyed_find(listeners, key_of(netns, port));

	if (!l)
		return 0;
	return l->stopped_ns ? UINT64_MAX : l->back_ns;
}

bool listeners_serve(const struct keyed *listeners, const struct wst_task *task)
{
	for (const struct keyed_entry *e = listeners->newest; e; e = e->older) {
		const struct listener *l = (const struct listener *)e;

		if (task->tgid && l->task.tgid == task->tgid && l->task.start_ns == task->start_ns)
			return true;
	}
	return false;
}

struct restart listeners_restart(const struct keyed *listeners, struct process_table *processes,
				 const struct service_port *at, const struct wst_task *task,
				 uint64_t ended_ns)
{
	const struct process *p = process_find(processes, task->tgid, task->start_ns);
	struct restart r = {
		.at = *at,
		.ended_ns = ended_ns,
	};

	if (p)
		memcpy(r.container_id, p->container_id, sizeof(r.container_id));
	for (const struct keyed_entry *e = listeners->oldest; e; e = e->newer)
		restart_note(&r, (const struct listener *)e, processes);
	return r;
}
