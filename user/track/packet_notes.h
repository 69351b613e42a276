/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was said of packets before their socket was followed: a SYN is dropped, or meets a full
 * accept queue, long before the handshake or the failure that makes its socket worth following. A
 * ring of the last ones.
 */
#ifndef TRACK_PACKET_NOTES_H
#define TRACK_PACKET_NOTES_H

#include "track/conn.h"

struct packet_notes;

struct packet_notes *packet_notes_new(void); /* NULL: out of memory */
void packet_notes_free(struct packet_notes *n);
void packet_notes_add_drop(struct packet_notes *n, const struct wst_drop_event *event);
void packet_notes_add_backlog(struct packet_notes *n, const struct wst_backlog_event *event);
/* Hands the notes about a socket's packets to the socket, once its tuple is known. */
void packet_notes_give(const struct packet_notes *n, struct conn *c);

#endif
