/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A Close frame that says why: it beats every guess. */
#include "diagnose/rule.h"

#include "diagnose/close_code.h"
#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/protocol.h"

static enum confidence code_is(const struct facts *f, struct evidence *ev, uint16_t code)
{
	if (!f->closing.frame || f->closing.code != code)
		return CONFIDENCE_NONE;
	evidence_closing(ev, f);
	return CONFIDENCE_HIGH;
}

/* The largest frame that travelled towards whoever complained about it. */
static void add_largest(struct evidence *ev, const struct facts *f)
{
	bool to_server = f->closing.sender != BY_CLIENT;
	const struct conn *c = to_server ? f->server : f->client;
	uint64_t largest = c->end->walk[to_server ? conn_from_client(c) : conn_from_server(c)]
				   .largest_frame_bytes;
	char bytes[FORMAT_BYTES];

	if (c->has_end && largest)
		evidence_add(ev, "largest_frame", 0,
			     "the largest frame from the %s announced %s of payload",
			     to_server ? "client" : "server", format_bytes(bytes, largest));
}

static enum confidence message_too_big(const struct facts *f, struct evidence *ev)
{
	enum confidence confidence = code_is(f, ev, 1009);

	if (confidence != CONFIDENCE_NONE)
		add_largest(ev, f);
	return confidence;
}

static enum confidence invalid_payload(const struct facts *f, struct evidence *ev)
{
	return code_is(f, ev, 1007);
}

static enum confidence unsupported_data(const struct facts *f, struct evidence *ev)
{
	return code_is(f, ev, 1003);
}

/*
 * Words with which servers say that somebody may not be there (RFC 9110 names of 401 and 403). A
 * parser speaks of tokens as well.
 */
static const char *const refusal_words[] = {
	"unauthori",
	"forbidden",
	"not allowed",
	"authenticat",
	"invalid token",
	"token expired",
	"token has expired",
	"token is expired",
	"expired token",
	"token is invalid",
	NULL,
};

static enum confidence policy_violation(const struct facts *f, struct evidence *ev)
{
	enum confidence confidence = code_is(f, ev, 1008);

	if (confidence == CONFIDENCE_NONE && !f->private_code &&
	    (f->closing.code == 3000 || f->closing.code == 3003)) {
		confidence = code_is(f, ev, f->closing.code);
		if (confidence == CONFIDENCE_HIGH && !facts_close_says(f, refusal_words)) {
			evidence_add(ev, "ambiguous_code", 0,
				     "some libraries use %u for other things (SockJS, Centrifugo)",
				     f->closing.code);
			confidence = CONFIDENCE_MEDIUM;
		}
	}
	return confidence;
}

static enum confidence internal_error(const struct facts *f, struct evidence *ev)
{
	enum confidence confidence = code_is(f, ev, 1011);

	if (confidence == CONFIDENCE_NONE)
		return confidence;
	evidence_process(ev, f);
	/* Gateways say 1011 of a backend that is gone: then the error is not their own. */
	return evidence_lost(ev, f) ? CONFIDENCE_MEDIUM : confidence;
}

/*
 * A gateway says 1000 to its client when the connection behind it had just ended without a Close
 * frame: nobody there wanted that.
 */
static bool hides_loss(const struct facts *f)
{
	const struct lost_connections *lost = f->crowd.lost;

	return f->closing.frame && f->closing.sender == BY_SERVER &&
	       close_code_is_benign(f->closing.code) && lost && !lost->accepted && lost->rude;
}

static enum confidence try_again_later(const struct facts *f, struct evidence *ev)
{
	enum confidence confidence = code_is(f, ev, f->closing.code == 1014 ? 1014 : 1013);

	if (confidence == CONFIDENCE_NONE && hides_loss(f)) {
		evidence_closing(ev, f);
		confidence = CONFIDENCE_MEDIUM;
	}
	if (confidence != CONFIDENCE_NONE)
		evidence_lost(ev, f);
	return confidence;
}

static enum confidence application_code(const struct facts *f, struct evidence *ev)
{
	enum confidence confidence = CONFIDENCE_NONE;

	if (f->private_code && f->private_code->kind == CODE_NORMAL && f->closing.answered)
		return CONFIDENCE_NONE;
	if ((f->closing.code >= 3000 && f->closing.code <= 4999) || f->private_code)
		confidence = code_is(f, ev, f->closing.code);
	if (confidence != CONFIDENCE_NONE && f->private_code)
		evidence_add(ev, "protocol", 0, "recognised as %s, where %u means: %s",
			     f->protocol->name, f->closing.code, f->private_code->meaning);
	else if (confidence != CONFIDENCE_NONE && f->protocol)
		evidence_add(ev, "protocol", 0, "recognised as %s, which has no such code%s%s",
			     f->protocol->name, f->protocol->note ? ": " : "",
			     f->protocol->note ? f->protocol->note : "");
	return confidence;
}

static enum strategy strategy_of(enum retry retry)
{
	switch (retry) {
	case RETRY_NO:
		return STRATEGY_MANUAL;
	case RETRY_YES:
	case RETRY_NOT_NEEDED:
		return STRATEGY_IMMEDIATE_RETRY;
	default:
		return STRATEGY_EXPONENTIAL_BACKOFF;
	}
}

static void advise_by_code(const struct facts *f, struct advice *advice)
{
	if (!f->private_code)
		return;
	advice->category = f->private_code->category;
	advice->retry = f->private_code->retry;
	advice->strategy = strategy_of(f->private_code->retry);
}

static const struct rule rules[] = {
	{
		.id = "session.message_too_big",
		.when = message_too_big,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1009 },
		.summary = "a message was larger than the {sender} accepts: Close 1009{reason}",
		.user_message = "That message is too large. Please send a smaller one.",
		.steps = {
			"Raise the limit of the {sender} above the size in the evidence: SetReadLimit (gorilla), maxPayload (ws), max_size (Python websockets), maxHttpBufferSize (Socket.IO).",
			"Or split large messages; uploads fit better into an ordinary HTTP request.",
			"Do not send the same message again after reconnecting: it ends the same way.",
		},
	},
	{
		.id = "session.invalid_payload",
		.when = invalid_payload,
		.category = CATEGORY_SERVER,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1007 },
		.summary = "the {sender} could not decode a message: Close 1007{reason}",
		.user_message = "A message could not be read by the other side. Please tell the support.",
		.steps = {
			"Text frames must be valid UTF-8: send other bytes as binary frames, and do not cut a text in the middle of a character.",
			"With permessage-deflate: a corrupt compressed stream ends like this too; try without compression (`perMessageDeflate: false` in ws, `compression=None` in Python websockets).",
		},
	},
	{
		.id = "session.unsupported_data",
		.when = unsupported_data,
		.category = CATEGORY_SERVER,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1003 },
		.summary = "the {sender} got a kind of message that it does not take: Close 1003{reason}",
		.user_message = "The chat does not support what was sent. Please tell the support.",
		.steps = {
			"Mostly a binary message to an endpoint that takes text only, or JSON that it cannot parse: compare the versions of client and server. `send()` of a string makes a text message, of an ArrayBuffer, a Buffer or bytes a binary one.",
		},
	},
	{
		.id = "session.policy_violation",
		.when = policy_violation,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1008, 3000, 3003 },
		.summary = "the {sender} refused the other side by a rule of its own: Close {code}{reason}",
		.user_message = "Your session is not accepted any more. Please sign in again.",
		.steps = {
			"The reason in the Close frame, or the server's log, names the rule: a token that expired, a missing permission, too many messages.",
			"Let the client renew its token before it reconnects (graphql-ws: `connectionParams`, Socket.IO: `auth`, each as a function), and stop after a second refusal: a loop makes it worse.",
		},
	},
	{
		.id = "session.internal_error",
		.when = internal_error,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1011 },
		.summary = "the {sender} met an error of its own: Close 1011{reason}",
		.user_message = "The chat service has a problem. Please try again in a moment.",
		.steps = {
			"Look for an exception in the handler at that time in the log of the {sender}.",
			"\"keepalive ping timeout\" as the reason (Python websockets) means that a pong did not come in time: see ping_interval and ping_timeout.",
			"A gateway says 1011 as well when the server behind it is gone: the line about that connection says why.",
		},
	},
	{
		.id = "session.try_again_later",
		.when = try_again_later,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1013, 1014 },
		.summary = "the {sender} is overloaded or lost what is behind it: Close {code}{reason}",
		.user_message = "The chat service is overloaded. Please try again in a moment.",
		.steps = {
			"1013 is sent when a limit or a queue is full, 1014 by a gateway whose backend failed: look there.",
			"Let clients back off with jitter: after `Math.random() * Math.min(30000, 1000 * 2 ** attempt)` ms.",
		},
	},
	{
		.id = "session.application_code",
		.when = application_code,
		.category = CATEGORY_NONE,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 3000, 3003, 3008, 4000 },
		.advise = advise_by_code,
		.summary = "the {sender} closed with a code of its application or library: Close {code}{reason}{meaning}",
		.user_message = "The chat ended the connection. Please try again, or sign in again.",
		.steps = {
			"The code means what the application's protocol says: look {code} up in the documents of the library or in the server's code.",
		},
	},
};

const struct rule_table rules_session_code = RULE_TABLE(rules);
