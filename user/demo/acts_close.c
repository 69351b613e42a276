/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "demo/acts.h"
#include "demo/stream.h"

#define BIG_MESSAGE_BYTES 200000

/* Without this the FIN could overtake the peer's reading and become a RST. */
static int finish(struct peer *p, int err)
{
	shutdown(p->ws.fd, SHUT_WR);
	if (!err)
		websocket_wait_end(&p->ws);
	return err ? err : peer_hang_up(p);
}

/*
 * What a client's API reports: the code of the Close frame that came, 1006 if the stream ended in
 * any other way.
 */
static int read_to_the_end(struct peer *p)
{
	int err = websocket_wait_close(&p->ws);

	if (err) {
		p->close_code = WEBSOCKET_ABNORMAL;
		return err == -ENODATA || err == -ECONNRESET || err == -EPROTO ? 0 : err;
	}
	p->close_code = p->ws.close_code;
	err = websocket_send_close(&p->ws, p->ws.close_code, "");
	return err ? err : websocket_wait_end(&p->ws);
}

int client_behaves(struct peer *p)
{
	int err = peer_open_and_greet(p);

	err = err ? err : read_to_the_end(p);
	return err ? err : peer_hang_up(p);
}

int server_answers_close(struct peer *p)
{
	int err = peer_serve_greeting(p);

	err = err ? err : websocket_wait_close(&p->ws);
	err = err ? err : websocket_send_close(&p->ws, p->ws.close_code, "");
	return finish(p, err);
}

static int client_closes(struct peer *p, uint16_t code, const char *reason)
{
	int err = peer_open_and_greet(p);

	err = err ? err : websocket_send_close(&p->ws, code, reason);
	err = err ? err : websocket_wait_close(&p->ws);
	p->close_code = p->ws.close_code;
	err = err ? err : websocket_wait_end(&p->ws);
	return err ? err : peer_hang_up(p);
}

int client_closes_normally(struct peer *p)
{
	return client_closes(p, 1000, "bye");
}

int client_goes_away(struct peer *p)
{
	return client_closes(p, 1001, "");
}

int client_closes_in_vain(struct peer *p)
{
	int err = peer_open_and_greet(p);

	err = err ? err : websocket_send_close(&p->ws, 1000, "bye");
	p->close_code = WEBSOCKET_ABNORMAL;
	peer_sleep_ms(300);
	return err ? err : peer_hang_up(p);
}

int server_ignores_close(struct peer *p)
{
	int err = peer_serve_greeting(p);

	err = err ? err : websocket_wait_end(&p->ws);
	return err ? err : peer_hang_up(p);
}

int client_sends_big_message(struct peer *p)
{
	char *message = calloc(1, BIG_MESSAGE_BYTES);
	int err = message ? peer_open_and_greet(p) : -ENOMEM;

	if (!err) {
		memset(message, 'x', BIG_MESSAGE_BYTES);
		err = websocket_send(&p->ws, WEBSOCKET_FIN | OPCODE_TEXT, message,
				     BIG_MESSAGE_BYTES);
	}
	free(message);
	err = err ? err : read_to_the_end(p);
	return err ? err : peer_hang_up(p);
}

static int server_closes(struct peer *p, uint16_t code, const char *reason)
{
	int err = peer_serve_greeting(p);

	err = err ? err : websocket_send_close(&p->ws, code, reason);
	err = err ? err : websocket_wait_close(&p->ws);
	return finish(p, err);
}

int server_refuses_big_message(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_serve_greeting(p);

	err = err ? err : websocket_read_header(&p->ws, &frame);
	err = err ? err : peer_expect(frame.len, BIG_MESSAGE_BYTES);
	err = err ? err : websocket_send_close(&p->ws, 1009, "message too big");
	err = err ? err : websocket_read_payload(&p->ws, &frame);
	err = err ? err : websocket_wait_close(&p->ws);
	return finish(p, err);
}

int server_fails_internally(struct peer *p)
{
	return server_closes(p, 1011, "database connection lost");
}

int server_enforces_policy(struct peer *p)
{
	return server_closes(p, 1008, "token expired");
}

int server_restarts(struct peer *p)
{
	return server_closes(p, 1012, "deploying a new version");
}

int client_sends_rsv_bit(struct peer *p)
{
	static const char text[] = "as if compressed, but nobody agreed on that";
	int err = peer_open_and_greet(p);

	err = err ? err :
		    websocket_send(&p->ws, WEBSOCKET_FIN | WEBSOCKET_RSV1 | OPCODE_TEXT, text,
				   strlen(text));
	err = err ? err : read_to_the_end(p);
	return err ? err : peer_hang_up(p);
}

int server_finds_protocol_error(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_serve_greeting(p);

	err = err ? err : peer_expect(websocket_read_header(&p->ws, &frame), -EPROTO);
	err = err ? err : websocket_read_payload(&p->ws, &frame);
	err = err ? err : websocket_send_close(&p->ws, 1002, "RSV1 without an extension");
	err = err ? err : websocket_wait_close(&p->ws);
	return finish(p, err);
}

int server_writes_http(struct peer *p)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n"
				   "Content-Length: 0\r\n"
				   "Connection: close\r\n\r\n";
	int err = peer_serve_greeting(p);

	err = err ? err : stream_write(p->ws.fd, text, strlen(text));
	return finish(p, err);
}
