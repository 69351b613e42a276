/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One head, whole or cut -> the fields of struct handshake. */
#ifndef TRACK_HANDSHAKE_HEAD_H
#define TRACK_HANDSHAKE_HEAD_H

#include "track/handshake.h"

/*
 * Fills the request's fields of ret, which has to be empty. False when the head asks for no
 * WebSocket.
 */
bool handshake_read_request(struct handshake *ret, const uint8_t *bytes, uint32_t len,
			    struct interns *texts);
/*
 * Fills the answer's fields. False, with nothing changed, when it is an interim answer (RFC 9110,
 * 15.2), no answer, or, while the request is unknown, not certain to be a WebSocket's.
 */
bool handshake_read_response(struct handshake *hs, const uint8_t *bytes, uint32_t len,
			     struct interns *texts);
bool handshake_is_response(const uint8_t *bytes, uint32_t len);

#endif
