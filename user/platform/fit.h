/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fits the kernel side to the running kernel, before it is loaded: what the kernel lacks, by its
 * own type information, is left out or replaced.
 */
#ifndef PLATFORM_FIT_H
#define PLATFORM_FIT_H

#include "config/failure.h"

struct kernel_btf;
struct loader_config;
struct wstrace_bpf;

/* 0, or -errno with a message when the kernel lacks what nothing replaces. */
int fit_to_kernel(struct wstrace_bpf *skel, const struct kernel_btf *btf,
		  const struct loader_config *config, struct failure *ret_failure);
/* What the kernel lacks, for the message after it refused to load; NULL: nothing that is known. */
const char *fit_missing_feature(const struct kernel_btf *btf);

#endif
