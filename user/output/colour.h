/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Colours of the terminal, or nothing. Pure. */
#ifndef OUTPUT_COLOUR_H
#define OUTPUT_COLOUR_H

#include <stdbool.h>

struct colours {
	const char *bad, *warn, *good, *strong, *dim, *off;
};

static inline struct colours colours_for(bool wanted)
{
	if (!wanted)
		return (struct colours){ "", "", "", "", "", "" };
	return (struct colours){
		.bad = "\x1b[1;31m",
		.warn = "\x1b[1;33m",
		.good = "\x1b[32m",
		.strong = "\x1b[1m",
		.dim = "\x1b[2m",
		.off = "\x1b[0m",
	};
}

#endif
