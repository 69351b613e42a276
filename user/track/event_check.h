/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records come from the kernel and from files: what is true of every one of them is checked here,
 * once.
 */
#ifndef TRACK_EVENT_CHECK_H
#define TRACK_EVENT_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "wstrace/event.h"

/* Bytes of a record of this type, 0 for a type that this build does not know. */
size_t event_size(uint16_t type);
/* Of one that an older build wrote, before fields were appended: what it lacks is zero. */
size_t event_least_size(uint16_t type);
/*
 * 0; -EINVAL for a record shorter than its type (a longer one comes from a newer build and is
 * fine); -ENOENT for an unknown type.
 */
int event_check(const struct wst_event *event);
/* Copies a task and ends its name: records need not. */
void task_copy(struct wst_task *to, const struct wst_task *from);
/*
 * Copies at most size - 1 bytes of a fixed field of `room` bytes, up to its NUL, and ends the text.
 */
void field_copy(char *to, size_t size, const char *from, size_t room);

#endif
