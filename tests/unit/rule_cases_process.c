/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rule_cases.h"

#include <signal.h>

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
	st->conns[STORY_SERVER_LEG].closer_exiting = false;
}

static const struct rule_case cases[] = {
	{ "session.service_restart", CONFIDENCE_HIGH, STORY_DIRECT, restart, restart_blur },
	{ "session.process_oom_killed", CONFIDENCE_HIGH, STORY_DIRECT, oom, killed_by_nobody },
	{ "session.process_killed", CONFIDENCE_HIGH, STORY_DIRECT, killed, killed_by_nobody },
	{ "session.process_crashed", CONFIDENCE_HIGH, STORY_DIRECT, crashed, crashed_blur },
	{ "session.process_terminated", CONFIDENCE_HIGH, STORY_DIRECT, terminated, terminated_blur },
	{ "session.process_exited", CONFIDENCE_HIGH, STORY_DIRECT, exited, exited_blur },
};

const struct rule_cases rule_cases_process = { cases, sizeof(cases) / sizeof(cases[0]) };
