/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/message.h"
#include "platform/writer.h"

int page_print(char *page)
{
	struct writer writer = { .fd = STDOUT_FILENO, .stop_fd = -1 };
	size_t written, len = page ? strlen(page) : 0;
	int err = page ? writer_write(&writer, page, len, &written) : -ENOMEM;

	if (!err && (len == 0 || page[len - 1] != '\n'))
		err = writer_write(&writer, "\n", 1, &written);
	free(page);
	if (err && err != -EPIPE)
		message("cannot write to standard output: %s", strerror(-err));
	return err && err != -EPIPE;
}
