/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo/acts.h"

#define GIVE_UP_MS 2000

/* A failed opening handshake is 1006 to the client's API, whatever the reason was. */
static int give_up(struct peer *p, int err)
{
	p->close_code = WEBSOCKET_ABNORMAL;
	return err ? err : peer_hang_up(p);
}

int client_is_refused(struct peer *p)
{
	int err = peer_socket(p, 0);

	err = err ? err : peer_expect(peer_connect(p), -ECONNREFUSED);
	return give_up(p, err);
}

static int client_is_answered(struct peer *p, const char *origin, int status)
{
	int err = peer_socket(p, 0);

	err = err ? err : peer_request(p, origin);
	err = err ? err : peer_expect(websocket_read_answer(&p->ws), status);
	return give_up(p, err);
}

int client_is_denied(struct peer *p)
{
	return client_is_answered(p, NULL, 401);
}

int client_comes_from_elsewhere(struct peer *p)
{
	return client_is_answered(p, "https://elsewhere.example", 403);
}

int client_gets_no_answer(struct peer *p)
{
	return client_is_answered(p, NULL, -ENODATA);
}

int client_finds_wrong_accept(struct peer *p)
{
	return client_is_answered(p, NULL, -EPROTO);
}

static int server_answers(struct peer *p, const char *status, const char *body)
{
	int err = peer_accept(p);

	err = err ? err : websocket_read_request(&p->ws);
	err = err ? err : websocket_send_refusal(&p->ws, status, body);
	return err ? err : peer_hang_up(p);
}

int server_denies(struct peer *p)
{
	return server_answers(p, "401 Unauthorized", "no token");
}

int server_forbids(struct peer *p)
{
	return server_answers(p, "403 Forbidden", "origin not allowed");
}

int server_hangs_up_on_request(struct peer *p)
{
	int err = peer_accept(p);

	err = err ? err : websocket_read_request(&p->ws);
	return err ? err : peer_hang_up(p);
}

int server_sends_wrong_accept(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_accept(p);

	err = err ? err : websocket_read_request(&p->ws);
	/* Right in form, but it is the one for the key in RFC 6455, section 1.3. */
	err = err ? err : websocket_send_101(&p->ws, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	err = err ? err : peer_expect(websocket_read_frame(&p->ws, &frame), -ENODATA);
	return err ? err : peer_hang_up(p);
}

/* Connects once to fill the accept queue of one, then again: nobody answers that SYN. */
int client_meets_full_backlog(struct peer *p)
{
	int filler, err = peer_socket(p, 0);

	err = err ? err : peer_connect(p);
	filler = p->ws.fd;
	err = err ? err : peer_socket(p, GIVE_UP_MS);
	err = err ? err : peer_expect(peer_connect(p), -ETIMEDOUT);
	err = give_up(p, err);
	close(filler);
	return err;
}

int server_accepts_too_late(struct peer *p)
{
	char byte;
	int fd, err = peer_listen(p, 0);

	peer_sleep_ms(GIVE_UP_MS + 1500);
	fd = err ? -1 : accept4(p->bound_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return err ? err : -errno;
	/* The one that waited has nothing to say: it closes, and so is no failure of anybody. */
	err = peer_expect(recv(fd, &byte, 1, 0), 0);
	close(fd);
	return err;
}
