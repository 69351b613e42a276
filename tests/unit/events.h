/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Streams of records, made by hand. Every builder appends one record with sane defaults and returns it, so that a test states
 * only what matters to it:
 *
 *	struct events *e = events_new();
 *	ev_open(e, &SERVER);
 *	ev_handshake(e, &SERVER);
 *	events_pass_ms(e, 5000);
 *	ev_reset(e, &SERVER, WST_IN);
 *	ev_end(e, &SERVER)->tcp.unacked_bytes = 10;
 *
 * A returned record stays valid until events_free(). Nothing here knows the harness: fuzzers and the replay tool use it too.
 */
#ifndef UNIT_EVENTS_H
#define UNIT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wstrace/event.h"

#define EVENTS_START_NS 1000000000000ull /* 1000 s after boot */
#define EVENTS_REALTIME_OFFSET_NS 1750000000000000000ull
/* RFC 6455, 1.3 has this key's answer, but as a copied key it names no session: hence one of our own. */
#define EVENTS_KEY "d3N0cmFjZSB0ZXN0IGtleQ=="
#define EVENTS_ACCEPT "U75xp6C7wEyx7oHqA+pP1H09dgM="

struct events {
	struct wst_event **records;
	size_t count;
	uint64_t now_ns; /* time of the next record */
};

/* One socket: which end of which connection, and whose. */
struct side {
	uint64_t cookie;
	const char *local, *remote; /* addresses, IPv4 or IPv6 */
	uint16_t local_port, remote_port;
	bool server; /* accepted the connection and answers the handshake */
	uint32_t tgid; /* 0: owner unknown */
	const char *comm;
	uint32_t netns;
};

/* Both ends of 198.18.0.2:40000 -> 198.18.0.1:8080. */
extern const struct side CLIENT, SERVER;

/* Empty. Aborts when memory is short, as every builder does. */
struct events *events_new(void);
void events_free(struct events *e);
void events_pass_ms(struct events *e, uint64_t ms);
/* Appends a zeroed record of any type. */
void *events_add(struct events *e, uint16_t type, size_t size, uint64_t cookie, uint32_t tgid);
struct wst_task events_task(const struct side *s);
struct wst_tuple events_tuple(const struct side *s);

/* Sockets */
struct wst_open_event *ev_open(struct events *e, const struct side *s);
/* A head in as many records as it needs; returns the last. text ends the head itself (CR LF CR LF), otherwise it stays open. */
struct wst_http_event *ev_request(struct events *e, const struct side *s, const char *text);
struct wst_http_event *ev_response(struct events *e, const struct side *s, const char *text);
/* GET /chat and its right 101. */
void ev_handshake(struct events *e, const struct side *s);
/* A whole Close frame of the client or of the server, masked accordingly. code 0: empty. */
struct wst_frame_event *ev_close(struct events *e, const struct side *s, bool from_client,
				 uint16_t code, const char *reason);
struct wst_frame_event *ev_illegal(struct events *e, const struct side *s, bool from_client,
				   uint16_t faults);
struct wst_frame_event *ev_http_text(struct events *e, const struct side *s, const char *text);
/* By a packet or a timer; states as in include/net/tcp_states.h. */
struct wst_state_event *ev_state(struct events *e, const struct side *s, uint8_t old_state,
				 uint8_t new_state);
/* By a call of the owner, such as close(). */
struct wst_state_event *ev_state_by_owner(struct events *e, const struct side *s, uint8_t old_state,
					  uint8_t new_state);
struct wst_reset_event *ev_reset(struct events *e, const struct side *s, uint8_t direction);
struct wst_error_event *ev_error(struct events *e, const struct side *s, uint32_t error);
/* Orderly by default: 100 bytes each way, a text frame each way, nothing lost or left over. */
struct wst_end_event *ev_end(struct events *e, const struct side *s);
/* FIN from this end by its owner's close(), FIN from the other end, end. */
void ev_fin_both(struct events *e, const struct side *s, bool we_first);

/* Processes */
struct wst_exit_event *ev_exit(struct events *e, uint32_t tgid, uint32_t wait_status);
struct wst_signal_event *ev_signal(struct events *e, uint32_t tgid, uint32_t signal,
				   uint32_t sender_tgid, const char *sender_comm);
struct wst_oom_event *ev_oom(struct events *e, uint32_t tgid);
struct wst_process_event *ev_process(struct events *e, uint32_t tgid, const char *comm,
				     const char *cgroup);

/* Host */
struct wst_host_event *ev_host(struct events *e);
struct wst_name_event *ev_name(struct events *e, uint32_t kind, uint32_t value, const char *name);
struct wst_loss_event *ev_loss(struct events *e, unsigned int site, uint64_t total);
struct wst_drop_event *ev_drop(struct events *e, const struct side *sender, uint32_t reason);
struct wst_backlog_event *ev_backlog(struct events *e, const struct side *listener);
/* listen() by its owner, on the address and port of its local end; stopped: its close(). */
struct wst_listen_event *ev_listen(struct events *e, const struct side *listener, bool stopped);
/* The TLS socket for which the owner of behind connected. */
struct wst_front_event *ev_front(struct events *e, const struct side *behind,
				 const struct side *front);
/* A process that serves Unix-socket connections of the owner of proxy. */
struct wst_unix_event *ev_unix(struct events *e, uint32_t tgid, const char *comm,
			       const struct wst_task *proxy, uint32_t connections);
struct wst_event *ev_tick(struct events *e);
struct wst_event *ev_gone(struct events *e, const struct side *s);

#endif
