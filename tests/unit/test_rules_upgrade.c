/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused and unanswered handshakes. */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "story.h"

static struct handshake *hs(struct story *st, unsigned int leg)
{
	return &st->conns[leg].handshake;
}

static void check_cause(struct story *st, const char *cause, enum confidence confidence)
{
	CHECK_STR(verdict_cause_id(story_verdict(st)), cause);
	CHECK_EQ(st->v.confidence, confidence);
	CHECK_EQ(st->v.close.code, 1006);
	CHECK_EQ(st->v.close.clean, false);
}

TEST(rules_upgrade, by_status)
{
	static const struct {
		uint16_t status;
		const char *cause;
	} rows[] = {
		{ 400, "upgrade.bad_request" },
		{ 401, "upgrade.unauthorized" },
		{ 403, "upgrade.forbidden" },
		{ 404, "upgrade.wrong_route" },
		{ 405, "upgrade.unexpected_status" },
		{ 407, "upgrade.unauthorized" },
		{ 426, "upgrade.not_a_websocket_request" },
		{ 429, "upgrade.rate_limited" },
		{ 500, "upgrade.server_error" },
		{ 501, "upgrade.server_error" },
		{ 503, "upgrade.unavailable" },
		{ 520, "upgrade.server_error" },
		{ 204, "upgrade.unexpected_status" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("status %u", rows[i].status);
		story_begin(&st, STORY_PROXIED);
		story_answered(&st, rows[i].status);
		check_cause(&st, rows[i].cause, CONFIDENCE_HIGH);
		CHECK_EQ(st.v.close.initiator, BY_SERVER);
		CHECK(strstr(story_evidence(&st, "http_status"), "backend chat-server (pid 200)"));
		story_done(&st);
	}
}

TEST(rules_upgrade, answered_by_the_proxy)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_answered(&st, 403);
	hs(&st, STORY_PROXY_OUT)->response_seen = false;
	hs(&st, STORY_BACKEND_LEG)->response_seen = false;
	check_cause(&st, "upgrade.forbidden", CONFIDENCE_HIGH);
	CHECK_EQ(st.v.close.initiator, BY_PROXY);
	CHECK_STR(st.v.summary, "proxy nginx (pid 300) forbids the connection: HTTP 403");
	story_done(&st);
}

TEST(rules_upgrade, answer_that_the_proxy_changed)
{
	struct story st;

	/* the backend hung up; the 502 is the proxy's own */
	story_begin(&st, STORY_PROXIED);
	story_answered(&st, 502);
	hs(&st, STORY_PROXY_OUT)->response_seen = false;
	hs(&st, STORY_BACKEND_LEG)->response_seen = false;
	story_died(&st, STORY_BACKEND_LEG, SIGSEGV);
	check_cause(&st, "upgrade.bad_gateway", CONFIDENCE_HIGH);
	CHECK(story_evidence(&st, "backend_leg") != NULL);
	CHECK_STR(story_evidence(&st, "process_exit"), "pid 200 died of SIGSEGV (11)");
	story_done(&st);
}

TEST(rules_upgrade, origin_against_host)
{
	static const struct {
		const char *origin, *host, *cause;
	} rows[] = {
		{ "https://chat.example", "chat.example", "upgrade.forbidden" },
		{ "https://CHAT.example", "chat.example:443", "upgrade.forbidden" },
		{ "https://chat.example:8443", "chat.example:8443", "upgrade.forbidden" },
		{ "https://chat.example:8443", "chat.example:8080", "upgrade.forbidden_origin" },
		{ "https://evil.example", "chat.example", "upgrade.forbidden_origin" },
		{ "https://www.chat.example", "chat.example", "upgrade.forbidden_origin" },
		{ "https://chat.example", "backend:3000", "upgrade.forbidden_origin" },
		{ "null", "chat.example", "upgrade.forbidden_origin" },
		{ "", "chat.example", "upgrade.forbidden" },
		{ "http://[::1]:3000", "[::1]:3000", "upgrade.forbidden" },
		{ "http://[::1]:3000", "[::2]:3000", "upgrade.forbidden_origin" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("origin %s, host %s", rows[i].origin, rows[i].host);
		story_begin(&st, STORY_SERVER_ONLY);
		story_answered(&st, 403);
		hs(&st, 0)->origin = rows[i].origin;
		hs(&st, 0)->host = rows[i].host;
		check_cause(&st, rows[i].cause, CONFIDENCE_HIGH);
		story_done(&st);
	}
}

TEST(rules_upgrade, origin_mismatch_shows_both)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	story_answered(&st, 403);
	hs(&st, 0)->host = "backend:3000";
	story_verdict(&st);
	CHECK_STR(story_evidence(&st, "origin_mismatch"),
		  "Origin is https://chat.example, but the Host it saw is backend:3000");
	story_done(&st);
}

TEST(rules_upgrade, redirects)
{
	static const struct {
		const char *location, *cause;
		enum confidence confidence;
	} rows[] = {
		{ "/chat/", "upgrade.redirected", CONFIDENCE_HIGH },
		{ "https://chat.example/chat", "upgrade.redirected", CONFIDENCE_HIGH },
		{ "https://chat.example:443/chat", "upgrade.redirected", CONFIDENCE_HIGH },
		{ "https://www.chat.example/chat/", "upgrade.redirected", CONFIDENCE_HIGH },
		{ "//chat.example/chat/", "upgrade.redirected", CONFIDENCE_HIGH },
		{ "/v2/chat", "upgrade.redirected", CONFIDENCE_MEDIUM },
		{ "", "upgrade.redirected", CONFIDENCE_MEDIUM },
		{ "/login", "upgrade.login_redirect", CONFIDENCE_HIGH },
		{ "https://chat.example/Account/SignIn", "upgrade.login_redirect", CONFIDENCE_HIGH },
		{ "https://sso.example/realms/x/protocol/openid-connect/auth",
		  "upgrade.login_redirect", CONFIDENCE_HIGH },
		{ "https://other.example/chat", "upgrade.login_redirect", CONFIDENCE_MEDIUM },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("location %s", rows[i].location);
		story_begin(&st, STORY_CLIENT_ONLY);
		story_answered(&st, 302);
		hs(&st, 0)->location = rows[i].location;
		check_cause(&st, rows[i].cause, rows[i].confidence);
		story_done(&st);
	}
}

TEST(rules_upgrade, wrong_version)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	story_answered(&st, 400);
	hs(&st, 0)->version = "8";
	check_cause(&st, "upgrade.not_a_websocket_request", CONFIDENCE_HIGH);
	CHECK_STR(story_evidence(&st, "version"), "Sec-WebSocket-Version is 8, RFC 6455 has 13");
	story_done(&st);
}

TEST(rules_upgrade, page_instead_of_socket)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	story_answered(&st, 200);
	check_cause(&st, "upgrade.unexpected_status", CONFIDENCE_HIGH);
	hs(&st, 0)->content_type = "Text/HTML";
	check_cause(&st, "upgrade.wrong_route", CONFIDENCE_MEDIUM);
	CHECK_STR(st.v.alternatives[0], "upgrade.login_redirect");
	story_done(&st);
}

/* Missing headers do not matter to one who wants credentials first. */
TEST(rules_upgrade, credentials_before_headers)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_answered(&st, 401);
	hs(&st, STORY_PROXY_OUT)->has_upgrade = hs(&st, STORY_BACKEND_LEG)->has_upgrade = false;
	check_cause(&st, "upgrade.unauthorized", CONFIDENCE_HIGH);
	story_done(&st);
}

TEST(rules_upgrade, silence_that_is_read)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_unanswered(&st);
	story_fin(&st, STORY_CLIENT_LEG);
	/* ten seconds are more than people wait, and as long as clients do */
	check_cause(&st, "upgrade.no_response", CONFIDENCE_HIGH);
	CHECK_STR(st.v.summary, "chat-server never answered the handshake");
	story_done(&st);
}

TEST(rules_upgrade, silence_that_is_not_read)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_unanswered(&st);
	for (int i = 0; i < 2; i++)
		hs(&st, (unsigned int)i)->request_ns = STORY_END_NS - 4000 * STORY_MS;
	story_fin(&st, STORY_CLIENT_LEG);
	check_cause(&st, "upgrade.no_response", CONFIDENCE_MEDIUM);
	CHECK_STR(st.v.alternatives[0], "upgrade.client_gave_up");
	st.conns[STORY_SERVER_LEG].end->tcp.unread_bytes = 100;
	check_cause(&st, "upgrade.no_response", CONFIDENCE_HIGH);
	CHECK(story_evidence(&st, "unread_data") != NULL);
	story_done(&st);
}

TEST(rules_upgrade, server_died_over_the_request)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_unanswered(&st);
	story_died(&st, STORY_SERVER_LEG, SIGSEGV);
	check_cause(&st, "upgrade.no_response", CONFIDENCE_HIGH);
	CHECK_EQ(st.v.close.initiator, BY_SERVER);
	CHECK_STR(story_evidence(&st, "process_exit"), "pid 200 died of SIGSEGV (11)");
	story_done(&st);
}

/* docker-proxy takes the connection and finds nobody to pass it to; the request is never read. */
TEST(rules_upgrade, closed_unserved_with_request)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_unanswered(&st);
	story_rst(&st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE)->end->tcp.unread_bytes = 100;
	check_cause(&st, "connect.closed_unserved", CONFIDENCE_HIGH);
	story_done(&st);
}

TEST(rules_upgrade, fd_exhausted_names_the_server)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_unanswered(&st);
	st.conns[STORY_SERVER_LEG].end->tcp.flags = WST_TCP_NEVER_ACCEPTED;
	st.conns[STORY_SERVER_LEG].end->tcp.unread_bytes = 100;
	story_process(&st, STORY_SERVER_PID, 64, 64, "/");
	story_fin(&st, STORY_CLIENT_LEG);
	check_cause(&st, "connect.fd_exhausted", CONFIDENCE_HIGH);
	CHECK_STR(st.v.summary,
		  "chat-server is out of file descriptors and cannot accept the connection");
	CHECK_STR(story_evidence(&st, "descriptors"),
		  "that process had 64 of at most 64 descriptors in use");
	story_done(&st);
}

TEST(rules_upgrade, never_accepted_with_room)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_unanswered(&st);
	st.conns[STORY_SERVER_LEG].end->tcp.flags = WST_TCP_NEVER_ACCEPTED;
	st.conns[STORY_SERVER_LEG].end->tcp.unread_bytes = 100;
	story_process(&st, STORY_SERVER_PID, 20, 1024, "/");
	story_fin(&st, STORY_CLIENT_LEG);
	check_cause(&st, "upgrade.no_response", CONFIDENCE_HIGH);
	story_done(&st);
}

static void offer(struct story *st, const char *offered, const char *chosen)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		hs(st, i)->subprotocols = offered;
		hs(st, i)->subprotocol = chosen;
		hs(st, i)->response_ns = STORY_END_NS - 2 * STORY_MS;
		memset(st->conns[i].end->walk[0].frames, 0,
		       sizeof(st->conns[i].end->walk[0].frames));
		memset(st->conns[i].end->walk[1].frames, 0,
		       sizeof(st->conns[i].end->walk[1].frames));
	}
}

TEST(rules_upgrade, subprotocols)
{
	static const struct {
		const char *offered, *chosen;
		bool mismatch;
	} rows[] = {
		{ "chat.v1", "", true },	 { "chat.v1", "chat.v2", true },
		{ "", "chat.v1", true },	 { "chat.v1, chat.v2", "chat.v2", false },
		{ "chat.v1", "chat", true },	 { "", "", false },
		{ "chat.v10", "chat.v1", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("offered %s, chosen %s", rows[i].offered, rows[i].chosen);
		story_begin(&st, STORY_DIRECT);
		offer(&st, rows[i].offered, rows[i].chosen);
		story_fin(&st, STORY_CLIENT_LEG);
		story_verdict(&st);
		CHECK_EQ(strcmp(verdict_cause_id(&st.v), "upgrade.subprotocol_mismatch") == 0,
			 rows[i].mismatch);
		story_done(&st);
	}
}

TEST(rules_upgrade, credentials_in_subprotocols_are_hidden)
{
	static const char token[] = "base64url.bearer.authorization.k8s.io.c2VjcmV0";
	struct story st;
	char offered[128];

	snprintf(offered, sizeof(offered), "v4.channel.k8s.io, %s", token);
	story_begin(&st, STORY_DIRECT);
	offer(&st, offered, "");
	story_fin(&st, STORY_CLIENT_LEG);
	check_cause(&st, "upgrade.subprotocol_mismatch", CONFIDENCE_HIGH);
	CHECK_STR(story_evidence(&st, "subprotocol"),
		  "the client offered \"v4.channel.k8s.io, (hidden)\", the server chose \"\"");
	story_done(&st);
}

/* A client that takes a wrong Accept and goes on has no quarrel with it. */
TEST(rules_upgrade, wrong_accept_that_nobody_minds)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	for (unsigned int i = 0; i < 2; i++)
		hs(&st, i)->accept_right = false;
	story_fin(&st, STORY_CLIENT_LEG);
	check_cause(&st, "session.closed_without_close_frame", CONFIDENCE_HIGH);
	story_done(&st);
}

static void answers_503_itself(struct story *st, const char *comm)
{
	story_begin(st, STORY_DIRECT);
	story_answered(st, 503);
	snprintf(st->parts[STORY_SERVER_LEG].owner.comm, WST_COMM_LEN, "%s", comm);
	story_verdict(st);
}

/* What a 503 of its own means depends on the proxy, and without more nothing is sure. */
TEST(rules_upgrade, proxies_that_answer_503_themselves)
{
	struct story st;

	answers_503_itself(&st, "nginx");
	CHECK_STR(verdict_cause_id(&st.v), "upgrade.rate_limited");
	CHECK_EQ(st.v.confidence, CONFIDENCE_LOW);
	CHECK_STR(st.v.alternatives[0], "upgrade.unavailable");
	story_done(&st);
	answers_503_itself(&st, "haproxy");
	CHECK_STR(verdict_cause_id(&st.v), "upgrade.unavailable");
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	CHECK_STR(st.v.alternatives[0], "upgrade.rate_limited");
	story_done(&st);
	answers_503_itself(&st, "chat-server");
	CHECK_STR(verdict_cause_id(&st.v), "upgrade.unavailable");
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	story_done(&st);
}
