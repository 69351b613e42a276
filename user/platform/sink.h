/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where lines go: stdout or a file. Whole lines only: when a disk is full, lines are dropped and
 * counted, and when there is room again the file goes on with a whole line.
 */
#ifndef PLATFORM_SINK_H
#define PLATFORM_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/failure.h"

struct sink;

/* path NULL or "-": stdout. 0, or -errno with a message that names the path. */
int sink_open(const char *path, struct sink **ret_sink, struct failure *ret_failure);
/* Flushes and closes. Returns as sink_flush(). NULL is fine. */
int sink_close(struct sink *s);
/* As terminal_wants_colour(). */
bool sink_wants_colour(const struct sink *s);
/* Writing gives up a second after fd is readable: the user wants to stop. -1: never. */
void sink_set_stop_fd(struct sink *s, int fd);
/*
 * Adds the line and a newline to a buffer that is written when it is full and by sink_flush().
 * 0; -EPIPE when the reader is gone; -ECANCELED when it takes nothing and the user wants to stop.
 */
int sink_line(struct sink *s, const char *line, size_t len);
int sink_flush(struct sink *s);
/* Lines that were dropped, and why. 0: none. */
uint64_t sink_lost_lines(const struct sink *s, int *ret_errno);
const char *sink_name(const struct sink *s);
int sink_fd(const struct sink *s);

#endif
