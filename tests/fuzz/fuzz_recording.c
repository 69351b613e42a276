/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any file as a recording: every record that the reader gives has the size that it claims, and at its end, or at what is
 * wrong with it, it stops and says so.
 */
#define _GNU_SOURCE /* memfd_create() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/recording.h"

static void fail(const char *what)
{
	fprintf(stderr, "fuzz_recording: %s\n", what);
	abort();
}

/* The reader wants a file: this one is memory. */
static int make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("recording", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

static void check_failure(int err, const struct failure *f)
{
	if (err >= 0)
		fail("neither record nor error");
	if (!f->text[0] || !memchr(f->text, '\0', sizeof(f->text)))
		fail("no message");
}

static void read_all(struct recording_reader *r, size_t size)
{
	const struct wst_event *record;
	struct failure f = { "" };
	size_t bytes = 0;
	int err;

	while ((err = recording_next(r, &record, &f)) == 1) {
		uint8_t *copy = malloc(record->size);

		if (record->size < sizeof(*record) || !copy)
			fail("size of a record");
		memcpy(copy, record, record->size); /* the sanitizer looks at each byte */
		free(copy);
		bytes += record->size;
	}
	if (bytes > size)
		fail("more than the file has");
	if (err)
		check_failure(err, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_reader *r = NULL;
	struct failure f = { "" };
	int fd = make_file(data, size), err;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = recording_open(path, &r, &f);
	if (err)
		check_failure(err, &f);
	else
		read_all(r, size);
	if (!err)
		recording_reader_free(r);
	close(fd);
	return 0;
}
