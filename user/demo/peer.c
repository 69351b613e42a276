/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "demo/peer.h"

#define GREETING "hello"
#define IO_TIMEOUT_S 5 /* longer than any scenario takes, shorter than the whole demo may */

socklen_t peer_address_len(const union peer_address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

void peer_cue(struct peer *p, enum peer_cue cue)
{
	char byte = cue;

	/* Nobody may be waiting for it. */
	if (write(p->cue_fd, &byte, 1) < 0)
		return;
}

void peer_sleep_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

int peer_expect(int result, int wanted)
{
	if (result == wanted)
		return 0;
	return result < 0 ? result : -EPROTO;
}

static int set_io_timeout(int fd)
{
	struct timeval limit = { .tv_sec = IO_TIMEOUT_S };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return -errno;
	return 0;
}

int peer_listen(struct peer *p, int backlog)
{
	if (listen(p->bound_fd, backlog))
		return -errno;
	peer_cue(p, CUE_LISTENING);
	return 0;
}

int peer_accept(struct peer *p)
{
	int fd, err = peer_listen(p, 16);

	if (err)
		return err;
	/* SO_RCVTIMEO bounds accept() as well. */
	err = set_io_timeout(p->bound_fd);
	if (err)
		return err;
	fd = accept4(p->bound_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	websocket_init(&p->ws, fd, false);
	return set_io_timeout(fd);
}

int peer_serve(struct peer *p)
{
	int err = peer_accept(p);

	err = err ? err : websocket_read_request(&p->ws);
	return err ? err : websocket_send_101(&p->ws, p->ws.accept);
}

int peer_serve_greeting(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_serve(p);

	err = err ? err : websocket_read_frame(&p->ws, &frame);
	if (err)
		return err;
	return websocket_send(&p->ws, frame.first, frame.payload, strlen(GREETING));
}

int peer_socket(struct peer *p, unsigned int give_up_ms)
{
	int fd = socket(p->server.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	websocket_init(&p->ws, fd, true);
	if (give_up_ms &&
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, sizeof(give_up_ms)))
		return -errno;
	return set_io_timeout(fd);
}

int peer_connect(struct peer *p)
{
	if (connect(p->ws.fd, &p->server.any, peer_address_len(&p->server)))
		return -errno;
	return 0;
}

static void format_host(const union peer_address *a, char *ret_host, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	bool v6 = a->any.sa_family == AF_INET6;
	const void *address = v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;

	inet_ntop(a->any.sa_family, address, text, sizeof(text));
	snprintf(ret_host, size, v6 ? "[%s]:%u" : "%s:%u", text,
		 ntohs(v6 ? a->v6.sin6_port : a->v4.sin_port));
}

int peer_request(struct peer *p, const char *origin)
{
	char host[80], own[96], path[64];
	int err = peer_connect(p);

	if (err)
		return err;
	format_host(&p->server, host, sizeof(host));
	snprintf(own, sizeof(own), "http://%s", host);
	snprintf(path, sizeof(path), "/demo/%s", p->scenario->name);
	return websocket_send_request(&p->ws, host, origin ? origin : own, path);
}

int peer_open(struct peer *p)
{
	int err = p->ws.fd < 0 ? peer_socket(p, 0) : 0;

	err = err ? err : peer_request(p, NULL);
	err = err ? err : websocket_read_answer(&p->ws);
	return peer_expect(err, 101);
}

int peer_open_and_greet(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_open(p);

	err = err ? err : websocket_send_text(&p->ws, GREETING);
	err = err ? err : websocket_read_frame(&p->ws, &frame);
	if (err)
		return err;
	if (frame.len != strlen(GREETING) || memcmp(frame.payload, GREETING, frame.len))
		return -EPROTO;
	peer_cue(p, CUE_SESSION_UP);
	return 0;
}

int peer_hang_up(struct peer *p)
{
	if (close(p->ws.fd))
		return -errno;
	p->ws.fd = -1;
	peer_sleep_ms(100);
	return 0;
}

int peer_abort(struct peer *p)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(p->ws.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		return -errno;
	return peer_hang_up(p);
}
