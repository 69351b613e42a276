/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void message(const char *format, ...)
{
	char text[1280] = "wstrace: ";
	const size_t prefix = 9;
	size_t room = sizeof(text) - prefix - 1; /* for the newline */
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(text + prefix, room, format, ap);
	va_end(ap);
	if (len < 0)
		return;
	if ((size_t)len >= room)
		len = (int)room - 1;
	text[prefix + (size_t)len] = '\n';
	/* Nobody is left to tell when stderr fails. */
	if (write(STDERR_FILENO, text, prefix + (size_t)len + 1) < 0)
		return;
}

void message_failure(const struct failure *f)
{
	message("%s", f->text);
}
