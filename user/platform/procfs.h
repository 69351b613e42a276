/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /proc says of a process. */
#ifndef PLATFORM_PROCFS_H
#define PLATFORM_PROCFS_H

#include <stdbool.h>
#include <stdint.h>

#include "wstrace/event.h"

/*
 * Fills the record (header too, but for the time) from /proc. Fields that could not be read stay 0.
 * 0, or -ESRCH when the process is gone, or another one has its number now (by start_ns; 0: not known).
 */
int procfs_read_process(uint32_t tgid, uint64_t start_ns, struct wst_process_event *ret_event);
/* False in a container without the host's pid namespace: its /proc does not know the others. */
bool procfs_is_of_host(void);
/* For capability_need: 0, or -errno when the calling process may not do so for others' processes. */
int procfs_can_read(void *unused);
int procfs_can_count_descriptors(void *unused);

#endif
