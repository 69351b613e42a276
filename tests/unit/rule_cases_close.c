/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ends with a Close frame, or with a frame that should not be there. */
#include "rule_cases.h"

#include <stdio.h>
#include <string.h>

static void both_close(struct story *st, bool client_first, uint16_t code, const char *reason)
{
	story_close_frame(st, client_first, code, reason);
	story_close_frame(st, !client_first, code, NULL);
	story_fin(st, STORY_SERVER_LEG);
}

static void without_frames(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		memset(st->conns[i].frames->close, 0, sizeof(st->conns[i].frames->close));
}

#define CLOSED_BY_SERVER(code_)                                \
	static void close_##code_(struct story *st)            \
	{                                                      \
		both_close(st, false, code_, "because of it"); \
	}

CLOSED_BY_SERVER(1002)
CLOSED_BY_SERVER(1003)
CLOSED_BY_SERVER(1007)
CLOSED_BY_SERVER(1008)
CLOSED_BY_SERVER(1011)
CLOSED_BY_SERVER(1013)
CLOSED_BY_SERVER(4001)

static void too_big(struct story *st)
{
	struct conn *c = &st->conns[STORY_SERVER_LEG];

	c->end->walk[WST_IN].largest_frame_bytes = 8192;
	c->end->tcp.unread_bytes = 4000;
	story_close_frame(st, false, 1009, "");
	story_rst(st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE);
}

static void http_text(struct story *st)
{
	struct bad_frame *bad = &st->conns[STORY_SERVER_LEG].frames->bad;

	bad->kind = WST_FRAME_HTTP_TEXT;
	bad->direction = WST_OUT;
	snprintf(bad->text, sizeof(bad->text), "HTTP/1.1 408 Request Timeout");
	bad->ts_ns = STORY_END_NS - STORY_MS;
	story_fin(st, STORY_SERVER_LEG);
}

static void illegal(struct story *st)
{
	struct bad_frame *bad = &st->conns[STORY_SERVER_LEG].frames->bad;

	bad->kind = WST_FRAME_ILLEGAL;
	bad->direction = WST_IN;
	bad->faults = WST_FAULT_RSV | WST_FAULT_UNMASKED;
	bad->header[0] = 0xc1;
	bad->header[1] = 0x05;
	bad->header_len = 2;
	bad->ts_ns = STORY_END_NS - STORY_MS;
	story_fin(st, STORY_SERVER_LEG);
}

static void out_of_sync(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		for (int direction = 0; direction < 2; direction++)
			st->conns[i].end->walk[direction].losses = 1;
}

static void normal(struct story *st)
{
	both_close(st, true, 1000, "bye");
}

static void unanswered(struct story *st)
{
	story_close_frame(st, false, 1000, "bye");
	story_fin(st, STORY_SERVER_LEG);
}

static void not_followed(struct story *st)
{
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].end->walk[conn_from_client(&st->conns[i])].flags |= WST_WALK_LOST;
}

static void answer_in_queue(struct story *st)
{
	st->conns[0].has_facts = true;
	st->conns[0].end->tcp.unsent_bytes = 8585;
}

static const struct rule_case cases[] = {
	{ "session.http_in_stream", CONFIDENCE_HIGH, STORY_DIRECT, http_text, out_of_sync },
	{ "session.message_too_big", CONFIDENCE_HIGH, STORY_DIRECT, too_big, without_frames },
	{ "session.invalid_payload", CONFIDENCE_HIGH, STORY_DIRECT, close_1007, without_frames },
	{ "session.unsupported_data", CONFIDENCE_HIGH, STORY_DIRECT, close_1003, without_frames },
	{ "session.policy_violation", CONFIDENCE_HIGH, STORY_DIRECT, close_1008, without_frames },
	{ "session.internal_error", CONFIDENCE_HIGH, STORY_DIRECT, close_1011, without_frames },
	{ "session.try_again_later", CONFIDENCE_HIGH, STORY_DIRECT, close_1013, without_frames },
	{ "session.application_code", CONFIDENCE_HIGH, STORY_DIRECT, close_4001, without_frames },
	{ "session.protocol_error", CONFIDENCE_HIGH, STORY_DIRECT, illegal, out_of_sync },
	{ "session.protocol_error", CONFIDENCE_HIGH, STORY_DIRECT, close_1002, without_frames },
	{ "session.normal", CONFIDENCE_HIGH, STORY_DIRECT, normal, without_frames },
	{ "session.close_unanswered", CONFIDENCE_HIGH, STORY_DIRECT, unanswered, not_followed },
	{ "session.close_unanswered", CONFIDENCE_HIGH, STORY_DIRECT, unanswered, answer_in_queue },
};

const struct rule_cases rule_cases_close = { cases, sizeof(cases) / sizeof(cases[0]) };
