/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What many connections to one address have in common: how many handshakes fail, and how they are
 * spread over the backends behind a proxy. Pure.
 */
#ifndef TRACK_SERVICE_H
#define TRACK_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "track/keyed.h"

#define SERVICE_ATTEMPTS 256
#define SERVICE_CAUSES 4
#define SERVICE_BACKENDS 8

struct service_endpoint {
	uint8_t address[16];
	uint16_t port;
};

struct service_attempt {
	uint64_t ts_ns;
	const char *cause; /* id of the cause of a failure, static; NULL: it opened */
	struct service_endpoint backend; /* of one that opened behind a proxy; port 0: not known */
	bool lost; /* it opened, and a backend ended it badly right after that */
};

struct service_backend {
	struct service_endpoint endpoint;
	uint32_t taken; /* new sessions since all backends that take any are known */
	uint32_t open; /* sessions at the moment */
	bool counted; /* it took a session since the spread was forgotten */
	uint64_t used_ns;
};

struct service {
	struct keyed_entry entry;
	struct service_endpoint endpoint;
	struct service_attempt attempts[SERVICE_ATTEMPTS]; /* a ring */
	uint32_t attempt_count, attempt_next;
	struct service_backend backends[SERVICE_BACKENDS];
	uint32_t backend_count;
	/* Clients that lost their sessions around the same time, and those that are not back. */
	uint32_t lost_clients, gone_clients;
	uint64_t absence_ns; /* when the latest of them was looked for */
};

/* Of the last minute. */
struct service_failures {
	uint32_t attempts, failed;
	uint64_t first_ns; /* first failure */
	struct {
		const char *cause;
		uint32_t count;
	} causes[SERVICE_CAUSES]; /* most frequent first; NULL ends the list */
};

/* Sessions of the last minute that did not last, by backend. */
struct service_churn {
	uint32_t opened, lost; /* of all backends */
	uint64_t first_ns; /* when the first of those lost had opened */
	struct {
		struct service_endpoint endpoint;
		uint32_t opened, lost;
	} backends[SERVICE_BACKENDS]; /* in the order of their first session */
	uint32_t backend_count;
};

void service_note_attempt(struct service *s, const struct service_attempt *attempt);
/*
 * An attempt that failed. opened_ns: when it was taken for open and noted, because of a 101 that its
 * client did not take; 0: it never was.
 */
void service_note_failed(struct service *s, const struct service_attempt *failed,
			 uint64_t opened_ns);
struct service_failures service_failures(const struct service *s, uint64_t now_ns);

/* A session that had opened at opened_ns was lost as soon as it was open. */
void service_note_lost(struct service *s, uint64_t opened_ns,
		       const struct service_endpoint *backend);
struct service_churn service_churn(const struct service *s, uint64_t now_ns);
/* Many were lost so, most of them, and more than one backend loses them. */
bool service_churns(const struct service_churn *c);

void service_note_open(struct service *s, const struct service_endpoint *backend, uint64_t ts_ns);
void service_note_end(struct service *s, const struct service_endpoint *backend);
/* A backend restarts or leaves: what was counted says nothing about how sessions are spread. */
void service_forget_spread(struct service *s);
/* The backend that gets far more sessions than the others, and the one with fewest; false: even. */
bool service_is_uneven(const struct service *s, const struct service_backend **ret_most,
		       const struct service_backend **ret_least);
/* New sessions that were counted. */
uint32_t service_taken(const struct service *s);

#endif
