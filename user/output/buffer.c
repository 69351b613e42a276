/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct buffer *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	while (cap < b->len + more + 1)
		cap *= 2;
	if (b->failed || cap == b->cap)
		return !b->failed;
	data = realloc(b->data, cap);
	b->failed = data == NULL;
	if (data) {
		b->data = data;
		b->cap = cap;
	}
	return data != NULL;
}

static void add_bytes(struct buffer *b, const char *text, size_t len)
{
	if (!make_room(b, len))
		return;
	memcpy(b->data + b->len, text, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buffer_add(struct buffer *b, const char *text)
{
	add_bytes(b, text, strlen(text));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !make_room(b, (size_t)len))
		return;
	va_start(args, format);
	vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

/* Bytes that continue a character take no column. */
static unsigned int columns(const char *text, size_t len)
{
	unsigned int count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

void buffer_wrap(struct buffer *b, const char *text, unsigned int indent, unsigned int width)
{
	unsigned int column = indent;

	while (*text) {
		size_t len = strcspn(text, " ");
		unsigned int word = columns(text, len);

		if (column > indent && column + 1 + word > width) {
			buffer_printf(b, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			add_bytes(b, " ", 1);
			column++;
		}
		add_bytes(b, text, len);
		column += word;
		text += len;
		text += strspn(text, " ");
	}
}

char *buffer_take(struct buffer *b)
{
	char *data = b->data;

	if (b->failed || !data) {
		free(data);
		data = NULL;
	}
	memset(b, 0, sizeof(*b));
	return data;
}
