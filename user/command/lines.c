/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "command/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "platform/message.h"

static int lines_put(void *arg, const char *line, size_t len)
{
	struct lines *lines = arg;
	int err = lines->sink ? sink_line(lines->sink, line, len) : 0;

	if (err)
		return err;
	return ++lines->count == lines->wanted ? LINES_ENOUGH : 0;
}

int lines_open(struct lines *lines, const struct config *config, struct pipeline **ret_pipeline,
	       struct failure *ret_failure)
{
	struct pipeline_config pipeline = {
		.format = config->format == CONFIG_FORMAT_TEXT ? FORMAT_TEXT : FORMAT_JSON,
		.all = config->all,
		.on_line = lines_put,
		.arg = lines,
	};

	lines->wanted = config->count;
	if (lines->sink)
		pipeline.colour = sink_wants_colour(lines->sink);
	*ret_pipeline = pipeline_new(&pipeline);
	return *ret_pipeline ? 0 : failure_set(ret_failure, ENOMEM, "out of memory");
}

/* A reader that went away, such as head, has had enough: that is no failure. */
static bool is_quiet(int err)
{
	return err == 0 || err == LINES_ENOUGH || err == -EPIPE;
}

int lines_close(struct lines *lines, int err)
{
	const char *name = lines->sink ? sink_name(lines->sink) : NULL;
	uint64_t lost = 0;
	int reason = 0;

	if (lines->sink && is_quiet(err) && err != -EPIPE)
		err = sink_flush(lines->sink);
	if (lines->sink)
		lost = sink_lost_lines(lines->sink, &reason);
	if (err == -EPIPE)
		lost = 0;
	if (!is_quiet(err) && !(lost && err == -reason))
		message("stopped early: %s", strerror(-err));
	if (lost)
		message("%" PRIu64 " line%s could not be written to %s: %s", lost,
			lost == 1 ? "" : "s", name,
			reason == ECANCELED ? "its reader was too slow" : strerror(reason));
	sink_close(lines->sink);
	lines->sink = NULL;
	return is_quiet(err) && !lost ? STATUS_OK : STATUS_FAILURE;
}
