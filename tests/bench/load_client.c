// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The client of the load, and what is measured. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP_S 0.2
#define OPENING_MAX 500 /* handshakes under way at a time */
#define EVENTS_MAX 512

struct client {
	const struct load *load;
	int epoll_fd;
	clockid_t server_clock;
	struct end *ends;
	uint32_t opened; /* handshakes that were begun */
	uint32_t open; /* and came to their end */
	uint32_t closed;
	uint64_t messages; /* echoed */
	uint64_t key; /* of the next handshake */
	uint8_t buffer[FRAME_BYTES_MAX + 64];
};

struct moment {
	double wall, cpu; /* seconds; cpu of client and server */
	uint64_t messages;
};

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		die("clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct moment now(const struct client *c)
{
	return (struct moment){
		.wall = seconds_of(CLOCK_MONOTONIC),
		.cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) + seconds_of(c->server_clock),
		.messages = c->messages,
	};
}

static void begin(struct client *c, struct end *end)
{
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = end };
	struct sockaddr_in to = server_address(c->load, c->opened++);
	int one = 1;

	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (end->fd < 0)
		die("socket");
	setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	end->stage = STAGE_CONNECTING;
	end->got = 0;
	if (connect(end->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, end->fd, &event))
		die("epoll_ctl");
}

static bool talks(const struct client *c)
{
	return strcmp(c->load->mode, "idle") != 0;
}

static void on_open(struct client *c, struct end *end)
{
	end->stage = STAGE_OPEN;
	end->got = 0;
	c->open++;
	if (talks(c))
		send_all(end->fd, c->load->from_client, c->load->client_frame_bytes);
}

static void on_connected(struct client *c, struct end *end)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = end };
	char request[256], key[25];
	int n;

	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, end->fd, &event))
		die("epoll_ctl");
	if (c->load->plain) {
		on_open(c, end);
		return;
	}
	handshake_key(c->key++, key);
	n = snprintf(request, sizeof(request),
		     "GET /bench HTTP/1.1\r\nHost: bench.example\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
		     "Sec-WebSocket-Version: 13\r\n\r\n",
		     key);
	send_all(end->fd, request, (size_t)n);
	end->stage = STAGE_HANDSHAKE;
}

static void on_end(struct client *c, struct end *end)
{
	close(end->fd);
	end->fd = -1;
	c->closed++;
}

static void on_answer(struct client *c, struct end *end)
{
	ssize_t n = recv(end->fd, end->head + end->got, sizeof(end->head) - 1 - end->got, 0);

	if (n <= 0) {
		on_end(c, end);
		return;
	}
	end->got += (size_t)n;
	end->head[end->got] = '\0';
	if (strstr(end->head, "\r\n\r\n"))
		on_open(c, end);
}

static void on_message(struct client *c, struct end *end)
{
	ssize_t n = recv(end->fd, c->buffer, c->load->server_frame_bytes - end->got, 0);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			on_end(c, end);
		return;
	}
	if (end->stage == STAGE_CLOSING)
		return; /* the server's Close frame; its FIN follows */
	end->got += (size_t)n;
	if (end->got < c->load->server_frame_bytes)
		return;
	end->got = 0;
	c->messages++;
	if (!strcmp(c->load->mode, "echo")) {
		send_all(end->fd, c->load->from_client, c->load->client_frame_bytes);
		return;
	}
	end->stage = STAGE_CLOSING;
	send_all(end->fd, close_from_client, sizeof(close_from_client));
}

static void turn(struct client *c, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(c->epoll_fd, events, EVENTS_MAX, timeout_ms);

	for (int i = 0; i < n; i++) {
		struct end *end = events[i].data.ptr;

		if (end && end->stage == STAGE_CONNECTING)
			on_connected(c, end);
		else if (end && end->stage == STAGE_HANDSHAKE)
			on_answer(c, end);
		else if (end)
			on_message(c, end);
	}
}

static void open_all(struct client *c)
{
	while (c->open < c->load->connections) {
		while (c->opened < c->load->connections && c->opened - c->open < OPENING_MAX)
			begin(c, &c->ends[c->opened]);
		turn(c, 1000);
		if (c->closed) {
			errno = ECONNRESET;
			die("a connection ended while others were opened");
		}
	}
}

static void print_cost(const struct moment *a, const struct moment *b, const char *unit, double n)
{
	printf("{\"%ss\":%.0f,\"seconds\":%.4f,\"%ss_per_second\":%.0f,\"cpu_us_per_%s\":%.4f}\n",
	       unit, n, b->wall - a->wall, unit, n / (b->wall - a->wall), unit,
	       (b->cpu - a->cpu) * 1e6 / n);
}

static void run_until(struct client *c, double end)
{
	while (seconds_of(CLOCK_MONOTONIC) < end)
		turn(c, 100);
}

static int run_echo(struct client *c)
{
	struct moment a, b;

	open_all(c);
	run_until(c, seconds_of(CLOCK_MONOTONIC) + WARM_UP_S);
	a = now(c);
	run_until(c, a.wall + c->load->seconds);
	b = now(c);
	print_cost(&a, &b, "message", (double)(b.messages - a.messages));
	return c->closed ? 1 : 0;
}

static int run_churn(struct client *c)
{
	struct moment a = now(c), b;

	for (uint32_t i = 0; i < c->load->connections; i++)
		c->ends[i].fd = -1;
	while (c->closed < c->load->total) {
		for (uint32_t i = 0; i < c->load->connections && c->opened < c->load->total; i++)
			if (c->ends[i].fd < 0)
				begin(c, &c->ends[i]);
		turn(c, 1000);
	}
	b = now(c);
	print_cost(&a, &b, "connection", c->load->total);
	if (c->messages == c->load->total)
		return 0;
	fprintf(stderr, "load: only %llu of %u connections had their message\n",
		(unsigned long long)c->messages, c->load->total);
	return 1;
}

static int run_idle(struct client *c, int server_pid)
{
	struct epoll_event event = { .events = EPOLLIN };
	char byte;

	open_all(c);
	printf("{\"open\":%u,\"server\":%d}\n", c->open, server_pid);
	fflush(stdout);
	fcntl(0, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, 0, &event))
		die("epoll_ctl");
	while (c->closed < c->load->connections) {
		turn(c, -1);
		if (read(0, &byte, 1) == 0)
			break;
	}
	printf("{\"closed\":%u}\n", c->closed);
	return 0;
}

int client_run(const struct load *load, int server_pid)
{
	struct client *c = calloc(1, sizeof(*c));
	int status;

	if (!c)
		die("calloc");
	c->load = load;
	c->ends = calloc(load->connections, sizeof(*c->ends));
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->key = (uint64_t)seconds_of(CLOCK_REALTIME) << 32;
	if (!c->ends || clock_getcpuclockid(server_pid, &c->server_clock))
		die("start");
	if (!strcmp(load->mode, "echo"))
		status = run_echo(c);
	else if (!strcmp(load->mode, "churn"))
		status = run_churn(c);
	else
		status = run_idle(c, server_pid);
	free(c->ends);
	free(c);
	return status;
}
