/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records in, lines out: track -> diagnose -> output. The same path for the ring buffer, a
 * recording and a test. Pure: the caller owns the clock and the files.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output/line.h"
#include "track/redact.h"

/*
 * One finished line, without the newline; valid during the call. Returning non-zero stops the run
 * with that value.
 */
typedef int (*pipeline_line_fn)(void *arg, const char *line, size_t len);

struct pipeline_config {
	struct track_config track;
	enum line_format format;
	bool all; /* also opens and clean ends */
	bool colour; /* text only */
	pipeline_line_fn on_line;
	void *arg;
};

struct pipeline_stats {
	uint64_t events, bad_events, lines, opened, ended, failed;
};

struct pipeline;

struct pipeline *pipeline_new(const struct pipeline_config *config); /* NULL: out of memory */
void pipeline_free(struct pipeline *p);
/*
 * Feeds one record of len bytes. Every byte may be hostile (a recording): sizes are checked against
 * len. 0; -EINVAL malformed (counted, skipped); -ENOMEM; or what on_line returned.
 */
int pipeline_feed(struct pipeline *p, const void *record, size_t len);
/* Prints what is due at now_ns (CLOCK_BOOTTIME). */
int pipeline_tick(struct pipeline *p, uint64_t now_ns);
/* Prints what is ending, for the end of a run, and an agent line if events were lost. */
int pipeline_flush(struct pipeline *p);
uint64_t pipeline_next_due_ns(const struct pipeline *p);
/*
 * Cookies of the sockets whose end has not come, max at most; returns how many. After a loss the
 * caller finds out which of them are gone and feeds a WST_EV_GONE for each.
 */
size_t pipeline_open_sockets(const struct pipeline *p, uint64_t *ret_cookies, size_t max);
/* Sockets that are followed now. */
size_t pipeline_conn_count(const struct pipeline *p);
/* Sessions that were told open, and whose end was not told. */
size_t pipeline_session_count(const struct pipeline *p);
const struct pipeline_stats *pipeline_stats(const struct pipeline *p);

#endif
