// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Starts the server in a child process, runs the client, prints one JSON object.
 *
 *     load MODE [--port P] [--connections N] [--total N] [--bytes N] [--seconds S] [--plain]
 *              [--one-cpu]
 *
 * echo: each connection sends a message, waits for it to come back, sends the next.
 * churn: connect, upgrade, one message, Close frames, close; --total connections.
 * idle: opens all, prints {"open":N,"server":PID}, waits until standard input ends or the
 * connections do.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const uint8_t close_from_server[CLOSE_FROM_SERVER_BYTES] = { 0x88, 2, 1000 >> 8, 1000 & 0xff };
const uint8_t close_from_client[CLOSE_FROM_CLIENT_BYTES] = { 0x88, 0x82, 0,	    0,
							     0,	   0,	 1000 >> 8, 1000 & 0xff };

void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

void handshake_key(uint64_t n, char ret_key[25])
{
	uint64_t bytes[2] = { n, ~n * 0x9e3779b97f4a7c15ull };
	size_t len;

	mbedtls_base64_encode((uint8_t *)ret_key, 25, &len, (const uint8_t *)bytes, 16);
}

void handshake_accept(const char key[24], char ret_accept[29])
{
	char text[24 + sizeof(GUID)];
	uint8_t hash[20];
	size_t len;

	memcpy(text, key, 24);
	memcpy(text + 24, GUID, sizeof(GUID));
	mbedtls_sha1_ret((const uint8_t *)text, sizeof(text) - 1, hash);
	mbedtls_base64_encode((uint8_t *)ret_accept, 29, &len, hash, sizeof(hash));
}

void send_all(int fd, const void *bytes, size_t len)
{
	ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

	if (n != (ssize_t)len) {
		if (n >= 0)
			errno = EMSGSIZE;
		die("send");
	}
}

static uint8_t *make_frame(uint32_t payload_bytes, bool mask, size_t *ret_len)
{
	uint8_t *frame = malloc(payload_bytes + 14);
	size_t at = 2;

	if (!frame)
		die("malloc");
	frame[0] = 0x82;
	if (payload_bytes < 126) {
		frame[1] = (uint8_t)payload_bytes;
	} else if (payload_bytes < 65536) {
		frame[1] = 126;
		frame[at++] = (uint8_t)(payload_bytes >> 8);
		frame[at++] = (uint8_t)payload_bytes;
	} else {
		frame[1] = 127;
		for (int shift = 56; shift >= 0; shift -= 8)
			frame[at++] = (uint8_t)((uint64_t)payload_bytes >> shift);
	}
	if (mask) {
		frame[1] |= 0x80;
		memset(frame + at, 0, 4);
		at += 4;
	}
	memset(frame + at, 'x', payload_bytes);
	*ret_len = at + payload_bytes;
	return frame;
}

static double number(const char *text, double max)
{
	char *end;
	double n = strtod(text, &end);

	if (*end || end == text || n < 0 || n > max) {
		fprintf(stderr, "load: \"%s\" is no number up to %g\n", text, max);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv, struct load *load)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' },    { "connections", 1, NULL, 'c' },
		{ "total", 1, NULL, 't' },   { "bytes", 1, NULL, 'b' },
		{ "seconds", 1, NULL, 's' }, { "plain", 0, NULL, 'r' },
		{ "one-cpu", 0, NULL, 'o' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			load->port = (uint16_t)number(optarg, 65535);
		else if (c == 'c')
			load->connections = (uint32_t)number(optarg, 200000);
		else if (c == 't')
			load->total = (uint32_t)number(optarg, 1e7);
		else if (c == 'b')
			load->payload_bytes = (uint32_t)number(optarg, FRAME_BYTES_MAX);
		else if (c == 's')
			load->seconds = number(optarg, 3600);
		else if (c == 'r')
			load->plain = true;
		else if (c == 'o')
			load->one_cpu = true;
		else
			exit(2);
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: load echo|churn|idle [OPTION...]\n");
		exit(2);
	}
	load->mode = argv[optind];
}

/* Client and server on a CPU each, where there are two: no migrations between measurements. */
static void pin(unsigned int index)
{
	cpu_set_t allowed, one;
	unsigned int seen = 0;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 2)
		return;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && seen++ == index)
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* As far as it may be raised. */
static void raise_limit(const struct load *load)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < load->connections + 20) {
		errno = EMFILE;
		die("the hard limit of open files (ulimit -Hn)");
	}
}

int main(int argc, char **argv)
{
	struct load load = {
		.port = 9000, .connections = 200, .total = 10000, .payload_bytes = 64, .seconds = 1
	};
	int fd, pid, status;

	parse(argc, argv, &load);
	raise_limit(&load);
	load.from_client = make_frame(load.payload_bytes, true, &load.client_frame_bytes);
	load.from_server = make_frame(load.payload_bytes, false, &load.server_frame_bytes);
	fd = server_listen(&load);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(load.one_cpu ? 0 : 1);
		return server_run(&load, fd);
	}
	close(fd);
	pin(0);
	status = client_run(&load, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	free(load.from_client);
	free(load.from_server);
	return status;
}
