/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From Sec-WebSocket-Key to the session id, which is the same on every hop and every host. Pure
 * computation.
 */
#ifndef TRACK_SESSION_KEY_H
#define TRACK_SESSION_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_ID_BYTES 16
#define ACCEPT_HASH_BYTES 20

struct conn;

/*
 * SHA-1(key + GUID), RFC 6455, 4.2.2: the Accept value before base64. Its first 16 bytes are the
 * session id.
 */
void session_key_hash(const uint8_t *key, size_t len, uint8_t ret_hash[ACCEPT_HASH_BYTES]);
/*
 * A key that says nothing about who sent it: copied from the RFC or from examples, all zero, or not
 * the base64 of 16 bytes, which no client that follows RFC 6455, 4.1 makes up.
 */
bool session_key_is_constant(const uint8_t *key, size_t len);
/* The same for an id that was learnt from the answer alone. */
bool session_id_is_constant(const uint8_t id[SESSION_ID_BYTES]);

bool accept_is_right(const uint8_t hash[ACCEPT_HASH_BYTES], const uint8_t *accept, size_t len);
/* False when the value is no base64 of 20 bytes. */
bool accept_decode(const uint8_t *accept, size_t len, uint8_t ret_hash[ACCEPT_HASH_BYTES]);

/*
 * Id of the session with this base id whose client is at this address: the same on every host that
 * sees the client so.
 */
void session_id_of_client(const uint8_t base[SESSION_ID_BYTES], const uint8_t address[16],
			  uint16_t port, uint8_t ret_id[SESSION_ID_BYTES]);
/* Id for a socket that no key names, from its tuple, cookie and time. */
void session_id_of_conn(const struct conn *c, uint8_t ret_id[SESSION_ID_BYTES]);

#endif
