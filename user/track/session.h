/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sessions: the sockets ("legs") of one WebSocket connection, joined by the session id that the key
 * gives. One TCP connection between two processes of this host is two legs, so a session through a
 * proxy has up to four, and docker-proxy adds two more.
 */
#ifndef TRACK_SESSION_H
#define TRACK_SESSION_H

#include "track/conn.h"
#include "track/process.h"

#define SESSION_LEGS_MAX 8
/*
 * So many times the usual time is waited after the end of a session through a proxy without a Close
 * frame. A worker that drops what it holds and leaves needs it: only that it is gone tells this
 * from a timeout.
 */
#define SESSION_PROXY_SETTLES 4

enum leg_role {
	LEG_CLIENT_TO_SERVER,
	LEG_CLIENT_TO_PROXY,
	LEG_PROXY_TO_PROXY,
	LEG_PROXY_TO_SERVER
};

enum session_stage { STAGE_CONNECT, STAGE_UPGRADE, STAGE_SESSION };

struct session {
	uint8_t id[16];
	uint8_t key_id[16]; /* what the key gives: not id where one key names several sessions */
	struct session *next; /* hash chain by key_id */
	struct session **at; /* the pointer that points here; NULL: in no chain */
	struct session *older, *newer; /* by last_ns */
	uint64_t last_ns; /* last event of any leg */
	/*
	 * Legs in the order client -> server: hop by hop, and within a hop the client's socket
	 * before the server's. hop[i] numbers the TCP connection that legs[i] belongs to, from 0 at
	 * the client. Kept sorted by session_add_leg().
	 */
	struct conn *legs[SESSION_LEGS_MAX];
	uint8_t hop[SESSION_LEGS_MAX];
	uint32_t heap_index; /* from 1; 0: waits for nothing */
	uint8_t leg_count, hop_count;
	uint8_t legs_dropped; /* more sockets with this id than fit, or a constant key */
	bool synthetic_id : 1; /* there was no usable key: id is a hash of tuple and time */
	bool open_reported : 1, ended_reported : 1;
	bool goodbye_noted : 1; /* its first Close frame was counted */
	uint64_t opened_ns; /* 101 on the client-most leg; 0: never */
	uint64_t open_due_ns; /* report the opening at this time; 0: not open */
	uint64_t first_ns; /* first event of any leg */
	uint64_t ended_ns; /* first event on any leg that ends the session; 0: still open */
	uint64_t due_ns; /* report at this time at the latest; 0: not ending */
	/* all lost events, to tell whether facts may be missing */
	uint32_t losses_at_start, losses_at_end;
};

/*
 * Adds a leg, sorts the legs, and sets c->session. False, with legs_dropped counted, when there is
 * no room.
 */
bool session_add_leg(struct session *s, struct conn *c);
/* Puts another conn in the place of a leg. */
void session_replace_leg(struct session *s, const struct conn *old, struct conn *c);
/* Sorts the legs again, after a handshake on one of them. */
void session_arrange(struct session *s);
/* Works out opened, ended and due times from the legs. */
void session_refresh(struct session *s, uint64_t settle_ns, uint64_t wait_ns);
/* When the session wants to be looked at next; 0: not before another event. */
uint64_t session_next_ns(const struct session *s);

/*
 * The proxy's TLS socket on the side of the client, joined by process and time alone, and the leg
 * behind it; NULL: none.
 */
const struct conn *session_front(const struct session *s);
const struct conn *session_behind_front(const struct session *s);
/* Frames may go over this leg, and its 101 did not come when the client was served or gone. */
bool session_is_open_way(const struct session *s, unsigned int leg);
/* All legs of which that is so, a bit each. */
unsigned int session_open_ways(const struct session *s);
/* The furthest stage that any leg reached. */
enum session_stage session_stage(const struct session *s);
enum leg_role session_leg_role(const struct session *s, unsigned int leg);
/* Socket nearest to the client / to the server. NULL only for a session without legs. */
const struct conn *session_client_leg(const struct session *s);
const struct conn *session_server_leg(const struct session *s);
/*
 * The socket on which a process of this host got the request that it answers with a 5xx of its own,
 * or not at all; NULL: none. What it failed to reach for that request is the reason.
 */
const struct conn *session_gateway_leg(const struct session *s);
/* How many sockets of the session that process has. */
unsigned int session_sockets_of(const struct session *s, const struct wst_task *task);
/* Did it hold that request, unanswered, at that time? */
bool session_spans(const struct conn *gateway, uint64_t ts_ns);
/*
 * The leg of the same hop that is the other socket of the same TCP connection, or NULL when it is
 * not on this host.
 */
const struct conn *session_peer_leg(const struct session *s, unsigned int leg);

#endif
