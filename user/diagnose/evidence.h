/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was seen, one sentence each, with numbers. Pure. */
#ifndef DIAGNOSE_EVIDENCE_H
#define DIAGNOSE_EVIDENCE_H

#include "diagnose/facts.h"

/* Adds one item; what is past EVIDENCE_MAX - reserved is dropped. ts_ns 0: not tied to a moment. */
__attribute__((format(printf, 4, 5))) void evidence_add(struct evidence *ev, const char *fact,
							uint64_t ts_ns, const char *format, ...);

/* How the TCP connection ended, who did it and how much had been transferred. */
void evidence_end(struct evidence *ev, const struct facts *f);
/* What is known of the process that ended it: exit, signals, OOM. Nothing if it lives. */
void evidence_process(struct evidence *ev, const struct facts *f);
/* What the closer lost right before, as the client of others; false: nothing. */
bool evidence_lost(struct evidence *ev, const struct facts *f);
/* Whether the port of a process that ended is served again, by whom, after how long; at now_ns. */
void evidence_restart(struct evidence *ev, const struct restart *r, struct process_table *processes,
		      uint64_t now_ns);
/* Who sent it: "systemd (pid 1, its parent)", "itself", "the kernel". */
void evidence_sender(char *dst, size_t cap, const struct fatal_signal *s,
		     const struct wst_task *target);
/* One fatal signal and who sent it. */
void evidence_signal(struct evidence *ev, const struct fatal_signal *signal,
		     const struct wst_task *target);
/* The Close frame that says why, and the answer to it. */
void evidence_closing(struct evidence *ev, const struct facts *f);
/* "no Close frame in either direction", with the frames that were followed */
void evidence_no_close_frame(struct evidence *ev, const struct facts *f);
/* A frame whose header had come to the socket where the end began, but not all of its payload. */
void evidence_unfinished(struct evidence *ev, const struct facts *f);
/* State of the path as one socket saw it: un-ACKed bytes, retransmits, windows, probes, errno. */
void evidence_path(struct evidence *ev, const struct conn *c);
/* Status line, who gave it, and the request's path and host. */
void evidence_answer(struct evidence *ev, const struct facts *f);
/* What the proxy failed to connect to for this request; nothing if there is no such thing. */
void evidence_failed_upstream(struct evidence *ev, const struct facts *f);
/* Pings, or data instead of them, that waited for an answer; what the protocol says of that. */
void evidence_heartbeat(struct evidence *ev, const struct facts *f);
/* The silence before the end and who had pinged; ends that were like it; known timeouts like it. */
void evidence_idle(struct evidence *ev, const struct facts *f);
/*
 * The closer is a proxy with one socket in the session: what ended behind it by way of a Unix
 * socket, TLS or another protocol comes out as its own. False: it is not.
 */
bool evidence_other_side(struct evidence *ev, const struct facts *f);
/*
 * The closer had connections over Unix sockets to a process that ended, or was told to, right before.
 * False: it had not.
 */
bool evidence_backend(struct evidence *ev, const struct facts *f);
/*
 * What the process wrote there and could not be sent may hold a Close frame. False: all was sent, or
 * that is not known.
 */
bool evidence_unsent(struct evidence *ev, const struct conn *c);
/* Sessions that the closer closed at that moment; nothing if there was one only, or b is NULL. */
void evidence_burst(struct evidence *ev, const struct burst *b);
void evidence_pattern(struct evidence *ev, const struct pattern *p);
void evidence_timeouts(struct evidence *ev, const struct pattern *p, uint64_t value_ns,
		       unsigned int place, unsigned int close);
/* errno of the socket; nothing if it has none. */
void evidence_errno(struct evidence *ev, const struct conn *c);

/* Name of the reason of the reset that this socket sent; NULL if the kernel does not say. */
const char *evidence_reset_reason(const struct facts *f, const struct conn *c);

#endif
