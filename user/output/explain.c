/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/explain.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose/catalogue.h"
#include "diagnose/close_code.h"
#include "diagnose/names.h"
#include "diagnose/protocol.h"
#include "diagnose/template.h"
#include "output/buffer.h"
#include "output/colour.h"

#define WIDTH 100
#define LABEL_COLUMNS 14
#define TEXT_BYTES 512

/* Rules without codes are about ends that have no Close frame, which APIs report as 1006. */
static bool rule_gives_code(const struct rule *r, uint16_t code)
{
	if (!r->codes[0])
		return code == CLOSE_ABNORMAL;
	for (unsigned int i = 0; i < 4 && r->codes[i]; i++)
		if (r->codes[i] == code)
			return true;
	return false;
}

static void add_label(struct buffer *b, const struct colours *c, const char *label)
{
	buffer_printf(b, "\n  %s%-12s%s", c->dim, label, c->off);
}

static void add_template(struct buffer *b, const char *text, unsigned int indent)
{
	char generic[TEXT_BYTES];

	template_render(generic, sizeof(generic), text, NULL);
	buffer_wrap(b, generic, indent, WIDTH);
}

static void explain_rule(struct buffer *b, const struct colours *c, const struct rule *r)
{
	const char *category = name_of_category(r->category);

	buffer_printf(b, "%s%s%s", c->strong, r->id, c->off);
	add_label(b, c, "what");
	add_template(b, r->summary, LABEL_COLUMNS);
	add_label(b, c, "category");
	buffer_add(b, category ? category : "none of its own");
	add_label(b, c, "retry");
	buffer_printf(b, "%s (%s)", retry_sentence(r->retry), name_of_strategy(r->strategy));
	add_label(b, c, "users see");
	add_template(b, r->user_message, LABEL_COLUMNS);
	for (unsigned int i = 0; i < VERDICT_STEPS_MAX && r->steps[i]; i++) {
		add_label(b, c, i ? "" : "do");
		buffer_printf(b, "%u. ", i + 1);
		add_template(b, r->steps[i], LABEL_COLUMNS + 3);
	}
	add_label(b, c, "code");
	if (!r->codes[0])
		buffer_printf(b, "%u", CLOSE_ABNORMAL);
	for (unsigned int i = 0; i < 4 && r->codes[i]; i++)
		buffer_printf(b, "%s%u", i ? ", " : "", r->codes[i]);
}

static const char *code_meaning(uint16_t code)
{
	const struct close_code *known = close_code_find(code);

	if (known)
		return known->meaning;
	if (code >= 4000)
		return "Means what the application's own protocol says.";
	if (code >= 3000)
		return "Registered by a library or framework, or free to be.";
	return "Reserved for later versions of the protocol.";
}

static bool code_has_causes(uint16_t code)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		if (rule_gives_code(r, code))
			return true;
	return false;
}

/* A private code means something in some protocols, and something else in others. */
static void add_protocols(struct buffer *b, const struct colours *c, uint16_t code)
{
	size_t count;
	const struct protocol *list = protocol_list(&count);
	const char *label = "in";

	for (size_t i = 0; i < count; i++) {
		const struct protocol_code *known = protocol_code_find(&list[i], code);

		if (!known)
			continue;
		add_label(b, c, label);
		buffer_printf(b, "%-14s %s (retry: %s)", list[i].name, known->meaning,
			      name_of_retry(known->retry));
		label = "";
	}
}

static void explain_code(struct buffer *b, const struct colours *c, uint16_t code)
{
	uint16_t like = code >= 3000 && !code_has_causes(code) ? 4000 : code;
	bool first = true;

	buffer_printf(b, "%s%u %s%s", c->strong, code, close_code_name(code), c->off);
	add_label(b, c, "what");
	buffer_wrap(b, code_meaning(code), LABEL_COLUMNS, WIDTH);
	add_label(b, c, "on the wire");
	buffer_add(b, close_code_is_legal(code) ? "yes" : "never: no Close frame may carry it");
	add_protocols(b, c, code);
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		if (!rule_gives_code(r, like))
			continue;
		add_label(b, c, first ? "causes" : "");
		buffer_printf(b, "%-38s ", r->id);
		add_template(b, r->summary, LABEL_COLUMNS + 39);
		first = false;
	}
}

/* "session.peer_reset", or "peer_reset" if one cause alone has that name. */
static const struct rule *find_rule(const char *word)
{
	const struct rule *exact = catalogue_find(word), *found = NULL;

	if (exact)
		return exact;
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		const char *dot = strchr(r->id, '.');

		if (!dot || strcmp(dot + 1, word) != 0)
			continue;
		if (found)
			return NULL;
		found = r;
	}
	return found;
}

char *catalogue_explain(const char *code_or_cause, bool colour)
{
	struct colours c = colours_for(colour);
	const struct rule *r = find_rule(code_or_cause);
	struct buffer b = { 0 };
	char *end;
	unsigned long code = strtoul(code_or_cause, &end, 10);

	if (r)
		explain_rule(&b, &c, r);
	else if (end != code_or_cause && !*end && code >= 1000 && code <= 4999)
		explain_code(&b, &c, (uint16_t)code);
	else
		return NULL;
	return buffer_take(&b);
}

char *catalogue_text(bool colour)
{
	struct colours c = colours_for(colour);
	struct buffer b = { 0 };

	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		const char *category = name_of_category(r->category);

		buffer_printf(&b, "%s%s%-40s%s %-8s %-10s ", b.len ? "\n" : "", c.strong, r->id,
			      c.off, category ? category : "-", name_of_retry(r->retry));
		add_template(&b, r->summary, 61);
	}
	return buffer_take(&b);
}
