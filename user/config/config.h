/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the user asked for on the command line. Pure: no files, nothing printed. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/failure.h"

#define CONFIG_BTF_DEFAULT "/sys/kernel/btf/vmlinux"
#define CONFIG_BUFFER_MIB_DEFAULT 16

enum command_id {
	COMMAND_NONE,
	COMMAND_TRACE,
	COMMAND_RECORD,
	COMMAND_REPLAY,
	COMMAND_EXPLAIN,
	COMMAND_CAUSES,
	COMMAND_DEMO,
	COMMAND_COUNT,
};

enum config_action { ACTION_RUN, ACTION_HELP, ACTION_VERSION, ACTION_MAN };

/* DEFAULT: what the command is for, lines for machines or a page for people. */
enum config_format { CONFIG_FORMAT_DEFAULT, CONFIG_FORMAT_JSON, CONFIG_FORMAT_TEXT };

/* The TCP ports on which chat is expected. */
struct chat_ports {
	uint8_t bits[8192]; /* bit (p & 7) of byte (p >> 3), as the kernel side reads it */
	bool only; /* --port was given: nothing outside is followed */
};

struct config {
	enum config_action action;
	enum command_id command; /* COMMAND_NONE: help, version, man page of the whole */
	const char *operand; /* FILE or CODE-or-CAUSE; NULL if the command takes none */
	struct chat_ports ports;
	bool all; /* opens and clean ends too */
	bool verbose;
	enum config_format format;
	uint64_t duration_ns; /* 0: no limit */
	uint64_t count; /* lines; 0: no limit */
	uint64_t buffer_mib; /* ring buffer, a power of two */
	const char *output; /* NULL: stdout */
	const char *btf;
	const char *cgroup; /* NULL: from the mount table */
};

/*
 * Fills ret_config from the command line. 0, or -EINVAL with a message that names the argument and
 * the valid form. Strings point into argv; argv is reordered, as getopt_long() does.
 */
int config_parse(int argc, char **argv, struct config *ret_config, struct failure *ret_failure);

bool chat_ports_has(const struct chat_ports *ports, uint16_t port);
void chat_ports_add(struct chat_ports *ports, uint16_t port);

#endif
