/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A string that grows. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* NUL-terminated once something was added */
	size_t len, size;
	bool failed; /* memory was short: data is not whole */
};

void text_append(struct text *t, const char *bytes, size_t len);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Words of s filled into lines of at most width columns; every line but the first starts at indent. */
void text_wrap(struct text *t, const char *s, size_t column, size_t indent, size_t width);
/* The string, for free(); NULL if memory was short. */
char *text_take(struct text *t);

#endif
