/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "notation.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINE_COLUMNS 100

struct printer {
	FILE *to;
	size_t column;
};

static uint64_t number_at(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static bool all_zero(const uint8_t *at, size_t size)
{
	while (size && !at[size - 1])
		size--;
	return size == 0;
}

static void put_token(struct printer *p, const char *name, const char *value)
{
	size_t len = strlen(name) + 1 + strlen(value);

	if (p->column + 1 + len > LINE_COLUMNS) {
		fputs("\n\t", p->to);
		p->column = 8;
	} else {
		fputc(' ', p->to);
		p->column++;
	}
	fprintf(p->to, "%s=%s", name, value);
	p->column += len;
}

static const char *word_for(const struct word *words, uint64_t value)
{
	for (; words->name; words++)
		if (words->value == value)
			return words->name;
	return NULL;
}

/* The bits that have words, and the rest as a number. */
static void print_flags(char *to, size_t size, const struct word *words, uint64_t value)
{
	size_t at = 0;

	for (; words->name; words++) {
		if (!(value & words->value))
			continue;
		at += (size_t)snprintf(to + at, size - at, "%s%s", at ? "|" : "", words->name);
		value &= ~words->value;
	}
	if (value || !at)
		snprintf(to + at, size - at, "%s0x%" PRIx64, at ? "|" : "", value);
}

static void print_number(char *to, size_t size, const struct field *f, uint64_t value)
{
	if (f->kind == FIELD_TIME)
		snprintf(to, size, "%" PRIu64 ".%09" PRIu64, value / 1000000000, value % 1000000000);
	else if (f->kind == FIELD_HEX)
		snprintf(to, size, "0x%" PRIx64, value);
	else if (f->kind == FIELD_SIGNED)
		snprintf(to, size, "%" PRId32, (int32_t)value);
	else if (f->kind == FIELD_FLAGS)
		print_flags(to, size, f->words, value);
	else if (f->words && word_for(f->words, value))
		snprintf(to, size, "%s", word_for(f->words, value));
	else
		snprintf(to, size, "%" PRIu64, value);
}

/* A list without its trailing zeros. */
static void print_numbers(struct printer *p, const char *name, const struct field *f,
			  const uint8_t *at)
{
	char value[512], *end = value;
	size_t size = f->size;

	while (size > f->element && all_zero(at + size - f->element, f->element))
		size -= f->element;
	for (size_t i = 0; i < size; i += f->element) {
		if (i)
			*end++ = ',';
		print_number(end, sizeof(value) - (size_t)(end - value), f,
			     number_at(at + i, f->element));
		end += strlen(end);
	}
	put_token(p, name, value);
}

static void print_address(struct printer *p, const char *name, const uint8_t *at)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	char text[INET6_ADDRSTRLEN];

	if (!memcmp(at, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, at + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, at, text, sizeof(text));
	put_token(p, name, text);
}

static void put_escaped(FILE *to, uint8_t c)
{
	if (c == '\r')
		fputs("\\r", to);
	else if (c == '\n')
		fputs("\\n", to);
	else if (c == '"' || c == '\\')
		fprintf(to, "\\%c", c);
	else if (c >= ' ' && c < 0x7f)
		fputc(c, to);
	else
		fprintf(to, "\\x%02x", c);
}

/* Quoted, a line of its own after each line feed. */
static void print_text(struct printer *p, const char *name, const uint8_t *at, size_t len)
{
	put_token(p, name, "\"");
	for (size_t i = 0; i < len; i++) {
		put_escaped(p->to, at[i]);
		if (at[i] == '\n' && i + 1 < len)
			fputs("\"\n\t\t\"", p->to);
	}
	fputc('"', p->to);
	p->column += len + 1;
}

static void print_hex(struct printer *p, const char *name, const uint8_t *at, size_t len)
{
	char value[2 * RECORD_BYTES_MAX + 1] = "";

	for (size_t i = 0; i < len; i++)
		snprintf(value + 2 * i, 3, "%02x", at[i]);
	put_token(p, name, value);
}

static void print_fields(struct printer *p, const char *prefix, const struct field *f,
			 const uint8_t *base);

static void print_field(struct printer *p, const char *prefix, const struct field *f,
			const uint8_t *base)
{
	const uint8_t *at = base + f->offset;
	char name[64];
	size_t len;

	snprintf(name, sizeof(name), "%s%s", prefix, f->name);
	switch (f->kind) {
	case FIELD_STRUCT:
		snprintf(name, sizeof(name), "%s%s.", prefix, f->name);
		return print_fields(p, name, f->fields, at);
	case FIELD_ADDRESS:
		return print_address(p, name, at);
	case FIELD_TEXT:
		return print_text(p, name, at, strnlen((const char *)at, f->size));
	case FIELD_BYTES:
	case FIELD_HEX_BYTES:
		len = number_at(base + f->len_offset, f->len_size);
		len = len > f->size ? f->size : len;
		return f->kind == FIELD_BYTES ? print_text(p, name, at, len) :
						print_hex(p, name, at, len);
	default:
		return print_numbers(p, name, f, at);
	}
}

/* Zero is what a field is when it is not named, but not for a direction, which reads better. */
static void print_fields(struct printer *p, const char *prefix, const struct field *f,
			 const uint8_t *base)
{
	for (; f->kind != FIELD_END; f++)
		if (f->kind != FIELD_PAD &&
		    (!all_zero(base + f->offset, f->size) || !strcmp(f->name, "direction")))
			print_field(p, prefix, f, base);
}

int notation_print(FILE *to, const struct wst_event *record)
{
	const struct record_type *t = record_types;
	struct printer p = { .to = to };
	uint64_t ts_ns = record->ts_ns;

	while (t->name && t->type != record->type)
		t++;
	if (!t->name || t->size != record->size)
		return -1;
	p.column = (size_t)fprintf(to, "@%" PRIu64 ".%09" PRIu64 " %s", ts_ns / 1000000000,
				   ts_ns % 1000000000, t->name);
	print_fields(&p, "", header_fields, (const uint8_t *)record);
	print_fields(&p, "", t->fields, (const uint8_t *)record);
	fputc('\n', to);
	return ferror(to) ? -1 : 0;
}
