/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config/option.h"

#include <string.h>

static const struct command_row commands[COMMAND_COUNT] = {
	[COMMAND_TRACE] = {
		.name = "trace",
		.summary = "live: print why each WebSocket connection broke",
		.description =
			"Watches the kernel and prints one JSON object a line for every WebSocket "
			"connection that failed to open or ended badly: the root cause, the evidence, "
			"how sure it is, and what to do. With --all, opens and clean ends too.\n\n"
			"Runs until Ctrl-C, --duration or --count. Needs root, or CAP_BPF, CAP_PERFMON "
			"and CAP_NET_ADMIN, which are dropped once everything is attached. Where no "
			"cgroup v2 hierarchy is mounted, CAP_SYS_ADMIN is needed to mount one privately.",
	},
	[COMMAND_RECORD] = {
		.name = "record",
		.operand = "FILE",
		.summary = "live: store what the kernel says, for replay",
		.description =
			"Stores everything that a verdict needs in FILE, which is overwritten. Query "
			"strings, cookies, other header values and payloads are not stored. Prints "
			"nothing on standard output and a summary at the end.",
	},
	[COMMAND_REPLAY] = {
		.name = "replay",
		.operand = "FILE",
		.summary = "print the lines of a recording, without root",
		.description =
			"Runs a recording through the same steps as trace and prints the same lines. "
			"Reads standard input when FILE is -.",
	},
	[COMMAND_EXPLAIN] = {
		.name = "explain",
		.operand = "CODE-or-CAUSE",
		.summary = "what a close code or a cause means, and what to do",
		.description =
			"Explains a WebSocket close code (1006), or a cause by its id "
			"(session.peer_reset).",
	},
	[COMMAND_CAUSES] = {
		.name = "causes",
		.summary = "list every cause that can be told apart",
		.description = "Lists the catalogue of causes, for people or as JSON.",
	},
	[COMMAND_DEMO] = {
		.name = "demo",
		.summary = "break real connections on loopback and explain each",
		.description =
			"Starts small WebSocket peers on loopback, breaks their connections in many "
			"ways and prints what happened and what wstrace says of each. Needs nothing but "
			"the privileges of trace. Fails when a verdict is wrong.",
	},
};

const struct command_row *command_row(enum command_id id)
{
	return &commands[id];
}

enum command_id command_find(const char *name)
{
	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++)
		if (!strcmp(commands[id].name, name))
			return id;
	return COMMAND_NONE;
}

static const struct item_row exit_status[] = {
	{ "0", "Done. Also when the reader of standard output went away." },
	{ "1", "Failed; the message says what, why and what to do." },
	{ "2", "The command line is wrong." },
	{ NULL, NULL },
};

static const struct item_row environment[] = {
	{ "NO_COLOR", "When set and not empty, text is never coloured." },
	{ NULL, NULL },
};

static const struct item_row examples[] = {
	{ "wstrace trace | jq .", "Every broken connection of this host and its containers." },
	{ "wstrace trace --format text --port 8080", "For people; only port 8080." },
	{ "wstrace record --duration 60 chat.wst", "One minute into a file." },
	{ "wstrace replay chat.wst --all", "All sessions of that minute, on any machine." },
	{ "wstrace explain 1006", "What the browser's code can mean." },
	{ NULL, NULL },
};

static const struct section_row sections[] = {
	{ "Exit status", exit_status },
	{ "Environment", environment },
	{ "Examples", examples },
};

const struct section_row *section_rows(size_t *ret_count)
{
	*ret_count = sizeof(sections) / sizeof(sections[0]);
	return sections;
}
