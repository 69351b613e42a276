/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same story again and again, at other times. */
#include "story.h"

#include <string.h>

/* Far enough apart that no two are one event, and not a multiple of anything. */
#define APART_NS (37 * 1000000000ull)
/* So close together that one event may have ended them. */
#define MOMENT_NS 5000000ull

static void earlier(uint64_t *ts_ns, uint64_t by_ns)
{
	if (*ts_ns)
		*ts_ns -= by_ns;
}

static void move_conn(struct conn *c, uint64_t by_ns, uint64_t open_ns, uint64_t payload_ns)
{
	uint64_t *const ends[] = { &c->end->fin_in_ns,	      &c->end->fin_out_ns,
				   &c->end->rst_in_ns,	      &c->end->rst_out_ns,
				   &c->end->error_ns,	      &c->end->closed_ns,
				   &c->end->closer_ns,	      &c->frames->close[0].ts_ns,
				   &c->frames->close[1].ts_ns };
	uint64_t *const begins[] = { &c->connect_ns, &c->established_ns, &c->handshake.request_ns,
				     &c->handshake.response_ns };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		earlier(ends[i], by_ns);
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		earlier(begins[i], by_ns + open_ns);
	for (int i = 0; i < 2; i++) {
		c->end->walk[i].last_payload_ns -= by_ns + payload_ns;
		if (c->end->walk[i].last_data_ns)
			c->end->walk[i].last_data_ns -= by_ns + payload_ns;
	}
}

static void tell_others(struct story *st, unsigned int count, uint64_t apart_ns, int open_ms,
			int payload_ms)
{
	struct conn conns[SESSION_LEGS_MAX];
	struct conn_parts parts[SESSION_LEGS_MAX];
	struct session s = st->s;
	struct verdict v;

	memcpy(conns, st->conns, sizeof(conns));
	memcpy(parts, st->parts, sizeof(parts));
	for (unsigned int n = count; n > 0; n--) {
		uint64_t by_ns = n * apart_ns, open_ns = n * (uint64_t)open_ms * STORY_MS;

		for (unsigned int i = 0; i < st->s.leg_count; i++)
			move_conn(&st->conns[i], by_ns, open_ns,
				  n * (uint64_t)payload_ms * STORY_MS);
		st->s.opened_ns -= by_ns + open_ns;
		st->s.first_ns -= by_ns + open_ns;
		session_refresh(&st->s, 0, 0);
		diagnose_session(&st->s, st->track, &v);
		memcpy(st->conns, conns, sizeof(conns));
		memcpy(st->parts, parts, sizeof(parts));
		st->s = s;
	}
}

void story_forerunners(struct story *st, unsigned int count, int open_ms, int payload_ms)
{
	tell_others(st, count, APART_NS, open_ms, payload_ms);
}

void story_companions(struct story *st, unsigned int count)
{
	tell_others(st, count, MOMENT_NS, 0, 0);
}
