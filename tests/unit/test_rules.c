/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What holds for every rule. */
#include "test.h"

#include <ctype.h>
#include <string.h>

#include "diagnose/catalogue.h"
#include "diagnose/close_code.h"
#include "diagnose/template.h"
#include "rule_cases.h"

static void check_best(const struct rule_case *c)
{
	const struct verdict *v;
	struct story st;

	test_note("%s", c->id);
	story_begin(&st, c->shape);
	c->happen(&st);
	v = story_verdict(&st);
	CHECK_STR(verdict_cause_id(v), c->id);
	CHECK_EQ(v->confidence, c->best);
	CHECK(v->evidence.count > 0);
	CHECK(v->confidence != CONFIDENCE_HIGH || v->alternative_count == 0);
	CHECK(v->summary[0] && v->user_message[0] && v->step_count > 0);
	CHECK(!strchr(v->summary, '{') && !strchr(v->user_message, '{'));
	CHECK_EQ(verdict_is_clean(v), strcmp(c->id, "session.normal") == 0);
	story_done(&st);
}

TEST(rules, each_is_reached_at_its_best)
{
	rule_cases_each(check_best);
}

static void check_blurred(const struct rule_case *c)
{
	const struct verdict *v;
	struct story st;

	if (!c->blur)
		return;
	test_note("%s", c->id);
	story_begin(&st, c->shape);
	c->happen(&st);
	c->blur(&st);
	v = story_verdict(&st);
	CHECK(strcmp(verdict_cause_id(v), c->id) != 0 || v->confidence < CONFIDENCE_HIGH);
	story_done(&st);
}

TEST(rules, none_is_sure_without_its_decisive_fact)
{
	rule_cases_each(check_blurred);
}

/* Which ids rule_cases_each() has come across; a test is one thread. */
static struct {
	const char *ids[128];
	size_t count;
} found;

static void note_case(const struct rule_case *c)
{
	CHECK(catalogue_find(c->id) != NULL);
	CHECK((c->best == CONFIDENCE_HIGH) == (c->blur != NULL));
	if (found.count < 128)
		found.ids[found.count++] = c->id;
}

TEST(rules, every_rule_has_a_case)
{
	found.count = 0;
	rule_cases_each(note_case);
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		size_t i = 0;

		while (i < found.count && strcmp(found.ids[i], r->id) != 0)
			i++;
		test_note("%s", r->id);
		CHECK(i < found.count);
	}
}

static bool id_is_well_formed(const char *id)
{
	const char *dot = strchr(id, '.');

	if (!dot || (strncmp(id, "connect.", 8) && strncmp(id, "upgrade.", 8) &&
		     strncmp(id, "session.", 8) && strncmp(id, "incident.", 9)))
		return false;
	for (const char *p = dot + 1; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
			return false;
	return islower((unsigned char)dot[1]);
}

TEST(rules, ids_are_unique_and_well_formed)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		test_note("%s", r->id);
		CHECK(id_is_well_formed(r->id));
		CHECK(catalogue_find(r->id) == r);
	}
	CHECK(catalogue_find("session.") == NULL);
}

static void check_text(const char *text)
{
	size_t len = strlen(text);

	CHECK(len > 10);
	CHECK(template_check(text));
	CHECK(text[len - 1] != ' ' && text[0] != ' ' && !strchr(text, '\n') && !strchr(text, '\t'));
}

/* A call, a directive, a variable, a command, or a value that was observed. */
static bool names_something(const struct rule *r)
{
	for (unsigned int i = 0; i < VERDICT_STEPS_MAX && r->steps[i]; i++)
		if (strpbrk(r->steps[i], "`_={") || strstr(r->steps[i], "()"))
			return true;
	return false;
}

TEST(rules, every_row_is_complete)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		unsigned int i = 0;

		test_note("%s", r->id);
		CHECK(r->when && r->at);
		check_text(r->summary);
		CHECK(r->summary[strlen(r->summary) - 1] != '.');
		check_text(r->user_message);
		for (; i <= VERDICT_STEPS_MAX && r->steps[i]; i++)
			check_text(r->steps[i]);
		CHECK(i > 0 && i <= VERDICT_STEPS_MAX);
		CHECK(names_something(r) || r->flags & (RULE_OTHERWISE | RULE_CLEAN));
		CHECK((r->flags & RULE_CLEAN) ? r->strategy == STRATEGY_NONE :
						r->strategy != STRATEGY_NONE);
		CHECK((r->retry == RETRY_NO) <=
		      (r->strategy == STRATEGY_MANUAL || r->strategy == STRATEGY_FALLBACK));
		for (i = 0; i < ALTERNATIVES_MAX && r->alternatives[i]; i++)
			CHECK(catalogue_find(r->alternatives[i]) != NULL);
	}
}

/* The causes that this version promises. Ids are for ever: alerts are built on them. */
static const char *const promised[] = {
	"connect.refused",
	"connect.timeout",
	"connect.firewall_dropped",
	"connect.unreachable",
	"connect.ports_exhausted",
	"connect.backlog_overflow",
	"connect.fd_exhausted",
	"connect.closed_unserved",
	"connect.tls_failed",
	"upgrade.headers_not_forwarded",
	"upgrade.not_a_websocket_request",
	"upgrade.unauthorized",
	"upgrade.forbidden_origin",
	"upgrade.forbidden",
	"upgrade.login_redirect",
	"upgrade.redirected",
	"upgrade.wrong_route",
	"upgrade.session_unknown",
	"upgrade.rate_limited",
	"upgrade.bad_gateway",
	"upgrade.gateway_timeout",
	"upgrade.unavailable",
	"upgrade.server_error",
	"upgrade.bad_request",
	"upgrade.no_response",
	"upgrade.client_gave_up",
	"upgrade.subprotocol_mismatch",
	"upgrade.bad_accept",
	"session.normal",
	"session.proxy_idle_timeout",
	"session.middlebox_idle_timeout",
	"session.silent_drop",
	"session.lifetime_limit",
	"session.server_idle_timeout",
	"session.ping_timeout_peer_gone",
	"session.ping_timeout_peer_unresponsive",
	"session.ping_timeout_own_stall",
	"session.process_exited",
	"session.process_crashed",
	"session.process_terminated",
	"session.process_killed",
	"session.process_oom_killed",
	"session.container_stopped",
	"session.proxy_worker_shutdown",
	"session.proxy_exited",
	"session.closed_without_close_frame",
	"session.aborted_with_unread_data",
	"session.aborted_by_application",
	"session.peer_closed_without_close_frame",
	"session.peer_reset",
	"session.network_timeout",
	"session.keepalive_timeout",
	"session.zero_window_timeout",
	"session.slow_consumer",
	"session.unreachable",
	"session.firewall_dropped",
	"session.firewall_reset",
	"session.mtu_blackhole",
	"session.message_too_big",
	"session.protocol_error",
	"session.invalid_payload",
	"session.unsupported_data",
	"session.policy_violation",
	"session.rejected_after_open",
	"session.auth_deadline",
	"session.internal_error",
	"session.service_restart",
	"session.try_again_later",
	"session.http_in_stream",
	"session.close_unanswered",
	"session.application_code",
	"session.unknown",
	"incident.process_exit",
	"incident.reconnect_storm",
	"incident.periodic_disconnect",
	"incident.upstream_imbalance",
	"incident.failure_rate",
	"incident.backend_churn",
	"incident.clients_gone",
};

TEST(rules, promised_causes_exist)
{
	for (size_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++) {
		test_note("%s", promised[i]);
		CHECK(catalogue_find(promised[i]) != NULL);
	}
}

TEST(rules, codes_of_rows_are_codes)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		for (unsigned int i = 0; i < 4 && r->codes[i]; i++) {
			test_note("%s", r->id);
			CHECK(close_code_is_legal(r->codes[i]) || r->codes[i] == CLOSE_NO_STATUS ||
			      r->codes[i] == CLOSE_ABNORMAL);
		}
}

TEST(rules, a_session_without_legs_is_unknown)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	st.s.leg_count = 0;
	st.s.hop_count = 0;
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "connect.unknown");
	story_done(&st);
}
