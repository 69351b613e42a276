/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/message.h"

#include <stdio.h>

#include "diagnose/close_code.h"
#include "diagnose/format.h"
#include "diagnose/names.h"

struct endpoints message_endpoints(const struct session *s)
{
	const struct conn *client = session_client_leg(s), *server = session_server_leg(s);
	struct endpoints e = { 0 };
	bool near;

	if (!client || !server)
		return e;
	near = !conn_is_server_side(client);
	e.client = near ? client->tuple.local : client->tuple.remote;
	e.client_port = near ? client->tuple.local_port : client->tuple.remote_port;
	near = conn_is_server_side(server);
	e.server = near ? server->tuple.local : server->tuple.remote;
	e.server_port = near ? server->tuple.local_port : server->tuple.remote_port;
	return e;
}

const char *message_event_name(const struct verdict *v)
{
	static const char *const names[] = {
		[STAGE_CONNECT] = "connect_failed",
		[STAGE_UPGRADE] = "handshake_failed",
		[STAGE_SESSION] = "session_end",
	};

	return names[v->stage];
}

const char *message_level(const struct verdict *v)
{
	if (verdict_is_clean(v) || (v->rule->flags & RULE_ANNOUNCED && v->close.clean))
		return "info";
	return v->advice.retry == RETRY_YES || v->advice.category == CATEGORY_NONE ? "warn" :
										     "error";
}

const char *message_error_type(const struct verdict *v)
{
	const char *category = name_of_category(v->advice.category);

	if (category)
		return category;
	return v->close.code == CLOSE_ABNORMAL ? "network" : "server";
}

static void target_text(char dst[FORMAT_ENDPOINT], const struct session *s)
{
	struct endpoints e = message_endpoints(s);

	if (e.server)
		format_endpoint(dst, e.server, e.server_port);
	else
		snprintf(dst, FORMAT_ENDPOINT, "an unknown address");
}

/* "/chat", or "to 198.18.0.1:80" if the request was not seen. */
static void subject_text(char *dst, size_t cap, const struct facts *f)
{
	char target[FORMAT_ENDPOINT];

	if (f->answer.request) {
		snprintf(dst, cap, "%.*s", HANDSHAKE_TEXT, f->answer.request->handshake.path);
		return;
	}
	target_text(target, f->session);
	snprintf(dst, cap, "to %s", target);
}

static void end_text(char *dst, const char *subject, const struct verdict *v)
{
	const char *how = v->close.code == CLOSE_ABNORMAL ? " abnormally" : "";

	if (verdict_is_clean(v))
		how = " normally";
	snprintf(dst, MESSAGE_BYTES, "WebSocket %s closed%s (%u): %s", subject, how, v->close.code,
		 v->summary);
}

void message_of_end(char *dst, const struct facts *f, const struct verdict *v)
{
	char subject[HANDSHAKE_TEXT + 8];

	subject_text(subject, sizeof(subject), f);
	if (v->stage == STAGE_SESSION)
		end_text(dst, subject, v);
	else if (v->stage == STAGE_CONNECT)
		snprintf(dst, MESSAGE_BYTES, "Connection%s%s failed: %s",
			 f->answer.request ? " for WebSocket " : "",
			 f->answer.request ? subject : "", v->summary);
	else
		snprintf(dst, MESSAGE_BYTES, "WebSocket handshake %s failed: %s", subject,
			 v->summary);
}

void message_of_open(char *dst, const struct facts *f)
{
	struct endpoints e = message_endpoints(f->session);
	char subject[HANDSHAKE_TEXT + 8], client[FORMAT_ENDPOINT] = "somebody";
	char server[FACTS_NAME_BYTES];
	bool local = conn_is_server_side(f->server);

	subject_text(subject, sizeof(subject), f);
	if (e.client)
		format_endpoint(client, e.client, e.client_port);
	snprintf(dst, MESSAGE_BYTES, "WebSocket %s opened by %s on %s", subject, client,
		 facts_name(server, f->session, BY_SERVER, local ? f->server->owner : NULL));
}

uint64_t message_unix_ns(const struct track *t, uint64_t ts_ns)
{
	return ts_ns ? ts_ns + track_host(t)->realtime_offset_ns : 0;
}

uint64_t message_duration_ns(const struct session *s)
{
	uint64_t begin = s->opened_ns ? s->opened_ns : s->first_ns;

	return s->ended_ns > begin && begin ? s->ended_ns - begin : 0;
}

/*
 * That a process ended is news even if it is back already, unless the lines of its sessions, or an
 * earlier one, have said so.
 */
static bool is_news(const struct incident *i)
{
	if (i->kind == INCIDENT_CLIENTS_GONE)
		return true;
	return i->kind == INCIDENT_PROCESS_EXIT && !i->followed_up && i->count > 1;
}

static bool is_over(const struct incident *i)
{
	return i->state == INCIDENT_ENDED && !is_news(i);
}

void message_of_incident(char *dst, const struct incident *i, const struct verdict *v)
{
	const char *begin = is_over(i)			 ? "Incident is over" :
			    i->state == INCIDENT_ONGOING ? "Incident goes on" :
							   "Incident";

	snprintf(dst, MESSAGE_BYTES, "%s: %s", begin, v->summary);
}

/* That a process is back, or not back, is news of its own time. */
uint64_t message_incident_ns(const struct incident *i)
{
	if (i->kind != INCIDENT_PROCESS_EXIT || is_news(i))
		return i->last_ns;
	return i->restart.state == RESTART_BACK ? i->restart.back_ns : i->told_ns;
}

const char *message_incident_level(const struct incident *i)
{
	if (i->kind == INCIDENT_CLIENTS_GONE)
		return "warn";
	return is_over(i) ? "info" : "error";
}

const char *message_incident_state(const struct incident *i)
{
	static const char *const states[] = {
		[INCIDENT_STARTED] = "started",
		[INCIDENT_ONGOING] = "ongoing",
		[INCIDENT_ENDED] = "ended",
	};

	return states[i->state];
}

const char *message_comeback(enum comeback comeback)
{
	static const char *const habits[] = {
		[COMEBACK_UNKNOWN] = "unknown",
		[COMEBACK_SEEN] = "reconnects",
		[COMEBACK_HAMMERING] = "hammering",
		[COMEBACK_FIXED] = "fixed_interval",
		[COMEBACK_BACKOFF] = "exponential_backoff",
		[COMEBACK_IRREGULAR] = "irregular",
		[COMEBACK_LATE] = "gone",
	};

	return habits[comeback];
}
