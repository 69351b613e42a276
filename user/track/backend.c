/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/backend.h"

#include "track/event_check.h"

static uint64_t key_of(uint32_t tgid, uint64_t start_ns)
{
	return key_add_number(key_add_number(0, tgid), start_ns);
}

static uint64_t latest_ns(const struct unix_backend *b)
{
	return b->at_exit.ts_ns > b->at_signal.ts_ns ? b->at_exit.ts_ns : b->at_signal.ts_ns;
}

/* The one of that process, or the one that was looked at the longest time ago. */
static struct unix_backend *place_for(struct unix_backends *of, const struct wst_task *task)
{
	struct unix_backend *oldest = &of->list[0];

	for (unsigned int i = 0; i < BACKENDS_OF_PROXY; i++) {
		struct unix_backend *b = &of->list[i];

		if (b->task.tgid == task->tgid && b->task.start_ns == task->start_ns)
			return b;
		if (latest_ns(b) < latest_ns(oldest))
			oldest = b;
	}
	*oldest = (struct unix_backend){ 0 };
	task_copy(&oldest->task, task);
	return oldest;
}

void backends_apply(struct keyed *backends, const struct wst_unix_event *e)
{
	struct unix_backends *of = keyed_obtain(backends, key_of(e->peer_tgid, e->peer_start_ns));
	struct unix_backend *b;
	struct unix_holding *h;

	if (!of)
		return;
	b = place_for(of, &e->task);
	h = e->flags & WST_UNIX_EXITING ? &b->at_exit : &b->at_signal;
	if (h->ts_ns != e->h.ts_ns)
		*h = (struct unix_holding){ .ts_ns = e->h.ts_ns };
	h->connections += e->connections;
	h->more = e->flags & WST_UNIX_MORE;
}

static void note_closing(struct unix_holding *h, uint64_t ts_ns)
{
	if (h->ts_ns && h->ts_ns <= ts_ns && ts_ns - h->ts_ns <= BACKEND_REACTION_NS)
		h->closed++;
}

void backends_note_closing(struct keyed *backends, const struct wst_task *proxy, uint64_t ts_ns)
{
	struct unix_backends *of = keyed_find(backends, key_of(proxy->tgid, proxy->start_ns));

	for (unsigned int i = 0; of && i < BACKENDS_OF_PROXY; i++) {
		note_closing(&of->list[i].at_signal, ts_ns);
		note_closing(&of->list[i].at_exit, ts_ns);
	}
}

const struct unix_backends *backends_of(const struct keyed *backends, const struct wst_task *proxy)
{
	return keyed_find(backends, key_of(proxy->tgid, proxy->start_ns));
}
