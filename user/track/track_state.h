/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What track.c and track_socket.c share. */
#ifndef TRACK_TRACK_STATE_H
#define TRACK_TRACK_STATE_H

#include "track/conn_table.h"
#include "track/group.h"
#include "track/host_facts.h"
#include "track/intern.h"
#include "track/packet_notes.h"
#include "track/session_table.h"
#include "track/track.h"

struct track {
	struct track_config config; /* with the defaults filled in */
	struct conn_table conns;
	struct interns *interns; /* texts and owners that sockets share */
	struct session_table sessions;
	struct process_table *processes;
	struct groups *groups;
	struct keyed fronts; /* struct known_front, by the cookie of the socket behind the proxy */
	struct packet_notes *packets;
	struct host_facts host;
	struct reason_names names;
	uint64_t now_ns; /* of the latest record */
	uint64_t evicted;
	bool flushing;
};

/* For whom a proxy that ends TLS opened a connection. */
struct known_front {
	struct keyed_entry entry;
	struct wst_front_event event;
};

/* Events of one socket, WST_EV_OPEN to WST_EV_END. As track_apply(). */
int track_apply_socket(struct track *t, const struct wst_event *event);
/* Works out again when the session is due. 0 or -ENOMEM. */
int track_refresh(struct track *t, struct session *s);
/* Who serves a port has changed; NULL: it has not. */
void track_note_listener(struct track *t, const struct listener *l);
/* Frees a session that nobody will report, and its legs. */
void track_drop_session(struct track *t, struct session *s);

#endif
