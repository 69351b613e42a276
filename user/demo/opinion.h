/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What wstrace said of a scenario, read from its JSON lines as any other reader would. Pure. */
#ifndef DEMO_OPINION_H
#define DEMO_OPINION_H

#include <stddef.h>

#include "demo/scenario.h"

struct opinion {
	unsigned int lines; /* that told an end: one is right */
	uint16_t server_port;
	uint16_t close_code; /* 0: not given */
	char path[80]; /* empty: not given */
	char cause[64];
	char confidence[16];
	char summary[400]; /* control characters replaced */
};

/*
 * Reads one line. 0; -ENOENT for a line that tells no end of a session; -EINVAL for one that is no
 * such JSON.
 */
int opinion_read(const char *line, size_t len, struct opinion *ret);
/* True when it is the right one; otherwise ret_why says what was expected. */
bool opinion_is_right(const struct opinion *o, const struct scenario *s, char *ret_why, size_t size);

#endif
