/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/help.h"
#include "config/option.h"
#include "config/text.h"
#include "test.h"

#define ARGUMENTS_MAX 32

static struct config config;
static struct failure failure;

/* Parses a command line of words without spaces in them. */
static int parse(const char *line)
{
	static char words[256]; /* the config points into it */
	char *argv[ARGUMENTS_MAX + 1] = { "wstrace" };
	char *save;
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w && argc < ARGUMENTS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	failure.text[0] = '\0';
	return config_parse(argc, argv, &config, &failure);
}

/* Refused, with a message that holds the text and says where to read on. */
static bool refused(const char *line, const char *text)
{
	test_note("%s", line);
	return parse(line) == -EINVAL && strstr(failure.text, text) &&
	       strstr(failure.text, "--help");
}

static unsigned int count_ports(void)
{
	unsigned int n = 0;

	for (unsigned int port = 0; port < 65536; port++)
		n += chat_ports_has(&config.ports, (uint16_t)port);
	return n;
}

TEST(config, defaults)
{
	REQUIRE(parse("trace") == 0);
	CHECK_EQ(config.action, ACTION_RUN);
	CHECK_EQ(config.command, COMMAND_TRACE);
	CHECK_EQ(config.format, CONFIG_FORMAT_DEFAULT);
	CHECK_EQ(config.buffer_mib, 16);
	CHECK_EQ(config.duration_ns, 0);
	CHECK_EQ(config.count, 0);
	CHECK_STR(config.btf, "/sys/kernel/btf/vmlinux");
	CHECK(!config.all && !config.verbose && !config.output && !config.cgroup);
	CHECK(!config.ports.only);
	CHECK_EQ(count_ports(), 5);
	CHECK(chat_ports_has(&config.ports, 80) && chat_ports_has(&config.ports, 443));
	CHECK(chat_ports_has(&config.ports, 3000) && chat_ports_has(&config.ports, 8000));
	CHECK(chat_ports_has(&config.ports, 8080));
}

TEST(config, all_trace_options)
{
	REQUIRE(parse("trace --all --duration 1.5 --count=7 -f text -o out --btf b --cgroup c "
		      "--buffer-mib 64 -v") == 0);
	CHECK(config.all && config.verbose);
	CHECK_EQ(config.duration_ns, 1500000000);
	CHECK_EQ(config.count, 7);
	CHECK_EQ(config.format, CONFIG_FORMAT_TEXT);
	CHECK_EQ(config.buffer_mib, 64);
	CHECK_STR(config.output, "out");
	CHECK_STR(config.btf, "b");
	CHECK_STR(config.cgroup, "c");
}

TEST(config, ports_replace_the_defaults_and_add_up)
{
	REQUIRE(parse("trace --port 9000,1 -p 65535") == 0);
	CHECK(config.ports.only);
	CHECK_EQ(count_ports(), 3);
	CHECK(chat_ports_has(&config.ports, 9000) && chat_ports_has(&config.ports, 1));
	CHECK(chat_ports_has(&config.ports, 65535));
}

TEST(config, wrong_ports)
{
	static const char *const wrong[] = { "0",      "65536", "99999999999999999999999",
					     "x",      "80-90", "+80",
					     "-80",    "0x50",	",",
					     ",80",    "80,",	"80,,81",
					     "80;443", "8 0" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "trace --port=%s", wrong[i]);
		CHECK(refused(line, strcmp(wrong[i], "8 0") ? "from 1 to 65535" : "'0'"));
	}
}

TEST(config, durations)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} right[] = {
		{ "1", 1000000000 },
		{ "0.5", 500000000 },
		{ ".25", 250000000 },
		{ "2.", 2000000000 },
		{ "0.000000001", 1 },
		{ "1.0000000019", 1000000001 },
		{ "315360000", 315360000000000000 },
	};
	static const char *const wrong[] = { "0",    "0.0",	  ".",		 "-1",
					     "1s",   "1e",	  "nan",	 "0x10",
					     "1..2", "315360001", "0.0000000001" };
	char line[64];

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		snprintf(line, sizeof(line), "trace --duration=%s", right[i].text);
		test_note("%s", line);
		CHECK_EQ(parse(line), 0);
		CHECK_EQ(config.duration_ns, right[i].ns);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(line, sizeof(line), "trace --duration=%s", wrong[i]);
		CHECK(refused(line, "number of seconds"));
	}
}

TEST(config, wrong_values)
{
	CHECK(refused("trace --count 0", "from 1 on"));
	CHECK(refused("trace --count 18446744073709551616", "from 1 on"));
	CHECK(!parse("trace --count 18446744073709551615"));
	CHECK(refused("trace --buffer-mib 0", "power of two"));
	CHECK(refused("trace --buffer-mib 12", "power of two"));
	CHECK(refused("trace --buffer-mib 2048", "power of two"));
	CHECK(refused("trace --format xml", "json and text"));
	CHECK(refused("trace --output=", "a path is needed"));
}

TEST(config, wrong_options)
{
	CHECK(refused("", "a command is needed"));
	CHECK(refused("trase", "unknown command 'trase'"));
	CHECK(refused("--port 80 trace", "--port goes after a command"));
	CHECK(refused("trace --nonsense", "--nonsense"));
	CHECK(refused("trace -x", "option -x"));
	CHECK(refused("trace -ax", "option -x"));
	CHECK(refused("trace --b 1", "ambiguous option --b")); /* btf or buffer-mib */
	CHECK_EQ(parse("trace --coun 1"), 0); /* count alone */
	CHECK(refused("trace --port", "--port needs an argument"));
	CHECK(refused("trace -p", "--port needs an argument"));
	CHECK(refused("trace --all=1", "--all takes no argument"));
	CHECK(refused("replay --port 80 f", "'replay' has no option --port"));
	CHECK(refused("causes -p 80", "'causes' has no option -p"));
	CHECK(refused("trace extra", "does not take 'extra'"));
	CHECK(refused("replay", "'replay' needs FILE"));
	CHECK(refused("replay a b", "does not take 'b'"));
	CHECK(refused("explain", "needs CODE-or-CAUSE"));
}

TEST(config, operands_and_options_in_any_order)
{
	REQUIRE(parse("replay file --all") == 0);
	CHECK_STR(config.operand, "file");
	CHECK(config.all);
	REQUIRE(parse("replay --all -") == 0);
	CHECK_STR(config.operand, "-");
	REQUIRE(parse("replay -- --all") == 0);
	CHECK_STR(config.operand, "--all");
	CHECK(!config.all);
}

TEST(config, actions_need_no_operand)
{
	REQUIRE(parse("--help") == 0);
	CHECK_EQ(config.action, ACTION_HELP);
	CHECK_EQ(config.command, COMMAND_NONE);
	REQUIRE(parse("replay --help") == 0);
	CHECK_EQ(config.action, ACTION_HELP);
	CHECK_EQ(config.command, COMMAND_REPLAY);
	REQUIRE(parse("-V") == 0);
	CHECK_EQ(config.action, ACTION_VERSION);
	REQUIRE(parse("--man") == 0);
	CHECK_EQ(config.action, ACTION_MAN);
	CHECK(refused("trace --man", "'trace' has no option --man"));
}

/* argv with nothing in it is what some callers of execve() pass. */
TEST(config, no_arguments_at_all)
{
	char *argv[] = { NULL };

	CHECK_EQ(config_parse(0, argv, &config, &failure), -EINVAL);
}

TEST(config, long_words_do_not_overflow_the_message)
{
	char word[8000], *argv[] = { "wstrace", word, NULL };

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	CHECK_EQ(config_parse(2, argv, &config, &failure), -EINVAL);
	CHECK(strlen(failure.text) < sizeof(failure.text));
	CHECK(strstr(failure.text, "--help"));
}

TEST(config, table_is_sound)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	CHECK(count <= 64); /* parse.c has room for so many */
	for (size_t i = 0; i < count; i++) {
		test_note("%s", rows[i].name);
		CHECK(rows[i].commands != 0 && rows[i].help && rows[i].set);
		for (size_t j = 0; j < i; j++) {
			CHECK(strcmp(rows[i].name, rows[j].name));
			CHECK(!rows[i].letter || rows[i].letter != rows[j].letter);
		}
	}
	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++) {
		const struct command_row *row = command_row(id);

		REQUIRE(row->name && row->summary && row->description);
		CHECK_EQ(command_find(row->name), id);
	}
}

/* Lists what every command takes, on both pages. */
TEST(config, pages_list_every_option)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);
	char *help = help_page(COMMAND_NONE), *man = man_page();

	REQUIRE(help && man);
	for (size_t i = 0; i < count; i++) {
		char term[64];

		test_note("%s", rows[i].name);
		snprintf(term, sizeof(term), "--%s", rows[i].name);
		CHECK(strstr(help, term));
		for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++) {
			char *page = help_page(id);

			REQUIRE(page);
			CHECK_EQ(!strstr(page, term), !(rows[i].commands & 1u << id));
			free(page);
		}
	}
	free(help);
	free(man);
}

/* A line that starts with a dot or a quote would be a request that roff does not know. */
TEST(config, man_page_has_known_requests_only)
{
	static const char *const known[] = { ".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B " };
	char *man = man_page(), *save;

	REQUIRE(man);
	for (char *line = strtok_r(man, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool ok = *line != '.' && *line != '\'';

		test_note("%s", line);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			ok = ok || !strncmp(line, known[i], strlen(known[i]));
		CHECK(ok);
	}
	free(man);
}

TEST(config, text_wraps_between_words)
{
	struct text t = { 0 };
	char *s;

	text_wrap(&t, "one two three four", 0, 2, 9);
	s = text_take(&t);
	CHECK_STR(s, "one two\n  three\n  four");
	free(s);
	text_wrap(&t, "unbreakable", 4, 2, 5);
	s = text_take(&t);
	CHECK_STR(s, "unbreakable");
	free(s);
}

TEST(config, text_grows)
{
	struct text t = { 0 };
	char *s;

	for (int i = 0; i < 3000; i++)
		text_printf(&t, "%c%s", 'a' + i % 26, "-");
	s = text_take(&t);
	REQUIRE(s);
	CHECK_EQ(strlen(s), 6000);
	CHECK(s[0] == 'a' && s[5998] == 'a' + 2999 % 26);
	free(s);
}
