/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The manual page, from the same rows as --help. */
#include <ctype.h>
#include <string.h>

#include "config/help.h"
#include "config/option.h"
#include "config/text.h"
#include "config/version.h"

/* Text for roff: a '-' that can be copied, no escapes, no line that starts a request. */
static void add_text(struct text *t, const char *s, size_t len)
{
	if (*s == '.' || *s == '\'')
		text_append(t, "\\&", 2);
	for (; len; s++, len--) {
		if (*s == '\\')
			text_append(t, "\\e", 2);
		else if (*s == '-')
			text_append(t, "\\-", 2);
		else
			text_append(t, s, 1);
	}
}

static void add_line(struct text *t, const char *macro, const char *s)
{
	text_printf(t, "%s", macro);
	add_text(t, s, strlen(s));
	text_append(t, "\n", 1);
}

static void add_paragraphs(struct text *t, const char *s)
{
	const char *end;

	for (; (end = strstr(s, "\n\n")); s = end + 2) {
		add_text(t, s, (size_t)(end - s));
		text_printf(t, "\n.PP\n");
	}
	add_line(t, "", s);
}

static void add_commands(struct text *t)
{
	text_printf(t, ".SH COMMANDS\n");
	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++) {
		const struct command_row *row = command_row(id);

		text_printf(t, ".SS wstrace %s", row->name);
		if (row->operand)
			add_line(t, " ", row->operand);
		else
			text_append(t, "\n", 1);
		add_paragraphs(t, row->description);
	}
}

static void add_option(struct text *t, const struct option_row *row)
{
	const char *separator = " ";

	text_printf(t, ".TP\n");
	if (row->letter)
		text_printf(t, "\\fB\\-%c\\fR, ", row->letter);
	text_printf(t, "\\fB\\-\\-");
	add_text(t, row->name, strlen(row->name));
	add_line(t, row->argument ? "\\fR \\fI" : "\\fR", row->argument ? row->argument : "");
	text_printf(t, "\\fR");
	add_line(t, "", row->help);
	if (row->commands & 1u << COMMAND_NONE)
		return;
	text_printf(t, "For");
	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++) {
		if (!(row->commands & 1u << id))
			continue;
		text_printf(t, "%s\\fB%s\\fR", separator, command_row(id)->name);
		separator = ", ";
	}
	text_printf(t, ".\n");
}

static void add_sections(struct text *t)
{
	size_t count;
	const struct section_row *sections = section_rows(&count);

	for (size_t i = 0; i < count; i++) {
		text_printf(t, ".SH ");
		for (const char *s = sections[i].title; *s; s++)
			text_printf(t, "%c", toupper((unsigned char)*s));
		text_append(t, "\n", 1);
		for (const struct item_row *item = sections[i].items; item->term; item++) {
			add_line(t, ".TP\n\\fB", item->term);
			add_line(t, "\\fR", item->text);
		}
	}
}

char *man_page(void)
{
	struct text t = { 0 };
	size_t count;
	const struct option_row *rows = option_rows(&count);

	text_printf(&t,
		    ".TH WSTRACE 1 \"\" \"wstrace %s\" \"User Commands\"\n"
		    ".SH NAME\nwstrace \\- says why WebSocket connections die\n"
		    ".SH SYNOPSIS\n.B wstrace\n"
		    "\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR]\n",
		    WSTRACE_VERSION);
	add_commands(&t);
	text_printf(&t, ".SH OPTIONS\n");
	for (size_t i = 0; i < count; i++)
		add_option(&t, &rows[i]);
	add_sections(&t);
	return text_take(&t);
}
