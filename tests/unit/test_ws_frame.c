/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "guard.h"
#include "test.h"

#include "wstrace/ws_frame.h"

/* The three encodings of the length, with and without a mask: every shape that a header has. */
static const struct {
	uint8_t len7;
	uint8_t extended[8];
	unsigned int extended_bytes;
	uint64_t payload_len;
} lengths[] = {
	{ 0, { 0 }, 0, 0 },
	{ 1, { 0 }, 0, 1 },
	{ 125, { 0 }, 0, 125 },
	{ 126, { 0x00, 0x7e }, 2, 126 },
	{ 126, { 0xff, 0xff }, 2, 65535 },
	{ 127, { 0, 0, 0, 0, 0, 1, 0, 0 }, 8, 65536 },
	{ 127, { 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a }, 8, 0x123456789aull },
	{ 127, { 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 8, 0x7fffffffffffffffull },
	{ 127, { 0x80, 0, 0, 0, 0, 0, 0, 0 }, 8, 0x8000000000000000ull },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned int make_header(uint8_t header[WS_HEADER_MAX], unsigned int row, bool masked)
{
	unsigned int len = 2;

	header[0] = 0x82;
	header[1] = lengths[row].len7 | (masked ? 0x80 : 0);
	memcpy(header + len, lengths[row].extended, lengths[row].extended_bytes);
	len += lengths[row].extended_bytes;
	if (masked) {
		memcpy(header + len, "\x37\xfa\x21\x3d", 4);
		len += 4;
	}
	return len;
}

/* Runs the parser on a copy of just `have` bytes that ends at an unreadable page. */
static uint32_t parse_guarded(const uint8_t *header, unsigned int have, struct ws_frame *ret)
{
	uint8_t *copy = guarded_copy(header, have);
	uint32_t used = ws_frame_parse(copy, have, ret);

	guarded_free(copy, have);
	return used;
}

static void check_splits(unsigned int row, bool masked)
{
	uint8_t header[WS_HEADER_MAX];
	unsigned int len = make_header(header, row, masked);
	struct ws_frame f;

	for (unsigned int have = 0; have < len; have++) {
		test_note("row %u, masked %d, %u of %u bytes", row, masked, have, len);
		CHECK_EQ(parse_guarded(header, have, &f), 0);
	}
	CHECK_EQ(parse_guarded(header, len, &f), len);
	CHECK_EQ(f.payload_len, lengths[row].payload_len);
	CHECK_EQ(f.header_len, len);
	CHECK_EQ(f.masked, masked);
	CHECK_EQ(f.fin, 1);
	CHECK_EQ(f.opcode, WS_BINARY);
}

TEST(ws_frame, every_split_of_every_header)
{
	for (unsigned int row = 0; row < COUNT(lengths); row++) {
		check_splits(row, false);
		check_splits(row, true);
	}
}

TEST(ws_frame, bits_of_the_first_byte)
{
	for (unsigned int byte = 0; byte < 256; byte++) {
		uint8_t header[2] = { (uint8_t)byte, 0 };
		struct ws_frame f;

		test_note("first byte 0x%02x", byte);
		REQUIRE(ws_frame_parse(header, 2, &f) == 2);
		CHECK_EQ(f.fin, byte >= 0x80);
		CHECK_EQ(f.rsv, byte / 16 % 8);
		CHECK_EQ(f.opcode, byte % 16);
	}
}

TEST(ws_frame, known_opcodes_have_an_index_each)
{
	static const uint8_t known[] = { WS_CONTINUATION, WS_TEXT, WS_BINARY,
					 WS_CLOSE,	  WS_PING, WS_PONG };
	unsigned int count = 0;

	for (unsigned int i = 0; i < COUNT(known); i++) {
		CHECK(ws_opcode_known(known[i]));
		CHECK_EQ(ws_opcode_index(known[i]), i);
		CHECK_EQ(!!ws_is_control(known[i]), i >= 3);
	}
	for (unsigned int opcode = 0; opcode < 16; opcode++)
		count += !!ws_opcode_known((uint8_t)opcode);
	CHECK_EQ(count, COUNT(known));
}

static const struct {
	uint8_t first, second;
	uint32_t context;
	uint32_t faults;
} rules[] = {
	{ 0x81, 0x85, WS_FROM_CLIENT, 0 },
	{ 0x81, 0x05, 0, 0 },
	{ 0x81, 0x05, WS_FROM_CLIENT, WST_FAULT_UNMASKED },
	{ 0x81, 0x85, 0, WST_FAULT_MASKED },
	/* RSV1 belongs to the first frame of a compressed message, never to the others */
	{ 0xc1, 0x05, WS_DEFLATE, 0 },
	{ 0xc2, 0x05, WS_DEFLATE, 0 },
	{ 0xc1, 0x05, 0, WST_FAULT_RSV },
	{ 0xa1, 0x05, WS_DEFLATE, WST_FAULT_RSV },
	{ 0x91, 0x05, WS_DEFLATE, WST_FAULT_RSV },
	{ 0xf1, 0x05, WS_DEFLATE, WST_FAULT_RSV },
	{ 0xc0, 0x05, WS_DEFLATE | WS_FRAGMENTED, WST_FAULT_RSV },
	{ 0xc9, 0x05, WS_DEFLATE, WST_FAULT_RSV },
	{ 0xc8, 0x02, WS_DEFLATE, WST_FAULT_RSV },
	/* reserved opcodes */
	{ 0x83, 0x05, 0, WST_FAULT_OPCODE },
	{ 0x87, 0x05, 0, WST_FAULT_OPCODE },
	{ 0x8b, 0x05, 0, WST_FAULT_OPCODE },
	{ 0x8f, 0x05, 0, WST_FAULT_OPCODE },
	/* control frames: at most 125 bytes, never in pieces, allowed inside a message */
	{ 0x89, 0x7d, 0, 0 },
	{ 0x89, 0x7d, WS_FRAGMENTED, 0 },
	{ 0x8a, 0xfd, WS_FROM_CLIENT | WS_FRAGMENTED, 0 },
	{ 0x89, 0x7e, 0, WST_FAULT_CONTROL_LENGTH | WST_FAULT_LENGTH },
	{ 0x09, 0x00, 0, WST_FAULT_CONTROL_FRAGMENT },
	{ 0x08, 0x02, 0, WST_FAULT_CONTROL_FRAGMENT },
	{ 0x88, 0x00, 0, 0 },
	{ 0x88, 0x01, 0, WST_FAULT_CLOSE_LENGTH },
	{ 0x88, 0x02, 0, 0 },
	{ 0x8a, 0x01, 0, 0 },
	/* messages in fragments */
	{ 0x80, 0x05, 0, WST_FAULT_CONTINUATION },
	{ 0x00, 0x05, 0, WST_FAULT_CONTINUATION },
	{ 0x80, 0x05, WS_FRAGMENTED, 0 },
	{ 0x01, 0x05, 0, 0 },
	{ 0x01, 0x05, WS_FRAGMENTED, WST_FAULT_INTERLEAVED },
	{ 0x82, 0x05, WS_FRAGMENTED, WST_FAULT_INTERLEAVED },
	/* one header may break several rules */
	{ 0x59, 0x85, 0, WST_FAULT_RSV | WST_FAULT_MASKED | WST_FAULT_CONTROL_FRAGMENT },
};

static uint32_t header_faults(const uint8_t header[WS_HEADER_MAX], uint32_t context)
{
	struct ws_frame f;

	REQUIRE(ws_frame_parse(header, WS_HEADER_MAX, &f) > 0);
	return ws_frame_faults(header[0] | (uint32_t)header[1] << 8, f.payload_len, context);
}

TEST(ws_frame, faults_by_rule)
{
	for (unsigned int i = 0; i < COUNT(rules); i++) {
		uint8_t header[WS_HEADER_MAX] = { rules[i].first, rules[i].second };

		test_note("row %u: %02x %02x, context %u", i, header[0], header[1],
			  rules[i].context);
		CHECK_EQ(header_faults(header, rules[i].context), rules[i].faults);
	}
}

static uint32_t length_faults(uint8_t len7, const char *extended, unsigned int bytes)
{
	uint8_t header[WS_HEADER_MAX] = { 0x82, len7 };

	memcpy(header + 2, extended, bytes);
	return header_faults(header, 0);
}

TEST(ws_frame, length_is_minimal_and_positive)
{
	CHECK_EQ(length_faults(126, "\x00\x7d", 2), WST_FAULT_LENGTH);
	CHECK_EQ(length_faults(126, "\x00\x7e", 2), 0);
	CHECK_EQ(length_faults(127, "\0\0\0\0\0\0\xff\xff", 8), WST_FAULT_LENGTH);
	CHECK_EQ(length_faults(127, "\0\0\0\0\0\1\0\0", 8), 0);
	CHECK_EQ(length_faults(127, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8), 0);
	CHECK_EQ(length_faults(127, "\x80\0\0\0\0\0\0\0", 8), WST_FAULT_LENGTH);
}
