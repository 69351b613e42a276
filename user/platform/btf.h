/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the running kernel has, by its own type information: never by its version number. */
#ifndef PLATFORM_BTF_H
#define PLATFORM_BTF_H

#include <stdbool.h>
#include <stdint.h>

#include "config/failure.h"

struct kernel_btf;

int kernel_btf_open(const char *path, struct kernel_btf **ret_btf, struct failure *ret_failure);
void kernel_btf_free(struct kernel_btf *b);

/* Arguments of a tracepoint as a tp_btf program sees them; -1: the kernel has no such tracepoint. */
int kernel_btf_tracepoint_arguments(const struct kernel_btf *b, const char *tracepoint);
/* True when that argument (from 0) is a pointer to this struct. */
bool kernel_btf_argument_points_to(const struct kernel_btf *b, const char *tracepoint,
				   unsigned int argument, const char *struct_name);
bool kernel_btf_has_function(const struct kernel_btf *b, const char *name);
/* True when iterator programs of this kind exist ("task_file"). */
bool kernel_btf_has_iterator(const struct kernel_btf *b, const char *target);
/*
 * Calls fn with each value of the enum, until it returns non-zero, which is returned. 0 too when
 * there is no such enum.
 */
int kernel_btf_each_value(const struct kernel_btf *b, const char *enum_name,
			  int (*fn)(void *arg, const char *name, uint32_t value), void *arg);

#endif
