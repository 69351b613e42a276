/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/line_text.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/format.h"
#include "diagnose/names.h"
#include "output/buffer.h"
#include "output/colour.h"
#include "output/message.h"
#include "output/text.h"

#define WIDTH 100
#define LABEL_COLUMNS 9 /* "  label  " */
#define FACT_COLUMNS 20

/* 2025-11-23 13:09:01.123Z */
static void add_time(struct buffer *b, const struct colours *c, uint64_t unix_ns)
{
	char time[TEXT_TIME];

	text_time(time, unix_ns);
	buffer_printf(b, "%s%.10s %.12sZ%s  ", c->dim, time, time + 11, c->off);
}

static void add_wrapped(struct buffer *b, const char *text, unsigned int indent)
{
	char clean[MESSAGE_BYTES];

	text_clean(clean, sizeof(clean), text, strlen(text));
	buffer_wrap(b, clean, indent, WIDTH);
}

static void add_label(struct buffer *b, const struct colours *c, const char *label)
{
	buffer_printf(b, "\n  %s%-7s%s", c->dim, label, c->off);
}

static const char *level_colour(const struct colours *c, const char *level)
{
	if (strcmp(level, "info") == 0)
		return c->good;
	return strcmp(level, "warn") == 0 ? c->warn : c->bad;
}

static void add_head(struct buffer *b, const struct colours *c, const struct line_context *ctx,
		     const struct facts *f, const struct verdict *v)
{
	const struct session *s = f->session;
	const char *level = message_level(v);

	add_time(b, c, message_unix_ns(ctx->track, s->ended_ns ? s->ended_ns : s->first_ns));
	buffer_printf(b, "%s%-5s %s%s  %s confidence", level_colour(c, level), level, v->rule->id,
		      c->off, name_of_confidence(v->confidence));
}

static void add_who(struct buffer *b, const struct colours *c, const struct facts *f,
		    const struct verdict *v)
{
	struct endpoints e = message_endpoints(f->session);
	char duration[FORMAT_DURATION], client[FORMAT_ENDPOINT] = "?",
					server[FORMAT_ENDPOINT] = "?";
	char id[TEXT_ID];

	if (e.client)
		format_endpoint(client, e.client, e.client_port);
	if (e.server)
		format_endpoint(server, e.server, e.server_port);
	add_label(b, c, "who");
	buffer_printf(b, "initiator %s%s%s, after %s; %s -> %s", c->strong,
		      name_of_initiator(v->close.initiator), c->off,
		      format_duration(duration, message_duration_ns(f->session)), client, server);
	add_label(b, c, "id");
	buffer_add(b, text_id(id, f->session->id));
}

static void add_why(struct buffer *b, const struct colours *c, const struct evidence *ev)
{
	for (unsigned int i = 0; i < ev->count; i++) {
		add_label(b, c, i ? "" : "why");
		buffer_printf(b, "%-*s", FACT_COLUMNS, ev->items[i].fact);
		add_wrapped(b, ev->items[i].detail, LABEL_COLUMNS + FACT_COLUMNS);
	}
}

static void add_what_to_do(struct buffer *b, const struct colours *c, const struct verdict *v)
{
	add_label(b, c, "users");
	add_wrapped(b, v->user_message, LABEL_COLUMNS);
	for (unsigned int i = 0; i < v->step_count; i++) {
		add_label(b, c, i ? "" : "do");
		buffer_printf(b, "%u. ", i + 1);
		add_wrapped(b, v->steps[i], LABEL_COLUMNS + 3);
	}
	add_label(b, c, "retry");
	buffer_printf(b, "%s (%s)", retry_sentence(v->advice.retry),
		      name_of_strategy(v->advice.strategy));
}

static void add_alternatives(struct buffer *b, const struct colours *c, const struct verdict *v)
{
	char text[ALTERNATIVES_MAX * 48] = "";
	size_t used = 0;

	for (unsigned int i = 0; i < v->alternative_count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
					 v->alternatives[i]);
	if (!used)
		return;
	add_label(b, c, "maybe");
	add_wrapped(b, text, LABEL_COLUMNS);
}

static void add_block(struct buffer *b, const struct colours *c, const struct line_context *ctx,
		      const struct facts *f, const struct verdict *v)
{
	char message[MESSAGE_BYTES];

	add_head(b, c, ctx, f, v);
	message_of_end(message, f, v);
	add_label(b, c, "what");
	buffer_add(b, c->strong);
	add_wrapped(b, message, LABEL_COLUMNS);
	buffer_add(b, c->off);
	add_who(b, c, f, v);
	add_why(b, c, &v->evidence);
	add_alternatives(b, c, v);
	add_what_to_do(b, c, v);
}

static char *one_line(const struct line_context *ctx, const char *word, const char *colour,
		      const char *message, uint64_t ts_ns)
{
	struct colours c = colours_for(ctx->colour);
	struct buffer b = { 0 };
	char clean[MESSAGE_BYTES];

	text_clean(clean, sizeof(clean), message, strlen(message));
	add_time(&b, &c, message_unix_ns(ctx->track, ts_ns));
	buffer_printf(&b, "%s%-5s%s %s", colour, word, c.off, clean);
	return buffer_take(&b);
}

char *line_text_end(const struct line_context *ctx, const struct session *s, const struct verdict *v)
{
	struct colours c = colours_for(ctx->colour);
	struct buffer b = { 0 };
	char message[MESSAGE_BYTES];
	struct facts f;

	facts_collect(&f, s, ctx->track);
	if (!verdict_is_clean(v)) {
		add_block(&b, &c, ctx, &f, v);
		return buffer_take(&b);
	}
	message_of_end(message, &f, v);
	return one_line(ctx, "clean", c.good, message, s->ended_ns ? s->ended_ns : s->first_ns);
}

char *line_text_open(const struct line_context *ctx, const struct session *s)
{
	struct colours c = colours_for(ctx->colour);
	char message[MESSAGE_BYTES];
	struct facts f;

	facts_collect(&f, s, ctx->track);
	message_of_open(message, &f);
	return one_line(ctx, "open", c.good, message, s->opened_ns ? s->opened_ns : s->first_ns);
}

char *line_text_incident(const struct line_context *ctx, const struct incident *i,
			 const struct verdict *v)
{
	struct colours c = colours_for(ctx->colour);
	const char *level = message_incident_level(i);
	struct buffer b = { 0 };
	char message[MESSAGE_BYTES];

	add_time(&b, &c, message_unix_ns(ctx->track, message_incident_ns(i)));
	buffer_printf(&b, "%s%-5s %s%s  %s confidence", level_colour(&c, level), level, v->rule->id,
		      c.off, name_of_confidence(v->confidence));
	message_of_incident(message, i, v);
	add_label(&b, &c, "what");
	buffer_add(&b, c.strong);
	add_wrapped(&b, message, LABEL_COLUMNS);
	buffer_add(&b, c.off);
	add_why(&b, &c, &v->evidence);
	add_what_to_do(&b, &c, v);
	return buffer_take(&b);
}

char *line_text_agent(const struct line_context *ctx, const char *level, const char *message,
		      uint64_t ts_ns)
{
	struct colours c = colours_for(ctx->colour);

	return one_line(ctx, level, level_colour(&c, level), message, ts_ns);
}
