/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Incidents as track/ would have gathered them. */
#include "rule_cases.h"

#include <signal.h>
#include <stdio.h>

static struct incident *begin(struct story *st, enum incident_kind kind)
{
	struct incident *i = &st->incident;

	i->kind = kind;
	i->count = 12;
	i->first_ns = STORY_END_NS - 400 * STORY_MS;
	i->last_ns = STORY_END_NS;
	i->endpoint.port = 8080;
	i->endpoint.address[10] = i->endpoint.address[11] = 0xff;
	snprintf(i->path, sizeof(i->path), "/chat");
	i->cause = "session.process_killed";
	return i;
}

static void process_exit(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_PROCESS_EXIT);

	i->task.tgid = STORY_SERVER_PID;
	snprintf(i->task.comm, sizeof(i->task.comm), "chat-server");
	i->exited = true;
	i->exit_code = SIGKILL;
}

static void process_exit_blur(struct story *st)
{
	st->incident.exited = false;
}

static void storm(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_RECONNECT_STORM);

	i->comeback = COMEBACK_HAMMERING;
	i->pause_ns = 50 * STORY_MS;
	i->client_count = 3;
}

static void storm_blur(struct story *st)
{
	st->incident.comeback = COMEBACK_IRREGULAR;
}

static void periodic(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_PERIODIC_DISCONNECT);

	i->pattern = (struct pattern){
		.kind = PATTERN_IDLE,
		.count = 12,
		.total = 12,
		.value_ns = 60000 * STORY_MS,
		.spread_ns = 4 * STORY_MS,
		.independent = true,
	};
	i->ended_by = BY_PROXY;
}

static void periodic_blur(struct story *st)
{
	st->incident.pattern.independent = false;
}

static void imbalance(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_UPSTREAM_IMBALANCE);

	i->taken = 40;
	i->most = (struct service_backend){ .endpoint = i->endpoint, .taken = 36, .open = 36 };
	i->least = (struct service_backend){ .endpoint = i->endpoint, .taken = 4, .open = 4 };
}

static void imbalance_blur(struct story *st)
{
	st->incident.taken = 13;
}

static void failures(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_FAILURE_RATE);

	i->cause = "upgrade.bad_gateway";
	i->failures = (struct service_failures){
		.attempts = 20,
		.failed = 12,
		.causes = { { "upgrade.bad_gateway", 10 }, { "upgrade.unauthorized", 2 } },
	};
}

static void failures_blur(struct story *st)
{
	st->incident.failures.causes[0].count = 3;
}

static void churn(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_BACKEND_CHURN);

	i->cause = "session.internal_error";
	i->client_backends = 2;
	i->churn = (struct service_churn){
		.opened = 14,
		.lost = 12,
		.backends = { { i->endpoint, 8, 7 }, { i->endpoint, 6, 5 } },
		.backend_count = 2,
	};
	i->churn.backends[1].endpoint.port++;
}

/* A third one has what the others lack. */
static void churn_blur(struct story *st)
{
	st->incident.churn.opened += 4;
	st->incident.churn.backends[2].opened = 4;
	st->incident.churn.backend_count = 3;
}

static void gone(struct story *st)
{
	struct incident *i = begin(st, INCIDENT_CLIENTS_GONE);

	i->lost_clients = 14;
	i->client_count = 12;
	i->task.tgid = STORY_CLIENT_PID;
}

static void gone_blur(struct story *st)
{
	st->incident.outside = true;
}

static const struct rule_case cases[] = {
	{ "incident.process_exit", CONFIDENCE_HIGH, STORY_DIRECT, process_exit, process_exit_blur },
	{ "incident.reconnect_storm", CONFIDENCE_HIGH, STORY_DIRECT, storm, storm_blur },
	{ "incident.periodic_disconnect", CONFIDENCE_HIGH, STORY_DIRECT, periodic, periodic_blur },
	{ "incident.upstream_imbalance", CONFIDENCE_HIGH, STORY_DIRECT, imbalance, imbalance_blur },
	{ "incident.failure_rate", CONFIDENCE_HIGH, STORY_DIRECT, failures, failures_blur },
	{ "incident.backend_churn", CONFIDENCE_HIGH, STORY_DIRECT, churn, churn_blur },
	{ "incident.clients_gone", CONFIDENCE_HIGH, STORY_DIRECT, gone, gone_blur },
};

const struct rule_cases rule_cases_incident = { cases, sizeof(cases) / sizeof(cases[0]) };
