/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A string that grows. Remembers that memory was short, so that only the end has to ask. Pure. */
#ifndef OUTPUT_BUFFER_H
#define OUTPUT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data; /* NUL-terminated once something was added */
	size_t len, cap;
	bool failed;
};

void buffer_add(struct buffer *b, const char *text);
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *b, const char *format, ...);
/*
 * Adds text word by word in lines of at most width columns; every line but the first starts with
 * indent spaces.
 */
void buffer_wrap(struct buffer *b, const char *text, unsigned int indent, unsigned int width);
/* The string, which the caller frees; NULL when memory was short. The buffer is empty again. */
char *buffer_take(struct buffer *b);

#endif
