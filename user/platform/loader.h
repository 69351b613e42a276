/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel side: loaded, attached, and gone when its descriptors are closed, also by kill -9. */
#ifndef PLATFORM_LOADER_H
#define PLATFORM_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/failure.h"

#define LOADER_LOSS_SITES 8 /* as struct wst_loss_event has */

struct loader_config {
	const uint8_t *chat_ports; /* 65536 bits: bit (p & 7) of byte (p >> 3) */
	bool only_chat_ports; /* nothing outside of them is followed */
	bool verbose; /* libbpf's messages and the verifier's log go to stderr */
	uint32_t self_tgid; /* process whose sockets are left out; 0: none */
	uint32_t buffer_mib; /* ring buffer, a power of two */
	const char *btf_path; /* of the running kernel */
	const char *cgroup_path; /* NULL: the root of the cgroup v2 hierarchy */
};

struct loader;

/* Loads and attaches everything. 0, or -errno with a message and nothing left attached. */
int loader_open(const struct loader_config *config, struct loader **ret_loader,
		struct failure *ret_failure);
/* Detaches everything; what is in the ring buffer can still be read. */
void loader_detach(struct loader *l);
/* Detaches and unloads everything. NULL is fine. */
void loader_close(struct loader *l);

/*
 * Walks the sockets that are open already, in every network namespace. Their records arrive in the
 * ring buffer, which drain() empties in between; its first non-zero return ends the walk and is
 * returned. 0 or -errno. Once only: the program is detached afterwards.
 */
int loader_walk_open_sockets(struct loader *l, int (*drain)(void *arg), void *arg);
/* Map of the ring buffer. */
int loader_events_fd(const struct loader *l);
/* Sums what was lost so far, by enum wst_loss_site. 0 or -errno. */
int loader_read_losses(const struct loader *l, uint64_t ret_total[LOADER_LOSS_SITES]);
/* Whether the last record of a socket found no room, and when the socket was destroyed. */
bool loader_end_was_lost(const struct loader *l, uint64_t cookie, uint64_t *ret_ns);
/* enum wst_host_flag of the running kernel. */
uint32_t loader_host_flags(const struct loader *l);
/*
 * Calls fn for the name of each reset and drop reason (enum wst_name_kind, names without the enum's
 * prefix), until it returns non-zero, which is returned.
 */
int loader_each_reason(const struct loader *l,
		       int (*fn)(void *arg, uint32_t kind, uint32_t value, const char *name),
		       void *arg);
/* Gives back the memory of the kernel's type information; no reasons can be asked for any more. */
void loader_forget_types(struct loader *l);
/* Root of the cgroup v2 hierarchy that is traced. */
int loader_cgroup_fd(const struct loader *l);

#endif
