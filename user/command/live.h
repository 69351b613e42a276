/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What trace and record have in common: a tracer by the options, run until the user wants no more. */
#ifndef COMMAND_LIVE_H
#define COMMAND_LIVE_H

#include "command/lines.h"
#include "platform/tracer.h"

struct recording_writer;

/*
 * Traces into lines->sink, recording, or both. 0; LINES_ENOUGH; -errno: with a message when
 * ret_failure->text is not empty. Says on stderr when everything is attached, and at the end what was seen.
 */
int live_run(const struct config *config, struct lines *lines, struct recording_writer *recording,
	     struct failure *ret_failure);

#endif
