/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `wstrace causes`: the catalogue. */
#include <unistd.h>

#include "command/command.h"
#include "output/explain.h"
#include "platform/page.h"
#include "platform/terminal.h"

int command_causes(const struct config *config)
{
	if (config->format == CONFIG_FORMAT_JSON)
		return page_print(catalogue_json());
	return page_print(catalogue_text(terminal_wants_colour(STDOUT_FILENO)));
}
