/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes into stdout or a file, where a reader that takes nothing does not keep the user from stopping. */
#ifndef PLATFORM_WRITER_H
#define PLATFORM_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
	int fd;
	int stop_fd; /* writing gives up a second after this is readable; -1: none */
	uint64_t give_up_ns; /* CLOCK_BOOTTIME; 0: nobody wants to stop */
};

/*
 * Writes all of it. 0 or -errno: EPIPE when the reader is gone, ECANCELED when it took nothing until
 * the end of the time to stop. *ret_written says how much was written, also after an error.
 */
int writer_write(struct writer *w, const void *bytes, size_t len, size_t *ret_written);

#endif
