/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every byte may be hostile. Memory is one buffer, whatever the size of the file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/recording.h"

#define BUFFER_BYTES 65536
#define HEADER_BYTES_MAX 4096
#define RECORD_BYTES_MAX 16384 /* far above every known record */

struct recording_reader {
	int fd;
	const char *path;
	uint64_t offset; /* of buffer[start] in the file */
	size_t start, end; /* what is in the buffer */
	uint8_t buffer[BUFFER_BYTES];
	/* A copy of the record: in the buffer it may lie at any address. */
	union {
		struct wst_event event;
		uint8_t bytes[RECORD_BYTES_MAX];
	} record;
};

static size_t buffered(const struct recording_reader *r)
{
	return r->end - r->start;
}

/* Reads until len bytes are there or the file ends. 0 or -errno. */
static int fill(struct recording_reader *r, size_t len)
{
	ssize_t n;

	if (buffered(r) < len && r->start > 0) {
		memmove(r->buffer, r->buffer + r->start, buffered(r));
		r->end -= r->start;
		r->start = 0;
	}
	while (buffered(r) < len) {
		n = read(r->fd, r->buffer + r->end, sizeof(r->buffer) - r->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		r->end += (size_t)n;
	}
	return 0;
}

static void skip(struct recording_reader *r, size_t len)
{
	r->start += len;
	r->offset += len;
}

static int say_read_error(const struct recording_reader *r, int err, struct failure *f)
{
	return failure_set(f, -err, "cannot read %s: %s", r->path, strerror(-err));
}

static int say_foreign(const struct recording_reader *r, size_t have, struct failure *f)
{
	if (have == 0)
		return failure_set(f, EINVAL, "%s is empty: no recording", r->path);
	return failure_set(f, EINVAL,
			   "%s is no recording of wstrace: at offset 0 its first bytes must be "
			   "89 57 53 54 52 43 0d 0a, as 'wstrace record' writes them",
			   r->path);
}

static int check_header(struct recording_reader *r, struct failure *f)
{
	struct recording_header h;
	int err = fill(r, sizeof(h));

	if (err)
		return say_read_error(r, err, f);
	if (buffered(r) < sizeof(h.magic) ||
	    memcmp(r->buffer + r->start, RECORDING_MAGIC, sizeof(h.magic)))
		return say_foreign(r, buffered(r), f);
	if (buffered(r) < sizeof(h))
		return failure_set(f, EINVAL,
				   "%s ends at offset %zu, inside its header of %zu bytes: it was "
				   "cut off",
				   r->path, buffered(r), sizeof(h));
	memcpy(&h, r->buffer + r->start, sizeof(h));
	if (h.byte_order != RECORDING_BYTE_ORDER)
		return failure_set(f, EINVAL,
				   "%s: at offset 8: recorded on a machine of another byte order; "
				   "replay it on one of that kind",
				   r->path);
	if (h.event_version != WST_EVENT_VERSION)
		return failure_set(f, EINVAL,
				   "%s: at offset 16: version %" PRIu32
				   " of the record format, this "
				   "wstrace reads version %d; use the wstrace that recorded it",
				   r->path, h.event_version, WST_EVENT_VERSION);
	if (h.header_bytes < sizeof(h) || h.header_bytes > HEADER_BYTES_MAX)
		return failure_set(f, EINVAL,
				   "%s: at offset 12: a header of %" PRIu32
				   " bytes, expected %zu to "
				   "%d: the file is damaged",
				   r->path, h.header_bytes, sizeof(h), HEADER_BYTES_MAX);
	err = fill(r, h.header_bytes);
	if (err || buffered(r) < h.header_bytes)
		return err ? say_read_error(r, err, f) :
			     failure_set(f, EINVAL, "%s ends inside its header", r->path);
	skip(r, h.header_bytes);
	return 0;
}

int recording_open(const char *path, struct recording_reader **ret_reader,
		   struct failure *ret_failure)
{
	bool is_stdin = !strcmp(path, "-");
	struct recording_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	r->path = is_stdin ? "standard input" : path;
	r->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		err = say_read_error(r, -errno, ret_failure);
	else
		err = check_header(r, ret_failure);
	if (err)
		recording_reader_free(r);
	else
		*ret_reader = r;
	return err;
}

void recording_reader_free(struct recording_reader *r)
{
	if (!r)
		return;
	if (r->fd > STDIN_FILENO)
		close(r->fd);
	free(r);
}

static int say_cut(const struct recording_reader *r, size_t wanted, struct failure *f)
{
	return failure_set(f, EINVAL,
			   "%s ends at offset %" PRIu64 ", inside the record at offset %" PRIu64
			   " (%zu of %zu bytes): it was cut off; everything before was used",
			   r->path, r->offset + buffered(r), r->offset, buffered(r), wanted);
}

int recording_next(struct recording_reader *r, const struct wst_event **ret_record,
		   struct failure *ret_failure)
{
	struct wst_event *event = &r->record.event;
	int err = fill(r, sizeof(*event));

	if (err)
		return say_read_error(r, err, ret_failure);
	if (buffered(r) == 0)
		return 0;
	if (buffered(r) < sizeof(*event))
		return say_cut(r, sizeof(*event), ret_failure);
	memcpy(event, r->buffer + r->start, sizeof(*event));
	if (event->size < sizeof(*event) || event->size > RECORD_BYTES_MAX)
		return failure_set(
			ret_failure, EINVAL,
			"%s: at offset %" PRIu64 ": a record of %u bytes, expected %zu to "
			"%d: the file is damaged; everything before was used",
			r->path, r->offset, event->size, sizeof(*event), RECORD_BYTES_MAX);
	err = fill(r, event->size);
	if (err)
		return say_read_error(r, err, ret_failure);
	if (buffered(r) < event->size)
		return say_cut(r, event->size, ret_failure);
	memcpy(r->record.bytes, r->buffer + r->start, event->size);
	skip(r, event->size);
	*ret_record = event;
	return 1;
}

bool recording_has_record(const struct recording_reader *r)
{
	struct wst_event event;

	if (buffered(r) < sizeof(event))
		return false;
	memcpy(&event, r->buffer + r->start, sizeof(event));
	return buffered(r) >= event.size;
}
