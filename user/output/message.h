/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What both formats say of a session: names, levels and the one sentence. Pure. */
#ifndef OUTPUT_MESSAGE_H
#define OUTPUT_MESSAGE_H

#include "diagnose/facts.h"

#define MESSAGE_BYTES 640

/* Addresses of the first and the last socket that this host sees of a session. */
struct endpoints {
	const uint8_t *client, *server; /* 16 bytes each, NULL for a session without legs */
	uint16_t client_port, server_port;
};

struct endpoints message_endpoints(const struct session *s);
/* session_end, handshake_failed, connect_failed */
const char *message_event_name(const struct verdict *v);
/* info: nothing wrong; warn: passes by itself or is not understood; error: somebody should look */
const char *message_level(const struct verdict *v);
/* network, auth, server or config: a cause without a category is classed by its close code */
const char *message_error_type(const struct verdict *v);
/* Raw bytes of the wire may be inside: clean before printing. dst holds MESSAGE_BYTES. */
void message_of_end(char *dst, const struct facts *f, const struct verdict *v);
void message_of_open(char *dst, const struct facts *f);
/* "Incident: ...", "Incident goes on: ...", "Incident is over: ..." */
void message_of_incident(char *dst, const struct incident *i, const struct verdict *v);
/* info once it is over */
/* When what the line tells of came to pass. */
uint64_t message_incident_ns(const struct incident *i);
const char *message_incident_level(const struct incident *i);
const char *message_incident_state(const struct incident *i); /* started, ongoing, ended */
/* A habit in one word; "unknown" for a client not seen coming back. */
const char *message_comeback(enum comeback comeback);
/* 0 for a time that is not known */
uint64_t message_unix_ns(const struct track *t, uint64_t ts_ns);
/* From the 101, or the first event of a failure, to the end. */
uint64_t message_duration_ns(const struct session *s);

#endif
