/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Diagnostics for the user, on stderr: stdout is for data. */
#ifndef PLATFORM_MESSAGE_H
#define PLATFORM_MESSAGE_H

#include "config/failure.h"

/* "wstrace: ..." and a newline, in one write. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_failure(const struct failure *f);

#endif
