/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Handshakes that were refused with a status. */
#include "rule_cases.h"

#include <stdio.h>

/* The answers of all legs turned into another one, which is no sign of the cause any more. */
static void other_status(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.status = 418;
}

static void not_forwarded(struct story *st)
{
	story_answered(st, 400);
	for (unsigned int i = STORY_PROXY_OUT; i < st->s.leg_count; i++) {
		st->conns[i].handshake.has_upgrade = false;
		st->conns[i].handshake.http_1_0 = true;
		st->conns[i].handshake.connection = "close";
	}
}

static void not_forwarded_blur(struct story *st)
{
	for (unsigned int i = STORY_PROXY_OUT; i < st->s.leg_count; i++) {
		st->conns[i].handshake.has_upgrade = true;
		st->conns[i].handshake.http_1_0 = false;
	}
}

static void answer_401(struct story *st)
{
	story_answered(st, 401);
}

static void foreign_origin(struct story *st)
{
	story_answered(st, 403);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.origin = "https://evil.example:8443";
}

static void foreign_origin_blur(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.origin = "https://CHAT.example";
}

static void answer_403(struct story *st)
{
	story_answered(st, 403);
}

static void to_login(struct story *st)
{
	story_answered(st, 302);
	st->conns[0].handshake.location = "https://sso.example/oauth2/start";
}

static void to_elsewhere(struct story *st)
{
	st->conns[0].handshake.location = "https://other.example/";
}

static void to_slash(struct story *st)
{
	story_answered(st, 301);
	st->conns[0].handshake.location = "https://www.chat.example/chat/";
}

static void to_other_path(struct story *st)
{
	st->conns[0].handshake.location = "/v2/chat";
}

static void stripped(struct story *st)
{
	story_answered(st, 400);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.has_upgrade = false;
}

static void stripped_blur(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.has_upgrade = true;
}

/* Of an application, or one to sign in on. */
static void html_page(struct story *st)
{
	story_answered(st, 200);
	st->conns[0].handshake.content_type = "text/html; charset=utf-8";
}

static void answer_404(struct story *st)
{
	story_answered(st, 404);
}

static void answer_400(struct story *st)
{
	story_answered(st, 400);
}

static void answer_429(struct story *st)
{
	story_answered(st, 429);
}

/* The proxy's answer is on its first hop only. */
static void from_proxy(struct story *st, uint16_t status)
{
	story_answered(st, status);
	for (unsigned int i = STORY_PROXY_OUT; i < st->s.leg_count; i++) {
		st->conns[i].handshake.response_seen = false;
		st->conns[i].handshake.status = 0;
	}
}

static void answer_502(struct story *st)
{
	from_proxy(st, 502);
	story_fin(st, STORY_BACKEND_LEG);
}

static void answer_504(struct story *st)
{
	from_proxy(st, 504);
	story_fin(st, STORY_PROXY_OUT);
}

/* Only the client's hop is left: what the proxy met behind it is not known. */
static void no_backend(struct story *st)
{
	st->s.leg_count = 2;
	st->s.hop_count = 1;
}

static void answer_503(struct story *st)
{
	story_answered(st, 503);
}

static void from_proxy_503(struct story *st)
{
	from_proxy(st, 503);
}

static void answer_500(struct story *st)
{
	story_answered(st, 500);
}

static void answer_405(struct story *st)
{
	story_answered(st, 405);
}

static void no_answer(struct story *st)
{
	story_unanswered(st);
}

static void refused_sid(struct story *st)
{
	story_answered(st, 400);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.path = "/socket.io/";
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.has_sid = true;
}

static void unknown_sid(struct story *st)
{
	refused_sid(st);
	diagnose_open(&st->s, st->track);
	st->conns[STORY_BACKEND_LEG].tuple.local_port++;
	diagnose_open(&st->s, st->track);
	st->conns[STORY_BACKEND_LEG].handshake.body_names_session = true;
}

/* There are several backends that serve this path, and the request may be bad for all of them. */
static void unknown_sid_blur(struct story *st)
{
	st->conns[STORY_BACKEND_LEG].handshake.body_names_session = false;
}

static const struct rule_case cases[] = {
	{ "upgrade.headers_not_forwarded", CONFIDENCE_HIGH, STORY_PROXIED, not_forwarded,
	  not_forwarded_blur },
	{ "upgrade.unauthorized", CONFIDENCE_HIGH, STORY_DIRECT, answer_401, other_status },
	{ "upgrade.forbidden_origin", CONFIDENCE_HIGH, STORY_DIRECT, foreign_origin,
	  foreign_origin_blur },
	{ "upgrade.forbidden", CONFIDENCE_HIGH, STORY_DIRECT, answer_403, other_status },
	{ "upgrade.login_redirect", CONFIDENCE_HIGH, STORY_DIRECT, to_login, to_elsewhere },
	{ "upgrade.redirected", CONFIDENCE_HIGH, STORY_DIRECT, to_slash, to_other_path },
	{ "upgrade.not_a_websocket_request", CONFIDENCE_HIGH, STORY_DIRECT, stripped,
	  stripped_blur },
	{ "upgrade.wrong_route", CONFIDENCE_HIGH, STORY_DIRECT, answer_404, html_page },
	{ "upgrade.session_unknown", CONFIDENCE_HIGH, STORY_PROXIED, unknown_sid, unknown_sid_blur },
	{ "upgrade.bad_request", CONFIDENCE_HIGH, STORY_DIRECT, answer_400, other_status },
	{ "upgrade.rate_limited", CONFIDENCE_HIGH, STORY_DIRECT, answer_429, other_status },
	{ "upgrade.bad_gateway", CONFIDENCE_HIGH, STORY_PROXIED, answer_502, no_backend },
	{ "upgrade.gateway_timeout", CONFIDENCE_HIGH, STORY_PROXIED, answer_504, no_backend },
	{ "upgrade.unavailable", CONFIDENCE_HIGH, STORY_PROXIED, answer_503, from_proxy_503 },
	{ "upgrade.server_error", CONFIDENCE_HIGH, STORY_DIRECT, answer_500, other_status },
	{ "upgrade.unexpected_status", CONFIDENCE_HIGH, STORY_DIRECT, answer_405, no_answer },
};

const struct rule_cases rule_cases_answer = { cases, sizeof(cases) / sizeof(cases[0]) };
