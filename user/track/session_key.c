/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/session_key.h"

#include <string.h>

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>

#include "track/conn.h"

#define KEY_BYTES 16 /* RFC 6455, 4.1: the nonce, decoded */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/*
 * Keys that are the base64 of 16 bytes and yet name nobody: RFC 6455's sample and its opening
 * handshake test, all zero. "Hello, world!" of many a curl line is 13 bytes and is found by its
 * length.
 */
static const char *const constant_keys[] = {
	"dGhlIHNhbXBsZSBub25jZQ==",
	"x3JJHMbDL1EzLkh9GBhXDw==",
	"AAAAAAAAAAAAAAAAAAAAAA==",
	"SGVsbG8sIHdvcmxkIQ==",
};

#define CONSTANT_KEYS (sizeof(constant_keys) / sizeof(constant_keys[0]))

struct part {
	const void *bytes;
	size_t len;
};

static void sha1_of(const struct part *parts, size_t count, uint8_t ret[ACCEPT_HASH_BYTES])
{
	mbedtls_sha1_context sha;

	mbedtls_sha1_init(&sha);
	mbedtls_sha1_starts_ret(&sha);
	for (size_t i = 0; i < count; i++)
		mbedtls_sha1_update_ret(&sha, parts[i].bytes, parts[i].len);
	mbedtls_sha1_finish_ret(&sha, ret);
	mbedtls_sha1_free(&sha);
}

static void id_of(const struct part *parts, size_t count, uint8_t ret_id[SESSION_ID_BYTES])
{
	uint8_t hash[ACCEPT_HASH_BYTES];

	sha1_of(parts, count, hash);
	memcpy(ret_id, hash, SESSION_ID_BYTES);
}

void session_key_hash(const uint8_t *key, size_t len, uint8_t ret_hash[ACCEPT_HASH_BYTES])
{
	struct part parts[] = { { key, len }, { GUID, sizeof(GUID) - 1 } };

	sha1_of(parts, 2, ret_hash);
}

bool session_key_is_constant(const uint8_t *key, size_t len)
{
	uint8_t decoded[KEY_BYTES + 3];
	size_t decoded_len = 0;

	for (size_t i = 0; i < CONSTANT_KEYS; i++)
		if (strlen(constant_keys[i]) == len && !memcmp(constant_keys[i], key, len))
			return true;
	return mbedtls_base64_decode(decoded, sizeof(decoded), &decoded_len, key, len) ||
	       decoded_len != KEY_BYTES;
}

bool session_id_is_constant(const uint8_t id[SESSION_ID_BYTES])
{
	uint8_t hash[ACCEPT_HASH_BYTES];

	for (size_t i = 0; i < CONSTANT_KEYS; i++) {
		session_key_hash((const uint8_t *)constant_keys[i], strlen(constant_keys[i]), hash);
		if (!memcmp(id, hash, SESSION_ID_BYTES))
			return true;
	}
	return false;
}

bool accept_is_right(const uint8_t hash[ACCEPT_HASH_BYTES], const uint8_t *accept, size_t len)
{
	uint8_t expected[32]; /* 28 characters and a NUL */
	size_t expected_len = 0;

	return !mbedtls_base64_encode(expected, sizeof(expected), &expected_len, hash,
				      ACCEPT_HASH_BYTES) &&
	       expected_len == len && !memcmp(expected, accept, len);
}

bool accept_decode(const uint8_t *accept, size_t len, uint8_t ret_hash[ACCEPT_HASH_BYTES])
{
	uint8_t decoded[ACCEPT_HASH_BYTES + 4];
	size_t decoded_len = 0;

	if (mbedtls_base64_decode(decoded, sizeof(decoded), &decoded_len, accept, len) ||
	    decoded_len != ACCEPT_HASH_BYTES)
		return false;
	memcpy(ret_hash, decoded, ACCEPT_HASH_BYTES);
	return true;
}

void session_id_of_client(const uint8_t base[SESSION_ID_BYTES], const uint8_t address[16],
			  uint16_t port, uint8_t ret_id[SESSION_ID_BYTES])
{
	/* network order, so that hosts of either byte order agree */
	uint8_t wire_port[2] = { (uint8_t)(port >> 8), (uint8_t)port };
	struct part parts[] = {
		{ base, SESSION_ID_BYTES },
		{ address, 16 },
		{ wire_port, sizeof(wire_port) },
	};

	id_of(parts, 3, ret_id);
}

void session_id_of_conn(const struct conn *c, uint8_t ret_id[SESSION_ID_BYTES])
{
	struct part parts[] = {
		{ &c->tuple, sizeof(c->tuple) },
		{ &c->cookie, sizeof(c->cookie) },
		{ &c->first_seen_ns, sizeof(c->first_seen_ns) },
	};

	id_of(parts, 3, ret_id);
}
