/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `wstrace explain CODE-or-CAUSE`: one page of the catalogue. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "output/explain.h"
#include "platform/message.h"
#include "platform/page.h"
#include "platform/terminal.h"

static int say_unknown(const char *word)
{
	char *similar = catalogue_suggest(word);

	for (char *c = similar; c && *c; c++)
		if (*c == '\n')
			*c = ' ';
	message("'%.80s' is no cause and no close code (1000 to 4999)%s%s; see: wstrace causes, "
		"wstrace explain --help",
		word, similar && *similar ? "; similar: " : "", similar ? similar : "");
	free(similar);
	return STATUS_USAGE;
}

int command_explain(const struct config *config)
{
	char *page = catalogue_explain(config->operand, terminal_wants_colour(STDOUT_FILENO));

	return page ? page_print(page) : say_unknown(config->operand);
}
