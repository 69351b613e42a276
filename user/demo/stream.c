/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "demo/stream.h"
#include "demo/websocket.h"

int stream_write(int fd, const void *data, size_t len)
{
	const char *next = data;

	while (len) {
		ssize_t n = send(fd, next, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		next += n;
		len -= n;
	}
	return 0;
}

static int refill(struct websocket *ws)
{
	ssize_t n;

	do {
		n = recv(ws->fd, ws->buffer, sizeof(ws->buffer), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	ws->start = 0;
	ws->end = n;
	return n ? 0 : -ENODATA;
}

int stream_read(struct websocket *ws, void *ret, size_t len)
{
	char *next = ret;

	while (len) {
		size_t have = ws->end - ws->start;
		int err = have ? 0 : refill(ws);

		if (err)
			return err;
		have = ws->end - ws->start < len ? ws->end - ws->start : len;
		if (next) {
			memcpy(next, ws->buffer + ws->start, have);
			next += have;
		}
		ws->start += have;
		len -= have;
	}
	return 0;
}
