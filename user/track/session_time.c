/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a session opened, when it ended, and when its verdict can be given. */
#include "track/session.h"

static uint64_t min_known(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static uint64_t leg_ended_ns(const struct conn *c)
{
	uint64_t ts_ns;

	if (conn_is_refused(c))
		return c->handshake.response_ns;
	conn_ended_by(c, &ts_ns);
	return ts_ns;
}

/*
 * A proxy may have been refused by one server before another one took the request: refused legs end
 * no open session. As long as its client waits for an answer, a handshake is not over either.
 */
static uint64_t first_end_ns(const struct session *s, unsigned int open_ways)
{
	uint64_t first = 0;

	for (unsigned int i = 0; i < s->leg_count; i++)
		if (open_ways ? open_ways >> i & 1 : s->hop[i] == 0)
			first = min_known(first, leg_ended_ns(s->legs[i]));
	return first;
}

/* When the last leg finished, 0 while one has not. */
static uint64_t last_finish_ns(const struct session *s)
{
	uint64_t last = 0, ts_ns;

	for (int i = 0; i < s->leg_count; i++) {
		if (!conn_is_finished(s->legs[i], &ts_ns))
			return 0;
		if (ts_ns > last)
			last = ts_ns;
	}
	return last;
}

static uint64_t first_event_ns(const struct session *s)
{
	uint64_t first = 0;

	for (int i = 0; i < s->leg_count; i++)
		first = min_known(first, conn_began_ns(s->legs[i]));
	return first;
}

/* The 101 that the client-most socket saw. */
static uint64_t opened_ns(const struct session *s, unsigned int open_ways)
{
	for (unsigned int i = 0; i < s->leg_count; i++)
		if (open_ways >> i & 1 && s->legs[i]->handshake.response_seen)
			return s->legs[i]->handshake.response_ns;
	return 0;
}

/*
 * A failed TLS handshake is told by both sockets when both are here, but the second may close much
 * later and is not known before.
 */
static bool awaits_other_end(const struct session *s)
{
	const struct conn *c = s->legs[0];

	return s->leg_count == 1 && !c->handshake.request_seen && c->established_ns &&
	       (c->end->tcp.tls_alert_in != 255 || c->end->tcp.tls_alert_out != 255);
}

static uint64_t settle_of(const struct session *s, uint64_t settle_ns)
{
	if (s->hop_count < 2 || !s->opened_ns)
		return settle_ns;
	for (int i = 0; i < s->leg_count; i++)
		if (s->legs[i]->frames->close[WST_IN].seen ||
		    s->legs[i]->frames->close[WST_OUT].seen)
			return settle_ns;
	return SESSION_PROXY_SETTLES * settle_ns;
}

void session_refresh(struct session *s, uint64_t settle_ns, uint64_t wait_ns)
{
	uint64_t finished = awaits_other_end(s) ? 0 : last_finish_ns(s);
	unsigned int open_ways = session_open_ways(s);

	s->opened_ns = opened_ns(s, open_ways);
	if (s->opened_ns && !s->open_due_ns)
		s->open_due_ns = s->opened_ns + settle_ns;
	s->first_ns = first_event_ns(s);
	s->ended_ns = first_end_ns(s, open_ways);
	s->due_ns = s->ended_ns ? s->ended_ns + wait_ns : 0;
	settle_ns = settle_of(s, settle_ns);
	if (finished && (!s->due_ns || finished + settle_ns < s->due_ns))
		s->due_ns = finished + settle_ns;
}

uint64_t session_next_ns(const struct session *s)
{
	uint64_t open = s->open_reported ? 0 : s->open_due_ns;

	if (s->ended_reported)
		return 0;
	return min_known(open, s->due_ns);
}
