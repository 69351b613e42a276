/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What befell many connections at once. Told when it begins, when it has grown to four times of
 * what was told last, and when it is over: not once per connection. The end of a process is over
 * when its port is served again. Pure.
 */
#ifndef TRACK_INCIDENT_H
#define TRACK_INCIDENT_H

#include "track/client.h"
#include "track/listener.h"
#include "track/pattern.h"
#include "track/service.h"
#include "wstrace/event.h"

#define INCIDENTS_MAX 128
#define INCIDENT_CLIENTS 64
#define INCIDENT_PATH_BYTES 64

enum incident_kind {
	INCIDENT_PROCESS_EXIT,
	INCIDENT_RECONNECT_STORM,
	INCIDENT_PERIODIC_DISCONNECT,
	INCIDENT_UPSTREAM_IMBALANCE,
	INCIDENT_FAILURE_RATE,
	INCIDENT_BACKEND_CHURN,
	INCIDENT_CLIENTS_GONE,
};

enum incident_state { INCIDENT_STARTED, INCIDENT_ONGOING, INCIDENT_ENDED };

struct incident {
	struct keyed_entry entry;
	enum incident_kind kind;
	enum incident_state state; /* when it is told */
	uint32_t count; /* sessions, attempts or failures that make it up */
	uint32_t told; /* how many of them had been counted when it was told last; 0: not told */
	uint64_t first_ns, last_ns;
	uint64_t due_ns; /* when it is to be told for the first time */
	uint64_t quiet_ns; /* over when nothing was added for so long */
	uint64_t told_ns; /* when it is told */
	bool over; /* all is told */
	bool followed_up; /* the line adds to what a line has said before */
	bool minor; /* not worth a line unless everything is */

	/* What it is about, as far as its kind knows it. */
	struct service_endpoint endpoint; /* where clients connect to */
	char path[INCIDENT_PATH_BYTES]; /* '*' for parts that differ */
	const char *cause; /* id of the cause of the latest session, static */
	struct wst_task task; /* the process that ended, or that closes */
	bool exited; /* exit_code is known: wait status */
	uint32_t exit_code;
	struct restart restart; /* of that process */
	enum comeback comeback;
	uint64_t pause_ns;
	uint64_t client_keys[INCIDENT_CLIENTS];
	uint32_t client_count; /* different ones, as far as they were kept */
	uint8_t client_address[16]; /* of the latest */
	struct pattern pattern;
	bool outside; /* the ends came from outside of this host */
	uint32_t ended_by; /* party, as the verdicts name it */
	struct service_failures failures;
	struct service_backend most, least;
	uint32_t taken;
	struct service_churn churn;
	uint32_t lost_clients; /* of which count are gone */
	uint32_t client_backends; /* most that one of the clients was led to; 0: not known */
};

/*
 * Adds to the incident of that kind and key, which begins if there is none. NULL: out of memory.
 * The caller fills what it is about.
 */
struct incident *incident_raise(struct keyed *incidents, enum incident_kind kind, uint64_t key,
				uint64_t ts_ns);
/* The one under way, or NULL. */
struct incident *incident_find(const struct keyed *incidents, enum incident_kind kind, uint64_t key);
/* A port is listened on, or no longer: what it means for processes that ended. */
void incidents_note_listener(struct keyed *incidents, const struct listener *l,
			     struct process_table *processes);
/* Counts a client once. */
void incident_add_client(struct incident *i, uint64_t client_key);
/*
 * Next one to be told at now_ns, with its state; NULL: none. It is the caller's copy. final: the
 * run is over, so what waited to be told does not wait for longer.
 */
bool incident_next(struct keyed *incidents, uint64_t now_ns, bool final, struct incident *ret);
uint64_t incident_next_due_ns(const struct keyed *incidents); /* 0: nothing waits */

#endif
