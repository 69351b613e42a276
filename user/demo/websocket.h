/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A small blocking WebSocket endpoint for the peers of the demo. They play the software that
 * wstrace watches, so this shares no code with what watches them: a mistake made twice would go
 * unseen.
 *
 * Functions return 0 or -errno; -ENODATA is the end of the stream, -EPROTO an answer that RFC 6455
 * does not allow.
 */
#ifndef DEMO_WEBSOCKET_H
#define DEMO_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_ABNORMAL 1006 /* what a client's API says when no Close frame came */
#define WEBSOCKET_ACCEPT_BYTES 29 /* base64 of a SHA-1, with NUL */

enum websocket_opcode { OPCODE_TEXT = 1, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };

enum { WEBSOCKET_FIN = 0x80, WEBSOCKET_RSV1 = 0x40 };

struct websocket {
	int fd;
	bool client; /* masks what it sends */
	uint16_t close_code; /* from the Close frame received, 1005 if that was empty; 0: none yet */
	char accept[WEBSOCKET_ACCEPT_BYTES]; /* right Sec-WebSocket-Accept of this handshake */
	size_t start, end; /* bytes received and not used yet are buffer[start..end) */
	uint8_t buffer[4096];
};

struct websocket_frame {
	uint8_t first; /* FIN, RSV, opcode */
	uint8_t mask[4]; /* zero when the frame is not masked */
	uint64_t len;
	uint8_t payload[256]; /* its start */
};

void websocket_init(struct websocket *ws, int fd, bool client);

/* Opening handshake, client: the request with a random key, then the status (> 0) of the answer. */
int websocket_send_request(struct websocket *ws, const char *host, const char *origin,
			   const char *path);
int websocket_read_answer(struct websocket *ws);
/* Opening handshake, server: reads the request; answers 101, or something else. */
int websocket_read_request(struct websocket *ws);
int websocket_send_101(struct websocket *ws, const char *accept);
int websocket_send_refusal(struct websocket *ws, const char *status, const char *body);

int websocket_send(struct websocket *ws, uint8_t first, const void *payload, size_t len);
int websocket_send_text(struct websocket *ws, const char *text);
int websocket_send_close(struct websocket *ws, uint16_t code, const char *reason);

/*
 * The header alone, then its payload: the part that does not fit into frame->payload is read and
 * thrown away. -EPROTO: an RSV bit or a reserved opcode; ret is filled and the payload may be read
 * all the same.
 */
int websocket_read_header(struct websocket *ws, struct websocket_frame *ret);
int websocket_read_payload(struct websocket *ws, struct websocket_frame *frame);
int websocket_read_frame(struct websocket *ws, struct websocket_frame *ret);
/* Reads until a Close frame has come; 0 then. */
int websocket_wait_close(struct websocket *ws);
int websocket_wait_end(struct websocket *ws); /* reads until the stream ends; 0 for a FIN */

#endif
