/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/terminal.h"
#include "platform/writer.h"

#define BUFFER_BYTES 65536

struct sink {
	struct writer writer;
	const char *name;
	size_t len; /* in buffer: whole lines */
	bool torn; /* but for the first, whose start is in the file already */
	uint64_t lost_lines;
	int error; /* errno of the last failure */
	char buffer[BUFFER_BYTES];
};

int sink_open(const char *path, struct sink **ret_sink, struct failure *ret_failure)
{
	bool is_stdout = !path || !strcmp(path, "-");
	struct sink *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	s->name = is_stdout ? "standard output" : path;
	s->writer.stop_fd = -1;
	/* Appended, so that a restart does not wipe out what the last run found. */
	s->writer.fd = is_stdout ? STDOUT_FILENO :
				   open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	err = errno;
	if (s->writer.fd >= 0) {
		*ret_sink = s;
		return 0;
	}
	free(s);
	return failure_set(ret_failure, err, "cannot write to --output %s: %s", path, strerror(err));
}

bool sink_wants_colour(const struct sink *s)
{
	return terminal_wants_colour(s->writer.fd);
}

void sink_set_stop_fd(struct sink *s, int fd)
{
	s->writer.stop_fd = fd;
}

/* Keeps the rest of a line that is in the file in part, drops the lines after it. */
static void drop_lines(struct sink *s, size_t written)
{
	const char *end;
	size_t keep = 0;

	if (written > 0)
		s->torn = s->buffer[written - 1] != '\n';
	end = s->torn ? memchr(s->buffer + written, '\n', s->len - written) : NULL;
	if (end)
		keep = (size_t)(end + 1 - (s->buffer + written));
	for (size_t i = written + keep; i < s->len; i++)
		s->lost_lines += s->buffer[i] == '\n';
	memmove(s->buffer, s->buffer + written, keep);
	s->len = keep;
}

static bool may_pass(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EFBIG || err == EIO;
}

int sink_flush(struct sink *s)
{
	size_t written;
	int err;

	if (s->len == 0)
		return 0;
	err = writer_write(&s->writer, s->buffer, s->len, &written);
	if (!err) {
		s->len = 0;
		s->torn = false;
		return 0;
	}
	s->error = -err;
	drop_lines(s, written);
	return may_pass(-err) ? 0 : err;
}

int sink_line(struct sink *s, const char *line, size_t len)
{
	int err = 0;

	if (s->len + len + 1 > sizeof(s->buffer))
		err = sink_flush(s);
	if (err)
		return err;
	if (s->len + len + 1 > sizeof(s->buffer)) { /* longer than any line that wstrace makes */
		s->lost_lines++;
		s->error = EMSGSIZE;
		return 0;
	}
	memcpy(s->buffer + s->len, line, len);
	s->len += len;
	s->buffer[s->len++] = '\n';
	return 0;
}

uint64_t sink_lost_lines(const struct sink *s, int *ret_errno)
{
	*ret_errno = s->error;
	return s->lost_lines + s->torn;
}

const char *sink_name(const struct sink *s)
{
	return s->name;
}

int sink_fd(const struct sink *s)
{
	return s->writer.fd;
}

int sink_close(struct sink *s)
{
	int err = s ? sink_flush(s) : 0;

	if (s && s->writer.fd != STDOUT_FILENO)
		close(s->writer.fd);
	free(s);
	return err;
}
