// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The server of the load: answers the handshake, echoes messages, answers Close. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_HEADER "Sec-WebSocket-Key: "

struct server {
	const struct load *load;
	int epoll_fd, listen_fd;
	uint8_t buffer[FRAME_BYTES_MAX + 64];
};

struct sockaddr_in server_address(const struct load *load, uint32_t index)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(load->port),
		.sin_addr.s_addr = htonl(0x7f000101 + index % ADDRESSES),
	};
}

int server_listen(const struct load *load)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(load->port) };

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 4096))
		die("listen");
	return fd;
}

static void accept_some(struct server *s)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct end *end;
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		end = calloc(1, sizeof(*end));
		if (!end)
			die("calloc");
		end->fd = fd;
		end->stage = s->load->plain ? STAGE_OPEN : STAGE_HANDSHAKE;
		event.data.ptr = end;
		if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl");
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		die("accept");
}

static void hang_up(struct end *end)
{
	close(end->fd);
	free(end);
}

static void read_request(struct end *end)
{
	ssize_t n = recv(end->fd, end->head + end->got, sizeof(end->head) - 1 - end->got, 0);
	char accept[29], answer[256];
	const char *key;

	if (n <= 0) {
		hang_up(end);
		return;
	}
	end->got += (size_t)n;
	end->head[end->got] = '\0';
	if (!strstr(end->head, "\r\n\r\n"))
		return;
	key = strstr(end->head, KEY_HEADER);
	if (!key) {
		hang_up(end);
		return;
	}
	handshake_accept(key + strlen(KEY_HEADER), accept);
	n = snprintf(answer, sizeof(answer),
		     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		     accept);
	send_all(end->fd, answer, (size_t)n);
	end->stage = STAGE_OPEN;
	end->got = 0;
}

static void read_messages(struct server *s, struct end *end)
{
	const struct load *load = s->load;
	size_t want = load->client_frame_bytes - end->got;
	ssize_t n = recv(end->fd, s->buffer, want, 0);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			hang_up(end);
		return;
	}
	if (!end->got && !load->plain && s->buffer[0] == close_from_client[0]) {
		send_all(end->fd, close_from_server, sizeof(close_from_server));
		hang_up(end);
		return;
	}
	end->got += (size_t)n;
	if (end->got < load->client_frame_bytes)
		return;
	end->got = 0;
	send_all(end->fd, load->from_server, load->server_frame_bytes);
}

int server_run(const struct load *load, int listen_fd)
{
	struct server *s = calloc(1, sizeof(*s));
	struct epoll_event events[512], event = { .events = EPOLLIN };
	struct end *end;
	int n;

	if (!s)
		die("calloc");
	s->load = load;
	s->listen_fd = listen_fd;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, listen_fd, &event))
		die("epoll_ctl");
	for (;;) {
		n = epoll_wait(s->epoll_fd, events, 512, -1);
		for (int i = 0; i < n; i++) {
			end = events[i].data.ptr;
			if (!end)
				accept_some(s);
			else if (end->stage == STAGE_HANDSHAKE)
				read_request(end);
			else
				read_messages(s, end);
		}
	}
}
