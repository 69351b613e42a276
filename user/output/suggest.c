/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What may have been meant by a word that is no cause. */
#include <string.h>

#include "diagnose/catalogue.h"
#include "output/buffer.h"
#include "output/explain.h"

#define WORD_MAX 64

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein: letters to add, remove or change to make one word the other. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1], len = (unsigned int)strnlen(b, WORD_MAX);

	for (unsigned int j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= WORD_MAX && a[i - 1]; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= len; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[len];
}

/* One letter in five may be wrong. */
static bool is_like(const char *id, const char *word)
{
	const char *name = strchr(id, '.') + 1;
	size_t len = strlen(word);

	if (len >= 3 && strstr(id, word))
		return true;
	return distance(id, word) <= len / 5 || distance(name, word) <= len / 5;
}

char *catalogue_suggest(const char *word)
{
	struct buffer b = { 0 };

	buffer_add(&b, "");
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		if (is_like(r->id, word))
			buffer_printf(&b, "%s%s", b.len ? "\n" : "", r->id);
	return buffer_take(&b);
}
