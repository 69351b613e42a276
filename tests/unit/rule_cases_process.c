/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rule_cases.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

static void restart(struct story *st)
{
	story_close_frame(st, false, 1001, "bye");
	story_close_frame(st, true, 1001, "bye");
	story_signal(st, STORY_SERVER_PID, SIGTERM, 1, -100);
	story_fin(st, STORY_SERVER_LEG);
}

static void restart_blur(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_DIRECT);
	story_close_frame(st, false, 1001, "bye");
	story_close_frame(st, true, 1001, "bye");
	story_fin(st, STORY_SERVER_LEG);
}

static void oom(struct story *st)
{
	story_oom(st, STORY_SERVER_PID);
	story_died(st, STORY_SERVER_LEG, SIGKILL);
}

static void killed(struct story *st)
{
	story_signal(st, STORY_SERVER_PID, SIGKILL, 77, -1);
	story_died(st, STORY_SERVER_LEG, SIGKILL);
}

/* The same end with nobody seen who sent the signal, and nothing of the OOM killer. */
static void killed_by_nobody(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_DIRECT);
	story_died(st, STORY_SERVER_LEG, SIGKILL);
}

static void crashed(struct story *st)
{
	story_fault(st, STORY_SERVER_PID, SIGSEGV, -1);
	story_died(st, STORY_SERVER_LEG, SIGSEGV | 0x80);
}

/* A runtime that caught the fault and left with a status. */
static void crashed_blur(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_DIRECT);
	story_fault(st, STORY_SERVER_PID, SIGSEGV, -1);
	story_died(st, STORY_SERVER_LEG, 2 << 8);
}

static void terminated(struct story *st)
{
	story_signal(st, STORY_SERVER_PID, SIGTERM, 1, -50);
	story_died(st, STORY_SERVER_LEG, SIGTERM);
}

static void terminated_blur(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_DIRECT);
	story_died(st, STORY_SERVER_LEG, SIGTERM);
}

static void exited(struct story *st)
{
	story_died(st, STORY_SERVER_LEG, 3 << 8);
}

/* It closed the socket before it ended: something else may have made it close. */
static void exited_blur(struct story *st)
{
	st->conns[STORY_SERVER_LEG].end->closer_exiting = false;
}

#define CONTAINER "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void stopped_by(struct story *st, uint32_t sender_tgid, const char *sender_comm)
{
	struct events *e = events_new();

	ev_signal(e, STORY_SERVER_PID, SIGKILL, sender_tgid, sender_comm)->h.ts_ns = STORY_END_NS -
										     STORY_MS;
	if (track_apply(st->track, e->records[0]))
		abort();
	events_free(e);
	story_died(st, STORY_SERVER_LEG, SIGKILL);
}

static void container(struct story *st)
{
	story_process(st, STORY_SERVER_PID, 7, 1000, CONTAINER);
	stopped_by(st, 900, "runc");
}

/* The kernel killed it, for a reason that was not seen. */
static void container_blur(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_DIRECT);
	story_process(st, STORY_SERVER_PID, 7, 1000, CONTAINER);
	stopped_by(st, 0, "");
}

static void proxy_dies(struct story *st)
{
	story_signal(st, STORY_PROXY_PID, SIGTERM, 1, -50);
	story_died(st, STORY_PROXY_OUT, SIGTERM);
}

/* Any of the two: that it was a proxy is not seen. */
static void proxy_dies_blur(struct story *st)
{
	story_done(st);
	story_begin(st, STORY_DIRECT);
	story_signal(st, STORY_SERVER_PID, SIGTERM, 1, -50);
	story_died(st, STORY_SERVER_LEG, SIGTERM);
}

static void worker_retires(struct story *st)
{
	struct events *e = events_new();
	struct wst_exit_event *exit;

	story_fin(st, STORY_PROXY_OUT);
	story_fin(st, STORY_PROXY_IN);
	ev_process(e, 299, "nginx", "/");
	exit = ev_exit(e, STORY_PROXY_PID, 0);
	exit->h.ts_ns = STORY_END_NS + 5 * STORY_MS;
	exit->parent_tgid = 299;
	memcpy(exit->comm, "nginx", 6);
	for (size_t i = 0; i < e->count; i++)
		if (track_apply(st->track, e->records[i]))
			abort();
	events_free(e);
}

/* The whole proxy may have been stopped. */
static void worker_retires_blur(struct story *st)
{
	story_exit(st, 299, 0, 6);
}

/* So late that the proxy may have had a reason of its own. */
static void unix_blur(struct story *st)
{
	st->conns[STORY_PROXY_IN].end->fin_out_ns += 700 * STORY_MS;
	st->conns[STORY_PROXY_IN].end->closed_ns += 700 * STORY_MS;
	st->conns[STORY_CLIENT_LEG].end->fin_in_ns += 700 * STORY_MS;
	st->conns[STORY_CLIENT_LEG].end->closed_ns += 700 * STORY_MS;
}

static void unix_oom(struct story *st)
{
	story_oom(st, STORY_UNIX_PID);
	story_unix_died(st, SIGKILL);
}

static void unix_killed(struct story *st)
{
	story_signal(st, STORY_UNIX_PID, SIGKILL, 77, -3);
	story_unix_died(st, SIGKILL);
}

static void unix_crashed(struct story *st)
{
	story_unix_died(st, SIGSEGV | 0x80);
}

static void unix_terminated(struct story *st)
{
	story_signal(st, STORY_UNIX_PID, SIGTERM, 1, -3);
	story_unix_died(st, SIGTERM);
}

static void unix_exited(struct story *st)
{
	story_unix_died(st, 3 << 8);
}

static const struct rule_case cases[] = {
	{ "session.container_stopped", CONFIDENCE_HIGH, STORY_DIRECT, container, container_blur },
	{ "session.proxy_exited", CONFIDENCE_HIGH, STORY_PROXIED, proxy_dies, proxy_dies_blur },
	{ "session.proxy_worker_shutdown", CONFIDENCE_HIGH, STORY_PROXIED, worker_retires,
	  worker_retires_blur },
	{ "session.service_restart", CONFIDENCE_HIGH, STORY_DIRECT, restart, restart_blur },
	{ "session.process_oom_killed", CONFIDENCE_HIGH, STORY_DIRECT, oom, killed_by_nobody },
	{ "session.process_killed", CONFIDENCE_HIGH, STORY_DIRECT, killed, killed_by_nobody },
	{ "session.process_crashed", CONFIDENCE_HIGH, STORY_DIRECT, crashed, crashed_blur },
	{ "session.process_terminated", CONFIDENCE_HIGH, STORY_DIRECT, terminated, terminated_blur },
	{ "session.process_exited", CONFIDENCE_HIGH, STORY_DIRECT, exited, exited_blur },
	{ "session.process_oom_killed", CONFIDENCE_HIGH, STORY_UNIX, unix_oom, unix_blur },
	{ "session.process_killed", CONFIDENCE_HIGH, STORY_UNIX, unix_killed, unix_blur },
	{ "session.process_crashed", CONFIDENCE_HIGH, STORY_UNIX, unix_crashed, unix_blur },
	{ "session.process_terminated", CONFIDENCE_HIGH, STORY_UNIX, unix_terminated, unix_blur },
	{ "session.process_exited", CONFIDENCE_HIGH, STORY_UNIX, unix_exited, unix_blur },
};

const struct rule_cases rule_cases_process = { cases, sizeof(cases) / sizeof(cases[0]) };
