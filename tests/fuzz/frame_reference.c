/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "frame_reference.h"

#include <string.h>

#include "wstrace/event.h"

int reference_index(uint8_t opcode)
{
	static const int8_t index[16] = { 0, 1, 2, -1, -1, -1, -1, -1, 3, 4, 5, -1, -1, -1, -1, -1 };

	return index[opcode & 15];
}

struct reader {
	const uint8_t *at, *end;
	bool from_client, deflate;
	bool inside_message;
};

/* Big-endian number, or false when the stream ends before it does. */
static bool read_number(struct reader *r, unsigned int bytes, uint64_t *ret)
{
	if ((size_t)(r->end - r->at) < bytes)
		return false;
	for (*ret = 0; bytes; bytes--)
		*ret = *ret * 256 + *r->at++;
	return true;
}

static uint32_t judge_data(const struct reader *r, uint8_t opcode)
{
	if (opcode == 0)
		return r->inside_message ? 0 : WST_FAULT_CONTINUATION;
	return r->inside_message ? WST_FAULT_INTERLEAVED : 0;
}

static uint32_t judge_control(uint8_t opcode, bool fin, uint8_t len7)
{
	return (fin ? 0 : WST_FAULT_CONTROL_FRAGMENT) |
	       (len7 > 125 ? WST_FAULT_CONTROL_LENGTH : 0) |
	       (opcode == 8 && len7 == 1 ? WST_FAULT_CLOSE_LENGTH : 0);
}

static uint32_t judge(const struct reader *r, const uint8_t *header, uint64_t len)
{
	uint8_t opcode = header[0] & 0x0f, rsv = header[0] & 0x70, len7 = header[1] & 0x7f;
	bool fin = header[0] & 0x80, masked = header[1] & 0x80;
	uint32_t faults = 0;

	if ((len7 == 126 && len <= 125) || (len7 == 127 && len <= 65535) || len > INT64_MAX)
		faults |= WST_FAULT_LENGTH;
	if (reference_index(opcode) < 0)
		return faults | WST_FAULT_OPCODE;
	if (r->deflate && (opcode == 1 || opcode == 2))
		rsv &= 0x30;
	if (rsv)
		faults |= WST_FAULT_RSV;
	if (masked != r->from_client)
		faults |= masked ? WST_FAULT_MASKED : WST_FAULT_UNMASKED;
	if (opcode >= 8)
		return faults | judge_control(opcode, fin, len7);
	return faults | judge_data(r, opcode);
}

/* One header; false when it is not whole. */
static bool read_header(struct reader *r, const uint8_t *start, struct reference_frame *ret)
{
	const uint8_t *header = r->at;
	uint64_t len, mask;
	uint8_t len7;

	if (r->end - r->at < 2)
		return false;
	r->at += 2;
	len7 = header[1] & 0x7f;
	len = len7;
	if (len7 > 125 && !read_number(r, len7 == 126 ? 2 : 8, &len))
		return false;
	if (header[1] & 0x80 && !read_number(r, 4, &mask))
		return false;
	ret->offset = (uint32_t)(header - start);
	ret->opcode = header[0] & 0x0f;
	ret->payload_len = len;
	ret->faults = judge(r, header, len);
	if (ret->opcode < 3)
		r->inside_message = !(header[0] & 0x80);
	return true;
}

static void take_close(struct reference *ret, const struct reader *r, uint64_t payload_len)
{
	uint64_t left = (uint64_t)(r->end - r->at);

	ret->close_len = (uint32_t)(payload_len < left ? payload_len : left);
	memcpy(ret->close, r->at, ret->close_len);
}

void reference_parse(struct reference *ret, const uint8_t *stream, uint32_t len, bool from_client,
		     bool deflate)
{
	struct reader r = { stream, stream + len, from_client, deflate, false };

	ret->count = 0;
	ret->http = false;
	ret->close_len = 0;
	for (;;) {
		struct reference_frame *f = &ret->frames[ret->count];

		ret->http = ret->count == REFERENCE_MAX ||
			    (r.end - r.at >= 7 && !memcmp(r.at, "HTTP/1.", 7));
		if (ret->http || !read_header(&r, stream, f))
			return;
		ret->count++;
		if (f->faults & (WST_FAULT_OPCODE | WST_FAULT_LENGTH))
			return;
		if (f->opcode == 8 && !(f->faults & WST_FAULT_CONTROL_LENGTH)) {
			take_close(ret, &r, f->payload_len);
			return;
		}
		if (f->payload_len > (uint64_t)(r.end - r.at))
			return;
		r.at += f->payload_len;
	}
}
