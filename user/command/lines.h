/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines from the pipeline to the user, up to --count. */
#ifndef COMMAND_LINES_H
#define COMMAND_LINES_H

#include "command/command.h"
#include "pipeline.h"
#include "platform/sink.h"

/* What lines_put() returns after the last line that is wanted. */
#define LINES_ENOUGH 1

struct lines {
	struct sink *sink; /* NULL: they are counted only */
	uint64_t wanted; /* 0: no limit */
	uint64_t count;
};

/* 0, or a pipeline with lines_put() as its end, or -errno with a message. */
int lines_open(struct lines *lines, const struct config *config, struct pipeline **ret_pipeline,
	       struct failure *ret_failure);
/*
 * The last step of a run that ended with err (of the pipeline, the tracer or the sink, or 0): writes
 * what is left, says what went wrong, and returns the exit status. Closes the sink.
 */
int lines_close(struct lines *lines, int err);

#endif
