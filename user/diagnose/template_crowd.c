/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words about timers, and about many sessions. */
#include "diagnose/template_words.h"

#include <inttypes.h>
#include <stdio.h>

#include "diagnose/facts.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/timeouts.h"

/* Fewer pings make no period, and fewer missed ones may just be late. */
#define PERIOD_PINGS 3
#define MISSED_PINGS 3

static void fill_age(char dst[WORD_BYTES], const struct facts *f)
{
	format_duration(dst, f->crowd.sample.value_ns[PATTERN_AGE]);
}

static void fill_idle(char dst[WORD_BYTES], const struct facts *f)
{
	format_seconds(dst, facts_idle_ns(f));
}

static const struct pattern *pattern_of(const struct facts *f)
{
	return f->incident ? &f->incident->pattern : &f->crowd.pattern;
}

static uint64_t value_ns(const struct facts *f)
{
	const struct pattern *p = pattern_of(f);

	return p->kind ? p->value_ns : facts_idle_ns(f);
}

static void fill_value(char dst[WORD_BYTES], const struct facts *f)
{
	format_seconds(dst, value_ns(f));
}

static void fill_half(char dst[WORD_BYTES], const struct facts *f)
{
	uint64_t half_ns = value_ns(f) / 2;

	/* No exact number: it is advice. */
	if (half_ns >= 4000000000ull)
		snprintf(dst, WORD_BYTES, "%" PRIu64 " s", half_ns / 1000000000);
	else
		format_seconds(dst, half_ns);
}

static void fill_silence(char dst[WORD_BYTES], const struct facts *f)
{
	format_seconds(dst, f->end.conn->end->walk[WST_OUT].silence_ms * 1000000ull);
}

static void fill_knob(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s",
		 f->crowd.proxy ? f->crowd.proxy->idle_knob : "the proxy's idle timeout");
}

static void fill_shutdown_knob(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s",
		 f->crowd.proxy ? f->crowd.proxy->shutdown_knob : "the grace of the proxy");
}

static uint32_t pings_of_server(const struct facts *f)
{
	const struct conn *c = f->end.conn;

	return c->end->walk[conn_from_server(c)].frames[4];
}

/* Mean time between the pings of the server; 0: it sent none. */
static uint64_t ping_period_ns(const struct facts *f)
{
	const struct conn *c = f->end.conn;
	const struct wst_walk_facts *w = &c->end->walk[conn_from_server(c)];
	uint64_t opened_ns = f->session->opened_ns;

	return w->frames[4] && opened_ns && w->last_ping_ns > opened_ns ?
		       (w->last_ping_ns - opened_ns) / w->frames[4] :
		       0;
}

static uint64_t since_last_ping_ns(const struct facts *f)
{
	const struct conn *c = f->end.conn;
	uint64_t last_ns = c->end->walk[conn_from_server(c)].last_ping_ns;

	return f->end.ts_ns > last_ns ? f->end.ts_ns - last_ns : 0;
}

/* "the server pings every 1 min 15 s", "no side does so now" */
static void fill_pings(char dst[WORD_BYTES], const struct facts *f)
{
	uint64_t period_ns = ping_period_ns(f);
	char period[FORMAT_DURATION];

	if (!facts_frames_followed(f, false))
		snprintf(dst, WORD_BYTES, "whether it does was not seen");
	else if (period_ns)
		snprintf(dst, WORD_BYTES, "it did every %s", format_duration(period, period_ns));
	else
		snprintf(dst, WORD_BYTES, "it sent none in this session");
}

/* Nobody needs to be told to ping who would have done so. */
static void fill_ping_advice(char dst[WORD_BYTES], const struct facts *f)
{
	const struct process *p = facts_server_process(f);
	const struct fatal_signal *halt = facts_halt_signal(p, f->end.ts_ns);
	uint64_t period_ns = ping_period_ns(f), since_ns = since_last_ping_ns(f);
	char half[WORD_BYTES], pings[WORD_BYTES], period[FORMAT_DURATION], time[FORMAT_DURATION];

	fill_half(half, f);
	fill_pings(pings, f);
	if (halt)
		snprintf(
			dst, WORD_BYTES,
			"%.*s (pid %u) had been halted for %s: find out who halts it, and why (`kill -CONT %u` lets it go on)",
			WST_COMM_LEN, p->comm, p->tgid,
			format_duration(time, f->end.ts_ns - halt->ts_ns), p->tgid);
	else if (pings_of_server(f) >= PERIOD_PINGS && since_ns > MISSED_PINGS * period_ns)
		snprintf(
			dst, WORD_BYTES,
			"The server pinged every %s and had stopped to, %s before the end: find out what held it up (a blocked event loop, a paused container)",
			format_duration(period, period_ns), format_duration(time, since_ns));
	else
		snprintf(dst, WORD_BYTES,
			 "Let the server ping every client at least every %.16s: %.64s", half,
			 pings);
}

static void fill_count(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%u", f->incident->count);
}

static void fill_sessions(char dst[WORD_BYTES], const struct facts *f)
{
	uint32_t count = f->incident->count;

	snprintf(dst, WORD_BYTES, "%u session%s", count, count == 1 ? "" : "s");
}

/* "; node (pid 9) serves port 8080 again, 2.1 s later" */
static void fill_restart(char dst[WORD_BYTES], const struct facts *f)
{
	const struct restart *r = &f->incident->restart;
	uint64_t now_ns = f->incident->told_ns;
	char time[FORMAT_DURATION];

	dst[0] = '\0';
	if (r->state == RESTART_BACK)
		snprintf(dst, WORD_BYTES, "; %.*s (pid %u) serves port %u again, %s later",
			 WST_COMM_LEN, r->task.comm, r->task.tgid, r->at.port,
			 format_duration(time, r->back_ns - r->ended_ns));
	else if (r->state == RESTART_AWAITED)
		snprintf(dst, WORD_BYTES, "; not back on port %u within %s", r->at.port,
			 format_duration(time, now_ns > r->ended_ns ? now_ns - r->ended_ns : 0));
}

static void fill_span(char dst[WORD_BYTES], const struct facts *f)
{
	format_duration(dst, f->incident->last_ns - f->incident->first_ns);
}

static void fill_process(char dst[WORD_BYTES], const struct facts *f)
{
	const struct wst_task *task = &f->incident->task;

	snprintf(dst, WORD_BYTES, "%.*s (pid %u)", WST_COMM_LEN, task->comm, task->tgid);
}

static void fill_service(char dst[WORD_BYTES], const struct facts *f)
{
	const struct incident *i = f->incident;
	char endpoint[FORMAT_ENDPOINT];

	snprintf(dst, WORD_BYTES, "%s%s%s", i->path, i->path[0] ? " on " : "",
		 format_endpoint(endpoint, i->endpoint.address, i->endpoint.port));
}

static void fill_clients(char dst[WORD_BYTES], const struct facts *f)
{
	const struct incident *i = f->incident;
	char address[FORMAT_ADDRESS];

	if (i->client_count > 1)
		snprintf(dst, WORD_BYTES, "%u%s clients", i->client_count,
			 i->client_count == INCIDENT_CLIENTS ? " or more" : "");
	else
		snprintf(dst, WORD_BYTES, "one client, %s,",
			 format_address(address, i->client_address));
}

static void fill_pause(char dst[WORD_BYTES], const struct facts *f)
{
	format_duration(dst, f->incident->pause_ns);
}

static void fill_share(char dst[WORD_BYTES], const struct facts *f)
{
	const struct service_failures *rate = &f->incident->failures;

	snprintf(dst, WORD_BYTES, "%u of %u attempts (%u %%)", rate->failed, rate->attempts,
		 rate->attempts ? rate->failed * 100 / rate->attempts : 0);
}

static void fill_first_cause(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s", f->incident->cause ? f->incident->cause : "unknown");
}

static void fill_ender(char dst[WORD_BYTES], const struct facts *f)
{
	const struct incident *i = f->incident;
	const char *party = name_of_initiator((enum initiator)i->ended_by);

	if (i->task.tgid && !i->outside)
		snprintf(dst, WORD_BYTES, "%s %.*s", party, WST_COMM_LEN, i->task.comm);
	else
		snprintf(dst, WORD_BYTES, "something on the side of the %s", party);
}

static void fill_kind(char dst[WORD_BYTES], const struct facts *f)
{
	enum pattern_kind kind = pattern_of(f)->kind;

	snprintf(dst, WORD_BYTES, "%s",
		 kind == PATTERN_AGE		? "at an age" :
		 kind == PATTERN_IDLE_OF_CLIENT ? "after a silence of the client" :
		 kind == PATTERN_IDLE_OF_SERVER ? "after a silence of the server" :
						  "after a silence");
}

static void fill_backend(char dst[WORD_BYTES], const struct service_backend *b)
{
	char endpoint[FORMAT_ENDPOINT];

	snprintf(dst, WORD_BYTES, "%s (%u)",
		 format_endpoint(endpoint, b->endpoint.address, b->endpoint.port), b->taken);
}

static void fill_most(char dst[WORD_BYTES], const struct facts *f)
{
	fill_backend(dst, &f->incident->most);
}

static void fill_least(char dst[WORD_BYTES], const struct facts *f)
{
	fill_backend(dst, &f->incident->least);
}

static void fill_churned(char dst[WORD_BYTES], const struct facts *f)
{
	const struct service_churn *c = &f->incident->churn;

	snprintf(dst, WORD_BYTES, "%u of %u", c->lost, c->opened);
}

static void fill_backends(char dst[WORD_BYTES], const struct facts *f)
{
	const struct service_churn *c = &f->incident->churn;
	unsigned int losing = 0;

	for (uint32_t i = 0; i < c->backend_count; i++)
		losing += c->backends[i].lost > 0;
	snprintf(dst, WORD_BYTES, "%u of %u backends", losing, c->backend_count);
}

static void fill_taken(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%u", f->incident->taken);
}

const struct word words_crowd[] = {
	{ "age", "some time", fill_age },
	{ "idle", "some time", fill_idle },
	{ "value", "some time", fill_value },
	{ "half", "half of it", fill_half },
	{ "silence", "some time", fill_silence },
	{ "knob",
	  "the proxy's idle timeout (nginx: `proxy_read_timeout`, HAProxy: `timeout tunnel`)",
	  fill_knob },
	{ "shutdown_knob", "their grace (nginx: `worker_shutdown_timeout`)", fill_shutdown_knob },
	{ "ping_advice", "Let the server ping every client at least every half of it",
	  fill_ping_advice },
	{ "count", "several", fill_count },
	{ "sessions", "several sessions", fill_sessions },
	{ "restart", "", fill_restart },
	{ "span", "a moment", fill_span },
	{ "process", "a process", fill_process },
	{ "service", "one address", fill_service },
	{ "clients", "one client, or many,", fill_clients },
	{ "pause", "hardly any pause", fill_pause },
	{ "share", "a large part of the attempts", fill_share },
	{ "first_cause", "one cause", fill_first_cause },
	{ "ender", "something", fill_ender },
	{ "kind", "after a silence, or at an age,", fill_kind },
	{ "most", "one backend", fill_most },
	{ "least", "another one", fill_least },
	{ "taken", "many", fill_taken },
	{ "churned", "most of them", fill_churned },
	{ "backends", "several backends", fill_backends },
};

const size_t words_crowd_count = sizeof(words_crowd) / sizeof(words_crowd[0]);
