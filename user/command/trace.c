/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `wstrace trace`: lines as they happen. */
#include "command/live.h"
#include "platform/message.h"

int command_trace(const struct config *config)
{
	struct failure f = { "" };
	struct lines lines = { 0 };
	int err = sink_open(config->output, &lines.sink, &f);

	if (!err)
		err = live_run(config, &lines, NULL, &f);
	if (!f.text[0])
		return lines_close(&lines, err);
	message_failure(&f);
	sink_close(lines.sink);
	return STATUS_FAILURE;
}
