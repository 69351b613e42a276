/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames that should not be there, a Close handshake that went well, and one that stayed half done.
 */
#include "diagnose/rule.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/close_code.h"
#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/protocol.h"

/*
 * An endpoint that rejects a frame ends the connection at once; some wait for the answer to their
 * Close frame.
 */
#define REACTION_NS (5ull * 1000000000)

static const char *sender_of(const struct conn *c, uint8_t direction)
{
	return direction == conn_from_client(c) ? "client" : "server";
}

static bool ended_soon_after(const struct facts *f, uint64_t ts_ns)
{
	return f->end.leg < 0 || f->end.ts_ns <= ts_ns + REACTION_NS;
}

static bool was_in_sync(const struct conn *c, uint8_t direction)
{
	return !(c->open_flags & WST_OPEN_MIDSTREAM) && c->end->walk[direction].losses == 0;
}

static enum confidence http_in_stream(const struct facts *f, struct evidence *ev)
{
	const struct conn *c;
	const struct bad_frame *bad = facts_bad_frame(f, WST_FRAME_HTTP_TEXT, &c);

	if (!bad)
		return CONFIDENCE_NONE;
	evidence_add(ev, "http_text", bad->ts_ns, "the %s sent \"%s\" where a frame header belongs",
		     sender_of(c, bad->direction), bad->text);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	return was_in_sync(c, bad->direction) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

struct fault_text {
	uint16_t fault;
	const char *text;
};

static const struct fault_text fault_texts[] = {
	{ WST_FAULT_RSV, "an RSV bit set without an extension that uses it" },
	{ WST_FAULT_OPCODE, "a reserved opcode" },
	{ WST_FAULT_UNMASKED, "not masked although from the client" },
	{ WST_FAULT_MASKED, "masked although from the server" },
	{ WST_FAULT_CONTROL_LENGTH, "a control frame longer than 125 bytes" },
	{ WST_FAULT_CONTROL_FRAGMENT, "a fragmented control frame" },
	{ WST_FAULT_CONTINUATION, "a continuation of nothing" },
	{ WST_FAULT_INTERLEAVED, "a new message inside of a fragmented one" },
	{ WST_FAULT_LENGTH, "a payload length in an illegal encoding" },
	{ WST_FAULT_CLOSE_LENGTH, "a Close frame with a payload of one byte" },
};

static void describe_faults(char *dst, size_t cap, uint16_t faults)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < sizeof(fault_texts) / sizeof(fault_texts[0]) && used < cap; i++)
		if (faults & fault_texts[i].fault)
			used += (size_t)snprintf(dst + used, cap - used, "%s%s", used ? ", " : "",
						 fault_texts[i].text);
}

static void add_bad_frame(struct evidence *ev, const struct conn *c, const struct bad_frame *bad)
{
	char hex[3 * sizeof(bad->header) + 1], faults[120];
	size_t len = bad->header_len < sizeof(bad->header) ? bad->header_len : sizeof(bad->header);

	describe_faults(faults, sizeof(faults), bad->faults);
	evidence_add(ev, "illegal_frame", bad->ts_ns, "the %s sent the frame header %s: %s",
		     sender_of(c, bad->direction), format_hex(hex, sizeof(hex), bad->header, len),
		     faults);
}

/* 1010 is a client that misses an extension: it cannot speak with this server either. */
static bool blames_protocol(const struct facts *f)
{
	const struct closing_story *closing = &f->closing;

	return closing->frame && closing->frame->has_code &&
	       (closing->code == CLOSE_PROTOCOL_ERROR || closing->code == 1010 ||
		!close_code_is_legal(closing->code));
}

/* A Close frame is one even so: proxies that end both legs write the same one into either. */
static bool is_close_in_the_wrong_mask(const struct bad_frame *bad)
{
	return bad->header_len && (bad->header[0] & 0xf) == 8 &&
	       !(bad->faults & ~(WST_FAULT_UNMASKED | WST_FAULT_MASKED));
}

/*
 * It blames the other side, in whose frames nothing was seen, while it is in trouble itself: Tomcat says
 * 1002 of an I/O error, and of a connector that is shut down under it.
 */
static bool blames_in_trouble(const struct facts *f)
{
	static const char *const words[] = { "ioexception", "i/o error", "io error", NULL };

	/* a code that may not be sent is an error in itself */
	return close_code_is_legal(f->closing.code) &&
	       (f->closing.excuse || (f->closer.party == f->closing.sender && f->closer.stop) ||
		facts_close_says(f, words));
}

static enum confidence protocol_error(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = NULL;
	const struct bad_frame *bad = facts_bad_frame(f, WST_FRAME_ILLEGAL, &c);
	bool blamed = blames_protocol(f);

	if (bad && (!ended_soon_after(f, bad->ts_ns) || is_close_in_the_wrong_mask(bad)))
		bad = NULL;
	if (!bad && !blamed)
		return CONFIDENCE_NONE;
	if (bad)
		add_bad_frame(ev, c, bad);
	evidence_closing(ev, f);
	if (blamed && !close_code_is_legal(f->closing.code))
		evidence_add(ev, "reserved_code", f->closing.frame->ts_ns,
			     "%u (%s) may not be sent in a Close frame", f->closing.code,
			     close_code_name(f->closing.code));
	evidence_end(ev, f);
	if (!bad)
		return blames_in_trouble(f) ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
	return blamed || was_in_sync(c, bad->direction) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence normal(const struct facts *f, struct evidence *ev)
{
	const struct closing_story *closing = &f->closing;
	bool tab_closed = closing->sender == BY_CLIENT && closing->code == CLOSE_GOING_AWAY;

	bool orderly = close_code_is_benign(closing->code) ||
		       (f->private_code && f->private_code->kind == CODE_NORMAL);

	if (!closing->frame || !orderly || !(closing->answered || tab_closed))
		return CONFIDENCE_NONE;
	evidence_closing(ev, f);
	return CONFIDENCE_HIGH;
}

/* On the side that was to answer. */
static bool answer_may_be_unsent(const struct facts *f, struct evidence *ev)
{
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (conn_is_server_side(c) == f->closing.to_server && evidence_unsent(ev, c))
			return true;
	}
	return false;
}

static enum confidence close_unanswered(const struct facts *f, struct evidence *ev)
{
	const struct closing_story *closing = &f->closing;

	if (!closing->frame || closing->answered || !close_code_is_benign(closing->code))
		return CONFIDENCE_NONE;
	evidence_closing(ev, f);
	evidence_end(ev, f);
	evidence_path(ev, f->end.conn);
	return answer_may_be_unsent(f, ev) ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
}

/* Tried before the codes: the text is what the Close frame complains about. */
static const struct rule http_rules[] = {
	{
		.id = "session.http_in_stream",
		.when = http_in_stream,
		.category = CATEGORY_SERVER,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1002 },
		.summary = "an HTTP answer was written into the open WebSocket stream",
		.user_message = "The chat service has a problem. Please try again in a moment.",
		.steps = {
			"Something still treats the connection as an HTTP one: a handler that writes an error page after the upgrade, a request timeout of the framework, two libraries on one `upgrade` event.",
			"Return from the handler after the upgrade without touching the response, and exclude the WebSocket path from timeout middleware (Go `http.TimeoutHandler`, Express `connect-timeout`).",
		},
	},
};

const struct rule_table rules_session_http = RULE_TABLE(http_rules);

static const struct rule rules[] = {
	{
		.id = "session.protocol_error",
		.when = protocol_error,
		.category = CATEGORY_SERVER,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.flags = RULE_QUOTES,
		.codes = { 1002, 1010 },
		.summary = "one side broke the WebSocket protocol",
		.user_message = "The chat could not understand what was sent. Please tell the support.",
		.steps = {
			"The evidence quotes the frame header or the Close frame: it names the side whose library or proxy is at fault.",
			"RSV bits without an extension are mostly compression that one side did not agree to: turn permessage-deflate off on both to see (`perMessageDeflate: false` in ws, `compression=None` in Python websockets).",
			"Two tasks that write to one connection at once mix their frames: serialise the writes.",
		},
	},
	{
		.id = "session.normal",
		.when = normal,
		.category = CATEGORY_NONE,
		.retry = RETRY_NOT_NEEDED,
		.strategy = STRATEGY_NONE,
		.at = AT_SESSION,
		.flags = RULE_CLEAN | RULE_QUOTES,
		.codes = { 1000, 1001, 1005 },
		.summary = "the {sender} closed the connection in order with Close {code}{reason}",
		.user_message = "The connection was closed.",
		.steps = { "Nothing to do." },
	},
	{
		.id = "session.close_unanswered",
		.when = close_unanswered,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.codes = { 1000, 1005, 1006 },
		.summary = "the {sender} sent Close {code}{reason} and got no Close frame back before the end",
		.user_message = "The connection was lost while it was being closed. Please try again if you still need it.",
		.steps = {
			"The other side was gone, did not read, or closed the socket without answering: the evidence tells who ended the TCP connection.",
			"An endpoint that sends Close and closes its socket at once leaves no time for the answer: wait for it (a few seconds) before closing; no `terminate()` behind `close()` (ws), reads until an error behind `WriteControl()` (gorilla).",
		},
	},
};

const struct rule_table rules_session_close = RULE_TABLE(rules);
