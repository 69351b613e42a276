/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The facts of one socket, gathered from events. Pure: no syscalls, no clock. */
#ifndef TRACK_CONN_H
#define TRACK_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "track/handshake.h"
#include "wstrace/event.h"

struct session;

/* A Close frame as it was on the wire, unmasked. */
struct close_frame {
	bool seen;
	bool has_code; /* false: the frame was empty (1005) */
	uint16_t code;
	/* bytes as sent, NUL-terminated; not yet sanitised */
	char reason[WST_CONTROL_PAYLOAD_BYTES + 1];
	uint8_t reason_bytes;
	uint8_t header[14];
	uint8_t header_len;
	uint8_t payload_len; /* as the header announces it, 125 at most */
	uint8_t have_bytes; /* payload bytes gathered so far, without a hole */
	uint8_t payload[WST_CONTROL_PAYLOAD_BYTES];
	uint8_t have_map[WST_CONTROL_PAYLOAD_BYTES / 8 + 1]; /* which of them, a bit each */
	uint64_t ts_ns;
};

/* The first illegal header or HTTP text, of either direction. */
struct bad_frame {
	uint8_t kind; /* enum wst_frame_kind, 0: none */
	uint8_t direction;
	uint16_t faults; /* enum wst_frame_fault */
	uint64_t payload_len;
	uint8_t header[14];
	uint8_t header_len;
	char text[48]; /* printable start of an HTTP text: the status line up to CR */
	uint64_t ts_ns;
};

/* What ended the TCP connection as this socket saw it; the earliest of the times below decides. */
enum ended_by {
	ENDED_NOT = 0,
	ENDED_FIN_SENT,
	ENDED_FIN_RECEIVED,
	ENDED_RST_SENT,
	ENDED_RST_RECEIVED,
	ENDED_TIMEOUT, /* ETIMEDOUT: retransmissions, keepalive or zero-window probes ran out */
	ENDED_ERROR, /* another errno */
	ENDED_ABORTED, /* TCP_CLOSE by a process with no FIN and no RST seen */
	ENDED_CONNECT_FAILED,
	ENDED_UNSEEN, /* the records that tell were lost */
};

/* How path and frames stood at some moment. */
struct conn_snapshot {
	uint64_t ts_ns; /* 0: not taken */
	struct wst_tcp_facts tcp;
	struct wst_walk_facts walk[2];
};

/* Hash chains of the table, besides the one by cookie. */
enum conn_chain { CHAIN_TUPLE, CHAIN_SEQ, CONN_CHAINS };

struct conn_link {
	struct conn *next;
	struct conn **at; /* the pointer that points here; NULL: in no chain */
};

/* What the table knows a conn as; decides what goes first when there is no room. */
enum conn_role {
	/* its OPEN has not come: a head under way, or leftovers of a socket that is gone */
	CONN_STRAY = 0,
	CONN_LOOSE, /* in no session, and maybe never in one */
	CONN_MEMBER, /* leg of a session that is not reported yet */
	CONN_SPENT, /* its session was reported while it lived on: late events are absorbed */
	CONN_CLONE, /* a session's copy of a socket that went on to another handshake; not listed */
};

/* Close frames and broken ones. */
struct conn_frames {
	struct close_frame close[2]; /* by enum wst_direction */
	struct bad_frame bad;
};

/* How a socket ended, and what went wrong on the way. */
struct conn_end {
	/* 0 = did not happen */
	uint64_t fin_in_ns, fin_out_ns, rst_in_ns, rst_out_ns, error_ns, closed_ns;
	uint64_t fin_acked_ns; /* our FIN was acknowledged: FIN_WAIT2 */
	uint32_t reset_reason; /* of the first RST sent; WST_REASON_NONE if unknown */
	bool reset_active, reset_by_process;
	bool never_accepted; /* its peer closed it while it waited in the accept queue */
	bool unread_at_fin; /* its peer closed it while bytes of it lay unread */
	bool closed_by_process; /* a process called close()/shutdown(): closer, closer_ns */
	bool closer_exiting; /* by the kernel, closing the files of a dying process */
	bool backlog_overflow; /* its SYN met a full accept queue on this host */
	uint32_t error; /* errno of the last sk_err report */
	uint32_t closer_exit_code;
	uint64_t closer_ns;
	struct wst_task closer; /* comm is NUL-terminated, as in every task kept here */

	struct wst_tcp_facts tcp; /* valid with has_facts */
	struct wst_walk_facts walk[2];
	struct conn_snapshot closing; /* when the local side began to close */

	uint32_t drops; /* reported by WST_EV_DROP for this socket or its tuple */
	uint32_t drop_reason;
	uint64_t drop_ns;
	uint32_t backlog_queued, backlog_limit;
	struct wst_task listener; /* whose queue was full */
};

/*
 * Thousands of these are open and silent: what only few of them need, or only at their end, is
 * allocated when it comes.
 */
struct conn {
	uint64_t cookie;
	struct conn *next; /* hash chain of the table that owns it */
	struct conn_link chains[CONN_CHAINS];
	struct conn *older, *newer; /* of the same role, by last_ns */
	struct session *session; /* NULL until a handshake names one */
	/* Never NULL: read-only blanks as long as there is nothing to tell. */
	struct conn_end *end;
	struct conn_frames *frames;
	const struct wst_task *owner; /* tgid 0: not known */
	uint64_t last_ns; /* last event */
	uint64_t first_seen_ns;
	uint64_t connect_ns, established_ns;
	uint32_t losses_at_start; /* lost events when the first one of this socket came */
	uint32_t open_flags; /* enum wst_open_flag */
	uint32_t syn_retransmits;
	uint8_t role; /* enum conn_role */
	bool tuple_known : 1;
	bool is_front : 1; /* TLS, joined to its session by process and time alone */
	bool connect_failed : 1; /* closed in SYN_SENT or SYN_RECV, or never established */
	bool has_end : 1; /* tcp and walk are filled, and final */
	bool state_missed : 1; /* the list of its TCP states has a gap */
	bool end_lost : 1; /* it is gone, and nothing came that says how it ended */
	bool has_facts : 1; /* they are filled: at the end, or when the local side began to close */
	struct wst_tuple tuple;
	struct handshake handshake;
};

/* One of which nothing is known. */
extern const struct conn no_conn;
/* Makes a zeroed one usable. */
void conn_init(struct conn *c);
/* A copy of what is known, in no table and no session. 0 or -ENOMEM. */
int conn_copy(struct conn *to, const struct conn *from);
/* An end, or frames, of its own, that may be written to. 0 or -ENOMEM. */
int conn_begin_end(struct conn *c);
int conn_begin_frames(struct conn *c);

/* The side of the opening handshake on which the local socket stands. */
static inline bool conn_is_server_side(const struct conn *c)
{
	if (c->handshake.request_seen || c->handshake.response_seen)
		return c->handshake.request_direction == WST_IN;
	return (c->open_flags & WST_OPEN_PASSIVE) != 0;
}

/* Direction of this socket in which bytes from the client travel. */
static inline int conn_from_client(const struct conn *c)
{
	return conn_is_server_side(c) ? WST_IN : WST_OUT;
}

static inline int conn_from_server(const struct conn *c)
{
	return conn_is_server_side(c) ? WST_OUT : WST_IN;
}

/*
 * The first thing that ended the connection as seen by this socket, and when (ret_ns may be NULL).
 */
enum ended_by conn_ended_by(const struct conn *c, uint64_t *ret_ns);
/*
 * Name for JSON: fin_sent, fin_received, rst_sent, rst_received, timeout, error, aborted,
 * connect_failed, unseen, open.
 */
const char *ended_by_name(enum ended_by e);

/*
 * Feed one event of this socket, WST_EV_HTTP aside. Owners are kept in `tasks`. Returns 0, -ENOMEM,
 * or -EINVAL for a record that is too short or makes no sense.
 */
int conn_apply(struct conn *c, const struct wst_event *event, struct interns *tasks);
/*
 * Path and frames when the local side decided to close, else at the end: what came later (ACKs, the
 * peer's last words) had no part in the decision. False: not known.
 */
bool conn_at_close(const struct conn *c, struct conn_snapshot *ret);
/* The same for WST_EV_FRAME, conn_frame.c. */
int conn_apply_frame(struct conn *c, const struct wst_frame_event *event);
/*
 * A drop of one of its packets, and a SYN of it that met a full accept queue: found by tuple, not
 * by cookie.
 */
void conn_note_drop(struct conn *c, const struct wst_drop_event *event);
void conn_note_backlog(struct conn *c, const struct wst_backlog_event *event);
void conn_release(struct conn *c);

/* Frames went over it: 101 was seen, or the frames themselves, or a Close or illegal one. */
bool conn_is_websocket(const struct conn *c);
/* The opening handshake came to another answer than 101. */
bool conn_is_refused(const struct conn *c);
/* It closed or was refused: nothing more is to come from this leg. ret_ns may be NULL. */
bool conn_is_finished(const struct conn *c, uint64_t *ret_ns);
/* When the handshake began, else the connection, else the first event. */
uint64_t conn_began_ns(const struct conn *c);

/*
 * Each socket's local end is the other's remote one. Loopback addresses mean something in one
 * network namespace only.
 */
bool tuples_mirrored(const struct wst_tuple *a, const struct wst_tuple *b);
bool tuples_equal(const struct wst_tuple *a, const struct wst_tuple *b);
/*
 * A packet from t->local to t->remote, or the other way round, belongs to this connection: wherever
 * it was seen, which t->netns tells, both ends have it in common.
 */
bool conn_owns_packet(const struct conn *c, const struct wst_tuple *t);
/* Both sockets of one TCP connection, by address: false while a tuple is not known. */
bool conns_mirrored(const struct conn *a, const struct conn *b);
/*
 * Both sockets of one TCP connection, though NAT may lie between them: the request began at the
 * same sequence number.
 */
bool conns_share_request(const struct conn *a, const struct conn *b);

#endif
