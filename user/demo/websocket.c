/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames of the demo's peers, RFC 6455 section 5. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "demo/stream.h"
#include "demo/websocket.h"

enum { RSV_MASK = 0x70, OPCODE_MASK = 0x0f, MASK_BIT = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

void websocket_init(struct websocket *ws, int fd, bool client)
{
	memset(ws, 0, sizeof(*ws));
	ws->fd = fd;
	ws->client = client;
}

static void apply_mask(uint8_t *data, size_t len, const uint8_t mask[4])
{
	for (size_t i = 0; i < len; i++)
		data[i] ^= mask[i % 4];
}

static size_t put_length(uint8_t *at, uint64_t len)
{
	size_t bytes = len < LENGTH_16 ? 0 : len <= 0xffff ? 2 : 8;

	at[0] = bytes == 0 ? len : bytes == 2 ? LENGTH_16 : LENGTH_64;
	for (size_t i = 0; i < bytes; i++)
		at[1 + i] = len >> (8 * (bytes - 1 - i));
	return 1 + bytes;
}

int websocket_send(struct websocket *ws, uint8_t first, const void *payload, size_t len)
{
	uint8_t *frame = malloc(14 + len), mask[4] = { 0 };
	size_t header = 1;
	int err;

	if (!frame)
		return -ENOMEM;
	frame[0] = first;
	header += put_length(frame + 1, len);
	if (ws->client) {
		if (getrandom(mask, sizeof(mask), 0) != sizeof(mask)) {
			free(frame);
			return -EIO;
		}
		frame[1] |= MASK_BIT;
		memcpy(frame + header, mask, sizeof(mask));
		header += sizeof(mask);
	}
	if (len)
		memcpy(frame + header, payload, len);
	apply_mask(frame + header, len, mask);
	err = stream_write(ws->fd, frame, header + len);
	free(frame);
	return err;
}

int websocket_send_text(struct websocket *ws, const char *text)
{
	return websocket_send(ws, WEBSOCKET_FIN | OPCODE_TEXT, text, strlen(text));
}

int websocket_send_close(struct websocket *ws, uint16_t code, const char *reason)
{
	uint8_t payload[125];
	size_t len = strnlen(reason, sizeof(payload) - 2);

	payload[0] = code >> 8;
	payload[1] = code & 0xff;
	memcpy(payload + 2, reason, len);
	return websocket_send(ws, WEBSOCKET_FIN | OPCODE_CLOSE, payload, 2 + len);
}

static bool is_legal(uint8_t first)
{
	uint8_t opcode = first & OPCODE_MASK;

	return !(first & RSV_MASK) &&
	       (opcode <= 2 || (opcode >= OPCODE_CLOSE && opcode <= OPCODE_PONG));
}

int websocket_read_header(struct websocket *ws, struct websocket_frame *ret)
{
	uint8_t header[2], extended[8];
	size_t bytes;
	int err = stream_read(ws, header, sizeof(header));

	if (err)
		return err;
	memset(ret, 0, sizeof(*ret));
	ret->first = header[0];
	ret->len = header[1] & ~MASK_BIT;
	bytes = ret->len == LENGTH_16 ? 2 : ret->len == LENGTH_64 ? 8 : 0;
	if (bytes) {
		err = stream_read(ws, extended, bytes);
		ret->len = 0;
		for (size_t i = 0; !err && i < bytes; i++)
			ret->len = ret->len << 8 | extended[i];
	}
	if (!err && (header[1] & MASK_BIT))
		err = stream_read(ws, ret->mask, sizeof(ret->mask));
	return err ? err : is_legal(ret->first) ? 0 : -EPROTO;
}

int websocket_read_payload(struct websocket *ws, struct websocket_frame *frame)
{
	size_t keep = frame->len < sizeof(frame->payload) ? frame->len : sizeof(frame->payload);
	int err = stream_read(ws, frame->payload, keep);

	if (err)
		return err;
	apply_mask(frame->payload, keep, frame->mask);
	if ((frame->first & OPCODE_MASK) == OPCODE_CLOSE && !ws->close_code)
		ws->close_code = keep < 2 ? 1005 : frame->payload[0] << 8 | frame->payload[1];
	return stream_read(ws, NULL, frame->len - keep);
}

int websocket_read_frame(struct websocket *ws, struct websocket_frame *ret)
{
	int err = websocket_read_header(ws, ret);

	return err ? err : websocket_read_payload(ws, ret);
}

int websocket_wait_close(struct websocket *ws)
{
	struct websocket_frame frame;
	int err = 0;

	while (!err && !ws->close_code)
		err = websocket_read_frame(ws, &frame);
	return err;
}

int websocket_wait_end(struct websocket *ws)
{
	struct websocket_frame frame;
	int err = 0;

	while (!err)
		err = websocket_read_frame(ws, &frame);
	return err == -ENODATA ? 0 : err;
}
