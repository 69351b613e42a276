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

#include "track/intern.h"
#include "wstrace/event.h"

/* Bytes of a text that are kept, with its NUL. */
#define HANDSHAKE_TEXT 256

/*
 * Bytes of a subprotocol that are kept, a '*' stands for the rest. Browsers cannot set headers on a
 * WebSocket, so applications smuggle bearer tokens in as subprotocols (Kubernetes does); no
 * registered name is longer.
 */
#define SUBPROTOCOL_SHOWN 32

/* Texts of a handshake, in the order of their names in struct handshake. */
enum handshake_text {
	TEXT_PATH,
	TEXT_HOST,
	TEXT_ORIGIN,
	TEXT_USER_AGENT,
	TEXT_SUBPROTOCOLS,
	TEXT_VERSION,
	TEXT_CONNECTION,
	/* of the answer */
	TEXT_SUBPROTOCOL,
	TEXT_SERVER,
	TEXT_LOCATION,
	TEXT_CONTENT_TYPE,
	HANDSHAKE_TEXTS,
};

struct http_head; /* a partial head, allocated while it is gathered */

/* One for every socket that is followed: kept small. Zeroed and handshake_init() before use. */
struct handshake {
	struct http_head *partial[2]; /* by direction */

	/* shared with other sockets; never NULL, empty when the head does not say */
	union {
		struct {
			const char *path; /* without the query string */
			const char *host;
			const char *origin;
			const char *user_agent;
			/* offered; what may be a token in disguise is cut, see SUBPROTOCOL_SHOWN */
			const char *subprotocols;
			const char *version; /* Sec-WebSocket-Version */
			const char *connection; /* as sent: says close, keep-alive, upgrade */
			const char *subprotocol; /* chosen */
			const char *server; /* Server header: who answered */
			const char *location; /* without the query string */
			const char *content_type;
		};
		const char *texts[HANDSHAKE_TEXTS]; /* by enum handshake_text */
	};
	union {
		/* SHA-1(key + GUID), to check Sec-WebSocket-Accept; valid with id_known */
		uint8_t accept_hash[20];
		uint8_t session_id[16]; /* its first bytes */
	};

	uint32_t request_seq; /* equal on both sockets of one TCP connection, whatever NAT does */
	uint64_t request_ns;
	uint64_t response_ns;
	uint32_t response_seq;
	uint16_t status;
	uint8_t request_direction;

	/* request */
	bool request_seen : 1; /* a GET with a Sec-WebSocket-Key or Upgrade: websocket */
	bool request_cut : 1; /* its end was never seen */
	bool http_1_0 : 1;
	bool has_upgrade : 1; /* Upgrade header has the token websocket */
	bool has_connection_upgrade : 1; /* Connection header has the token upgrade */
	bool has_key : 1;
	bool deflate_offered : 1;
	bool has_sid : 1; /* the query string, which is not kept, names a session: sid= */
	bool body_names_session : 1; /* the body of the answer, not kept either, speaks of one */
	bool key_constant : 1; /* a key copied from the RFC or other examples: not unique */
	/* has_key, or the request was missed and the answer's Sec-WebSocket-Accept says the id */
	bool id_known : 1;
	/* the last request on this socket was no handshake: its answer is not for us either */
	bool other_request : 1;

	/* response */
	bool response_seen : 1;
	/* right is false too while the request is unknown: look at has_key */
	bool accept_seen : 1, accept_right : 1;
	bool deflate_agreed : 1;
};

enum handshake_step {
	HANDSHAKE_MORE = 0,
	HANDSHAKE_REQUEST = 1,
	HANDSHAKE_RESPONSE = 2,
	HANDSHAKE_IGNORED = 3
};

/* No texts yet. */
void handshake_init(struct handshake *hs);
/* A copy that shares the texts, without the heads under way. To be released too. */
void handshake_copy(struct handshake *to, const struct handshake *from);
/*
 * Adds one chunk; texts are kept in `texts`, which has to outlive hs. Returns enum handshake_step: MORE when the head is not whole yet,
 * REQUEST/RESPONSE when one has just been parsed, IGNORED when the head is no WebSocket handshake;
 * -EINVAL for a record that makes no sense, -ENOMEM. A new WebSocket request on the same socket
 * (keep-alive after a refusal) replaces what was known.
 */
int handshake_add(struct handshake *hs, const struct wst_http_event *event, struct interns *texts);
/*
 * The stream is over: what was gathered of a head is all there will be. requests: of requests, too,
 * not of answers only. Returns as handshake_add(), MORE when there was nothing.
 */
int handshake_finish(struct handshake *hs, bool requests, struct interns *texts);
void handshake_release(struct handshake *hs);

#endif
