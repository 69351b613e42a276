/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients that lost their connection through no doing of theirs, and whether they are back within
 * ABSENCE_WAIT_NS. Bounded: the losses that wait for longest are forgotten. Pure.
 */
#ifndef TRACK_ABSENCE_H
#define TRACK_ABSENCE_H

#include "track/incident.h"

/* Most clients back off for 30 s at most, some for a minute. */
#define ABSENCE_WAIT_NS (120ull * 1000000000)
#define ABSENCES_WAITING 1024
#define ABSENCE_CLIENTS 8192

struct loss_of_client {
	uint64_t lost_ns;
	uint64_t client_key;
	struct wst_task task; /* the client, if it is here; tgid 0: it is not */
	uint8_t address[16]; /* of the client */
	/* What it was connected to. */
	uint64_t service_key;
	struct service_endpoint endpoint;
	uint32_t netns; /* where it is served, if that is here */
	char path[INCIDENT_PATH_BYTES];
	const char *cause; /* static */
	uint64_t due_ns;
};

struct absences {
	struct keyed clients;
	struct loss_of_client waiting[ABSENCES_WAITING]; /* a ring, by due_ns */
	uint32_t first, count;
};

enum absence { ABSENCE_NONE, ABSENCE_BACK, ABSENCE_GONE };

int absences_init(struct absences *a); /* 0 or -ENOMEM */
void absences_free(struct absences *a);

/* A session of that client opened, or an attempt of it, or a session, is over. */
void absence_note_open(struct absences *a, uint64_t client_key, uint64_t began_ns);
void absence_note_end(struct absences *a, uint64_t client_key, uint64_t began_ns, bool opened);
/* due_ns is filled in here. */
void absence_note_loss(struct absences *a, const struct loss_of_client *loss);
/* When absence_next() has something to look at; 0: nothing waits. */
uint64_t absence_next_due_ns(const struct absences *a);
/*
 * The next loss whose wait is over at now_ns, and what became of the client. NONE: there is no other
 * one. A client is told gone once, until it is seen again. Not waited for is a process that has
 * exited; and while nobody listens there the wait has not begun.
 */
enum absence absence_next(struct absences *a, const struct keyed *listeners,
			  struct process_table *processes, uint64_t now_ns,
			  struct loss_of_client *ret);

#endif
