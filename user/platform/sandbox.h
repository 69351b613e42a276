/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the process may still ask of the kernel once it reads what others wrote: bytes from the wire,
 * recordings. A seccomp filter (seccomp(2)) lets through what is listed in sandbox.c and nothing else.
 */
#ifndef PLATFORM_SANDBOX_H
#define PLATFORM_SANDBOX_H

#include <stdbool.h>

enum sandbox_use {
	SANDBOX_OFFLINE = 1, /* uses the descriptors that are open */
	SANDBOX_TRACE = 2, /* also opens files to read them, and reads BPF maps */
};

/*
 * Sets no_new_privs and the filter, for good. A refused call fails with ENOSYS and is written to the
 * kernel's log by seccomp (audit type 1326), where that is configured: a tracer that ends is worse
 * than one that lacks a fact.
 *
 * 0, or -errno where there is no seccomp. The process goes on without it then.
 */
int sandbox_enter(enum sandbox_use use);

#endif
