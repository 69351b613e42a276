/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A view over one finished session, computed once and read by every rule: who ended it, what became
 * of that process, what the Close frames said, who answered the handshake. Pointers lead into the
 * session and the process table. Pure.
 */
#ifndef DIAGNOSE_FACTS_H
#define DIAGNOSE_FACTS_H

#include "diagnose/verdict.h"
#include "track/group.h"

/* Where the end started: the earliest end over all legs, followed to the socket that sent it. */
struct end_story {
	const struct conn *conn; /* never NULL; an empty one if no leg has ended */
	int leg; /* -1: no leg has ended */
	enum ended_by how;
	uint64_t ts_ns;
	bool outside; /* received, and the sender's socket is not among the legs */
	bool forged; /* received, but the sender's socket, which is a leg, did not send it */
	enum initiator by;
};

/* The process that ended the session; all zero if it is not on this host. */
struct closer_story {
	const struct wst_task *task; /* NULL: not known */
	const struct process *process; /* NULL: not known */
	/* Had inherited the socket and kept it open when task was dead already; NULL: nobody. */
	const struct wst_task *holder;
	enum initiator party; /* client, proxy or server */
	bool exiting; /* the kernel closed the socket because the process was dying */
	bool exited; /* exit_code and exit_ns are valid */
	uint32_t exit_code; /* wait status */
	uint64_t exit_ns;
	uint32_t died_of; /* signal, 0: none */
	const struct fatal_signal *stop; /* it was asked to stop shortly before; NULL: it was not */
	/* About when it ended nobody listened any more where it had been accepted. */
	bool shut;
	/* stop was sent to its parent, of whose port it serves a share; NULL: to itself */
	const struct process *parent;
};

struct unix_backend;
struct unix_holding;

/*
 * Who closed, or said goodbye, has no other socket in the session, and connections over Unix sockets to
 * a process that had ended, or had been told to, right before: it passed that on.
 */
struct backend_story {
	const struct unix_backend *backend; /* NULL: none */
	const struct unix_holding *holding; /* at its end, or at the signal */
	const struct wst_task *holder; /* of the other ends of those connections */
	/* The holder is known for a proxy: it only passed on what the backend did. NULL: it is not. */
	const struct wst_task *proxy;
	uint64_t decided_ns; /* when the holder closed, or said goodbye */
	unsigned int others; /* that ended at the same time, with connections of the same proxy */
	bool sure; /* no other process, and no other reason of the proxy, fits */
};

/* The Close frame that says why. */
struct closing_story {
	const struct close_frame *frame; /* NULL: none that came before the end */
	enum initiator sender;
	uint16_t code; /* 1005 if empty */
	const struct close_frame *answer; /* that went the other way; NULL: none */
	bool answered; /* there is one */
	bool to_server; /* the frame did not go to the client */
	bool explains_end; /* nothing that happened to a process later is the cause */
	/*
	 * It blames the other side, in whose frames nothing was wrong, and its own process had just
	 * been asked to end, or ended right after.
	 */
	bool excuse;
};

struct answer_story {
	/* leg nearest to the client that carried the request; NULL: none */
	const struct conn *request;
	const struct conn *last_request; /* the same, nearest to the server */
	const struct conn *conn; /* leg nearest to the client that carried an answer; NULL: none */
	int origin_leg; /* leg nearest to the server with the same status; -1: none */
	enum initiator by; /* who gave that answer: proxy or server */
	uint16_t status; /* 0: none */
};

/* The path between whoever gave up and the other party, when it gave up. */
struct path_story {
	enum initiator giver; /* who closed, or decided to: client, proxy or server */
	uint64_t ts_ns; /* when */
	/* no Close frame tells another reason: what the path shows may be the cause */
	bool unexplained;
	/* the Close frame speaks of a heartbeat that failed, or of a side that is too slow */
	bool heartbeat_close, slow_close;
	bool idle_close; /* or of a silence that was too long */
	/* the giver's own socket if it is here, else the nearest one; NULL: none */
	const struct conn *near;
	bool own; /* near is the giver's own */
	uint8_t out; /* enum wst_direction of near in which the giver's frames travel */
	bool has_near; /* at_near is filled */
	struct conn_snapshot at_near;

	/* heartbeats of the giver */
	uint32_t pings; /* unanswered */
	uint64_t waited_ns; /* since the first of them, or with by_data since the last data */
	bool by_data; /* data, not a ping, waited for an answer */
	bool surely_heartbeat; /* that data was the heartbeat of the recognised protocol */
	bool ping_last; /* the giver sent nothing after the last of them */
	bool ping_pending; /* the last one had not even been acknowledged (or, not own, read) */
	uint32_t ping_rtt_us; /* of the last one that was answered; 0: none was */
	uint64_t answered_for_ns; /* how long before the answer had come; 0: it had not */
	bool answer_read; /* by the giver's process */
	uint64_t late_ns; /* how long after it the answer came after all; 0: it did not */

	int stuck; /* leg whose segments were sent again in vain; -1: none */
	struct conn_snapshot at_stuck;
	uint32_t vain_attempts; /* to send there, in a row */
	/* leg whose peer got nothing of the closer's FIN or RST, with nothing before it; -1: none */
	int deaf;
	int full; /* leg whose peer took the least; -1: none had anything to send */
	struct conn_snapshot at_full;
	uint64_t zero_ns; /* how long that peer's window was zero */
};

struct known_proxy;

/* This end among others. */
struct crowd_story {
	struct pattern_sample sample; /* all zero: the end cannot be compared with others */
	uint64_t ends_key; /* of the ends that are alike: same party, manner, service and path */
	uint64_t route_key; /* of all ends of that service and path */
	struct pattern pattern; /* what those have in common */
	const struct pattern_group *route; /* NULL: none remembered */
	/* Ends by a reset, or by nothing at all, in answer to the first bytes after a long silence. */
	bool quiet_drop; /* this is one */
	uint64_t drops_key;
	uint32_t quiet_drops;
	uint64_t shortest_silence_ns;
	bool busy_live; /* sessions that are never silent for so long get older than that */
	/* sessions that the closer, or who said goodbye, ended at that moment; NULL: none */
	const struct burst *burst;
	/* What the closer, or who said goodbye, had lost before, on its other side; NULL: nothing. */
	const struct lost_connections *lost;
	const struct wst_task *lost_by;
	/* The closer is a proxy: it stands between two legs, or its name says so. */
	bool by_proxy;
	const struct known_proxy *proxy; /* NULL: not one that is known */
	bool closed_both; /* it closed all its sockets of the session at one moment */
	/* The proxy has one socket in it: from the other side, unseen, it may have passed the end on. */
	bool one_sided;
	struct service_endpoint front, back; /* where the client, and the last hop, connect to */
	bool has_front, has_back;
};

struct protocol;
struct protocol_code;

struct facts {
	const struct session *session;
	struct track *track;
	enum session_stage stage;
	/* nearest socket; never NULL, empty ones for a session without legs */
	const struct conn *client, *server;
	struct end_story end;
	struct closer_story closer;
	struct backend_story backend;
	struct close_view close;
	struct closing_story closing;
	struct answer_story answer;
	struct path_story path;
	struct crowd_story crowd;
	const struct incident *incident; /* what an incident's rules are about; NULL otherwise */
	const struct protocol *protocol; /* NULL: not recognised */
	const struct protocol_code *private_code; /* of the closing frame; NULL: none */
};

/* The connection that the gateway of the session failed to make for it; NULL: none. */
const struct failed_connect *facts_failed_upstream(const struct facts *f);
/* Its process answers for others: the answer says so, or its name. */
bool facts_is_gateway(const struct facts *f, const struct conn *c);

/* Who talks to whom, and no more: there is no end yet. */
void facts_of_opening(struct facts *ret, const struct session *s, struct track *track);
void facts_collect(struct facts *ret, const struct session *s, struct track *track);
/* For the rules about incidents: no session, empty sockets. */
void facts_of_incident(struct facts *ret, const struct incident *i, struct track *track);
/*
 * As session_stage(), but a connection that was open before the tracer started had its handshake,
 * seen or not.
 */
enum session_stage facts_stage(const struct session *s);

/* Who owns the local socket of a leg, and who is at the other end of it. */
enum initiator facts_owner(const struct session *s, unsigned int leg);
enum initiator facts_far_party(const struct session *s, unsigned int leg);
/* sk_err reported to the socket, else the error at its end. */
uint32_t facts_errno(const struct conn *c);
/* ETIMEDOUT, or the reset with which the kernel gives up */
bool facts_timed_out(const struct conn *c);
/* The server process that is nearest to the server, if it is on this host; NULL otherwise. */
const struct process *facts_server_process(const struct facts *f);
/*
 * Of a closing frame that the server or a proxy made: the socket by which a Close frame first left
 * it. NULL: a client's, or not known.
 */
const struct conn *facts_closing_leg(const struct facts *f);
/* The process of that socket, or the backend for which it speaks; NULL: not known. */
const struct process *facts_closing_process(const struct facts *f);
/* The closer is the backend behind a Unix socket, for which its proxy closed. */
bool facts_backend_closed(const struct facts *f);
/* The SIGSTOP that halted p before ts_ns, with no SIGCONT until then; NULL: it ran, or p is NULL. */
const struct fatal_signal *facts_halt_signal(const struct process *p, uint64_t ts_ns);
/*
 * Was it asked to stop within the two minutes before ts_ns? SIGTERM, SIGINT, and SIGQUIT if it has
 * exited.
 */
const struct fatal_signal *facts_stop_signal(const struct process *p, uint64_t ts_ns);
/*
 * A halted process that serves the server's socket by way of a Unix socket: one that was sent SIGSTOP
 * while it had connections of its owner; NULL: none is known.
 */
const struct unix_backend *facts_halted_backend(const struct facts *f,
						const struct fatal_signal **ret_halt);
/* What a process does so soon after the signal, or before it ends, it does because of it. */
#define FACTS_STOP_REACTION_NS 2000000000ull
/*
 * A process for each connection (socat, inetd) begins after the connection does, and ends because
 * it has.
 */
bool facts_made_for_it(const struct facts *f, const struct wst_task *task);
/* Who made p and has its name: the one whose worker p is. NULL: nobody like that is known. */
const struct process *facts_parent_of_worker(const struct facts *f, const struct process *p);
/*
 * Were all frames towards the server (to_server) or the client followed on some leg, up to the end?
 */
bool facts_frames_followed(const struct facts *f, bool to_server);
/* Does the reason of the closing frame hold one of the words, in any case? They end with NULL. */
bool facts_close_says(const struct facts *f, const char *const *words);
/* The first illegal frame or HTTP text of that kind, and the leg's socket; NULL: none. */
const struct bad_frame *facts_bad_frame(const struct facts *f, enum wst_frame_kind kind,
					const struct conn **ret_conn);

/*
 * "backend chat-server (pid 812)", "client" for a process that is not known. dst holds
 * FACTS_NAME_BYTES.
 */
#define FACTS_NAME_BYTES 96
const char *facts_name(char dst[FACTS_NAME_BYTES], const struct session *s, enum initiator party,
		       const struct wst_task *task);
/* Whoever started the end: a process, or "the client at 198.18.0.5:51234". */
const char *facts_name_ender(char dst[FACTS_NAME_BYTES], const struct facts *f);
/* The party that whoever gave up was waiting for. */
enum initiator facts_other_party(const struct facts *f);
/* Whoever gave the HTTP answer. */
const char *facts_name_answerer(char dst[FACTS_NAME_BYTES], const struct facts *f);

/* A socket whose frames were counted: where the end began, else any; NULL: none. */
const struct conn *facts_witness(const struct facts *f);
/* Silence before the end, or before the Close frame that began it; 0: not known. */
uint64_t facts_idle_ns(const struct facts *f);
/* It outlived a longer silence than the one that it ended with: no idle timer ended it. */
bool facts_outlived(const struct facts *f);
/* A silence behind which an idle timer may be, though it is the first one that is seen. */
bool facts_may_be_timer(const struct facts *f);
/* A timer ends sessions like this one again and again, and no one event ended this one. */
bool facts_ran_out(const struct facts *f);
/* Text messages and binary ones, of the client or of the server, as far as they were followed. */
uint32_t facts_messages(const struct facts *f, bool of_client);
/* '*' in the place of the parts of a path that look like ids. */
void facts_path_template(char dst[INCIDENT_PATH_BYTES], const char *path);

/* What is known of the address that the client connected to; NULL: nothing. */
struct service *facts_service(const struct facts *f);
uint64_t facts_service_key(const struct facts *f);

/* The parts of facts_collect(), in order. */
void facts_collect_request(struct facts *f);
void facts_collect_route(struct facts *f);
void facts_collect_end(struct facts *f);
void facts_collect_closer(struct facts *f);
void facts_collect_backend(struct facts *f);
/* Where somebody else than the proxy closed: needs facts_collect_closing(). */
void facts_collect_backend_of_goodbye(struct facts *f);
void facts_collect_closing(struct facts *f);
void facts_collect_answer(struct facts *f);
void facts_collect_path(struct facts *f);
void facts_collect_crowd(struct facts *f);
/* What is remembered of other ends, once this one has been added: no part of facts_collect(). */
void facts_recall(struct facts *f);

#endif
