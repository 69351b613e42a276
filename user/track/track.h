/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracking: events in, finished sessions out. Time comes from the events alone, so a replay behaves
 * as the live run did.
 *
 * 	track_apply(event) -> updates conns, processes, sessions
 * 	track_next(now)    -> a session that has something to report, until NULL
 *
 * A session is due as soon as every leg has ended (or answered without 101), else wait_ns after its
 * first end: the wait for the other legs. Nothing waits for longer, so a lost event cannot hang a
 * session.
 */
#ifndef TRACK_TRACK_H
#define TRACK_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "track/session.h"

/*
 * How long after the last end trailing records are waited for: a RST behind its END, the other
 * side's FIN, a process's exit.
 */
#define TRACK_SETTLE_NS 20000000ull

struct track_config {
	uint64_t wait_ns; /* longest wait for other legs; 0: the default of 1 s */
	/* 0: default 131072; the oldest finished or idle ones are dropped and counted beyond it */
	uint32_t conns_max;
	uint32_t processes_max; /* 0: default 8192 */
};

enum report_kind { REPORT_NOTHING, REPORT_OPEN, REPORT_END };

struct report {
	enum report_kind kind;
	struct session *session; /* valid until track_release() */
};

/* Names of kernel reasons and facts about the host, as events told them. */
struct host_facts {
	uint64_t realtime_offset_ns;
	uint32_t flags; /* enum wst_host_flag */
	char hostname[WST_HOSTNAME_BYTES + 1];
	uint64_t losses[8]; /* last totals, by enum wst_loss_site */
	uint64_t lost_ns; /* when host_lost_facts() last grew */
	/* and what it was before: records may be older than the last look */
	struct loss_reading {
		uint64_t ts_ns;
		uint32_t lost;
	} readings[16]; /* a ring of those in which it had grown */
	uint32_t reading_count; /* of all, also those that are gone */
};

struct groups;
struct incident;
struct track;

struct track *track_new(const struct track_config *config);
void track_free(struct track *t);
/* 0; -EINVAL malformed record (nothing changed); -ENOMEM. */
int track_apply(struct track *t, const struct wst_event *event);
/*
 * Next report that is due at now_ns (CLOCK_BOOTTIME). After REPORT_END the caller calls
 * track_release().
 */
struct report track_next(struct track *t, uint64_t now_ns);
void track_release(struct track *t, struct session *s);
/*
 * Makes every session that is ending due now: for the end of a run. Sessions still open are not
 * reported.
 */
void track_flush(struct track *t);
/* Earliest time at which track_next() could have something, 0 if nothing waits. */
uint64_t track_next_due_ns(const struct track *t);

/*
 * Sessions that were open at ts_ns with the address and port that c was accepted at, from the address
 * that it came from, of which at least so many hops were seen: the latest few hundred are looked at.
 */
unsigned int track_open_from(const struct track *t, const struct conn *c, unsigned int hops,
			     uint64_t ts_ns);
const struct host_facts *track_host(const struct track *t);
struct process_table *track_processes(struct track *t);
struct groups *track_groups(struct track *t);
/* As incident_next(). */
bool track_next_incident(struct track *t, uint64_t now_ns, bool final, struct incident *ret);
/* Name of a reset or drop reason (enum wst_name_kind), or NULL. */
const char *track_reason_name(const struct track *t, uint32_t kind, uint32_t value);
/* Cookies of the sockets whose end has not come, max at most; returns how many. */
size_t track_open_sockets(const struct track *t, uint64_t *ret_cookies, size_t max);
size_t track_conn_count(const struct track *t);
/* Sessions that were reported open, and whose end was not. */
size_t track_session_count(const struct track *t);
/* Sockets dropped for lack of room, with what was known of them. */
uint64_t track_evicted(const struct track *t);
/* Texts of handshakes, and owners, that found no room. */
uint64_t track_texts_refused(const struct track *t);

#endif
