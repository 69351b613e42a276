/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "config/text.h"

#define WIDTH 79
#define TERM_INDENT 2
#define TEXT_INDENT 26

/* "  term      text": the text starts in its column, on a line of its own if the term is long. */
static void add_item(struct text *t, const char *term, const char *text)
{
	size_t column = TERM_INDENT + strlen(term);

	text_printf(t, "%*s%s", TERM_INDENT, "", term);
	if (column + 2 > TEXT_INDENT) {
		text_append(t, "\n", 1);
		column = 0;
	}
	text_printf(t, "%*s", (int)(TEXT_INDENT - column), "");
	text_wrap(t, text, TEXT_INDENT, TEXT_INDENT, WIDTH);
	text_append(t, "\n", 1);
}

static void add_paragraphs(struct text *t, const char *s)
{
	struct text one = { 0 };
	const char *end;

	while (s) {
		end = strstr(s, "\n\n");
		one.len = 0;
		text_append(&one, s, end ? (size_t)(end - s) : strlen(s));
		if (!one.failed)
			text_wrap(t, one.data, 0, 0, WIDTH);
		text_append(t, "\n\n", 2);
		s = end ? end + 2 : NULL;
	}
	free(text_take(&one));
}

static void add_option(struct text *t, const struct option_row *row)
{
	char term[96], letter[8] = "    ";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(term, sizeof(term), "%s--%s%s%s", letter, row->name, row->argument ? " " : "",
		 row->argument ? row->argument : "");
	add_item(t, term, row->help);
}

/* "Options of trace and record:", for the page of all commands. */
static void add_options_title(struct text *t, uint32_t mask)
{
	const char *separator = "Options of";

	text_append(t, "\n", 1);
	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++) {
		if (!(mask & 1u << id))
			continue;
		text_printf(t, "%s %s", separator, command_row(id)->name);
		mask &= ~(1u << id);
		separator = mask & (mask - 1) ? "," : " and";
	}
	text_append(t, ":\n", 2);
}

/* Options that belong to the same commands stand together, in the order of the table. */
static void add_all_options(struct text *t)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	for (size_t i = 0; i < count; i++) {
		uint32_t mask = rows[i].commands, last = i ? rows[i - 1].commands : 0;

		if (!(mask & 1u << COMMAND_NONE) && mask != last)
			add_options_title(t, mask);
		else if (mask & ~last & 1u << COMMAND_NONE)
			text_printf(t, "\nOptions:\n");
		add_option(t, &rows[i]);
	}
}

static void add_options_of(struct text *t, enum command_id command)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	text_printf(t, "Options:\n");
	for (size_t i = 0; i < count; i++)
		if (rows[i].commands & 1u << command)
			add_option(t, &rows[i]);
}

static void add_sections(struct text *t)
{
	size_t count;
	const struct section_row *sections = section_rows(&count);

	for (size_t i = 0; i < count; i++) {
		text_printf(t, "\n%s:\n", sections[i].title);
		for (const struct item_row *item = sections[i].items; item->term; item++)
			add_item(t, item->term, item->text);
	}
}

static void add_command_page(struct text *t, enum command_id command)
{
	const struct command_row *row = command_row(command);

	text_printf(t, "Usage: wstrace %s [OPTION...]%s%s\n\n", row->name, row->operand ? " " : "",
		    row->operand ? row->operand : "");
	add_paragraphs(t, row->description);
	add_options_of(t, command);
}

static void add_whole_page(struct text *t)
{
	text_printf(t, "Usage: wstrace COMMAND [OPTION...] [ARGUMENT]\n\n"
		       "Says why WebSocket connections die, from what the kernel sees.\n\n"
		       "Commands:\n");
	for (unsigned int id = COMMAND_NONE + 1; id < COMMAND_COUNT; id++) {
		const struct command_row *row = command_row(id);
		char term[64];

		snprintf(term, sizeof(term), "%s%s%s", row->name, row->operand ? " " : "",
			 row->operand ? row->operand : "");
		add_item(t, term, row->summary);
	}
	add_all_options(t);
	add_sections(t);
}

char *help_page(enum command_id command)
{
	struct text t = { 0 };

	if (command == COMMAND_NONE)
		add_whole_page(&t);
	else
		add_command_page(&t, command);
	return text_take(&t);
}
