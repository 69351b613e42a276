/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a client comes back after it lost its connection. Pure. */
#ifndef TRACK_CLIENT_H
#define TRACK_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "track/keyed.h"

#define CLIENT_PAUSES 8
#define CLIENT_ROWS 12
#define CLIENT_BACKENDS 8

enum comeback {
	COMEBACK_UNKNOWN, /* not seen coming back yet */
	COMEBACK_SEEN, /* once or twice: no habit yet */
	COMEBACK_HAMMERING, /* at once, again and again */
	COMEBACK_FIXED, /* always after the same pause */
	COMEBACK_BACKOFF, /* after longer and longer pauses */
	COMEBACK_IRREGULAR,
	COMEBACK_LATE, /* it was gone for minutes */
};

/* One connection of a client, when it is over. */
struct client_attempt {
	uint64_t began_ns, ended_ns;
	bool served; /* it lived long enough to be of use */
	bool lost; /* it failed or broke: a reason to come back */
	uint64_t backend_key; /* where a proxy had led it to; 0: not known */
};

/* Attempts that follow one another, as of one client. */
struct client_row {
	uint64_t lost_ns, first_lost_ns; /* the latest time, and the one that began the row */
	uint32_t pauses_us[CLIENT_PAUSES]; /* from a loss to the next attempt, oldest first */
	uint32_t pause_count;
	uint32_t attempts; /* since the last connection that was of use */
	bool backed_off, late;
};

/* Everybody behind one NAT, or all that a load balancer sends on, may share an address. */
struct client {
	struct keyed_entry entry;
	/* Lost, and not back yet. Oldest loss first: the next attempt is taken for theirs. */
	struct client_row rows[CLIENT_ROWS];
	uint32_t row_count;
	bool crowded; /* there were more, or may have been: nobody can tell who comes back */
	struct client_row latest; /* the one whose connection ended last */
	uint64_t backend_keys[CLIENT_BACKENDS]; /* of the latest ones, a ring; 0: none yet */
	uint32_t backend_next;
};

struct client_habit {
	enum comeback comeback;
	uint32_t attempts; /* of each, where several share an address */
	uint64_t first_ns; /* since when it keeps coming back */
	uint64_t pause_ns; /* median; 0: not known */
	uint32_t backends; /* different ones among the latest; 0: not known */
	bool relentless; /* so many attempts with so little pause that they are a load */
};

void client_note(struct client *c, const struct client_attempt *attempt);
/* others: clients that share its address, beside those who were lost. */
struct client_habit client_habit(const struct client *c, uint32_t others);

#endif
