/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which session a socket belongs to. */
#ifndef TRACK_JOIN_H
#define TRACK_JOIN_H

#include "track/conn_table.h"
#include "track/session_table.h"

/* The session of a socket whose handshake was read, NULL when it is the first of its session. */
struct session *join_by_handshake(const struct session_table *sessions,
				  const struct conn_table *conns, const struct conn *c);
/*
 * The other socket of its TCP connection, by address alone, when no handshake named either; NULL:
 * none here.
 */
struct conn *join_other_end(const struct conn_table *conns, const struct conn *c);
/* Sets id, key_id and synthetic_id of the session that c begins. */
void join_name_session(const struct session_table *sessions, struct session *s,
		       const struct conn *c);

#endif
