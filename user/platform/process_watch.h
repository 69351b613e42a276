/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Notices processes that records name for the first time, while /proc still knows them. */
#ifndef PLATFORM_PROCESS_WATCH_H
#define PLATFORM_PROCESS_WATCH_H

#include <stdbool.h>

#include "wstrace/event.h"

struct process_watch;

/* cgroup_fd: root of the cgroup v2 hierarchy, for processes that are gone; stays the caller's. */
struct process_watch *process_watch_new(int cgroup_fd); /* NULL: out of memory */
void process_watch_free(struct process_watch *w);
/* True when ret_event holds what is to be fed before this record. */
bool process_watch_see(struct process_watch *w, const struct wst_event *record, size_t len,
		       struct wst_process_event *ret_event);

#endif
