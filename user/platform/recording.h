/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A recording: a header, then the records as they are in wstrace/event.h, one after the other. Written
 * on one machine, read on any of the same byte order, by this version or a later one.
 */
#ifndef PLATFORM_RECORDING_H
#define PLATFORM_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/failure.h"
#include "wstrace/event.h"

/* As in PNG: not text, and broken by what mangles line ends. */
#define RECORDING_MAGIC "\x89WSTRC\r\n"
#define RECORDING_BYTE_ORDER 0x01020304u

struct recording_header {
	char magic[8];
	uint32_t byte_order; /* RECORDING_BYTE_ORDER, in the order of the machine that wrote it */
	uint32_t header_bytes; /* records start here: later versions may know more */
	uint32_t event_version; /* WST_EVENT_VERSION */
	uint32_t pad;
	char writer[40]; /* version of wstrace, NUL-terminated */
};

struct recording_writer;

/*
 * Opens the file, but leaves its contents alone until something is written: a start that fails must
 * not wipe out an older recording. path "-": stdout. 0, or -errno with a message.
 */
int recording_create(const char *path, struct recording_writer **ret_writer,
		     struct failure *ret_failure);
/* As sink_set_stop_fd(). */
void recording_set_stop_fd(struct recording_writer *w, int fd);
/* Adds one record to a buffer. 0 or -errno; the file keeps whole records only. */
int recording_write(struct recording_writer *w, const void *record, size_t len);
int recording_flush(struct recording_writer *w);
uint64_t recording_bytes(const struct recording_writer *w);
int recording_fd(const struct recording_writer *w);
/* Closes without a flush; removes the file if it was made for nothing. NULL is fine. */
void recording_writer_free(struct recording_writer *w);

struct recording_reader;

/* Opens the file and checks its header. path "-": stdin. 0, or -errno with a message. */
int recording_open(const char *path, struct recording_reader **ret_reader,
		   struct failure *ret_failure);
void recording_reader_free(struct recording_reader *r);
/*
 * The next record, valid until the next call: aligned, and of the size it claims, which is all that is
 * certain about it. 1; 0 at the end; -errno with a message (offset, what was expected).
 */
int recording_next(struct recording_reader *r, const struct wst_event **ret_record,
		   struct failure *ret_failure);
/* False when the next recording_next() has to read, and may wait. */
bool recording_has_record(const struct recording_reader *r);

#endif
