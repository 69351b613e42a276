/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line, by getopt_long() from the rows of the option table. */
#include "config/option.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64
#define LONG_ONLY 256 /* values of options without a letter: LONG_ONLY + row */

static const uint16_t default_ports[] = { 80, 443, 3000, 8000, 8080 };

struct getopt_tables {
	struct option longs[ROWS_MAX + 1];
	char shorts[2 * ROWS_MAX + 3];
};

static void defaults_set(struct config *config)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < sizeof(default_ports) / sizeof(default_ports[0]); i++)
		chat_ports_add(&config->ports, default_ports[i]);
	config->buffer_mib = CONFIG_BUFFER_MIB_DEFAULT;
	config->btf = CONFIG_BTF_DEFAULT;
}

/* The options that the command has, into zeroed tables. '+': stop at the first operand; ':': tell a missing argument. */
static void tables_fill(struct getopt_tables *tables, enum command_id command)
{
	size_t count, n = 0;
	const struct option_row *rows = option_rows(&count);
	char *s = tables->shorts;

	if (command == COMMAND_NONE)
		*s++ = '+';
	*s++ = ':';
	for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
		if (!(rows[i].commands & 1u << command))
			continue;
		tables->longs[n++] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument ? required_argument : no_argument,
			.val = LONG_ONLY + (int)i,
		};
		if (!rows[i].letter)
			continue;
		*s++ = rows[i].letter;
		if (rows[i].argument)
			*s++ = ':';
	}
}

static const struct option_row *row_of_value(int value)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	if (value >= LONG_ONLY)
		return &rows[value - LONG_ONLY];
	for (size_t i = 0; i < count; i++)
		if (rows[i].letter && rows[i].letter == value)
			return &rows[i];
	return NULL;
}

/* The row whose long name is that of the argument, whatever the command. */
static const struct option_row *row_of_argument(const char *argument)
{
	size_t count, len = strcspn(argument, "=");
	const struct option_row *rows = option_rows(&count);

	for (size_t i = 0; i < count; i++)
		if (!strncmp(argument, "--", 2) && len - 2 == strlen(rows[i].name) &&
		    !strncmp(argument + 2, rows[i].name, len - 2))
			return &rows[i];
	return NULL;
}

/* Every refusal ends with where to read on. */
__attribute__((format(printf, 3, 4))) static int refuse(struct failure *f, enum command_id command,
							const char *format, ...)
{
	const char *name = command_row(command)->name;
	char text[sizeof(f->text) - 64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return failure_set(f, EINVAL, "%s; see: wstrace %s%s--help", text, name ? name : "",
			   name ? " " : "");
}

static int refuse_command(const char *name, struct failure *f)
{
	char list[128] = "";
	size_t len = 0;

	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT && len < sizeof(list); id++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, " %s",
					command_row(id)->name);
	if (!name)
		return refuse(f, COMMAND_NONE, "a command is needed, one of:%s", list);
	return refuse(f, COMMAND_NONE, "unknown command '%s', it must be one of:%s", name, list);
}

static int refuse_option(char **argv, enum command_id command, struct failure *f)
{
	/* optopt is 0 for a long option that does not exist or is ambiguous. */
	const char *argument = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' };
	const struct option_row *row = optopt ? row_of_value(optopt) : row_of_argument(argument);
	const char *shown = optopt && optopt < LONG_ONLY ? letter : argument;

	if (row && (row->commands & 1u << command))
		return refuse(f, command, "--%s takes no argument", row->name);
	if (row && command != COMMAND_NONE)
		return refuse(f, command, "'%s' has no option %s", command_row(command)->name,
			      shown);
	if (row)
		return refuse(f, command, "the option %s goes after a command", shown);
	return refuse(f, command, "unknown or ambiguous option %s", shown);
}

static int apply_option(int value, struct config *config, struct failure *f)
{
	const struct option_row *row = row_of_value(value);
	const char *wrong = row->set((char *)config + row->offset, optarg);

	if (!wrong)
		return 0;
	return refuse(f, config->command, "--%s %s: %s", row->name, optarg, wrong);
}

/* Options from argv[0] on (argv[0] itself is skipped), up to the operands, which end up at optind. */
static int parse_options(int argc, char **argv, struct config *config, struct failure *f)
{
	struct getopt_tables tables = { 0 };
	const struct option_row *row;
	int value, err = 0;

	tables_fill(&tables, config->command);
	opterr = 0;
	optind = 0; /* glibc: start afresh */
	while (!err) {
		value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL);
		if (value == -1)
			break;
		row = value == ':' ? row_of_value(optopt) : NULL;
		if (row)
			err = refuse(f, config->command, "--%s needs an argument: --%s %s",
				     row->name, row->name, row->argument);
		else if (value == '?')
			err = refuse_option(argv, config->command, f);
		else
			err = apply_option(value, config, f);
	}
	return err;
}

static int parse_operand(int argc, char **argv, struct config *config, struct failure *f)
{
	const struct command_row *row = command_row(config->command);

	if (config->action != ACTION_RUN)
		return 0;
	if (row->operand && optind < argc)
		config->operand = argv[optind++];
	if (row->operand && (!config->operand || !*config->operand))
		return refuse(f, config->command, "'%s' needs %s", row->name, row->operand);
	if (optind < argc)
		return refuse(f, config->command, "'%s' does not take '%s'", row->name,
			      argv[optind]);
	return 0;
}

int config_parse(int argc, char **argv, struct config *ret_config, struct failure *ret_failure)
{
	int err, skip;

	defaults_set(ret_config);
	err = parse_options(argc, argv, ret_config, ret_failure);
	if (err)
		return err;
	if (optind >= argc) {
		if (ret_config->action != ACTION_RUN)
			return 0;
		return refuse_command(NULL, ret_failure);
	}
	skip = optind;
	ret_config->command = command_find(argv[skip]);
	if (ret_config->command == COMMAND_NONE)
		return refuse_command(argv[skip], ret_failure);
	err = parse_options(argc - skip, argv + skip, ret_config, ret_failure);
	if (err)
		return err;
	return parse_operand(argc - skip, argv + skip, ret_config, ret_failure);
}
