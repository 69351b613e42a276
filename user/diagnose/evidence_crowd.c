/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Other ends: those of the same moment, and what a timer leaves behind, a silence, its repetition,
 * and timeouts that are known to be so long.
 */
#include <stdio.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/timeouts.h"

#define NAMED_MAX 4

static const struct conn *counted_leg(const struct facts *f)
{
	return f->end.conn->has_facts || f->end.conn->has_end ? f->end.conn : f->client;
}

/* Pings of one side: how often, on average. */
static void add_pings(struct evidence *ev, const struct facts *f, const char *who, int direction)
{
	const struct wst_walk_facts *w = &counted_leg(f)->end->walk[direction];
	uint64_t opened_ns = f->session->opened_ns;
	char period[FORMAT_DURATION];

	if (!w->frames[4] || !opened_ns || w->last_ping_ns <= opened_ns)
		return;
	evidence_add(ev, "pings", w->last_ping_ns, "the %s sent %u pings, one every %s", who,
		     w->frames[4],
		     format_duration(period, (w->last_ping_ns - opened_ns) / w->frames[4]));
}

/* Whose silence it is that the timer measured. */
static void add_halt(struct evidence *ev, const struct facts *f)
{
	const struct process *p = facts_server_process(f);
	const struct fatal_signal *halt = facts_halt_signal(p, f->end.ts_ns);
	const struct unix_backend *behind;
	char count[FORMAT_COUNT];

	if (halt)
		evidence_signal(ev, halt, f->server->owner);
	behind = facts_halted_backend(f, &halt);
	if (!behind)
		return;
	evidence_signal(ev, halt, &behind->task);
	evidence_add(ev, "unix_socket", behind->at_signal.ts_ns,
		     "%.*s (pid %u), halted, has %s of %.*s (pid %u) on Unix sockets", WST_COMM_LEN,
		     behind->task.comm, behind->task.tgid,
		     format_count(count, behind->at_signal.connections, "connection"), WST_COMM_LEN,
		     f->server->owner->comm, f->server->owner->tgid);
}

void evidence_idle(struct evidence *ev, const struct facts *f)
{
	const struct conn *c = counted_leg(f);
	const struct pattern_sample *s = &f->crowd.sample;
	uint64_t idle_ns = s->value_ns[PATTERN_IDLE], age_ns = s->value_ns[PATTERN_AGE];
	char idle[FORMAT_DURATION], age[FORMAT_DURATION];
	bool pinged = c->end->walk[WST_IN].frames[4] || c->end->walk[WST_OUT].frames[4];

	if (!s->ended_ns)
		return;
	format_seconds(idle, idle_ns);
	if (age_ns >= idle_ns)
		evidence_add(
			ev, "idle", s->ended_ns - idle_ns,
			"the last payload byte of either side passed %s before the end, %s after the 101",
			idle, format_seconds(age, age_ns - idle_ns));
	else /* the 101 was not seen */
		evidence_add(ev, "idle", s->ended_ns - idle_ns,
			     "the last payload byte of either side passed %s before the end", idle);
	add_pings(ev, f, "client", conn_from_client(c));
	add_pings(ev, f, "server", conn_from_server(c));
	add_halt(ev, f);
	if (!pinged && facts_frames_followed(f, true) && facts_frames_followed(f, false))
		evidence_add(ev, "pings", 0, "neither side sent a ping");
}

bool evidence_other_side(struct evidence *ev, const struct facts *f)
{
	if (!f->crowd.one_sided)
		return false;
	if (f->end.leg >= 0 && conn_is_server_side(f->end.conn))
		evidence_add(
			ev, "other_side_unseen", 0,
			"%s is a proxy, and where it passes this on to was not seen (a Unix socket is not followed): the end may have come from there",
			f->closer.task->comm);
	else
		evidence_add(
			ev, "other_side_unseen", 0,
			"%s is a proxy, and for whom it holds this connection was not seen (a client that speaks HTTP/2 or TLS with it): the end may have come from there",
			f->closer.task->comm);
	return true;
}

bool evidence_backend(struct evidence *ev, const struct facts *f)
{
	const struct backend_story *b = &f->backend;
	char count[FORMAT_COUNT], time[FORMAT_DURATION], others[64] = "";

	if (!b->backend)
		return false;
	if (b->others)
		snprintf(others, sizeof(others), "; %u more like it did so", b->others);
	evidence_add(
		ev, "unix_socket", b->holding->ts_ns,
		"%.*s (pid %u) had %s of %.*s (pid %u) on Unix sockets when it %s, %s before that%s",
		WST_COMM_LEN, b->backend->task.comm, b->backend->task.tgid,
		format_count(count, b->holding->connections, "connection"), WST_COMM_LEN,
		b->holder->comm, b->holder->tgid,
		b->holding == &b->backend->at_exit ? "ended" : "was sent a signal",
		format_duration(time, b->decided_ns - b->holding->ts_ns), others);
	return true;
}

void evidence_burst(struct evidence *ev, const struct burst *b)
{
	if (b && b->count > 1)
		evidence_add(ev, "burst", b->first_ns, "it closed %u sessions within %u ms",
			     b->count, (unsigned int)((b->last_ns - b->first_ns) / 1000000));
}

static const char *kind_text(enum pattern_kind kind)
{
	switch (kind) {
	case PATTERN_IDLE_OF_CLIENT:
		return "after the last byte of the client";
	case PATTERN_IDLE_OF_SERVER:
		return "after the last byte of the server";
	case PATTERN_AGE:
		return "after the 101, whatever passed in between";
	default:
		return "after the last byte of either side";
	}
}

void evidence_pattern(struct evidence *ev, const struct pattern *p)
{
	char value[FORMAT_DURATION], spread[FORMAT_DURATION];

	if (!p->kind)
		return;
	evidence_add(ev, "repeats", 0,
		     "%u of the last %u sessions that ended like this did so %s %s, within %s",
		     p->count, p->total, format_seconds(value, p->value_ns), kind_text(p->kind),
		     format_duration(spread, p->spread_ns));
	if (p->swept)
		evidence_add(
			ev, "same_fraction", 0,
			"all at the same fraction of a second, as if timers were looked at once a second");
	if (!p->independent)
		evidence_add(ev, "same_moment", 0,
			     "but they began and ended together: one event may have ended them all");
}

void evidence_timeouts(struct evidence *ev, const struct pattern *p, uint64_t value_ns,
		       unsigned int place, unsigned int close)
{
	const struct known_timeout *t = NULL;
	bool age = p->kind == PATTERN_AGE;
	char value[FORMAT_DURATION], text[160] = "";
	size_t used = 0;

	for (int i = 0; i < NAMED_MAX; i++) {
		t = timeout_next(t, value_ns, age, place, close);
		if (!t || used >= sizeof(text))
			break;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s (as of %s)",
					 used ? "; " : "", t->product, t->knob, t->as_of);
	}
	if (used)
		evidence_add(ev, "known_timeouts", 0, "%s is the default of: %s",
			     format_seconds(value, value_ns), text);
}
