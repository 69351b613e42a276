/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `wstrace record FILE`: what the kernel says, for replay. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command/live.h"
#include "platform/message.h"
#include "platform/recording.h"

static int finish(struct recording_writer *recording, const struct config *config, int err)
{
	int last = recording_flush(recording);

	if (err == 0 || err == LINES_ENOUGH)
		err = last;
	if (err == -EPIPE)
		return STATUS_OK;
	if (err) {
		message("stopped recording to %s: %s; what it has so far can be replayed",
			config->operand, strerror(-err));
		return STATUS_FAILURE;
	}
	message("%" PRIu64 " bytes in %s", recording_bytes(recording), config->operand);
	return STATUS_OK;
}

int command_record(const struct config *config)
{
	struct failure f = { "" };
	struct lines lines = { 0 };
	struct recording_writer *recording = NULL;
	int status = STATUS_FAILURE;
	int err = recording_create(config->operand, &recording, &f);

	if (!err)
		err = live_run(config, &lines, recording, &f);
	if (f.text[0])
		message_failure(&f);
	else
		status = finish(recording, config, err);
	recording_writer_free(recording);
	return status;
}
