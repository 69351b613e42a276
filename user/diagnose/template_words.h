/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What template.c and template_crowd.c share. */
#ifndef DIAGNOSE_TEMPLATE_WORDS_H
#define DIAGNOSE_TEMPLATE_WORDS_H

#include <stddef.h>

struct facts;

#define WORD_BYTES 192

struct word {
	const char *name;
	const char *generic; /* what `explain` prints */
	void (*fill)(char dst[WORD_BYTES], const struct facts *f);
};

/* Words about many sessions. */
extern const struct word words_crowd[];
extern const size_t words_crowd_count;

#endif
