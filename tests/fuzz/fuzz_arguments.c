/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any command line, an argument a line: it is taken, and then every setting is one that the rest may rely on, or refused
 * with a message. What explain is asked for may be anything, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "output/explain.h"

#define ARGUMENTS_MAX 24

static void fail(const char *what)
{
	fprintf(stderr, "fuzz_arguments: %s\n", what);
	abort();
}

/* Each in memory of its own, where the sanitizer sees a read behind its end. */
static int split(const uint8_t *data, size_t size, char *ret_argv[ARGUMENTS_MAX + 2])
{
	size_t len;
	int argc = 0;

	ret_argv[argc++] = strdup("wstrace");
	for (size_t at = 0; at < size && argc <= ARGUMENTS_MAX; at += len + 1) {
		const uint8_t *end = memchr(data + at, '\n', size - at);

		len = end ? (size_t)(end - data) - at : size - at;
		ret_argv[argc++] = strndup((const char *)data + at, len);
	}
	ret_argv[argc] = NULL;
	return argc;
}

static bool is_text(const char *s, size_t size)
{
	return s[0] && memchr(s, '\0', size);
}

static bool is_argument(const char *s, char *const *argv, int argc)
{
	for (int i = 1; i < argc; i++)
		if (s >= argv[i] && s <= argv[i] + strlen(argv[i]))
			return true;
	return false;
}

static void check_settings(const struct config *config, char *const *argv, int argc)
{
	if ((unsigned int)config->action > ACTION_MAN || config->command >= COMMAND_COUNT)
		fail("action or command");
	if (config->action != ACTION_RUN)
		return;
	if (config->command == COMMAND_NONE)
		fail("nothing to run");
	if (!config->buffer_mib || config->buffer_mib & (config->buffer_mib - 1) ||
	    config->buffer_mib > 1024)
		fail("size of the ring buffer");
	if (chat_ports_has(&config->ports, 0))
		fail("port 0");
	if (config->operand && !is_argument(config->operand, argv, argc))
		fail("operand out of nowhere");
	if (config->output && !is_argument(config->output, argv, argc))
		fail("output out of nowhere");
	if (!config->btf)
		fail("no BTF file");
}

static void explain(const char *word)
{
	free(catalogue_explain(word, false));
	free(catalogue_suggest(word));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 2], *given[ARGUMENTS_MAX + 2];
	int argc = split(data, size, argv);
	struct config config;
	struct failure f = { "" };
	int err;

	memcpy(given, argv, ((size_t)argc + 1) * sizeof(*argv)); /* the parser changes the order */
	err = config_parse(argc, argv, &config, &f);
	if (err && (err != -EINVAL || !is_text(f.text, sizeof(f.text))))
		fail("refused without a message");
	if (!err)
		check_settings(&config, argv, argc);
	if (!err && config.action == ACTION_RUN && config.command == COMMAND_EXPLAIN)
		explain(config.operand);
	for (int i = 0; i < argc; i++)
		free(given[i]);
	return 0;
}
