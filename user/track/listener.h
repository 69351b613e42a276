/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who serves which port, and who took over from a process that ended. A container that starts anew
 * has another network namespace: it is found again by its id, or by its address. Pure.
 */
#ifndef TRACK_LISTENER_H
#define TRACK_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "track/keyed.h"
#include "track/process.h"

#define LISTENERS_MAX 1024

struct service_port {
	uint8_t address[16]; /* all zero or ::ffff:0.0.0.0: any, or not known */
	uint32_t netns;
	uint16_t port; /* 0: not known */
};

struct listener {
	struct keyed_entry entry; /* by network namespace and port */
	struct service_port at;
	struct wst_task task; /* who called listen(), or accepted last; tgid 0: not known */
	uint64_t since_ns; /* when it did so for the first time */
	bool accepted; /* known by a connection that it accepted: the listener may be inherited */
	uint64_t stopped_ns; /* since when nobody listens; 0: somebody does, or it is not known */
	uint64_t back_ns; /* when somebody did again after that; 0: nobody had stopped */
};

enum restart_state {
	/* it served no port that is known, or the port is listened on still: by parent or siblings */
	RESTART_UNKNOWN,
	RESTART_AWAITED, /* nobody listens on the port */
	RESTART_BACK,
};

/* What became of the port of a process that ended. */
struct restart {
	enum restart_state state;
	struct service_port at; /* where the process was to be found */
	char container_id[65]; /* its container; empty: none */
	uint64_t ended_ns;
	/* RESTART_BACK */
	struct wst_task task; /* by whom */
	bool accepted; /* as in struct listener */
	uint64_t back_ns;
};

/* NULL: nothing new, or out of memory. */
const struct listener *listeners_apply(struct keyed *listeners, const struct wst_listen_event *e);
/*
 * A connection was accepted in the name of that process, which may be the one that listens and not
 * the one that will serve it (inherited).
 */
const struct listener *listeners_note_accept(struct keyed *listeners, const struct wst_tuple *tuple,
					     const struct wst_task *task, bool inherited,
					     uint64_t ts_ns);
/* Since when nobody listens there; 0: somebody does, or it is not known. */
uint64_t listeners_stopped_ns(const struct keyed *listeners, uint32_t netns, uint16_t port);
/*
 * Since when somebody listens there again; 0: nobody has stopped, or it is not known; UINT64_MAX:
 * nobody does.
 */
uint64_t listeners_back_ns(const struct keyed *listeners, uint32_t netns, uint16_t port);
/* Does that process listen anywhere, as far as it is known? */
bool listeners_serve(const struct keyed *listeners, const struct wst_task *task);
/*
 * What is known of the port since the process of task ended at ended_ns. at->port 0: not known.
 */
struct restart listeners_restart(const struct keyed *listeners, struct process_table *processes,
				 const struct service_port *at, const struct wst_task *task,
				 uint64_t ended_ns);
/* Takes in what was learnt of one listener; true: it changed the state. */
bool restart_note(struct restart *r, const struct listener *l, struct process_table *processes);

#endif
