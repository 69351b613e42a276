/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records as text that people can read, change and review:
 *
 *	# a comment
 *	@1000.002000000 http cookie=0x51 tgid=200 flags=REQUEST|LAST data="GET /chat HTTP/1.1\r\n"
 *		"Host: chat.example\r\n\r\n"
 *
 * A record begins with its time (seconds, CLOCK_BOOTTIME) and goes on to the next one. A field that is not named is zero.
 * Names are those of wstrace/event.h; parts of a structure have a dot. Flags are joined by '|', lists by commas.
 */
#ifndef REPLAY_NOTATION_H
#define REPLAY_NOTATION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wstrace/event.h"

#define RECORD_BYTES_MAX 1024

union record {
	struct wst_event h;
	uint8_t bytes[RECORD_BYTES_MAX];
};

enum field_kind {
	FIELD_END = 0,
	FIELD_NUMBER, /* decimal, or the word for the value */
	FIELD_FLAGS, /* words joined by '|' */
	FIELD_HEX,
	FIELD_SIGNED,
	FIELD_TIME, /* nanoseconds, written as seconds */
	FIELD_ADDRESS,
	FIELD_TEXT, /* char array */
	FIELD_BYTES, /* as text, with the length in a field of its own */
	FIELD_HEX_BYTES,
	FIELD_STRUCT,
	FIELD_PAD, /* never printed */
};

struct word {
	const char *name; /* NULL ends the list */
	uint64_t value;
};

struct field {
	const char *name;
	enum field_kind kind;
	uint16_t offset, size; /* of all elements */
	uint16_t element; /* bytes of one, for numbers */
	uint16_t len_offset, len_size; /* FIELD_BYTES, FIELD_HEX_BYTES */
	const struct word *words; /* flags, or values of an enum */
	const struct field *fields; /* FIELD_STRUCT */
};

struct record_type {
	const char *name; /* NULL ends the list */
	uint16_t type, size;
	const struct field *fields;
};

extern const struct record_type record_types[];
extern const struct field header_fields[];
/* NULL, or the type of record with a field that record_types.c does not know. */
const char *notation_is_whole(void);

/* Prints one record. -1 for a record of no known type or of a wrong size. */
int notation_print(FILE *to, const struct wst_event *record);
/*
 * Reads the next record from text, moving *text on. 1; 0 at the end; -1 with a message of at most 160 bytes.
 */
int notation_read(const char **text, union record *ret, char ret_error[160]);

#endif
