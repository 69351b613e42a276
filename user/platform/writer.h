/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes into stdout or a file, where a reader that takes nothing does not keep the user from stopping. */
#ifndef PLATFORM_WRITER_H
#define PLATFORM_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
	int fd;
	/*
	 * Once this is readable, writing gives up when the reader takes nothing for a second, and after
	 * five seconds in any case; -1: none.
	 */
	int stop_fd;
	uint64_t stuck_ns, give_up_ns; /* CLOCK_BOOTTIME; 0: nobody wants to stop */
};

/*
 * Writes all of it. 0 or -errno: EPIPE when the reader is gone, ECANCELED when it took too
 * little until the end of the time to stop. *ret_written says how much was written, also after an error.
 */
int writer_write(struct writer *w, const void *bytes, size_t len, size_t *ret_written);

#endif
