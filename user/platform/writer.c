/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "platform/loop.h"

#define STUCK_NS 1000000000ull
#define GIVE_UP_NS 5000000000ull

/*
 * Waits until write() takes PIPE_BUF bytes without blocking. O_NONBLOCK would be simpler, but is shared
 * with whoever else has the pipe or terminal open, such as the user's shell.
 */
static int wait_writable(struct writer *w)
{
	struct pollfd fds[2] = {
		{ .fd = w->fd, .events = POLLOUT },
		{ .fd = w->give_up_ns ? -1 : w->stop_fd, .events = POLLIN },
	};
	uint64_t now, until = w->stuck_ns < w->give_up_ns ? w->stuck_ns : w->give_up_ns;
	int timeout_ms = -1;

	if (until) {
		now = clock_boottime_ns();
		if (now >= w->give_up_ns)
			return -ECANCELED;
		timeout_ms = now < until ? (int)((until - now) / 1000000) + 1 : 0;
	}
	if (poll(fds, 2, timeout_ms) < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (fds[0].revents)
		return 0; /* writable, or write() says what is wrong */
	if (w->give_up_ns)
		return timeout_ms == 0 ? -ECANCELED : -EAGAIN;
	w->stuck_ns = clock_boottime_ns() + STUCK_NS;
	w->give_up_ns = w->stuck_ns - STUCK_NS + GIVE_UP_NS;
	return -EAGAIN;
}

int writer_write(struct writer *w, const void *bytes, size_t len, size_t *ret_written)
{
	const char *at = bytes;
	size_t part;
	ssize_t n;
	int err;

	*ret_written = 0;
	while (*ret_written < len) {
		err = wait_writable(w);
		if (err == -EAGAIN)
			continue;
		if (err)
			return err;
		part = len - *ret_written < PIPE_BUF ? len - *ret_written : PIPE_BUF;
		n = write(w->fd, at + *ret_written, part);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n <= 0)
			continue;
		*ret_written += (size_t)n;
		if (w->give_up_ns)
			w->stuck_ns = clock_boottime_ns() + STUCK_NS;
	}
	return 0;
}
