/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* None of the others: says so, and lists what was seen. A wrong cause is worse than none. */
#include "diagnose/rule.h"

#include "diagnose/evidence.h"
#include "diagnose/names.h"

static void add_stage(struct evidence *ev, const struct facts *f)
{
	if (f->end.leg < 0)
		evidence_add(ev, "no_end", 0, "no socket of the session was seen to end");
	evidence_end(ev, f);
	evidence_errno(ev, f->end.conn);
	evidence_path(ev, f->end.conn);
	evidence_process(ev, f);
}

static enum confidence connect_unknown(const struct facts *f, struct evidence *ev)
{
	add_stage(ev, f);
	return CONFIDENCE_LOW;
}

static enum confidence upgrade_unknown(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->answer.request;

	if (c)
		evidence_add(ev, "http_request", c->handshake.request_ns,
			     "GET %.120s; no answer was seen", c->handshake.path);
	add_stage(ev, f);
	return CONFIDENCE_LOW;
}

static enum confidence session_unknown(const struct facts *f, struct evidence *ev)
{
	evidence_closing(ev, f);
	evidence_no_close_frame(ev, f);
	add_stage(ev, f);
	return CONFIDENCE_LOW;
}

#define UNKNOWN_USER_MESSAGE "The connection to the chat was lost. Please try again in a moment."
#define UNKNOWN_STEP \
	"The evidence lists all that was seen. Trace on the other host too, and compare the session id."

static const struct rule rules[] = {
	{
		.id = "connect.unknown",
		.when = connect_unknown,
		.category = CATEGORY_NONE,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT,
		.flags = RULE_OTHERWISE,
		.summary = "the connection to {target} ended before a handshake, and nothing seen tells why",
		.user_message = UNKNOWN_USER_MESSAGE,
		.steps = { UNKNOWN_STEP },
	},
	{
		.id = "upgrade.unknown",
		.when = upgrade_unknown,
		.category = CATEGORY_NONE,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.flags = RULE_OTHERWISE,
		.summary = "the handshake with {target} did not succeed, and nothing seen tells why",
		.user_message = UNKNOWN_USER_MESSAGE,
		.steps = { UNKNOWN_STEP },
	},
	{
		.id = "session.unknown",
		.when = session_unknown,
		.category = CATEGORY_NONE,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_OTHERWISE,
		.summary = "the connection ended, and nothing seen tells why",
		.user_message = UNKNOWN_USER_MESSAGE,
		.steps = { UNKNOWN_STEP },
	},
};

const struct rule_table rules_unknown = RULE_TABLE(rules);
