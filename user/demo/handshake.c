/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The opening handshake of the demo's peers, RFC 6455 section 4. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>

#include "demo/stream.h"
#include "demo/websocket.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_BYTES 25 /* base64 of 16 bytes, with NUL */

static int compute_accept(const char *key, char ret_accept[WEBSOCKET_ACCEPT_BYTES])
{
	unsigned char text[128], hash[20];
	size_t len;
	int n = snprintf((char *)text, sizeof(text), "%s%s", key, GUID);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -EPROTO;
	if (mbedtls_sha1_ret(text, n, hash))
		return -EIO;
	if (mbedtls_base64_encode((unsigned char *)ret_accept, WEBSOCKET_ACCEPT_BYTES, &len, hash,
				  sizeof(hash)))
		return -EIO;
	return 0;
}

static int make_key(char ret_key[KEY_BYTES])
{
	unsigned char nonce[16];
	size_t len;

	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		return -errno;
	if (mbedtls_base64_encode((unsigned char *)ret_key, KEY_BYTES, &len, nonce, sizeof(nonce)))
		return -EIO;
	return 0;
}

int websocket_send_request(struct websocket *ws, const char *host, const char *origin,
			   const char *path)
{
	char key[KEY_BYTES], text[512];
	int n, err = make_key(key);

	err = err ? err : compute_accept(key, ws->accept);
	if (err)
		return err;
	n = snprintf(text, sizeof(text),
		     "GET %s HTTP/1.1\r\n"
		     "Host: %s\r\n"
		     "Origin: %s\r\n"
		     "User-Agent: wstrace-demo\r\n"
		     "Upgrade: websocket\r\n"
		     "Connection: Upgrade\r\n"
		     "Sec-WebSocket-Version: 13\r\n"
		     "Sec-WebSocket-Key: %s\r\n\r\n",
		     path, host, origin, key);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	return stream_write(ws->fd, text, n);
}

/* Reads up to the empty line; the bytes behind it stay in the buffer. */
static int read_head(struct websocket *ws, char *ret_head, size_t size)
{
	size_t len = 0;

	while (len + 1 < size) {
		int err = stream_read(ws, ret_head + len, 1);

		if (err)
			return err;
		ret_head[++len] = '\0';
		if (len >= 4 && !memcmp(ret_head + len - 4, "\r\n\r\n", 4))
			return 0;
	}
	return -EMSGSIZE;
}

/*
 * Value of a header with the name spelt as this file spells it; the peers only talk to each other.
 */
static bool find_header(const char *head, const char *name, char *ret_value, size_t size)
{
	const char *line = strstr(head, name);
	size_t len;

	if (!line)
		return false;
	line += strlen(name);
	len = strcspn(line, "\r");
	if (len >= size)
		return false;
	memcpy(ret_value, line, len);
	ret_value[len] = '\0';
	return true;
}

int websocket_read_answer(struct websocket *ws)
{
	char head[1024], accept[64];
	int status, err = read_head(ws, head, sizeof(head));

	if (err)
		return err;
	if (strncmp(head, "HTTP/1.1 ", 9))
		return -EPROTO;
	status = strtol(head + 9, NULL, 10);
	if (status < 100 || status > 599)
		return -EPROTO;
	if (status != 101)
		return status;
	if (!find_header(head, "\r\nSec-WebSocket-Accept: ", accept, sizeof(accept)) ||
	    strcmp(accept, ws->accept))
		return -EPROTO;
	return status;
}

int websocket_read_request(struct websocket *ws)
{
	char head[1024], key[64];
	int err = read_head(ws, head, sizeof(head));

	if (err)
		return err;
	if (!find_header(head, "\r\nSec-WebSocket-Key: ", key, sizeof(key)))
		return -EPROTO;
	return compute_accept(key, ws->accept);
}

int websocket_send_101(struct websocket *ws, const char *accept)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 101 Switching Protocols\r\n"
			 "Upgrade: websocket\r\n"
			 "Connection: Upgrade\r\n"
			 "Sec-WebSocket-Accept: %s\r\n\r\n",
			 accept);

	return stream_write(ws->fd, text, n);
}

int websocket_send_refusal(struct websocket *ws, const char *status, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %s\r\n"
			 "Server: wstrace-demo\r\n"
			 "Content-Type: text/plain\r\n"
			 "Content-Length: %zu\r\n"
			 "Connection: close\r\n\r\n%s",
			 status, strlen(body), body);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	return stream_write(ws->fd, text, n);
}
