/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text for people that may hold what is not for them: the reason of a Close frame, a subprotocol. */
#ifndef TRACK_REDACT_WORDS_H
#define TRACK_REDACT_WORDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Replaces by '*', in place, what looks like a token (16 letters and digits in a row, or hexadecimal
 * digits with dashes, such as a UUID: the whole word), a query string, and what follows "bearer " or
 * "token=" and the like.
 */
void redact_words(uint8_t *text, size_t len);

#endif
