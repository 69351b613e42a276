/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of the JSON lines: keys, types and limits. The schema itself is applied where there
 * is a validator.
 */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "diagnose/catalogue.h"
#include "output/line.h"
#include "rule_cases.h"

#define LINE_MAX_BYTES (15 * 1024)

static struct line_context context(struct story *st)
{
	return (struct line_context){ .format = FORMAT_JSON, .track = st->track };
}

/* The line's object; NULL, with a failed check, when it is not a line. */
static cJSON *parse_line(char *line)
{
	const char *end = NULL;
	cJSON *o;

	REQUIRE(line != NULL);
	CHECK(strlen(line) <= LINE_MAX_BYTES);
	CHECK(!strchr(line, '\n'));
	o = cJSON_ParseWithOpts(line, &end, true);
	CHECK(o != NULL && end && !*end);
	free(line);
	REQUIRE(o != NULL);
	return o;
}

static cJSON *end_line(struct story *st)
{
	struct line_context ctx = context(st);

	story_verdict(st);
	return parse_line(line_session_end(&ctx, &st->s, &st->v));
}

/* The value at a path such as "legs/1/tcp/ended_by", or NULL. */
static const cJSON *at(const cJSON *o, const char *path)
{
	char key[64];
	size_t len;

	while (o && *path) {
		len = strcspn(path, "/");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		o = cJSON_IsArray(o) ? cJSON_GetArrayItem(o, (int)strtol(key, NULL, 10)) :
				       cJSON_GetObjectItemCaseSensitive(o, key);
		path += len + (path[len] == '/');
	}
	return o;
}

static const char *text_at(const cJSON *o, const char *path)
{
	const cJSON *item = at(o, path);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static double number_at(const cJSON *o, const char *path)
{
	const cJSON *item = at(o, path);

	return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

#define CHECK_TEXT(o, path, text) CHECK_STR(text_at(o, path), text)
#define CHECK_NUMBER(o, path, number) CHECK_EQ(number_at(o, path), number)
#define CHECK_NULL(o, path) CHECK(cJSON_IsNull(at(o, path)))

TEST(line_json, killed_backend)
{
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_PROXIED);
	story_process(&st, STORY_SERVER_PID, 10, 1024,
		      "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	story_oom(&st, STORY_SERVER_PID);
	story_died(&st, STORY_BACKEND_LEG, SIGKILL);
	o = end_line(&st);
	CHECK_TEXT(o, "timestamp", "2025-06-15T15:23:30.000000000Z");
	CHECK_TEXT(o, "level", "error");
	CHECK_TEXT(o, "event/name", "session_end");
	CHECK_TEXT(o, "event/schema", "wstrace.v1");
	CHECK_TEXT(o, "hostname", "web-1");
	CHECK_TEXT(o, "trace_id", "abababababababababababababababab");
	CHECK_TEXT(o, "message",
		   "WebSocket /chat closed abnormally (1006): backend chat-server (pid 200) was "
		   "killed by the OOM killer");
	CHECK_TEXT(o, "session/id", "abababababababababababababababab");
	CHECK_TEXT(o, "session/path", "/chat");
	CHECK_TEXT(o, "session/host", "chat.example");
	CHECK_TEXT(o, "session/origin", "https://chat.example");
	CHECK_TEXT(o, "session/user_agent", "story/1.0");
	CHECK_NULL(o, "session/subprotocol");
	CHECK_TEXT(o, "session/client/address", "198.18.0.2");
	CHECK_NUMBER(o, "session/client/port", 40000);
	CHECK_TEXT(o, "session/server/address", "198.18.0.1");
	CHECK_NUMBER(o, "session/server/port", 8081);
	CHECK_TEXT(o, "session/opened_at", "2025-06-15T15:23:20.000000000Z");
	CHECK_NUMBER(o, "session/duration_ms", 10000);
	CHECK_NUMBER(o, "close/code", 1006);
	CHECK(cJSON_IsFalse(at(o, "close/clean")));
	CHECK_TEXT(o, "close/initiator", "server");
	CHECK_NULL(o, "close/from_client/code");
	CHECK_NULL(o, "close/from_server/reason");
	CHECK_TEXT(o, "cause/id", "session.process_oom_killed");
	CHECK_TEXT(o, "cause/category", "server");
	CHECK_TEXT(o, "cause/confidence", "high");
	CHECK_TEXT(o, "cause/evidence/1/fact", "oom_kill");
	CHECK_TEXT(o, "cause/evidence/1/timestamp", "2025-06-15T15:23:29.999000000Z");
	CHECK_EQ(cJSON_GetArraySize(at(o, "cause/alternatives")), 0);
	CHECK_NUMBER(o, "error/code", 1006);
	CHECK_TEXT(o, "error/type", "server");
	CHECK(text_at(o, "error/userMessage") && text_at(o, "error/troubleshootingSteps/0"));
	CHECK(cJSON_IsTrue(at(o, "error/retryable")));
	CHECK_TEXT(o, "recovery/strategy", "exponential_backoff");
	CHECK_NULL(o, "recovery/reconnect_attempts");
	CHECK_TEXT(o, "recovery/observed", "unknown");
	CHECK(at(o, "truncated") == NULL);
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, legs)
{
	struct story st;
	struct conn *c;
	cJSON *o;

	story_begin(&st, STORY_PROXIED);
	story_process(&st, STORY_SERVER_PID, 10, 1024,
		      "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	c = story_rst(&st, STORY_BACKEND_LEG, STORY_ABORT_ON_CLOSE);
	c->end->tcp.unread_bytes = 12;
	c->end->tcp.retransmits = 3;
	c->end->walk[WST_IN].frames[4] = 2;
	c->end->walk[WST_OUT].frames[4] = 3;
	c->end->walk[WST_IN].frames[5] = 4;
	c->end->walk[WST_OUT].ping_rtt_us = 800;
	c->end->walk[WST_OUT].payload_bytes = (1ull << 53) + 1;
	o = end_line(&st);
	CHECK_EQ(cJSON_GetArraySize(at(o, "legs")), 4);
	CHECK_TEXT(o, "legs/0/role", "client_to_proxy");
	CHECK_TEXT(o, "legs/0/side", "client");
	CHECK_NUMBER(o, "legs/0/hop", 0);
	CHECK_TEXT(o, "legs/0/process/comm", "browser");
	CHECK_TEXT(o, "legs/1/side", "server");
	CHECK_TEXT(o, "legs/2/role", "proxy_to_server");
	CHECK_NUMBER(o, "legs/2/hop", 1);
	CHECK_NUMBER(o, "legs/2/process/pid", STORY_PROXY_PID);
	CHECK(at(o, "legs/2/container") == NULL);
	CHECK_TEXT(o, "legs/3/container/id",
		   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	CHECK_TEXT(o, "legs/3/local/address", "198.18.0.1");
	CHECK_NUMBER(o, "legs/3/remote/port", 40001);
	CHECK_TEXT(o, "legs/3/tcp/ended_by", "rst_sent");
	CHECK_TEXT(o, "legs/2/tcp/ended_by", "rst_received");
	CHECK_TEXT(o, "legs/3/tcp/reset_reason", "TCP_ABORT_ON_CLOSE");
	CHECK_NULL(o, "legs/3/tcp/errno");
	CHECK_NUMBER(o, "legs/3/tcp/retransmits", 3);
	CHECK_NUMBER(o, "legs/3/tcp/unread_bytes", 12);
	CHECK_NUMBER(o, "legs/3/tcp/send_window", 65535);
	CHECK_TEXT(o, "legs/3/tcp/states/0", "ESTABLISHED");
	CHECK_TEXT(o, "legs/3/tcp/states/1", "CLOSE");
	CHECK_NUMBER(o, "legs/3/websocket/frames_in", 7);
	CHECK_NUMBER(o, "legs/3/websocket/frames_out", 4);
	CHECK_NUMBER(o, "legs/3/websocket/opcodes_in/ping", 2);
	CHECK_NUMBER(o, "legs/3/websocket/opcodes_in/text", 1);
	CHECK_NUMBER(o, "legs/3/websocket/opcodes_out/continuation", 0);
	CHECK_NUMBER(o, "legs/3/websocket/payload_bytes_in", 5);
	CHECK_TEXT(o, "legs/3/websocket/payload_bytes_out", "9007199254740993");
	CHECK_NUMBER(o, "legs/3/websocket/pings", 5);
	CHECK_NUMBER(o, "legs/3/websocket/pongs", 4);
	CHECK_NUMBER(o, "legs/3/websocket/ping_rtt_us", 800);
	CHECK_NULL(o, "legs/2/websocket/ping_rtt_us");
	CHECK_NUMBER(o, "legs/3/websocket/idle_ms", 500);
	CHECK(cJSON_IsTrue(at(o, "legs/3/websocket/synchronised")));
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, normal_end_has_no_error)
{
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_DIRECT);
	story_close_frame(&st, true, 1000, "bye");
	story_close_frame(&st, false, 1000, "");
	story_fin(&st, STORY_SERVER_LEG);
	o = end_line(&st);
	CHECK_TEXT(o, "level", "info");
	CHECK_TEXT(o, "message",
		   "WebSocket /chat closed normally (1000): the client closed the connection in "
		   "order with Close 1000: \"bye\"");
	CHECK_TEXT(o, "cause/id", "session.normal");
	CHECK_NULL(o, "cause/category");
	CHECK_NUMBER(o, "close/from_client/code", 1000);
	CHECK_TEXT(o, "close/from_client/reason", "bye");
	CHECK_NULL(o, "close/from_server/reason");
	CHECK(cJSON_IsTrue(at(o, "close/clean")));
	CHECK(at(o, "error") == NULL && at(o, "recovery") == NULL);
	CHECK_TEXT(o, "legs/0/role", "client_to_server");
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, refused_handshake)
{
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_DIRECT);
	story_answered(&st, 401);
	o = end_line(&st);
	CHECK_TEXT(o, "event/name", "handshake_failed");
	CHECK_TEXT(o, "message",
		   "WebSocket handshake /chat failed: server chat-server (pid 200) "
		   "demands credentials: HTTP 401");
	CHECK_NUMBER(o, "http/response/status_code", 401);
	CHECK_NULL(o, "session/opened_at");
	CHECK_NUMBER(o, "session/duration_ms", 2);
	CHECK_TEXT(o, "error/type", "auth");
	CHECK(cJSON_IsFalse(at(o, "error/retryable")));
	CHECK_TEXT(o, "recovery/strategy", "manual");
	CHECK(at(o, "legs/0/websocket") == NULL);
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, refused_connection)
{
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_CLIENT_ONLY);
	story_unconnected(&st, 111);
	st.conns[0].has_end = st.conns[0].has_facts = false;
	o = end_line(&st);
	CHECK_TEXT(o, "event/name", "connect_failed");
	CHECK_TEXT(o, "message",
		   "Connection failed: nothing accepts connections on 198.18.0.1:8080 "
		   "(ECONNREFUSED)");
	CHECK_NULL(o, "session/path");
	CHECK_TEXT(o, "legs/0/tcp/ended_by", "connect_failed");
	CHECK_TEXT(o, "legs/0/tcp/errno", "ECONNREFUSED");
	CHECK(at(o, "legs/0/tcp/bytes_in") == NULL);
	CHECK(at(o, "http") == NULL);
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, open)
{
	struct line_context ctx;
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_DIRECT);
	ctx = context(&st);
	st.conns[0].handshake.subprotocol = "chat.v1";
	o = parse_line(line_session_open(&ctx, &st.s));
	CHECK_TEXT(o, "event/name", "session_open");
	CHECK_TEXT(o, "level", "info");
	CHECK_TEXT(o, "timestamp", "2025-06-15T15:23:20.000000000Z");
	CHECK_TEXT(o, "message",
		   "WebSocket /chat opened by 198.18.0.2:40000 on server chat-server (pid 200)");
	CHECK_TEXT(o, "session/subprotocol", "chat.v1");
	CHECK_TEXT(o, "legs/1/process/comm", "chat-server");
	CHECK(at(o, "session/duration_ms") == NULL && at(o, "legs/0/tcp") == NULL);
	CHECK(at(o, "close") == NULL && at(o, "cause") == NULL && at(o, "error") == NULL);
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, agent)
{
	struct line_context ctx;
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_DIRECT);
	ctx = context(&st);
	o = parse_line(line_agent(&ctx, "warn", "lost \x1b[31m\n", STORY_END_NS));
	CHECK_TEXT(o, "event/name", "agent");
	CHECK_TEXT(o, "level", "warn");
	CHECK_TEXT(o, "message", "lost \\x1b[31m\\x0a");
	CHECK(at(o, "session") == NULL && at(o, "trace_id") == NULL);
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, mid_stream_is_a_session)
{
	struct story st;
	cJSON *o;

	story_begin(&st, STORY_SERVER_ONLY);
	st.s.opened_ns = 0;
	st.conns[0].open_flags |= WST_OPEN_MIDSTREAM;
	st.conns[0].handshake = no_handshake();
	memset(st.conns[0].end->walk, 0, sizeof(st.conns[0].end->walk));
	story_died(&st, 0, SIGKILL);
	o = end_line(&st);
	CHECK_TEXT(o, "event/name", "session_end");
	CHECK_TEXT(o, "cause/id", "session.process_killed");
	CHECK_TEXT(o, "close/initiator", "server");
	CHECK_TEXT(o, "session/server/address", "198.18.0.1");
	cJSON_Delete(o);
	story_done(&st);
}

/* The wire says what it wants; a line says it in printable UTF-8. */
TEST(line_json, hostile_bytes)
{
	struct story st;
	struct handshake *hs;
	cJSON *o;

	story_begin(&st, STORY_SERVER_ONLY);
	hs = &st.conns[0].handshake;
	hs->path = "/a\"\\\x1b]0;x\a\xff\xe2\x80\xae";
	hs->user_agent = "\xc3";
	memcpy(st.parts[0].owner.comm, "0123456789abcde\xff", WST_COMM_LEN);
	story_close_frame(&st, false, 4000, "\xf0\x9f\x98\x80\n\x80");
	story_fin(&st, 0);
	o = end_line(&st);
	CHECK_TEXT(o, "session/path", "/a\"\\\\x1b]0;x\\x07\xef\xbf\xbd\\u{202e}");
	CHECK_TEXT(o, "session/user_agent", "\xef\xbf\xbd");
	CHECK_TEXT(o, "close/from_server/reason", "\xf0\x9f\x98\x80\\x0a\xef\xbf\xbd");
	CHECK_TEXT(o, "legs/0/process/comm", "0123456789abcde\xef\xbf\xbd");
	cJSON_Delete(o);
	story_done(&st);
}

static void fill_with(char *text, size_t size, const char *unit)
{
	size_t len = strlen(unit);

	for (size_t i = 0; i + 1 < size; i++)
		text[i] = unit[i % len];
	text[size - 1] = '\0';
}

/* All that can be long is as long as it can be. */
static void make_long(struct story *st, const char *unit)
{
	static char text[HANDSHAKE_TEXT];

	fill_with(text, sizeof(text), unit);
	story_begin(st, STORY_PROXIED);
	for (unsigned int i = 0; i < 4; i++) {
		st->conns[i + 4] = st->conns[i];
		conn_parts_give(&st->parts[i + 4], &st->conns[i + 4]);
		st->parts[i + 4] = st->parts[i];
	}
	for (unsigned int i = 0; i < SESSION_LEGS_MAX; i++) {
		struct handshake *hs = &st->conns[i].handshake;

		st->s.legs[i] = &st->conns[i];
		st->s.hop[i] = (uint8_t)(i / 2);
		hs->path = text;
		hs->host = text;
		hs->origin = text;
		hs->user_agent = text;
		fill_with(st->parts[i].owner.comm, WST_COMM_LEN, unit);
		st->conns[i].end->tcp.state_count = WST_STATE_HISTORY;
	}
	st->s.leg_count = SESSION_LEGS_MAX;
	st->s.hop_count = SESSION_LEGS_MAX / 2;
	story_died(st, 7, SIGKILL);
	st->v.evidence.count = EVIDENCE_MAX;
	story_verdict(st);
	while (st->v.evidence.count < EVIDENCE_MAX) {
		struct evidence_item *item = &st->v.evidence.items[st->v.evidence.count++];

		item->fact = "made_up";
		fill_with(item->detail, sizeof(item->detail), unit);
	}
	fill_with(st->v.summary, sizeof(st->v.summary), unit);
	st->v.evidence.items[EVIDENCE_MAX - 1].fact = "last";
}

TEST(line_json, never_too_long)
{
	static const char *const units[] = { "x", "\"", "\x01", "\xff", "\xe2\x80\xae" };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct line_context ctx;
		struct story st;
		const cJSON *items;
		cJSON *o;

		test_note("unit %zu", i);
		make_long(&st, units[i]);
		ctx = context(&st);
		o = parse_line(line_session_end(&ctx, &st.s, &st.v));
		/* every byte becomes four or eight: some of it has to go */
		if (i >= 2)
			CHECK(cJSON_IsTrue(at(o, "truncated")));
		items = at(o, "cause/evidence");
		/* why the confidence is what it is comes last, and stays */
		CHECK_TEXT(cJSON_GetArrayItem(items, cJSON_GetArraySize(items) - 1), "fact", "last");
		cJSON_Delete(o);
		story_done(&st);
	}
}

static void check_incident_line(struct story *st, const char *id)
{
	struct line_context ctx = context(st);
	cJSON *o;

	story_verdict(st);
	o = parse_line(line_incident(&ctx, &st->incident, &st->v));
	CHECK_TEXT(o, "event/name", "incident");
	CHECK_TEXT(o, "cause/id", id);
	CHECK_TEXT(o, "incident/state", "started");
	CHECK(number_at(o, "incident/count") == 12);
	CHECK_TEXT(o, "incident/service/path", "/chat");
	CHECK(cJSON_IsArray(at(o, "incident/troubleshooting_steps")));
	CHECK(!at(o, "session") && !at(o, "legs") && !at(o, "error"));
	cJSON_Delete(o);
}

static void check_line_of(const struct rule_case *c)
{
	bool clean = strcmp(c->id, "session.normal") == 0, announced;
	const char *level;
	struct story st;
	cJSON *o;

	test_note("%s", c->id);
	story_begin(&st, c->shape);
	c->happen(&st);
	if (st.incident.count) {
		check_incident_line(&st, c->id);
		story_done(&st);
		return;
	}
	o = end_line(&st);
	level = text_at(o, "level");
	CHECK_TEXT(o, "cause/id", c->id);
	announced = strcmp(c->id, "session.service_restart") == 0 &&
		    cJSON_IsTrue(at(o, "close/clean"));
	CHECK_EQ(level && strcmp(level, "info") == 0, clean || announced);
	CHECK(text_at(o, "message") && text_at(o, "timestamp") && text_at(o, "session/id"));
	CHECK(cJSON_IsArray(at(o, "legs")) && at(o, "legs/0/tcp/ended_by"));
	CHECK(clean || (text_at(o, "error/type") && text_at(o, "recovery/strategy")));
	CHECK(number_at(o, "close/code") >= 1000);
	cJSON_Delete(o);
	story_done(&st);
}

TEST(line_json, every_cause_has_its_line)
{
	rule_cases_each(check_line_of);
}
