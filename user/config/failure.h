/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why something failed, in words for the user. Whoever finds out fills it in; only the commands print it. */
#ifndef CONFIG_FAILURE_H
#define CONFIG_FAILURE_H

struct failure {
	char text[1024];
};

/* Says what failed, why, and what to do about it. Returns -err, for "return failure_set(...)". */
int failure_set(struct failure *f, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
