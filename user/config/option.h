/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of commands and options: the parser, --help and the man page all read these. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct command_row {
	const char *name;
	const char *operand; /* NULL: takes none */
	const char *summary; /* completes "wstrace NAME  ..." in a list */
	const char *description; /* paragraphs, separated by an empty line */
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	const char *argument; /* NULL: takes none */
	const char *help;
	uint32_t commands; /* bit 1 << enum command_id; COMMAND_NONE: before any command */
	size_t offset; /* of the field in struct config that set() writes */
	/* NULL, or why the value is wrong: completes "--name VALUE: ..." */
	const char *(*set)(void *field, const char *value);
};

/* A part of the help that is no option: exit status, environment, examples. */
struct section_row {
	const char *title;
	const struct item_row *items; /* up to the one without a term */
};

struct item_row {
	const char *term, *text;
};

const struct command_row *command_row(enum command_id id);
enum command_id command_find(const char *name); /* COMMAND_NONE: no such command */
const struct option_row *option_rows(size_t *ret_count);
const struct section_row *section_rows(size_t *ret_count);

#endif
