/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `wstrace replay FILE`: everything after the ring buffer, from a file that may hold anything. */
#include <errno.h>
#include <inttypes.h>

#include "command/lines.h"
#include "platform/capabilities.h"
#include "platform/message.h"
#include "platform/recording.h"
#include "platform/sandbox.h"

/* 0 at the end of the recording, also of a damaged one, which the failure tells; else what stopped the run. */
static int feed_all(struct recording_reader *reader, struct pipeline *pipeline, struct sink *sink,
		    struct failure *f)
{
	const struct wst_event *record;
	int err = 0;

	while (!err && recording_next(reader, &record, f) == 1) {
		err = pipeline_feed(pipeline, record, record->size);
		if (err == -EINVAL) /* counted: said at the end */
			err = 0;
		/* From a pipe the next record may take its time, and the reader of the lines waits. */
		if (!err && !recording_has_record(reader))
			err = sink_flush(sink);
	}
	return err ? err : pipeline_flush(pipeline);
}

static int replay(const struct config *config, struct recording_reader *reader, struct lines *lines,
		  struct failure *f)
{
	struct pipeline *pipeline;
	uint64_t bad;
	int status, err = lines_open(lines, config, &pipeline, f);

	if (err)
		return STATUS_FAILURE;
	err = feed_all(reader, pipeline, lines->sink, f);
	bad = pipeline_stats(pipeline)->bad_events;
	status = lines_close(lines, err);
	if (bad)
		message("%s: %" PRIu64
			" records make no sense and were skipped: the file is damaged",
			config->operand, bad);
	pipeline_free(pipeline);
	return bad || f->text[0] ? STATUS_FAILURE : status;
}

int command_replay(const struct config *config)
{
	struct failure f = { "" };
	struct lines lines = { 0 };
	struct recording_reader *reader = NULL;
	int status = STATUS_FAILURE;
	int err = recording_open(config->operand, &reader, &f);

	if (!err)
		err = sink_open(config->output, &lines.sink, &f);
	if (!err)
		err = capabilities_drop(NULL, 0, &f);
	if (!err)
		sandbox_enter(SANDBOX_OFFLINE);
	if (!err)
		status = replay(config, reader, &lines, &f);
	if (f.text[0])
		message_failure(&f);
	sink_close(lines.sink);
	recording_reader_free(reader);
	return status;
}
