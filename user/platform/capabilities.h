/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Privileges: enough to attach, then as few as possible. */
#ifndef PLATFORM_CAPABILITIES_H
#define PLATFORM_CAPABILITIES_H

#include <stdbool.h>

#include "config/failure.h"

/* 0, or -EPERM with a message that names what is missing and how to get it. */
int capabilities_check(struct failure *ret_failure);
/* True when the process has all that capabilities_check() asks for: a refusal has another reason. */
bool capabilities_complete(void);

/* Something that has to work after the drop, and the capability it may need on some kernels. */
struct capability_need {
	int (*works)(void *arg); /* 0 or -errno */
	void *arg;
	unsigned int capability;
};

/*
 * Gives up every capability for good and sets no_new_privs. Each need is tried without any; only if
 * it fails with EPERM or EACCES, its capability is kept (when the process has it).
 * 0, or -errno with a message.
 */
int capabilities_drop(const struct capability_need *needs, unsigned int count,
		      struct failure *ret_failure);

#endif
