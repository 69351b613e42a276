/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/line_json.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose/close_code.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "output/json_legs.h"
#include "output/message.h"
#include "output/text.h"

#define SCHEMA "wstrace.v1"
/* Docker's log driver cuts lines at 16 KiB; collectors add fields of their own. */
#define LINE_BYTES_MAX (15 * 1024)

/* How much a line tells: tried in order until it is short enough. */
struct detail {
	size_t text_max;
	unsigned int evidence_max, legs_max;
};

static const struct detail details[] = {
	{ 640, EVIDENCE_MAX, SESSION_LEGS_MAX },
	{ 160, 10, SESSION_LEGS_MAX },
	{ 64, 6, 4 },
};

#define DETAILS (sizeof(details) / sizeof(details[0]))

static cJSON *new_line(struct json *j, const struct line_context *ctx, const char *level,
		       const char *event, uint64_t ts_ns)
{
	uint64_t unix_ns = message_unix_ns(ctx->track, ts_ns);
	cJSON *line = cJSON_CreateObject(), *o;
	char time[TEXT_TIME];

	j->failed |= line == NULL;
	json_name(j, line, "timestamp", text_time(time, unix_ns));
	json_name(j, line, "level", level);
	o = json_object(j, line, "event");
	json_name(j, o, "name", event);
	json_name(j, o, "schema", SCHEMA);
	json_text(j, line, "hostname", track_host(ctx->track)->hostname);
	return line;
}

static void add_trace_id(struct json *j, cJSON *line, const struct session *s)
{
	char id[TEXT_ID];

	json_name(j, line, "trace_id", text_id(id, s->id));
}

static void add_close_frame(struct json *j, cJSON *close, const char *key,
			    const struct close_frame *frame)
{
	cJSON *o = json_object(j, close, key);

	if (frame)
		json_number(j, o, "code", frame->has_code ? frame->code : CLOSE_NO_STATUS);
	else
		json_null(j, o, "code");
	if (frame && frame->reason_bytes)
		json_bytes(j, o, "reason", frame->reason,
			   strnlen(frame->reason, sizeof(frame->reason)));
	else
		json_null(j, o, "reason");
}

static void add_close(struct json *j, cJSON *line, const struct close_view *view)
{
	cJSON *close = json_object(j, line, "close");

	json_number(j, close, "code", view->code);
	json_bool(j, close, "clean", view->clean);
	json_name(j, close, "initiator", name_of_initiator(view->initiator));
	add_close_frame(j, close, "from_client", view->from_client);
	add_close_frame(j, close, "from_server", view->from_server);
}

static void add_evidence(struct json *j, cJSON *cause, const struct line_context *ctx,
			 const struct evidence *ev, unsigned int max)
{
	cJSON *items = json_array(j, cause, "evidence");
	unsigned int count = ev->count;
	/* The last ones tell why the confidence was lowered: what is left out comes before them. */
	unsigned int skip_from = count > max ? max - 2 : count;
	unsigned int skip_to = count > max ? count - 2 : count;

	for (unsigned int i = 0; i < count; i++) {
		cJSON *o;

		if (i >= skip_from && i < skip_to)
			continue;
		o = json_item(j, items);
		json_name(j, o, "fact", ev->items[i].fact);
		json_text(j, o, "detail", ev->items[i].detail);
		if (ev->items[i].ts_ns)
			json_time(j, o, "timestamp",
				  message_unix_ns(ctx->track, ev->items[i].ts_ns));
	}
}

static void add_cause(struct json *j, cJSON *line, const struct line_context *ctx,
		      const struct verdict *v, unsigned int evidence_max)
{
	cJSON *cause = json_object(j, line, "cause"), *alternatives;

	json_name(j, cause, "id", v->rule->id);
	json_name(j, cause, "category", name_of_category(v->advice.category));
	json_name(j, cause, "confidence", name_of_confidence(v->confidence));
	json_text(j, cause, "summary", v->summary);
	add_evidence(j, cause, ctx, &v->evidence, evidence_max);
	alternatives = json_array(j, cause, "alternatives");
	for (unsigned int i = 0; i < v->alternative_count; i++)
		json_text_item(j, alternatives, v->alternatives[i]);
}

static void add_error(struct json *j, cJSON *line, const struct verdict *v)
{
	cJSON *error = json_object(j, line, "error"), *steps;

	json_number(j, error, "code", v->close.code);
	json_name(j, error, "type", message_error_type(v));
	json_text(j, error, "message", v->summary);
	json_text(j, error, "userMessage", v->user_message);
	steps = json_array(j, error, "troubleshootingSteps");
	for (unsigned int i = 0; i < v->step_count; i++)
		json_text_item(j, steps, v->steps[i]);
	json_bool(j, error, "retryable", v->advice.retry != RETRY_NO);
}

/* What the client was seen doing after earlier ends; of the first one nothing is known yet. */
static void add_recovery(struct json *j, cJSON *line, const struct verdict *v)
{
	cJSON *recovery = json_object(j, line, "recovery");
	const struct client_habit *habit = &v->habit;

	json_name(j, recovery, "strategy", name_of_strategy(v->advice.strategy));
	if (habit->comeback == COMEBACK_UNKNOWN)
		json_null(j, recovery, "reconnect_attempts");
	else
		json_number(j, recovery, "reconnect_attempts", habit->attempts);
	json_name(j, recovery, "observed", message_comeback(habit->comeback));
	if (habit->pause_ns)
		json_number(j, recovery, "reconnect_interval_ms", habit->pause_ns / 1000000);
	if (habit->backends)
		json_number(j, recovery, "backends", habit->backends);
}

/* ECS: where collectors look for the status of a request. */
static void add_http(struct json *j, cJSON *line, const struct facts *f, const struct verdict *v)
{
	cJSON *response;

	if (v->stage != STAGE_UPGRADE || !f->answer.status)
		return;
	response = json_object(j, json_object(j, line, "http"), "response");
	json_number(j, response, "status_code", f->answer.status);
}

static char *end_with(const struct line_context *ctx, const struct facts *f,
		      const struct verdict *v, const struct detail *detail)
{
	struct json j = { .text_max = detail->text_max };
	const struct session *s = f->session;
	uint64_t ts_ns = s->ended_ns ? s->ended_ns : s->first_ns;
	cJSON *line = new_line(&j, ctx, message_level(v), message_event_name(v), ts_ns);
	char message[MESSAGE_BYTES];

	message_of_end(message, f, v);
	add_trace_id(&j, line, s);
	json_text(&j, line, "message", message);
	json_add_session(&j, line, f, true);
	add_http(&j, line, f, v);
	add_close(&j, line, &v->close);
	add_cause(&j, line, ctx, v, detail->evidence_max);
	if (!verdict_is_clean(v)) {
		add_error(&j, line, v);
		add_recovery(&j, line, v);
	}
	json_add_legs(&j, line, f, detail->legs_max, true);
	if (detail != details)
		json_bool(&j, line, "truncated", true);
	return json_print(&j, line);
}

char *line_json_end(const struct line_context *ctx, const struct session *s, const struct verdict *v)
{
	char *text = NULL;
	struct facts f;

	facts_collect(&f, s, ctx->track);
	for (size_t i = 0; i < DETAILS; i++) {
		free(text);
		text = end_with(ctx, &f, v, &details[i]);
		if (!text || strlen(text) <= LINE_BYTES_MAX)
			break;
	}
	return text;
}

char *line_json_open(const struct line_context *ctx, const struct session *s)
{
	struct json j = { .text_max = 300 };
	char message[MESSAGE_BYTES];
	struct facts f;
	cJSON *line;

	facts_collect(&f, s, ctx->track);
	message_of_open(message, &f);
	line = new_line(&j, ctx, "info", "session_open", s->opened_ns ? s->opened_ns : s->first_ns);
	add_trace_id(&j, line, s);
	json_text(&j, line, "message", message);
	json_add_session(&j, line, &f, false);
	json_add_legs(&j, line, &f, SESSION_LEGS_MAX, false);
	return json_print(&j, line);
}

static void add_endpoint(struct json *j, cJSON *o, const struct incident *i)
{
	cJSON *service = json_object(j, o, "service");
	char address[FORMAT_ADDRESS];

	json_name(j, service, "address", format_address(address, i->endpoint.address));
	json_number(j, service, "port", i->endpoint.port);
	json_text(j, service, "path", i->path[0] ? i->path : NULL);
}

static void add_restart(struct json *j, cJSON *o, const struct line_context *ctx,
			const struct incident *i)
{
	static const char *const states[] = {
		[RESTART_UNKNOWN] = "unknown",
		[RESTART_AWAITED] = "not_back",
		[RESTART_BACK] = "back",
	};
	const struct restart *r = &i->restart;
	bool back = r->state == RESTART_BACK;
	uint64_t until_ns = back ? r->back_ns : i->told_ns;
	cJSON *restart = json_object(j, o, "restart"), *process;

	json_name(j, restart, "state", states[r->state]);
	if (r->at.port)
		json_add_endpoint(j, restart, "endpoint", r->at.address, r->at.port);
	if (back || r->state == RESTART_AWAITED)
		json_number(j, restart, "after_ms",
			    until_ns > r->ended_ns ? (until_ns - r->ended_ns) / 1000000 : 0);
	if (!back)
		return;
	process = json_object(j, restart, "process");
	json_number(j, process, "pid", r->task.tgid);
	json_text(j, process, "comm", r->task.comm);
	json_add_container(j, restart, track_processes(ctx->track), &r->task);
}

static void add_incident(struct json *j, cJSON *line, const struct line_context *ctx,
			 const struct incident *i, const struct verdict *v)
{
	cJSON *o = json_object(j, line, "incident"), *process, *steps;

	json_name(j, o, "state", message_incident_state(i));
	json_number(j, o, "count", i->count);
	json_time(j, o, "first_at", message_unix_ns(ctx->track, i->first_ns));
	json_time(j, o, "last_at", message_unix_ns(ctx->track, i->last_ns));
	add_endpoint(j, o, i);
	if (i->client_count)
		json_number(j, o, "clients", i->client_count);
	if (i->pattern.kind)
		json_number(j, o, "interval_ms", i->pattern.value_ns / 1000000);
	if (i->pattern.kind)
		json_number(j, o, "spread_ms", i->pattern.spread_ns / 1000000);
	if (i->task.tgid) {
		process = json_object(j, o, "process");
		json_number(j, process, "pid", i->task.tgid);
		json_text(j, process, "comm", i->task.comm);
	}
	if (i->kind == INCIDENT_PROCESS_EXIT)
		add_restart(j, o, ctx, i);
	json_text(j, o, "user_message", v->user_message);
	steps = json_array(j, o, "troubleshooting_steps");
	for (unsigned int n = 0; n < v->step_count; n++)
		json_text_item(j, steps, v->steps[n]);
}

char *line_json_incident(const struct line_context *ctx, const struct incident *i,
			 const struct verdict *v)
{
	struct json j = { .text_max = 640 };
	char message[MESSAGE_BYTES];
	cJSON *line = new_line(&j, ctx, message_incident_level(i), "incident",
			       message_incident_ns(i));

	message_of_incident(message, i, v);
	json_text(&j, line, "message", message);
	add_cause(&j, line, ctx, v, EVIDENCE_MAX);
	if (v->habit.comeback != COMEBACK_UNKNOWN)
		add_recovery(&j, line, v);
	add_incident(&j, line, ctx, i, v);
	return json_print(&j, line);
}

char *line_json_agent(const struct line_context *ctx, const char *level, const char *message,
		      uint64_t ts_ns)
{
	struct json j = { .text_max = 1000 };
	cJSON *line = new_line(&j, ctx, level, "agent", ts_ns);

	json_text(&j, line, "message", message);
	return json_print(&j, line);
}
