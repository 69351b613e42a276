/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Close codes: RFC 6455, 7.4 and the IANA registry. Pure. */
#ifndef DIAGNOSE_CLOSE_CODE_H
#define DIAGNOSE_CLOSE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOSE_NORMAL 1000
#define CLOSE_GOING_AWAY 1001
#define CLOSE_PROTOCOL_ERROR 1002
#define CLOSE_NO_STATUS 1005
#define CLOSE_ABNORMAL 1006

struct close_code {
	uint16_t code;
	bool on_wire; /* false: APIs report it, no frame may carry it */
	const char *name; /* as registered */
	const char *meaning; /* one sentence */
};

/* The registered codes in ascending order. */
const struct close_code *close_code_list(size_t *ret_count);
/* NULL if the code is not registered. */
const struct close_code *close_code_find(uint16_t code);
/* Registered name, or what the range of the code is for. */
const char *close_code_name(uint16_t code);
/*
 * May a Close frame carry it? RFC 6455, 7.4.2; 1016-2999 are kept for codes that do not exist yet.
 */
bool close_code_is_legal(uint16_t code);
/* 1000, 1001 and 1005 say nothing bad. */
bool close_code_is_benign(uint16_t code);

#endif
