/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "output/buffer.h"
#include "output/text.h"

static const char *clean(const char *src, size_t len)
{
	static char dst[256];

	text_clean(dst, sizeof(dst), src, len);
	return dst;
}

#define CLEAN(literal) clean(literal, sizeof(literal) - 1)

TEST(text, good_text_stays)
{
	CHECK_STR(CLEAN("/chat"), "/chat");
	CHECK_STR(CLEAN(""), "");
	CHECK_STR(CLEAN("Grüße \xf0\x9f\x98\x80 \xe4\xbd\xa0"),
		  "Grüße \xf0\x9f\x98\x80 \xe4\xbd\xa0");
	/* a family is four faces and joiners, which are no harm */
	CHECK_STR(CLEAN("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa6"),
		  "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa6");
}

TEST(text, bad_bytes_are_replaced)
{
	CHECK_STR(CLEAN("a\xff"
			"b"),
		  "a\xef\xbf\xbd"
		  "b");
	CHECK_STR(CLEAN("\xc3"), "\xef\xbf\xbd"); /* cut */
	CHECK_STR(CLEAN("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd"); /* overlong */
	CHECK_STR(CLEAN("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
	CHECK_STR(CLEAN("\xf4\x90\x80\x80"),
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* past U+10FFFF */
}

TEST(text, controls_are_told)
{
	CHECK_STR(CLEAN("a\nb\r\t"), "a\\x0ab\\x0d\\x09");
	CHECK_STR(CLEAN("\x1b[31m\x7f"), "\\x1b[31m\\x7f");
	CHECK_STR(CLEAN("a\0b"), "a\\x00b");
	CHECK_STR(CLEAN("\xc2\x9b"
			"31m"),
		  "\\x9b31m"); /* C1: CSI in one character */
	CHECK_STR(CLEAN("\xe2\x80\xae"
			"cod.exe"),
		  "\\u{202e}cod.exe");
	CHECK_STR(CLEAN("\xe2\x80\xa8"), "\\u{2028}");
	CHECK_STR(CLEAN("\xef\xbb\xbf"), "\\u{feff}");
}

/* Every length of the buffer, each followed by an unreadable page. */
TEST(text, cut_at_a_character)
{
	static const char src[] = "ab\xc3\xa4\x01\xf0\x9f\x98\x80z";

	for (size_t cap = 4; cap < 24; cap++) {
		char dst[32];
		size_t len;

		memset(dst, 'X', sizeof(dst));
		test_note("cap %zu", cap);
		len = text_clean(dst, cap, src, sizeof(src) - 1);
		CHECK(len < cap);
		CHECK_EQ(len, strlen(dst));
		CHECK_EQ(dst[cap], 'X');
		/* what is cut says so, and is still clean */
		CHECK_STR(clean(dst, len), dst);
		CHECK((len == 13) != (strcmp(dst + len - 3, "\xe2\x80\xa6") == 0));
	}
}

TEST(text, reads_no_further)
{
	static const char src[] = "caf\xc3\xa9 \xf0\x9f\x98";

	for (size_t len = 0; len < sizeof(src); len++) {
		uint8_t *copy = guarded_copy(src, len);
		char dst[64];

		text_clean(dst, sizeof(dst), (const char *)copy, len);
		CHECK_STR(dst, clean(src, len));
		guarded_free(copy, len);
	}
}

TEST(text, time)
{
	char time[TEXT_TIME];

	CHECK_STR(text_time(time, 0), "1970-01-01T00:00:00.000000000Z");
	CHECK_STR(text_time(time, 1763903341123456789ull), "2025-11-23T13:09:01.123456789Z");
	CHECK_STR(text_time(time, 951782400ull * 1000000000), "2000-02-29T00:00:00.000000000Z");
	CHECK_STR(text_time(time, 4107542399ull * 1000000000 + 999999999),
		  "2100-02-28T23:59:59.999999999Z");
	CHECK_STR(text_time(time, 4107542400ull * 1000000000), "2100-03-01T00:00:00.000000000Z");
	CHECK_STR(text_time(time, 1735689599ull * 1000000000), "2024-12-31T23:59:59.000000000Z");
	CHECK_STR(text_time(time, UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
}

TEST(text, id)
{
	const uint8_t bytes[16] = { 0x00, 0x01, 0xab, 0xff };
	char id[TEXT_ID];

	CHECK_STR(text_id(id, bytes), "0001abff000000000000000000000000");
}

TEST(buffer, grows_and_wraps)
{
	struct buffer b = { 0 };
	char *text;

	for (int i = 0; i < 200; i++)
		buffer_printf(&b, "%d,", i);
	text = buffer_take(&b);
	REQUIRE(text != NULL);
	CHECK(strlen(text) == 690 && strstr(text, ",199,") != NULL);
	free(text);
	CHECK(b.data == NULL && b.len == 0);

	buffer_add(&b, "12");
	buffer_wrap(&b, "aa bbb \xc3\xa4\xc3\xa4 dddddddddddd e", 2, 9);
	text = buffer_take(&b);
	REQUIRE(text != NULL);
	CHECK_STR(text, "12aa bbb\n  \xc3\xa4\xc3\xa4\n  dddddddddddd\n  e");
	free(text);
	CHECK(buffer_take(&b) == NULL);
}
