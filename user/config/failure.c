/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config/failure.h"

#include <stdarg.h>
#include <stdio.h>

int failure_set(struct failure *f, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
	return -err;
}
