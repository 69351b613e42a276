/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What befell many connections: said once, not once for each. */
#include "diagnose/rule.h"

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/timeouts.h"

/* Of so many sessions no run of luck is left over. */
#define SURELY_UNEVEN 24

static bool is_kind(const struct facts *f, enum incident_kind kind)
{
	return f->incident && f->incident->kind == kind;
}

static void add_sessions(struct evidence *ev, const struct incident *i, const char *what)
{
	char span[FORMAT_DURATION];

	evidence_add(ev, "count", i->first_ns, "%u %s within %s", i->count, what,
		     format_duration(span, i->last_ns - i->first_ns));
	if (i->cause)
		evidence_add(ev, "cause", i->last_ns, "the latest of them: %s", i->cause);
}

static enum confidence process_exit(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;
	uint32_t signal = i ? i->exit_code & 0x7f : 0;

	if (!is_kind(f, INCIDENT_PROCESS_EXIT))
		return CONFIDENCE_NONE;
	add_sessions(ev, i, "sessions ended with the process");
	evidence_restart(ev, &i->restart, track_processes(f->track), i->told_ns);
	if (!i->exited)
		return CONFIDENCE_MEDIUM;
	if (signal)
		evidence_add(ev, "process_exit", i->last_ns, "pid %u died of %s (%u)", i->task.tgid,
			     name_of_signal(signal), signal);
	else
		evidence_add(ev, "process_exit", i->last_ns, "pid %u exited with status %u",
			     i->task.tgid, i->exit_code >> 8 & 0xff);
	return CONFIDENCE_HIGH;
}

static const char *habit_text(enum comeback comeback)
{
	return comeback == COMEBACK_HAMMERING ? "at once, again and again" :
	       comeback == COMEBACK_FIXED     ? "always after the same pause" :
						"with short pauses that do not grow";
}

static enum confidence reconnect_storm(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;
	char pause[FORMAT_DURATION];

	if (!is_kind(f, INCIDENT_RECONNECT_STORM))
		return CONFIDENCE_NONE;
	add_sessions(ev, i, "attempts that came to nothing");
	evidence_add(ev, "pauses", 0, "the clients come back %s; the median pause is %s",
		     habit_text(i->comeback), format_duration(pause, i->pause_ns));
	return i->comeback == COMEBACK_HAMMERING || i->comeback == COMEBACK_FIXED ?
		       CONFIDENCE_HIGH :
		       CONFIDENCE_MEDIUM;
}

static enum confidence periodic_disconnect(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;
	bool outside = i && i->outside;

	if (!is_kind(f, INCIDENT_PERIODIC_DISCONNECT))
		return CONFIDENCE_NONE;
	add_sessions(ev, i, "sessions ended alike");
	evidence_pattern(ev, &i->pattern);
	evidence_timeouts(ev, &i->pattern, i->pattern.value_ns,
			  outside		   ? TIMEOUT_PROXY | TIMEOUT_NETWORK :
			  i->ended_by == BY_SERVER ? TIMEOUT_SERVER :
						     TIMEOUT_PROXY,
			  TIMEOUT_FIN);
	return i->pattern.independent ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static void add_backend(struct evidence *ev, const char *fact, const struct service_backend *b)
{
	char endpoint[FORMAT_ENDPOINT];

	evidence_add(ev, fact, 0, "%s took %u of them and has %u open",
		     format_endpoint(endpoint, b->endpoint.address, b->endpoint.port), b->taken,
		     b->open);
}

static enum confidence upstream_imbalance(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;

	if (!is_kind(f, INCIDENT_UPSTREAM_IMBALANCE))
		return CONFIDENCE_NONE;
	evidence_add(ev, "count", i->first_ns,
		     "%u sessions were opened since all of the backends take some", i->taken);
	add_backend(ev, "most", &i->most);
	add_backend(ev, "least", &i->least);
	return i->taken >= SURELY_UNEVEN ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence failure_rate(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;
	char times[FORMAT_COUNT];

	if (!is_kind(f, INCIDENT_FAILURE_RATE))
		return CONFIDENCE_NONE;
	evidence_add(ev, "count", i->first_ns, "%u of %u attempts of the last minute failed",
		     i->failures.failed, i->failures.attempts);
	for (unsigned int n = 0; n < SERVICE_CAUSES && i->failures.causes[n].cause; n++)
		evidence_add(ev, "cause", 0, "%s %s",
			     format_count(times, i->failures.causes[n].count, "time"),
			     i->failures.causes[n].cause);
	/* Many causes at once are many stories. */
	return 2 * i->failures.causes[0].count > i->failures.failed ? CONFIDENCE_HIGH :
								      CONFIDENCE_MEDIUM;
}

static void add_churn(struct evidence *ev, const struct service_churn *c)
{
	char endpoint[FORMAT_ENDPOINT];

	evidence_add(
		ev, "count", c->first_ns,
		"%u of the %u sessions opened in the last minute were ended badly within 5 s by their backends",
		c->lost, c->opened);
	for (uint32_t i = 0; i < c->backend_count; i++)
		evidence_add(ev, "backend", 0, "%s took %u of them and lost %u so",
			     format_endpoint(endpoint, c->backends[i].endpoint.address,
					     c->backends[i].endpoint.port),
			     c->backends[i].opened, c->backends[i].lost);
}

static enum confidence backend_churn(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;
	bool all = true;

	if (!is_kind(f, INCIDENT_BACKEND_CHURN))
		return CONFIDENCE_NONE;
	add_churn(ev, &i->churn);
	if (i->client_backends > 1)
		evidence_add(ev, "client_backends", 0,
			     "one client was led to %u different backends", i->client_backends);
	if (i->cause)
		evidence_add(ev, "cause", i->last_ns, "the latest of them: %s", i->cause);
	/* Where one backend keeps its sessions, the others have something of their own. */
	for (uint32_t n = 0; n < i->churn.backend_count; n++)
		all = all && 2 * i->churn.backends[n].lost >= i->churn.backends[n].opened;
	return all ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence clients_gone(const struct facts *f, struct evidence *ev)
{
	const struct incident *i = f->incident;
	char wait[FORMAT_DURATION];

	if (!is_kind(f, INCIDENT_CLIENTS_GONE))
		return CONFIDENCE_NONE;
	evidence_add(ev, "count", i->first_ns,
		     "of %u clients that lost their sessions, %u were not seen again within %s",
		     i->lost_clients, i->count, format_duration(wait, ABSENCE_WAIT_NS));
	if (i->cause)
		evidence_add(ev, "cause", 0, "the latest of them: %s", i->cause);
	if (!i->outside)
		return CONFIDENCE_HIGH;
	evidence_add(
		ev, "from_elsewhere", 0,
		"clients of other hosts may have come back from another address, or to another host");
	return CONFIDENCE_MEDIUM;
}

static const struct rule rules[] = {
	{
		.id = "incident.process_exit",
		.when = process_exit,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_INCIDENT,
		.summary = "{process} ended and took {sessions} with it{restart}",
		.user_message = "The chat service was interrupted. You will be connected again in a moment.",
		.steps = {
			"The lines of the sessions say how it ended ({first_cause}) and who made it.",
			"Let clients come back after a random pause, so that they do not all do so at once.",
		},
	},
	{
		.id = "incident.reconnect_storm",
		.when = reconnect_storm,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_INCIDENT,
		.summary = "{clients} came back to {service} again and again without backing off: {count} attempts, {pause} apart",
		.user_message = "The chat cannot be reached at the moment. Please reload the page in a minute.",
		.steps = {
			"Let the client wait longer after each failure (1, 2, 4 ... 30 s) with a random part, and begin anew only after a connection that lasted.",
			"Let it stop at answers that will not change: 401, 403, Close 1008 and 4xxx.",
			"Remove the cause of the failures: {first_cause}.",
		},
	},
	{
		.id = "incident.periodic_disconnect",
		.when = periodic_disconnect,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_INCIDENT,
		.summary = "sessions of {service} end {kind} of {value}, again and again: {ender} ends them",
		.user_message = "The connection to the chat is interrupted from time to time. You will be connected again.",
		.steps = {
			"The lines of the sessions name the timer as far as it is known: {first_cause}.",
			"Pings from the server at least every {half} keep idle timers from running out; a limit on the age has to be raised where it is set.",
		},
	},
	{
		.id = "incident.upstream_imbalance",
		.when = upstream_imbalance,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NOT_NEEDED,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_INCIDENT,
		.summary = "sessions of {service} are unevenly spread: {most} against {least} of the last {taken}",
		.user_message = "The chat may be slow at the moment.",
		.steps = {
			"Look at how the proxy chooses: ip_hash and cookies send everyone behind one address to one backend, weights add up over long-lived sessions.",
			"Use least_conn (nginx) or `balance leastconn` (HAProxy): WebSocket sessions live long, so turns alone do not even them out after a restart.",
		},
	},
	{
		.id = "incident.backend_churn",
		.when = backend_churn,
		.category = CATEGORY_SERVER,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_INCIDENT,
		.summary = "sessions of {service} do not last: {churned} were ended within seconds, by {backends}",
		.user_message = "The connection to the chat breaks again and again. Please try again in a moment.",
		.steps = {
			"Look for what those backends share, as another one is no better: the release, the configuration, a database or broker, a limit. The lines of the sessions say how they end ({first_cause}).",
			"Does one of them keep its sessions (evidence)? Compare it with the others, and take those out of the upstream until they do, too.",
			"If a session needs the backend that it began with, make sessions sticky: `ip_hash` or `hash $cookie_...` in nginx, `cookie` or `balance source` in HAProxy.",
		},
	},
	{
		.id = "incident.clients_gone",
		.when = clients_gone,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_YES,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_INCIDENT,
		.summary = "{clients} of {service} did not come back after losing the connection",
		.user_message = "The connection to the chat was lost. Please reload the page.",
		.steps = {
			"Let the client open a new connection in `onclose`, after a pause that grows and has a random part: a WebSocket does not come back on its own.",
			"Does it try again after some ends only? The lines of the sessions say how they were lost ({first_cause}).",
		},
	},
	{
		.id = "incident.failure_rate",
		.when = failure_rate,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_INCIDENT,
		.summary = "handshakes with {service} fail: {share} within a minute, most by {first_cause}",
		.user_message = "The chat cannot be reached at the moment. Please try again in a moment.",
		.steps = {
			"Begin with the most frequent cause in the evidence; `wstrace explain {first_cause}` says what to do about it.",
			"Did it begin with a deployment or a reload? Compare the time of the first failure.",
		},
	},
};

const struct rule_table rules_incident = RULE_TABLE(rules);
