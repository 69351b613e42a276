/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(struct text *t, size_t more)
{
	size_t size = t->size ? t->size : 1024;
	char *data;

	while (size < t->len + more + 1)
		size *= 2;
	if (t->failed || size == t->size)
		return !t->failed;
	data = realloc(t->data, size);
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->size = size;
	return true;
}

void text_append(struct text *t, const char *bytes, size_t len)
{
	if (!text_reserve(t, len))
		return;
	memcpy(t->data + t->len, bytes, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list ap, again;
	int len;

	va_start(ap, format);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, ap);
	if (len < 0)
		t->failed = true;
	else if (text_reserve(t, (size_t)len))
		t->len += (size_t)vsnprintf(t->data + t->len, (size_t)len + 1, format, again);
	va_end(again);
	va_end(ap);
}

void text_wrap(struct text *t, const char *s, size_t column, size_t indent, size_t width)
{
	size_t len;
	bool first = true;

	for (; *s; s += len) {
		s += strspn(s, " ");
		len = strcspn(s, " ");
		if (!first && column + 1 + len > width) {
			text_printf(t, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			text_append(t, " ", 1);
			column++;
		}
		text_append(t, s, len);
		column += len;
		first = false;
	}
}

char *text_take(struct text *t)
{
	char *data = t->data;

	if (t->failed) {
		free(data);
		data = NULL;
	}
	*t = (struct text){ 0 };
	return data;
}
