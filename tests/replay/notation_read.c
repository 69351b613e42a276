/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "notation.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *at;
	char *error;
};

#define ERROR_BYTES 160

static int say(struct reader *r, const char *what, const char *token, size_t len)
{
	snprintf(r->error, ERROR_BYTES, "%s: %.*s", what, (int)(len > 100 ? 100 : len), token);
	return -1;
}

static void skip_blank(struct reader *r)
{
	bool line_start = r->at[0] == '#';

	while (isspace((unsigned char)*r->at) || (*r->at == '#' && line_start)) {
		if (*r->at == '#')
			r->at += strcspn(r->at, "\n");
		else
			line_start = *r->at++ == '\n';
	}
}

/* Decimal, 0x..., or seconds with a fraction, up to something else. */
static bool read_number(const char **text, enum field_kind kind, uint64_t *ret)
{
	char *end;

	*ret = kind == FIELD_SIGNED ? (uint64_t)strtoll(*text, &end, 0) : strtoull(*text, &end, 0);
	if (end == *text)
		return false;
	*text = end;
	if (kind != FIELD_TIME)
		return true;
	*ret *= 1000000000;
	if (**text != '.')
		return true;
	(*text)++;
	for (uint64_t unit = 100000000; isdigit((unsigned char)**text); unit /= 10)
		*ret += unit * (uint64_t)(*(*text)++ - '0');
	return true;
}

static bool read_word(const char **text, const struct word *words, uint64_t *ret)
{
	size_t len = strspn(*text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	for (; words && words->name; words++) {
		if (strlen(words->name) != len || strncmp(words->name, *text, len))
			continue;
		*ret = words->value;
		*text += len;
		return true;
	}
	return false;
}

static bool read_value(const char **text, const struct field *f, uint64_t *ret)
{
	uint64_t part;

	for (*ret = 0;; (*text)++) {
		if (!read_word(text, f->words, &part) && !read_number(text, f->kind, &part))
			return false;
		*ret |= part;
		if (**text != '|')
			return true;
	}
}

static int read_numbers(struct reader *r, const struct field *f, uint8_t *to)
{
	const char *token = r->at;
	uint64_t value;

	for (size_t at = 0; at < f->size; at += f->element) {
		if (!read_value(&r->at, f, &value))
			return say(r, "no number", token, strcspn(token, " \t\n"));
		if (f->kind != FIELD_SIGNED && f->element < 8 && value >> 8 * f->element)
			return say(r, "too large", token, strcspn(token, " \t\n"));
		memcpy(to + at, &value, f->element);
		if (*r->at != ',')
			break;
		r->at++;
	}
	return 0;
}

static int read_address(struct reader *r, uint8_t to[16])
{
	size_t len = strcspn(r->at, " \t\n");
	char text[INET6_ADDRSTRLEN];

	if (len < sizeof(text)) {
		memcpy(text, r->at, len);
		text[len] = '\0';
		memset(to, 0, 10);
		to[10] = to[11] = 0xff;
		if (inet_pton(AF_INET, text, to + 12) == 1 || inet_pton(AF_INET6, text, to) == 1) {
			r->at += len;
			return 0;
		}
	}
	return say(r, "no address", r->at, len);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Two hex digits, or -1. */
static int hex_byte(const char *at)
{
	int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* The character after a backslash; -1 if there is no such escape. */
static int read_escape(struct reader *r)
{
	int byte;

	switch (*r->at++) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case '"':
		return '"';
	case '\\':
		return '\\';
	case 'x':
		byte = hex_byte(r->at);
		r->at += byte < 0 ? 0 : 2;
		return byte;
	}
	return -1;
}

/* Quoted strings behind one another are one, as in C. Returns the length or -1. */
static int read_text(struct reader *r, uint8_t *to, size_t size)
{
	const char *start = r->at;
	size_t len = 0;

	if (*r->at != '"')
		return say(r, "no quoted text", start, strcspn(start, " \t\n"));
	while (*r->at == '"') {
		for (r->at++; *r->at && *r->at != '"'; len++) {
			int c = (unsigned char)*r->at++;

			if (c == '\\')
				c = read_escape(r);
			if (c < 0 || len >= size)
				return say(r, c < 0 ? "bad escape" : "text too long", start, 60);
			to[len] = (uint8_t)c;
		}
		if (!*r->at)
			return say(r, "quote not closed", start, 60);
		r->at++;
		skip_blank(r);
	}
	return (int)len;
}

static int read_hex(struct reader *r, uint8_t *to, size_t size)
{
	size_t len = 0;

	for (int byte; (byte = hex_byte(r->at)) >= 0; r->at += 2) {
		if (len >= size)
			return say(r, "too many bytes", r->at, 20);
		to[len++] = (uint8_t)byte;
	}
	return (int)len;
}

static int read_field(struct reader *r, const struct field *f, uint8_t *base)
{
	uint8_t *to = base + f->offset;
	int len;

	switch (f->kind) {
	case FIELD_ADDRESS:
		return read_address(r, to);
	case FIELD_TEXT:
		return read_text(r, to, f->size) < 0 ? -1 : 0;
	case FIELD_BYTES:
	case FIELD_HEX_BYTES:
		len = f->kind == FIELD_BYTES ? read_text(r, to, f->size) : read_hex(r, to, f->size);
		if (len < 0)
			return -1;
		memcpy(base + f->len_offset, &len, f->len_size);
		return 0;
	default:
		return read_numbers(r, f, to);
	}
}

/* The field of a dotted name; moves *base to the structure that holds it. */
static const struct field *find_field(const struct field *f, const char *name, size_t len,
				      uint8_t **base)
{
	const char *dot = memchr(name, '.', len);
	size_t part = dot ? (size_t)(dot - name) : len;

	for (; f->kind != FIELD_END; f++) {
		if (strlen(f->name) != part || strncmp(f->name, name, part))
			continue;
		if (!dot)
			return f->kind == FIELD_STRUCT || f->kind == FIELD_PAD ? NULL : f;
		if (f->kind != FIELD_STRUCT)
			return NULL;
		*base += f->offset;
		return find_field(f->fields, dot + 1, len - part - 1, base);
	}
	return NULL;
}

static int read_assignment(struct reader *r, const struct record_type *t, union record *ret)
{
	size_t len = strcspn(r->at, "= \t\n");
	uint8_t *base = ret->bytes;
	const struct field *f = find_field(header_fields, r->at, len, &base);

	if (!f)
		f = find_field(t->fields, r->at, len, &base);
	if (!f || r->at[len] != '=')
		return say(r, "no such field", r->at, len);
	r->at += len + 1;
	return read_field(r, f, base);
}

static const struct record_type *read_type(struct reader *r)
{
	size_t len = strcspn(r->at, " \t\n");

	for (const struct record_type *t = record_types; t->name; t++) {
		if (strlen(t->name) != len || strncmp(t->name, r->at, len))
			continue;
		r->at += len;
		return t;
	}
	say(r, "no such record", r->at, len);
	return NULL;
}

static int read_record(struct reader *r, union record *ret)
{
	const struct record_type *t;
	uint64_t ts_ns;

	if (*r->at++ != '@' || !read_number(&r->at, FIELD_TIME, &ts_ns))
		return say(r, "a record begins with @seconds", r->at - 1, 20);
	skip_blank(r);
	t = read_type(r);
	if (!t)
		return -1;
	memset(ret, 0, sizeof(*ret));
	ret->h.type = t->type;
	ret->h.size = t->size;
	ret->h.ts_ns = ts_ns;
	for (skip_blank(r); *r->at && *r->at != '@'; skip_blank(r))
		if (read_assignment(r, t, ret))
			return -1;
	return 1;
}

int notation_read(const char **text, union record *ret, char ret_error[ERROR_BYTES])
{
	struct reader r = { .at = *text, .error = ret_error };
	int result = 0;

	skip_blank(&r);
	if (*r.at)
		result = read_record(&r, ret);
	*text = r.at;
	return result;
}
