/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/version.h"
#include "platform/recording.h"
#include "platform/writer.h"

#define BUFFER_BYTES 65536

struct recording_writer {
	struct writer writer;
	const char *path;
	bool created; /* by us */
	bool started; /* the header is written or in the buffer */
	int error; /* -errno: no more can be written */
	size_t len; /* in buffer: whole records */
	uint64_t bytes; /* in the file */
	char buffer[BUFFER_BYTES];
};

/* Addresses and paths of users are nobody else's business: 0600. */
static int open_file(struct recording_writer *w)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC;

	w->writer.fd = open(w->path, flags | O_EXCL, 0600);
	w->created = w->writer.fd >= 0;
	if (w->writer.fd < 0 && errno == EEXIST)
		w->writer.fd = open(w->path, flags, 0600);
	return w->writer.fd < 0 ? -errno : 0;
}

int recording_create(const char *path, struct recording_writer **ret_writer,
		     struct failure *ret_failure)
{
	struct recording_writer *w = calloc(1, sizeof(*w));
	int err = 0;

	if (!w)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	w->path = path;
	w->writer.stop_fd = -1;
	w->writer.fd = STDOUT_FILENO;
	if (strcmp(path, "-"))
		err = open_file(w);
	else if (isatty(STDOUT_FILENO))
		err = -ENOTTY;
	if (!err) {
		*ret_writer = w;
		return 0;
	}
	free(w);
	if (err == -ENOTTY)
		return failure_set(ret_failure, ENOTTY, "a recording is not for a terminal");
	return failure_set(ret_failure, -err, "cannot write the recording %s: %s", path,
			   strerror(-err));
}

void recording_set_stop_fd(struct recording_writer *w, int fd)
{
	w->writer.stop_fd = fd;
}

static void start(struct recording_writer *w)
{
	struct recording_header header = {
		.magic = RECORDING_MAGIC,
		.byte_order = RECORDING_BYTE_ORDER,
		.header_bytes = sizeof(header),
		.event_version = WST_EVENT_VERSION,
		.writer = WSTRACE_VERSION,
	};

	/* Fails for what is no regular file, which has nothing to cut. */
	if (ftruncate(w->writer.fd, 0))
		w->created = false;
	memcpy(w->buffer, &header, sizeof(header));
	w->len = sizeof(header);
	w->started = true;
}

/* How many of the first written bytes of the buffer are the header and whole records. */
static size_t whole_records(const struct recording_writer *w, size_t written)
{
	size_t whole = w->bytes == 0 ? sizeof(struct recording_header) : 0;
	struct wst_event event;

	if (whole > written)
		return 0;
	while (whole + sizeof(event) <= written) {
		memcpy(&event, w->buffer + whole, sizeof(event));
		if (whole + event.size > written)
			break;
		whole += event.size;
	}
	return whole;
}

int recording_flush(struct recording_writer *w)
{
	size_t written;
	int err, cut;

	if (w->error || w->len == 0)
		return w->error;
	err = writer_write(&w->writer, w->buffer, w->len, &written);
	if (!err) {
		w->bytes += w->len;
		w->len = 0;
		return 0;
	}
	w->error = err;
	w->bytes += whole_records(w, written);
	/* A pipe cannot be cut: replay says that its last record is not whole. */
	cut = ftruncate(w->writer.fd, (off_t)w->bytes);
	(void)cut;
	return err;
}

int recording_write(struct recording_writer *w, const void *record, size_t len)
{
	if (!w->started)
		start(w);
	if (w->len + len > sizeof(w->buffer) && recording_flush(w))
		return w->error;
	if (w->error || len > sizeof(w->buffer))
		return w->error ? w->error : -EMSGSIZE;
	memcpy(w->buffer + w->len, record, len);
	w->len += len;
	return 0;
}

uint64_t recording_bytes(const struct recording_writer *w)
{
	return w->bytes;
}

int recording_fd(const struct recording_writer *w)
{
	return w->writer.fd;
}

void recording_writer_free(struct recording_writer *w)
{
	if (!w)
		return;
	if (w->created && !w->started)
		unlink(w->path);
	if (w->writer.fd != STDOUT_FILENO)
		close(w->writer.fd);
	free(w);
}
