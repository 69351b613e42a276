/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The opening handshake of one socket: heads assembled from chunks, then parsed, then forgotten but
 * for the fields below. Query strings, cookies and other headers never get past handshake_add()
 * (design: never printed, never stored).
 */
#ifndef TRACK_HANDSHAKE_H
#define TRACK_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "wstrace/event.h"

#define HANDSHAKE_TEXT 256

/*
 * Bytes of a subprotocol that are kept, a '*' stands for the rest. Browsers cannot set headers on a
 * WebSocket, so applications smuggle bearer tokens in as subprotocols (Kubernetes does); no
 * registered name is longer.
 */
#define SUBPROTOCOL_SHOWN 32

struct http_head; /* a partial head, allocated while it is gathered */

struct handshake {
	struct http_head *partial[2]; /* by direction */

	/* request */
	bool request_seen; /* a GET with a Sec-WebSocket-Key or Upgrade: websocket */
	bool request_cut; /* its end was never seen */
	uint8_t request_direction;
	uint64_t request_ns;
	uint32_t request_seq; /* equal on both sockets of one TCP connection, whatever NAT does */
	bool http_1_0;
	bool has_upgrade; /* Upgrade header has the token websocket */
	bool has_connection_upgrade; /* Connection header has the token upgrade */
	bool has_key;
	bool deflate_offered;
	bool has_sid; /* the query string, which is not kept, names a session: sid= */
	char path[HANDSHAKE_TEXT]; /* without the query string */
	char host[HANDSHAKE_TEXT];
	char origin[HANDSHAKE_TEXT];
	/* offered; what may be a token in disguise is cut, see SUBPROTOCOL_SHOWN */
	char subprotocols[HANDSHAKE_TEXT];
	char user_agent[HANDSHAKE_TEXT];
	char version[16]; /* Sec-WebSocket-Version */
	char connection[64]; /* the Connection header as sent: says close, keep-alive, upgrade */
	uint8_t session_id[16]; /* first 16 bytes of SHA-1(key + GUID), valid with id_known */
	uint8_t accept_hash[20]; /* all of it, to check Sec-WebSocket-Accept */
	bool key_constant; /* a key copied from the RFC or other examples: not unique */
	/* has_key, or the request was missed and the answer's Sec-WebSocket-Accept says the id */
	bool id_known;
	/* the last request on this socket was no handshake: its answer is not for us either */
	bool other_request;

	/* response */
	bool response_seen;
	uint64_t response_ns;
	uint32_t response_seq;
	uint16_t status;
	/* right is false too while the request is unknown: look at has_key */
	bool accept_seen, accept_right;
	bool deflate_agreed;
	char subprotocol[HANDSHAKE_TEXT]; /* chosen; empty if none */
	char server[64]; /* Server header: who answered */
	char location[HANDSHAKE_TEXT]; /* without the query string */
	char content_type[64];
};

enum handshake_step {
	HANDSHAKE_MORE = 0,
	HANDSHAKE_REQUEST = 1,
	HANDSHAKE_RESPONSE = 2,
	HANDSHAKE_IGNORED = 3
};

/*
 * Adds one chunk. Returns enum handshake_step: MORE when the head is not whole yet,
 * REQUEST/RESPONSE when one has just been parsed, IGNORED when the head is no WebSocket handshake;
 * -EINVAL for a record that makes no sense, -ENOMEM. A new WebSocket request on the same socket
 * (keep-alive after a refusal) replaces what was known.
 */
int handshake_add(struct handshake *hs, const struct wst_http_event *event);
/*
 * The stream is over: what was gathered of a head is all there will be. requests: of requests, too,
 * not of answers only. Returns as handshake_add(), MORE when there was nothing.
 */
int handshake_finish(struct handshake *hs, bool requests);
void handshake_release(struct handshake *hs);

#endif
