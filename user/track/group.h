/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Facts over many sessions: which end alike, which end at once, how clients come back, how services
 * fare, and what of it is an incident. Every table is bounded; the least recently used entry goes
 * first. Pure.
 */
#ifndef TRACK_GROUP_H
#define TRACK_GROUP_H

#include "track/backend.h"
#include "track/absence.h"
#include "track/incident.h"
#include "track/listener.h"
#include "track/session.h"

struct burst_range {
	uint64_t low_ns, high_ns; /* 0: not known */
};

/*
 * Sessions that one process ended at one moment, all with the same code in its Close frame, or all
 * without one: where much happens, others end for reasons of their own.
 */
struct burst {
	struct keyed_entry entry;
	uint64_t first_ns, last_ns;
	struct burst_range idle, age; /* silences before it, and time since the 101 */
	uint32_t count;
	double before; /* about how many it ended in the ten seconds before */
};

/*
 * So many do not end at one moment by chance: more than the process ended in the ten seconds before,
 * as a busy one always ends some.
 */
bool burst_stands_out(const struct burst *b);
/* Sessions of one moment that were silent for different times: no idle timer ended them. */
bool burst_is_mixed(const struct burst *b);
/*
 * Their silences, or their ages, differ by so much that not even a timer made them end together that
 * is looked at as seldom as it is long.
 */
bool burst_rules_out_idle_timer(const struct burst *b);
bool burst_rules_out_age_limit(const struct burst *b);

/*
 * WebSocket connections that a process had opened, or tried to, or had accepted, and did not close
 * itself: those on its other side may end for that, as with a gateway that makes a key of its own
 * for what is behind it.
 */
struct lost_connections {
	struct keyed_entry entry;
	uint64_t first_ns, last_ns; /* of those that ended at one moment */
	bool accepted; /* it was their server, not their client */
	bool rude; /* the latest ended without a Close frame, of which one would have been seen */
	struct service_endpoint server; /* of the latest */
};

/* A connection that was tried and never made. */
struct failed_connect {
	uint64_t began_ns, ended_ns;
	struct wst_tuple tuple;
	uint32_t tgid;
	uint32_t error; /* errno, 0: closed by the process, which had waited for long enough */
	uint32_t syn_retransmits, tcp_flags;
	bool backlog_overflow;
	bool aside; /* WST_OPEN_ASIDE: nothing says that it was for a WebSocket */
	bool told; /* as the reason of another failure */
};

#define FAILED_CONNECTS 256

/*
 * A process that keeps failing to connect to the same address, for the same reason and at regular
 * intervals, as health checks of a dead backend do.
 */
struct failing_check {
	struct keyed_entry entry;
	uint64_t last_ns, gap_ns, told_ns;
	uint32_t regular; /* gaps in a row that were like the one before */
	uint32_t untold; /* since told_ns */
	uint32_t told_with; /* failures that the line of told_ns stands for, besides its own */
	uint64_t held_cookie; /* of the latest untold one, which is told when no other follows */
};

/* An address that began TLS on a port, in vain. */
struct tls_try {
	struct keyed_entry entry;
	uint64_t last_ns;
};

struct groups {
	struct keyed patterns; /* struct pattern_group */
	struct keyed clients; /* struct client */
	struct keyed services; /* struct service */
	struct keyed bursts; /* struct burst, by closing process and code */
	struct keyed lost; /* struct lost_connections, by process and side */
	struct keyed incidents; /* struct incident */
	struct keyed listeners; /* struct listener */
	struct keyed checks; /* struct failing_check */
	struct keyed tls_tries; /* struct tls_try */
	struct absences absences;
	struct keyed backends; /* struct unix_backends */
	struct failed_connect failed[FAILED_CONNECTS]; /* a ring */
	uint32_t failed_count;
};

struct groups *groups_new(void); /* NULL: out of memory */
void groups_free(struct groups *g);

/*
 * The socket of this host by which the first Close frame left, and when. NULL: it came from elsewhere,
 * or, with a time of 0, there is none. ret_ns may be NULL.
 */
const struct conn *groups_goodbye(const struct session *s, uint64_t *ret_ns);
/*
 * Counts the session for the process that sent the first Close frame, if that is here: who closes
 * the socket then is a race. False: there is none yet.
 */
bool groups_note_goodbye(struct groups *g, const struct session *s);
/*
 * The session has begun to end: counts it for the process that closed it, if one did and nobody had
 * said goodbye, and for its client and its server, if they are here and did not.
 */
void groups_note_closing(struct groups *g, const struct session *s);
/*
 * How many sessions that process ended at the moment of ts_ns, with that code (0: without a Close
 * frame); NULL: none that is remembered.
 */
const struct burst *groups_burst(const struct groups *g, const struct wst_task *task, uint16_t code,
				 uint64_t ts_ns);

/*
 * What that process lost right before ts_ns, of what it had accepted or of what it had opened; NULL:
 * nothing that is remembered.
 */
const struct lost_connections *groups_lost(const struct groups *g, const struct wst_task *task,
					   bool accepted, uint64_t ts_ns);

void groups_note_failed_connect(struct groups *g, const struct conn *c);
/*
 * The last connection that the process of a gateway leg failed to make while it held the request;
 * NULL: none.
 */
const struct failed_connect *groups_failed_connect(const struct groups *g,
						   const struct conn *gateway);
/*
 * The last connection that this process failed to make in the minute before ts_ns, for whomever;
 * NULL: none.
 */
const struct failed_connect *groups_failed_lately(const struct groups *g, uint32_t tgid,
						  uint64_t ts_ns);
/*
 * Counts the failed connection of a process that serves others. NULL: it is to be told. Otherwise it
 * is one of many like it, of which one is told once a minute: the latest one, the caller's to
 * remember as held_cookie, or the first one after that.
 */
struct failing_check *groups_hold_back(struct groups *g, const struct conn *c);
#define CHECK_TOLD_EVERY_NS 60000000000ull
/* What is known of failures like that one; NULL: nothing. */
const struct failing_check *groups_failing_check(const struct groups *g, const struct conn *c);
/*
 * A client that is not on this host began TLS with this accepted socket, and nobody answered in TLS.
 * The first time that it does so it may be a scanner; a client comes back. True: it has not yet.
 */
bool groups_note_tls_try(struct groups *g, const struct conn *c);
/* The session is reported, and what its gateway failed to reach with it. */
void groups_tell_failed_connects(struct groups *g, const struct session *s);
/* Was this one, which has a session of its own, told with another? */
bool groups_was_told(const struct groups *g, const struct conn *c);

#endif
