/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cgroup v2 hierarchy: where programs are attached, and where processes belong. */
#ifndef PLATFORM_CGROUP_H
#define PLATFORM_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/failure.h"

/*
 * Opens the directory at path, or with NULL the root of the hierarchy: from the mount table, or, where
 * none is mounted (pure v1 hosts), from a private mount that exists as long as the descriptor.
 * 0 or -errno.
 */
int cgroup_open(const char *path, int *ret_fd, struct failure *ret_failure);
/*
 * Path of the cgroup with this id below the hierarchy's root, as /proc/PID/cgroup shows it: for
 * processes that are gone already. 0, -ENOENT, or -ENAMETOOLONG. Walks the whole hierarchy.
 */
int cgroup_path_of_id(int root_fd, uint64_t id, char *ret_path, size_t size);
/* Every socket of the host is below it. False for what a container sees as its root. */
bool cgroup_is_root(int fd);

#endif
