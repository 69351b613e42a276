/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Live tracing: kernel side -> records -> recording and pipeline. One thread, asleep while nothing happens. */
#ifndef PLATFORM_TRACER_H
#define PLATFORM_TRACER_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline.h"
#include "platform/loader.h"

struct recording_writer;
struct sink;

struct tracer_config {
	struct loader_config loader;
	struct pipeline *pipeline; /* gets every record; the caller's */
	struct recording_writer *recording; /* gets every record first; NULL: none */
	struct sink *sink; /* flushed before every sleep; NULL: none */
	uint64_t duration_ns; /* from tracer_start() on; 0: no limit */
};

enum tracer_state {
	TRACER_RUNNING = 0,
	TRACER_SIGNALLED, /* SIGINT, SIGTERM or SIGHUP */
	TRACER_TIME_UP, /* duration_ns is over */
	TRACER_STOPPED, /* see tracer_stop_value() */
};

struct tracer;

/*
 * Loads, attaches, and feeds what is known at once: the host, names of reasons, sockets that are open
 * already. 0, or -errno with a message and nothing left attached.
 * SIGINT, SIGTERM and SIGHUP are blocked until tracer_free() and read from a descriptor: children
 * have to unblock them.
 */
int tracer_start(const struct tracer_config *config, struct tracer **ret_tracer,
		 struct failure *ret_failure);
/* False in a container that was not given the host's cgroup hierarchy: it sees its own sockets only. */
bool tracer_sees_host(const struct tracer *t);
/*
 * Gives up all capabilities that are no longer needed, for good, also for later children.
 * 0, or -errno with a message.
 */
int tracer_drop_privileges(struct tracer *t, struct failure *ret_failure);
/*
 * Waits until something happens, for timeout_ms at most (-1: no limit), and feeds it to the pipeline.
 * Returns enum tracer_state, or -errno.
 */
int tracer_step(struct tracer *t, int timeout_ms);
/* Steps until the state is no longer TRACER_RUNNING; returns it, or -errno. */
int tracer_run(struct tracer *t);
/*
 * Detaches, feeds what is still in the ring buffer and the last losses, and flushes the pipeline,
 * unless the run was stopped by the pipeline or for want of a reader. 0 or -errno.
 */
int tracer_finish(struct tracer *t);
/*
 * Why the state is TRACER_STOPPED: what on_line of the pipeline returned, or -errno of the sink or the
 * recording (-EPIPE: the reader went away).
 */
int tracer_stop_value(const struct tracer *t);
/* Events lost so far, by enum wst_loss_site. */
const uint64_t *tracer_losses(const struct tracer *t);
/* Detaches everything. NULL is fine. */
void tracer_free(struct tracer *t);

#endif
