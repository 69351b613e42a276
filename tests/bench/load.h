/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The load of the bench: a client and a server in two processes, many connections each, epoll.
 * WebSocket frames of one size, or the same bytes without a handshake (plain).
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX (1 << 20)
#define ADDRESSES \
	64 /* of the server, from 127.0.1.1 on: ports for that many times 28,000 clients */

struct load {
	const char *mode; /* echo, churn, idle */
	uint16_t port;
	uint32_t connections; /* open at a time */
	uint32_t total; /* churn: connections altogether */
	uint32_t payload_bytes; /* of a message */
	double seconds; /* echo: measured time */
	bool plain;
	bool one_cpu; /* client and server share one */
	/* whole messages, header and mask included, ready to be sent */
	uint8_t *from_client, *from_server;
	size_t client_frame_bytes, server_frame_bytes;
};

enum stage { STAGE_CONNECTING, STAGE_HANDSHAKE, STAGE_OPEN, STAGE_CLOSING };

/* One end of a connection. */
struct end {
	int fd;
	enum stage stage;
	size_t got; /* bytes of what is being received */
	char head[256]; /* of the handshake */
};

/* Server: runs until it is killed. listen_fd listens already. */
int server_run(const struct load *load, int listen_fd);
int server_listen(const struct load *load);
struct sockaddr_in server_address(const struct load *load, uint32_t index);

/* Client: runs the mode and prints its result. server_pid: whose CPU time counts too. */
int client_run(const struct load *load, int server_pid);

/* Bytes of a Close frame with code 1000, without and with mask. */
#define CLOSE_FROM_SERVER_BYTES 4
#define CLOSE_FROM_CLIENT_BYTES 8
extern const uint8_t close_from_server[CLOSE_FROM_SERVER_BYTES];
extern const uint8_t close_from_client[CLOSE_FROM_CLIENT_BYTES];

/* Sec-WebSocket-Key number n: 24 characters and NUL. And its accept: 28 and NUL. */
void handshake_key(uint64_t n, char ret_key[25]);
void handshake_accept(const char key[24], char ret_accept[29]);

/* All of it, or the process ends: what is sent always fits into a socket's buffer. */
void send_all(int fd, const void *bytes, size_t len);
void die(const char *what) __attribute__((noreturn)); /* with errno */

#endif
