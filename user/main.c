/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "command/command.h"
#include "config/help.h"
#include "config/text.h"
#include "config/version.h"
#include "platform/message.h"
#include "platform/page.h"
#include "platform/sandbox.h"

static int (*const commands[COMMAND_COUNT])(const struct config *config) = {
	[COMMAND_TRACE] = command_trace,   [COMMAND_RECORD] = command_record,
	[COMMAND_REPLAY] = command_replay, [COMMAND_EXPLAIN] = command_explain,
	[COMMAND_CAUSES] = command_causes, [COMMAND_DEMO] = command_demo,
};

/*
 * Descriptors 0 to 2 that the caller closed would be given to the next file that is opened, and lines
 * would end up there. Filled in the wrong mode, so that using them fails with EBADF as before.
 */
static void occupy_standard_descriptors(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) < 0)
			return;
}

static bool only_prints(const struct config *config)
{
	return config->action != ACTION_RUN || config->command == COMMAND_EXPLAIN ||
	       config->command == COMMAND_CAUSES;
}

static int print_version(void)
{
	struct text t = { 0 };

	text_printf(&t, "wstrace %s (libbpf %s)\n", WSTRACE_VERSION, libbpf_version_string());
	return page_print(text_take(&t));
}

int main(int argc, char **argv)
{
	struct config config;
	struct failure f;

	occupy_standard_descriptors();
	/* Told by the return value of write(). */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (config_parse(argc, argv, &config, &f)) {
		message_failure(&f);
		return STATUS_USAGE;
	}
	if (only_prints(&config))
		sandbox_enter(SANDBOX_OFFLINE);
	switch (config.action) {
	case ACTION_HELP:
		return page_print(help_page(config.command));
	case ACTION_VERSION:
		return print_version();
	case ACTION_MAN:
		return page_print(man_page());
	case ACTION_RUN:
		break;
	}
	return commands[config.command](&config);
}
