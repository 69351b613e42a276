/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/process_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "platform/cgroup.h"
#include "platform/procfs.h"

/* A set-associative cache: no chains, no growth; the least recently used entry of a set goes. */
#define SETS 1024
#define WAYS 4
/* A flood of connections that nobody accepts must not become a flood of /proc reads. */
#define REFRESH_NS 100000000ull

struct seen_process {
	uint32_t tgid; /* 0: free */
	uint32_t used;
	uint64_t start_ns;
	uint64_t refused_ns; /* /proc was read for a connection that it did not accept; record time */
};

struct process_watch {
	int cgroup_fd;
	uint32_t clock; /* counts look-ups */
	uint64_t gone_cgroup_id; /* the last that was searched: short-lived processes come in rows */
	char gone_cgroup[WST_CGROUP_PATH_BYTES]; /* empty: not found */
	struct seen_process seen[SETS][WAYS];
};

struct process_watch *process_watch_new(int cgroup_fd)
{
	struct process_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->cgroup_fd = cgroup_fd;
	return w;
}

void process_watch_free(struct process_watch *w)
{
	free(w);
}

static bool was_unaccepted(const struct wst_event *record, size_t len)
{
	const struct wst_state_event *state = (const struct wst_state_event *)record;

	return record->type == WST_EV_STATE && len >= sizeof(*state) &&
	       state->flags & WST_STATE_UNACCEPTED;
}

static const struct wst_task *owner_of(const struct wst_event *record, size_t len)
{
	switch (record->type) {
	case WST_EV_OPEN:
		return len < sizeof(struct wst_open_event) ?
			       NULL :
			       &((const struct wst_open_event *)record)->owner;
	case WST_EV_END:
		return len < sizeof(struct wst_end_event) ?
			       NULL :
			       &((const struct wst_end_event *)record)->owner;
	case WST_EV_STATE:
		return was_unaccepted(record, len) ?
			       &((const struct wst_state_event *)record)->task :
			       NULL;
	case WST_EV_LISTEN:
		return len < sizeof(struct wst_listen_event) ?
			       NULL :
			       &((const struct wst_listen_event *)record)->task;
	case WST_EV_UNIX:
		return len < sizeof(struct wst_unix_event) ?
			       NULL :
			       &((const struct wst_unix_event *)record)->task;
	case WST_EV_BACKLOG:
		return len < sizeof(struct wst_backlog_event) ?
			       NULL :
			       &((const struct wst_backlog_event *)record)->owner;
	default:
		return NULL;
	}
}

/* Descriptors that ran out keep accept() from working: then their number at this moment counts. */
static bool was_never_accepted(const struct wst_event *record, size_t len)
{
	const struct wst_end_event *end = (const struct wst_end_event *)record;

	if (record->type == WST_EV_END)
		return end->tcp.flags & WST_TCP_NEVER_ACCEPTED;
	return was_unaccepted(record, len);
}

/* The entry of the task, or the one to replace. */
static struct seen_process *entry_of(struct process_watch *w, const struct wst_task *task)
{
	uint64_t hash = (task->tgid ^ task->start_ns) *
			0x9e3779b97f4a7c15ull; /* Fibonacci hashing */
	struct seen_process *set = w->seen[hash >> 32 & (SETS - 1)], *oldest = set;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (set[i].tgid == task->tgid && set[i].start_ns == task->start_ns)
			return &set[i];
		if (w->clock - set[i].used > w->clock - oldest->used)
			oldest = &set[i];
	}
	return oldest;
}

/* A process that is gone already still has its cgroup for a while: containers are removed later. */
static bool describe_gone(struct process_watch *w, const struct wst_task *task,
			  struct wst_process_event *ret_event)
{
	if (w->gone_cgroup_id != task->cgroup_id) {
		w->gone_cgroup_id = task->cgroup_id;
		if (cgroup_path_of_id(w->cgroup_fd, task->cgroup_id, w->gone_cgroup,
				      sizeof(w->gone_cgroup)))
			w->gone_cgroup[0] = '\0';
	}
	memcpy(ret_event->cgroup, w->gone_cgroup, sizeof(ret_event->cgroup));
	memcpy(ret_event->comm, task->comm, sizeof(ret_event->comm));
	return ret_event->cgroup[0] != '\0';
}

bool process_watch_see(struct process_watch *w, const struct wst_event *record, size_t len,
		       struct wst_process_event *ret_event)
{
	const struct wst_task *task = owner_of(record, len);
	struct seen_process *entry;
	bool known, refused;

	if (!task || task->tgid == 0)
		return false;
	w->clock++;
	entry = entry_of(w, task);
	known = entry->tgid == task->tgid && entry->start_ns == task->start_ns;
	entry->used = w->clock;
	refused = was_never_accepted(record, len) &&
		  (!known || record->ts_ns - entry->refused_ns > REFRESH_NS);
	if (known && !refused)
		return false;
	entry->tgid = task->tgid;
	entry->start_ns = task->start_ns;
	entry->refused_ns = refused ? record->ts_ns : 0;
	if (procfs_read_process(task->tgid, task->start_ns, ret_event) &&
	    (known || !describe_gone(w, task, ret_event)))
		return false;
	ret_event->h.ts_ns = record->ts_ns;
	return true;
}
