/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "track/event_check.h"
#include "track/hash.h"

#define CAPACITY_DEFAULT 8192

/* /proc counts start times in ticks of 10 ms, the kernel side in nanoseconds. */
#define START_TOLERANCE_NS 10000000ull

/*
 * Zombies get signals too, e.g. when a container is torn down; a pid is not used again as fast as
 * that.
 */
#define PID_REUSE_NS 10000000000ull

struct process_table {
	struct process **buckets;
	uint32_t mask;
	uint32_t capacity;
	uint32_t count;
	uint64_t uses;
	struct process *oldest, *newest;
};

struct process_table *process_table_new(uint32_t capacity)
{
	struct process_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->capacity = capacity ? capacity : CAPACITY_DEFAULT;
	t->mask = hash_mask_for(t->capacity);
	t->buckets = calloc((size_t)t->mask + 1, sizeof(*t->buckets));
	if (t->buckets)
		return t;
	free(t);
	return NULL;
}

void process_table_free(struct process_table *t)
{
	struct process *p, *newer;

	if (!t)
		return;
	for (p = t->oldest; p; p = newer) {
		newer = p->newer;
		free(p);
	}
	free(t->buckets);
	free(t);
}

size_t process_count(const struct process_table *t)
{
	return t->count;
}

static struct process **bucket_of(struct process_table *t, uint32_t tgid)
{
	return &t->buckets[hash_u64(tgid) & t->mask];
}

static void unlink_by_use(struct process_table *t, struct process *p)
{
	*(p->older ? &p->older->newer : &t->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &t->newest) = p->older;
	p->older = p->newer = NULL;
}

static void append_by_use(struct process_table *t, struct process *p)
{
	p->older = t->newest;
	p->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = p;
	t->newest = p;
	p->used = ++t->uses;
}

static void remove_oldest(struct process_table *t)
{
	struct process *p = t->oldest, **at = bucket_of(t, p->tgid);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	unlink_by_use(t, p);
	t->count--;
	free(p);
}

static bool is_same_start(const struct process *p, uint64_t start_ns)
{
	uint64_t apart = p->start_ns > start_ns ? p->start_ns - start_ns : start_ns - p->start_ns;

	return !p->start_ns || !start_ns || apart <= START_TOLERANCE_NS;
}

/*
 * New ones are put first in their chain: of several that fit, the youngest process is found. One
 * whose start is known to be the right one goes before one whose start is not known.
 */
struct process *process_find(struct process_table *t, uint32_t tgid, uint64_t start_ns)
{
	struct process *p, *found = NULL;

	if (!tgid)
		return NULL;
	for (p = *bucket_of(t, tgid); p; p = p->next) {
		if (p->tgid != tgid || !is_same_start(p, start_ns))
			continue;
		if (!start_ns || p->start_ns)
			return p;
		if (!found)
			found = p;
	}
	return found;
}

static struct process *add(struct process_table *t, uint32_t tgid, uint64_t start_ns)
{
	struct process *p = calloc(1, sizeof(*p)), **bucket;

	if (!p)
		return NULL;
	if (t->count >= t->capacity)
		remove_oldest(t);
	p->tgid = tgid;
	p->start_ns = start_ns;
	bucket = bucket_of(t, tgid);
	p->next = *bucket;
	*bucket = p;
	append_by_use(t, p);
	t->count++;
	return p;
}

/*
 * The process that an event at ts_ns is about, made if need be. Signals and OOM name no start time:
 * when the process of that pid ended long before, they are about another one.
 */
static struct process *obtain(struct process_table *t, uint32_t tgid, uint64_t start_ns,
			      uint64_t ts_ns)
{
	struct process *p = process_find(t, tgid, start_ns);

	if (p && !start_ns && p->exited && ts_ns > p->exit_ns + PID_REUSE_NS)
		p = NULL;
	if (!p)
		return add(t, tgid, start_ns);
	if (!p->start_ns)
		p->start_ns = start_ns;
	unlink_by_use(t, p);
	append_by_use(t, p);
	return p;
}

static void set_comm(struct process *p, const char comm[WST_COMM_LEN])
{
	if (comm[0])
		field_copy(p->comm, sizeof(p->comm), comm, WST_COMM_LEN);
}

static void apply_exit(struct process *p, const struct wst_exit_event *e)
{
	p->exited = true;
	p->exit_code = e->exit_code;
	p->exit_ns = e->h.ts_ns;
	if (e->parent_tgid)
		p->parent_tgid = e->parent_tgid;
	set_comm(p, e->comm);
}

bool process_signal_stops(uint32_t signal)
{
	return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT;
}

static void apply_halt(struct process *p, const struct fatal_signal *s)
{
	bool halted = p->halt_signal.signal && !p->continued_ns;

	if (s->signal == SIGSTOP && !halted) {
		p->halt_signal = *s;
		p->continued_ns = 0;
	} else if (s->signal == SIGCONT && halted) {
		p->continued_ns = s->ts_ns;
	}
}

/* SIGQUIT may have been no more than a question for the stacks of its threads. */
static bool begins_stop(const struct process *p, const struct fatal_signal *s)
{
	const struct fatal_signal *stop = &p->stop_signal;

	if (!process_signal_stops(s->signal))
		return false;
	return !stop->signal || (stop->signal == SIGQUIT && s->signal != SIGQUIT) ||
	       s->ts_ns > stop->ts_ns + PROCESS_STOP_GRACE_NS;
}

static void apply_signal(struct process *p, const struct wst_signal_event *e)
{
	struct fatal_signal s = {
		.signal = e->signal,
		.code = e->code,
		.ts_ns = e->h.ts_ns,
		.sender_parent_tgid = e->sender_parent_tgid,
	};

	task_copy(&s.sender, &e->sender);
	if (e->target_parent_tgid)
		p->parent_tgid = e->target_parent_tgid;
	s.from_parent = s.sender.tgid && s.sender.tgid == p->parent_tgid;
	if (s.signal == SIGSTOP || s.signal == SIGCONT) {
		apply_halt(p, &s);
		return;
	}
	if (!p->first_signal.signal || s.ts_ns < p->first_signal.ts_ns)
		p->first_signal = s;
	if (s.ts_ns >= p->last_signal.ts_ns)
		p->last_signal = s;
	if (begins_stop(p, &s))
		p->stop_signal = s;
	if (s.signal == SIGKILL && (!p->kill_signal.signal || s.ts_ns < p->kill_signal.ts_ns))
		p->kill_signal = s;
}

static void apply_oom(struct process *p, const struct wst_oom_event *e)
{
	if (!p->oom_ns || e->h.ts_ns < p->oom_ns)
		p->oom_ns = e->h.ts_ns ? e->h.ts_ns : 1;
	set_comm(p, e->comm);
}

static void apply_process(struct process *p, const struct wst_process_event *e)
{
	char cgroup[WST_CGROUP_PATH_BYTES], id[sizeof(p->container_id)];

	set_comm(p, e->comm);
	if (e->parent_tgid)
		p->parent_tgid = e->parent_tgid;
	if (e->fds_limit) {
		p->fds_used = e->fds_used;
		p->fds_limit = e->fds_limit;
	}
	field_copy(cgroup, sizeof(cgroup), e->cgroup, sizeof(e->cgroup));
	if (!cgroup[0])
		return; /* it was gone already: keep what an earlier look found */
	/* nobody leaves a container: it was exiting, when its cgroups of v1 read as the root */
	if (!container_id_from_cgroup(cgroup, id) && p->container_id[0])
		return;
	memcpy(p->cgroup, cgroup, sizeof(cgroup));
	container_id_from_cgroup(cgroup, p->container_id);
}

static uint64_t start_of(const struct wst_event *event)
{
	if (event->type == WST_EV_EXIT)
		return ((const struct wst_exit_event *)event)->start_ns;
	if (event->type == WST_EV_PROCESS)
		return ((const struct wst_process_event *)event)->start_ns;
	return 0;
}

int process_apply(struct process_table *t, const struct wst_event *event)
{
	struct process *p;

	if (event->type != WST_EV_EXIT && event->type != WST_EV_SIGNAL &&
	    event->type != WST_EV_OOM && event->type != WST_EV_PROCESS)
		return -EINVAL;
	if (event_check(event) || !event->tgid)
		return -EINVAL;
	p = obtain(t, event->tgid, start_of(event), event->ts_ns);
	if (!p)
		return -ENOMEM;
	if (event->type == WST_EV_EXIT)
		apply_exit(p, (const struct wst_exit_event *)event);
	else if (event->type == WST_EV_SIGNAL)
		apply_signal(p, (const struct wst_signal_event *)event);
	else if (event->type == WST_EV_OOM)
		apply_oom(p, (const struct wst_oom_event *)event);
	else
		apply_process(p, (const struct wst_process_event *)event);
	return 0;
}

/* A process that was stalled closes what it gave up on in one go. */
#define STALL_BURST_NS 5000000000ull

void process_note_stall(struct process_table *t, const struct wst_task *task, uint64_t ts_ns)
{
	struct process *p = process_find(t, task->tgid, task->start_ns);

	if (!p)
		return;
	if (p->stalled_ns + STALL_BURST_NS < ts_ns)
		p->stalled_sockets = 0;
	p->stalled_sockets++;
	if (ts_ns > p->stalled_ns)
		p->stalled_ns = ts_ns;
}

int process_note_task(struct process_table *t, const struct wst_task *task)
{
	struct process *p;

	if (!task->tgid)
		return 0;
	p = obtain(t, task->tgid, task->start_ns, 0);
	if (!p)
		return -ENOMEM;
	set_comm(p, task->comm);
	return 0;
}

void process_note_accept(struct process_table *t, const struct wst_task *task)
{
	struct process *p = process_find(t, task->tgid, task->start_ns);

	if (p)
		p->accepts = true;
}
