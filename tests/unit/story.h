/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finished sessions made by hand, for the rules and for what is printed of them: facts as track/
 * would have gathered them, without the events. A test begins with a session that opened well, says
 * how it ended, and asks for the verdict:
 *
 *  *      struct story st;
 *
 *  *      story_begin(&st, STORY_DIRECT);  *      story_fin(&st, STORY_SERVER_LEG);  *
 * story_verdict(&st);  *  story_done(&st);
 */
#ifndef UNIT_STORY_H
#define UNIT_STORY_H

#include "diagnose/facts.h"
#include "diagnose/rule.h"
#include "diagnose/verdict.h"
#include "parts.h"

#define STORY_OPENED_NS (1000 * 1000000000ull)
#define STORY_END_NS (1010 * 1000000000ull)
#define STORY_MS 1000000ull

#define STORY_CLIENT_PID 100
#define STORY_SERVER_PID 200
#define STORY_PROXY_PID 300
#define STORY_INNER_PROXY_PID 310
#define STORY_UNIX_PID 400

/* Values that the running kernel is said to have for its reasons. */
enum story_reason {
	STORY_ABORT_ON_CLOSE = 40,
	STORY_ABORT_ON_LINGER,
	STORY_KEEPALIVE_TIMEOUT,
	STORY_NETFILTER_DROP,
};

enum story_shape {
	STORY_DIRECT, /* both sockets of one connection: client, server */
	STORY_SERVER_ONLY, /* the client is elsewhere */
	STORY_CLIENT_ONLY, /* the server is elsewhere */
	STORY_PROXIED, /* client, proxy's two, server */
	STORY_CHAIN, /* client, two of one proxy, two of another one, server */
	STORY_UNIX, /* client, proxy; the server, STORY_UNIX_PID, is behind a Unix socket of the proxy */
	STORY_PROXY_ONLY, /* only the proxy's two: client and server are elsewhere */
};

/*
 * Legs of STORY_DIRECT and STORY_PROXIED; the last one is the server's in every shape with a
 * server.
 */
#define STORY_CLIENT_LEG 0
#define STORY_SERVER_LEG 1
#define STORY_PROXY_IN 1
#define STORY_PROXY_OUT 2
#define STORY_BACKEND_LEG 3

struct story {
	struct conn conns[SESSION_LEGS_MAX];
	struct conn_parts parts[SESSION_LEGS_MAX]; /* of conns */
	struct session s;
	struct track *track;
	struct verdict v;
	struct incident incident; /* told instead of the session if its count is not 0 */
};

/*
 * Opened with a 101 ten seconds before STORY_END_NS, 100 bytes and a text frame each way, the last
 * of it half a second before STORY_END_NS; nothing has ended yet.
 */
void story_begin(struct story *st, enum story_shape shape);
void story_done(struct story *st);
/* Works out when it ended and diagnoses it. */
const struct verdict *story_verdict(struct story *st);
/* The verdict is that cause, of that initiator, and 1006; releases everything. */
void story_check_lost(struct story *st, const char *cause, enum initiator by);

/* Back to a session that never got its 101. */
void story_unanswered(struct story *st);
/* The answer that every leg saw. */
void story_answered(struct story *st, uint16_t status);
/* Back to a client's socket that never got a connection, closed at the end with that errno. */
void story_unconnected(struct story *st, uint32_t error);

/*
 * close() by the owner of that leg at the end: FIN goes out, and its peer, if it is here, gets it.
 */
struct conn *story_fin(struct story *st, unsigned int leg);
/* RST by a call of the owner, with that reason (enum story_reason or WST_REASON_NONE). */
struct conn *story_rst(struct story *st, unsigned int leg, uint32_t reason);
/* FIN or RST that came from elsewhere. */
struct conn *story_fin_received(struct story *st, unsigned int leg);
struct conn *story_rst_received(struct story *st, unsigned int leg);
/* ETIMEDOUT on that leg. */
struct conn *story_timeout(struct story *st, unsigned int leg);
/* The owner of that leg died with the socket open: wait status as of wait(2). */
struct conn *story_died(struct story *st, unsigned int leg, uint32_t wait_status);
/*
 * A Close frame on every leg, before the end. code 0: empty. The first one told is the first one
 * sent.
 */
void story_close_frame(struct story *st, bool from_client, uint16_t code, const char *reason);
/* When either side last said something, on every leg. */
void story_last_words(struct story *st, uint64_t ts_ns);
/* What the process table learns. Times are relative to the end, in ms: negative before it. */
void story_signal(struct story *st, uint32_t tgid, uint32_t signal, uint32_t sender_tgid, int at_ms);
void story_fault(struct story *st, uint32_t tgid, uint32_t signal, int at_ms);
/* Nobody listens any more where the server leg was accepted. */
void story_stop_listening(struct story *st, int at_ms);
void story_exit(struct story *st, uint32_t tgid, uint32_t wait_status, int at_ms);
void story_oom(struct story *st, uint32_t tgid);
/*
 * That process, of STORY_UNIX, had so many connections of the proxy when it was about to exit
 * (exiting), or was sent a signal.
 */
void story_unix(struct story *st, uint32_t tgid, uint32_t connections, bool exiting, int at_ms);
/* The proxy closed its client when that process had died with one connection of it. */
void story_unix_died(struct story *st, uint32_t wait_status);
void story_process(struct story *st, uint32_t tgid, uint32_t fds_used, uint32_t fds_limit,
		   const char *cgroup);

/*
 * Sessions that ended just like this one, in its time before, each in its turn: opened open_ms
 * earlier than its forerunner had been, with its last payload payload_ms earlier.
 */
void story_forerunners(struct story *st, unsigned int count, int open_ms, int payload_ms);

/* Sessions that began and ended together with this one, within a moment. */
void story_companions(struct story *st, unsigned int count);

/* Detail of the evidence with that name, or NULL. */
const char *story_evidence(const struct story *st, const char *fact);

#endif
