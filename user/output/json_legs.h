/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "session" and "legs" of a line. Pure. */
#ifndef OUTPUT_JSON_LEGS_H
#define OUTPUT_JSON_LEGS_H

#include "diagnose/facts.h"
#include "output/json.h"

/* ended: with its duration */
void json_add_session(struct json *j, cJSON *line, const struct facts *f, bool ended);
/* At most legs_max of them; whole: with what TCP and WebSocket tell at the end. */
void json_add_legs(struct json *j, cJSON *line, const struct facts *f, unsigned int legs_max,
		   bool whole);
void json_add_endpoint(struct json *j, cJSON *parent, const char *key, const uint8_t *addr,
		       uint16_t port);
/* "container", if that process is known to be in one. */
void json_add_container(struct json *j, cJSON *parent, struct process_table *processes,
			const struct wst_task *task);
/* "key": RFC 3339, or null for a time that is not known */
void json_time(struct json *j, cJSON *parent, const char *key, uint64_t unix_ns);

#endif
