/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/text.h"

#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#define ELLIPSIS "\xe2\x80\xa6"
#define REPLACEMENT 0xfffd
/* One character as it is printed: \u{10ffff} is the longest. */
#define PIECE_BYTES 16

/*
 * Marks, embeddings and isolates: text after them may be shown in another order (CVE-2021-42574).
 */
static int turns_direction(utf8proc_int32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static int is_unprintable(utf8proc_int32_t c)
{
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return 1;
	default:
		return turns_direction(c) || c == 0xfeff;
	}
}

/*
 * Writes the next character of src as it is to be printed; returns how many bytes of src it took.
 */
static size_t next_piece(char piece[PIECE_BYTES], size_t *ret_len, const char *src, size_t len)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)src,
						  (utf8proc_ssize_t)len, &c);

	if (taken <= 0) {
		*ret_len = (size_t)utf8proc_encode_char(REPLACEMENT, (utf8proc_uint8_t *)piece);
		return 1;
	}
	if (is_unprintable(c))
		*ret_len = (size_t)snprintf(piece, PIECE_BYTES, c < 0x100 ? "\\x%02x" : "\\u{%x}",
					    (unsigned int)c);
	else
		*ret_len = (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)piece);
	return (size_t)taken;
}

/* Bytes in front that print as they are. */
static size_t plain_run(const char *src, size_t len)
{
	size_t i = 0;

	while (i < len && src[i] >= 0x20 && src[i] < 0x7f)
		i++;
	return i;
}

size_t text_clean(char *dst, size_t cap, const char *src, size_t len)
{
	const size_t mark = sizeof(ELLIPSIS) - 1;
	size_t used = 0, fits = 0;

	if (cap <= mark)
		return 0;
	while (len > 0) {
		char piece[PIECE_BYTES];
		size_t plain = plain_run(src, len);

		/* nearly all there is, and it needs no look at tables */
		if (used + mark + plain < cap) {
			memcpy(dst + used, src, plain);
			fits = used += plain;
			src += plain;
			len -= plain;
			if (!len)
				break;
		}
		size_t piece_len, taken = next_piece(piece, &piece_len, src, len);

		if (used + piece_len >= cap) {
			memcpy(dst + fits, ELLIPSIS, mark);
			used = fits + mark;
			break;
		}
		memcpy(dst + used, piece, piece_len);
		used += piece_len;
		/* The longest prefix that leaves room for the mark. */
		if (used + mark < cap)
			fits = used;
		src += taken;
		len -= taken;
	}
	dst[used] = '\0';
	return used;
}

/*
 * Days since 1970-01-01 -> date, for years that start in March, so that the leap day is the last
 * one.
 */
static void civil_date(uint64_t days, unsigned int *ret_year, unsigned int *ret_month,
		       unsigned int *ret_day)
{
	uint64_t z = days + 719468, era = z / 146097, day_of_era = z % 146097;
	uint64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) /
			365;
	uint64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day_of_year + 2) / 153;

	*ret_day = (unsigned int)(day_of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (unsigned int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (unsigned int)(year + era * 400 + (*ret_month <= 2));
}

const char *text_time(char dst[TEXT_TIME], uint64_t unix_ns)
{
	uint64_t seconds = unix_ns / 1000000000;
	unsigned int year, month, day, of_day = (unsigned int)(seconds % 86400);

	civil_date(seconds / 86400, &year, &month, &day);
	snprintf(dst, TEXT_TIME, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", year % 10000, month % 100,
		 day % 100, of_day / 3600 % 24, of_day / 60 % 60, of_day % 60,
		 (unsigned int)(unix_ns % 1000000000));
	return dst;
}

const char *text_id(char dst[TEXT_ID], const uint8_t id[16])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < 16; i++) {
		dst[2 * i] = digits[id[i] >> 4];
		dst[2 * i + 1] = digits[id[i] & 15];
	}
	dst[TEXT_ID - 1] = '\0';
	return dst;
}
