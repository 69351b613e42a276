/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Close frames: which code the client's API reports, who closed, and what beats what. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "story.h"

static void check_close(const struct story *st, uint16_t code, bool clean, enum initiator by)
{
	CHECK_EQ(st->v.close.code, code);
	CHECK_EQ(st->v.close.clean, clean);
	CHECK_EQ(st->v.close.initiator, by);
}

struct row {
	uint16_t client, server; /* code; 0: empty; NONE: no frame */
	bool client_first;
	uint16_t code;
	bool clean;
	enum initiator by;
	const char *cause;
};

#define NONE 65535

static const struct row rows[] = {
	{ 1000, 1000, true, 1000, true, BY_CLIENT, "session.normal" },
	{ 1000, 1000, false, 1000, true, BY_SERVER, "session.normal" },
	{ 0, 0, true, 1005, true, BY_CLIENT, "session.normal" },
	{ 1001, 1001, true, 1001, true, BY_CLIENT, "session.normal" },
	{ 1001, NONE, true, 1001, false, BY_CLIENT, "session.normal" },
	{ 1001, 1001, false, 1001, true, BY_SERVER, "session.normal" },
	{ 1000, NONE, true, 1006, false, BY_CLIENT, "session.close_unanswered" },
	{ 0, NONE, true, 1006, false, BY_CLIENT, "session.close_unanswered" },
	{ NONE, 1000, false, 1000, false, BY_SERVER, "session.close_unanswered" },
	{ NONE, 1001, false, 1001, false, BY_SERVER, "session.close_unanswered" },
	{ NONE, 0, false, 1005, false, BY_SERVER, "session.close_unanswered" },
	{ 4000, 4000, true, 4000, true, BY_CLIENT, "session.application_code" },
	{ 3008, 3008, false, 3008, true, BY_SERVER, "session.application_code" },
	{ 1011, 1011, false, 1011, true, BY_SERVER, "session.internal_error" },
	{ NONE, 1011, false, 1011, false, BY_SERVER, "session.internal_error" },
	{ 1012, 1012, false, 1012, true, BY_SERVER, "session.service_restart" },
	{ NONE, 1012, false, 1012, false, BY_SERVER, "session.service_restart" },
	{ 1013, 1013, false, 1013, true, BY_SERVER, "session.try_again_later" },
	{ 1014, 1014, false, 1014, true, BY_SERVER, "session.try_again_later" },
	/* a client that fails the connection does not wait for the answer */
	{ 1002, 1002, true, 1006, false, BY_CLIENT, "session.protocol_error" },
	{ 1010, 1010, true, 1006, false, BY_CLIENT, "session.protocol_error" },
	{ 1007, NONE, true, 1006, false, BY_CLIENT, "session.invalid_payload" },
	{ 1002, 1002, false, 1002, true, BY_SERVER, "session.protocol_error" },
	{ 1000, 1011, true, 1011, true, BY_SERVER, "session.internal_error" },
	/* no frame may carry these: the client objects */
	{ 1002, 1006, false, 1006, false, BY_CLIENT, "session.protocol_error" },
	{ 1002, 1005, false, 1006, false, BY_CLIENT, "session.protocol_error" },
	{ 1002, 999, false, 1006, false, BY_CLIENT, "session.protocol_error" },
	{ 1002, 5000, false, 1006, false, BY_CLIENT, "session.protocol_error" },
	{ 2000, 2000, false, 2000, true, BY_CLIENT, "session.protocol_error" },
};

static void put_frames(struct story *st, const struct row *r)
{
	bool order[2] = { r->client_first, !r->client_first };

	for (int i = 0; i < 2; i++) {
		uint16_t code = order[i] ? r->client : r->server;

		if (code != NONE)
			story_close_frame(st, order[i], code, "");
	}
}

TEST(rules_close, codes_as_the_client_reports_them)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story st;

		test_note("row %zu, client %u, server %u", i, rows[i].client, rows[i].server);
		story_begin(&st, STORY_DIRECT);
		put_frames(&st, &rows[i]);
		story_fin(&st, STORY_SERVER_LEG);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		check_close(&st, rows[i].code, rows[i].clean, rows[i].by);
		story_done(&st);
	}
}

TEST(rules_close, no_frame_is_1006)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_fin(&st, STORY_CLIENT_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.closed_without_close_frame");
	check_close(&st, 1006, false, BY_CLIENT);
	CHECK(st.v.close.from_client == NULL && st.v.close.from_server == NULL);
	story_done(&st);
}

/* A Close frame that a proxy did not pass on is not what the browser saw. */
TEST(rules_close, frame_that_stopped_at_the_proxy)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_close_frame(&st, false, 1009, "too big");
	for (int i = 0; i < 2; i++)
		memset(st.conns[i].frames->close, 0, sizeof(st.conns[i].frames->close));
	story_rst(&st, STORY_BACKEND_LEG, STORY_ABORT_ON_CLOSE);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.message_too_big");
	check_close(&st, 1006, false, BY_SERVER);
	CHECK_EQ(st.v.close.from_server->code, 1009);
	story_done(&st);
}

/* The same where the client's leg cannot be read: then the frame is the best that is known. */
TEST(rules_close, frame_on_the_readable_leg)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_close_frame(&st, false, 1011, "boom");
	for (int i = 0; i < 2; i++) {
		memset(st.conns[i].frames->close, 0, sizeof(st.conns[i].frames->close));
		memset(st.conns[i].end->walk, 0, sizeof(st.conns[i].end->walk));
		st.conns[i].end->tcp.flags |= WST_TCP_TLS | WST_TCP_TLS_DATA;
	}
	story_fin(&st, STORY_BACKEND_LEG);
	story_verdict(&st);
	check_close(&st, 1011, false, BY_SERVER);
	story_done(&st);
}

TEST(rules_close, frame_made_by_the_proxy)
{
	struct story st;

	story_begin(&st, STORY_PROXIED);
	story_close_frame(&st, false, 1014, "upstream is gone");
	for (int i = 2; i < 4; i++)
		memset(st.conns[i].frames->close, 0, sizeof(st.conns[i].frames->close));
	story_fin(&st, STORY_PROXY_IN);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.try_again_later");
	check_close(&st, 1014, false, BY_PROXY);
	story_done(&st);
}

/* The client's connection just ended, and mitmproxy makes Close 1000 of that for its server. */
TEST(rules_close, frame_made_in_the_name_of_the_client)
{
	static const struct {
		bool cut; /* nobody closed it: the path did */
		const char *cause;
		enum initiator by;
	} rows[] = { { false, "session.closed_without_close_frame", BY_CLIENT },
		     { true, "session.keepalive_timeout", BY_NETWORK } };
	struct story st;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_note("%s", rows[i].cause);
		story_begin(&st, STORY_PROXIED);
		story_close_frame(&st, true, 1000, "");
		story_close_frame(&st, false, 1000, "");
		for (int leg = 0; leg < 2; leg++)
			memset(st.conns[leg].frames->close, 0, sizeof(st.conns[leg].frames->close));
		for (int leg = 2; leg < 4; leg++)
			for (int d = 0; d < 2; d++)
				st.conns[leg].frames->close[d].ts_ns = STORY_END_NS + STORY_MS;
		if (rows[i].cut)
			story_timeout(&st, STORY_PROXY_IN);
		else
			story_fin(&st, STORY_CLIENT_LEG);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), rows[i].cause);
		check_close(&st, 1006, false, rows[i].by);
		story_done(&st);
	}
}

/* The proxy is stopped and says goodbye with 1000, after which clients do not come back. */
TEST(rules_close, proxy_that_stops_says_goodbye)
{
	struct story st;

	for (int asked = 0; asked < 2; asked++) {
		test_note("asked %d", asked);
		story_begin(&st, STORY_PROXIED);
		story_close_frame(&st, false, 1000, "");
		story_close_frame(&st, true, 1000, "");
		for (int leg = 2; leg < 4; leg++)
			memset(st.conns[leg].frames->close, 0, sizeof(st.conns[leg].frames->close));
		if (asked)
			story_signal(&st, STORY_PROXY_PID, SIGTERM, 77, -50);
		story_fin(&st, STORY_PROXY_IN);
		CHECK_STR(verdict_cause_id(story_verdict(&st)),
			  asked ? "session.service_restart" : "session.normal");
		CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
		CHECK_EQ(story_evidence(&st, "signal") != NULL, asked);
		check_close(&st, 1000, true, BY_PROXY);
		story_done(&st);
	}
}

/* The client was gone already when the server said goodbye. */
TEST(rules_close, frame_after_the_end_is_a_reaction)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	story_fin_received(&st, 0);
	story_close_frame(&st, false, 1001, "");
	st.conns[0].frames->close[WST_OUT].ts_ns = STORY_END_NS + 5 * STORY_MS;
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.peer_closed_without_close_frame");
	CHECK_EQ(st.v.close.initiator, BY_CLIENT);
	story_done(&st);
}

/* close() was called before the frame left the send queue. */
TEST(rules_close, frame_behind_ones_own_fin)
{
	struct story st;

	story_begin(&st, STORY_SERVER_ONLY);
	story_fin(&st, 0);
	story_close_frame(&st, false, 1011, "");
	st.conns[0].frames->close[WST_OUT].ts_ns = STORY_END_NS + 5 * STORY_MS;
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.internal_error");
	story_done(&st);
}

/* A Close frame that came first explains the end, whatever happened to the process later. */
TEST(rules_close, frame_beats_exit)
{
	static const struct {
		bool from_client;
		uint16_t code;
		bool answered;
		const char *cause;
	} table[] = {
		{ false, 1012, false, "session.service_restart" },
		{ false, 1001, true, "session.service_restart" },
		{ false, 1001, false, "session.service_restart" },
		{ false, 1000, true, "session.normal" },
		{ true, 1000, true, "session.normal" },
		{ false, 1011, false, "session.internal_error" },
		{ true, 1001, false, "session.normal" },
		/* the client waited for an answer that the dead process could not give */
		{ true, 1000, false, "session.process_exited" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct story st;

		test_note("row %zu", i);
		story_begin(&st, STORY_DIRECT);
		story_close_frame(&st, table[i].from_client, table[i].code, "");
		if (table[i].answered)
			story_close_frame(&st, !table[i].from_client, table[i].code, "");
		story_died(&st, STORY_SERVER_LEG, 0);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), table[i].cause);
		story_done(&st);
	}
}

TEST(rules_close, evidence_quotes_the_frame)
{
	struct story st;
	const char *frame;

	story_begin(&st, STORY_DIRECT);
	story_close_frame(&st, false, 1011, "database is down");
	story_close_frame(&st, true, 1011, NULL);
	story_fin(&st, STORY_SERVER_LEG);
	story_verdict(&st);
	frame = story_evidence(&st, "close_frame");
	REQUIRE(frame != NULL);
	CHECK_STR(frame, "the server sent Close 1011 (Internal Error): \"database is down\"");
	CHECK(strstr(st.v.summary, "database is down") != NULL);
	story_done(&st);
}

TEST(rules_close, too_big_quotes_size_and_direction)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	st.conns[STORY_SERVER_LEG].end->walk[WST_IN].largest_frame_bytes = 3 << 20;
	st.conns[STORY_SERVER_LEG].end->walk[WST_OUT].largest_frame_bytes = 7;
	story_close_frame(&st, false, 1009, NULL);
	story_fin(&st, STORY_SERVER_LEG);
	story_verdict(&st);
	CHECK_STR(story_evidence(&st, "largest_frame"),
		  "the largest frame from the client announced 3145728 bytes (3.0 MiB) of payload");
	story_done(&st);
}

/* gorilla says 1009 and closes with the rest of the message unread: the RST may be faster than the reader. */
TEST(rules_close, reset_behind_the_close_frame)
{
	for (int answered = 0; answered < 2; answered++) {
		struct story st;

		test_note("answered %d", answered);
		story_begin(&st, STORY_DIRECT);
		story_close_frame(&st, false, 1009, NULL);
		if (answered)
			story_close_frame(&st, true, 1009, NULL);
		story_rst(&st, STORY_SERVER_LEG, STORY_ABORT_ON_CLOSE);
		CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.message_too_big");
		check_close(&st, 1009, answered, BY_SERVER);
		CHECK_EQ(story_evidence(&st, "reset_behind_close") != NULL, !answered);
		story_done(&st);
	}
}

TEST(rules_close, illegal_frame_is_quoted)
{
	struct story st;
	struct bad_frame *bad = &st.parts[STORY_SERVER_LEG].frames.bad;

	story_begin(&st, STORY_DIRECT);
	*bad = (struct bad_frame){
		.kind = WST_FRAME_ILLEGAL,
		.direction = WST_IN,
		.faults = WST_FAULT_RSV,
		.header = { 0xc1, 0x85, 1, 2, 3, 4 },
		.header_len = 6,
		.ts_ns = STORY_END_NS - STORY_MS,
	};
	story_close_frame(&st, false, 1002, "RSV1 must be clear");
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.protocol_error");
	CHECK_STR(story_evidence(&st, "illegal_frame"),
		  "the client sent the frame header c1 85 01 02 03 04: an RSV bit set without an "
		  "extension that uses it");
	story_done(&st);
}

/* An endpoint that shrugged it off half a minute ago did not close because of it. */
TEST(rules_close, illegal_frame_long_ago)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	st.conns[STORY_SERVER_LEG].frames->bad = (struct bad_frame){
		.kind = WST_FRAME_ILLEGAL,
		.faults = WST_FAULT_RSV,
		.ts_ns = STORY_END_NS - 9000 * STORY_MS,
	};
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.closed_without_close_frame");
	story_done(&st);
}

/* Tomcat, Jetty and others say themselves that it was the silence. */
TEST(rules_close, a_reason_that_blames_the_silence)
{
	struct story st;

	story_begin(&st, STORY_DIRECT);
	story_last_words(&st, STORY_END_NS - 4000 * STORY_MS);
	story_close_frame(&st, false, 1001, "The session idle timeout expired");
	story_close_frame(&st, true, 1001, "");
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.server_idle_timeout");
	CHECK_EQ(st.v.confidence, CONFIDENCE_HIGH);
	story_done(&st);

	/* it outlived a longer silence: the words are about something else */
	story_begin(&st, STORY_DIRECT);
	story_last_words(&st, STORY_END_NS - 2000 * STORY_MS);
	st.conns[STORY_SERVER_LEG].end->walk[WST_IN].longest_silence_ms = 5000;
	st.conns[STORY_CLIENT_LEG].end->walk[WST_OUT].longest_silence_ms = 5000;
	story_close_frame(&st, false, 1000, "upload timeout");
	story_close_frame(&st, true, 1000, "");
	story_fin(&st, STORY_SERVER_LEG);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.normal");
	story_done(&st);
}

/* Turned away with an empty Close frame: nothing had been said by either side. */
TEST(rules_close, goodbye_right_after_the_open)
{
	for (int said = 0; said < 2; said++) {
		struct story st;

		test_note("said %d", said);
		story_begin(&st, STORY_DIRECT);
		st.conns[0].end->walk[WST_IN].frames[1] = (uint32_t)said;
		st.conns[1].end->walk[WST_OUT].frames[1] = (uint32_t)said;
		st.conns[0].end->walk[WST_OUT].frames[1] = 0;
		st.conns[1].end->walk[WST_IN].frames[1] = 0;
		for (int i = 0; i < 2; i++)
			st.conns[i].handshake.response_ns = STORY_END_NS - 50 * STORY_MS;
		story_close_frame(&st, false, 0, NULL);
		story_close_frame(&st, true, 0, NULL);
		story_fin(&st, STORY_SERVER_LEG);
		story_verdict(&st);
		CHECK_STR(st.v.rule->id, said ? "session.normal" : "session.rejected_after_open");
		CHECK_EQ(st.v.confidence, said ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
		story_done(&st);
	}
}

/* The same, two seconds later. */
static void again(struct story *st)
{
	struct conn *c = &st->conns[0];
	uint64_t *const times[] = {
		&c->connect_ns,	    &c->handshake.request_ns,	&c->handshake.response_ns,
		&st->s.opened_ns,   &c->end->fin_out_ns,	&c->end->closed_ns,
		&c->end->closer_ns, &c->frames->close[0].ts_ns, &c->frames->close[1].ts_ns
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		*times[i] += 2000 * STORY_MS;
	story_verdict(st);
}

/* A server that ends each session with 1000 when its work is done: the next one is other work. */
TEST(rules_close, work_that_is_done_is_no_loss)
{
	for (int done = 0; done < 2; done++) {
		struct story st;

		test_note("done %d", done);
		story_begin(&st, STORY_SERVER_ONLY);
		story_close_frame(&st, false, done ? 1000 : 1008, "");
		story_close_frame(&st, true, done ? 1000 : 1008, "");
		story_fin(&st, 0);
		st.conns[0].connect_ns = STORY_END_NS - 1900 * STORY_MS;
		st.conns[0].handshake.response_ns = STORY_END_NS - 1800 * STORY_MS;
		st.s.opened_ns = STORY_END_NS - 1800 * STORY_MS;
		for (int n = 0; n < 8; n++)
			again(&st);
		CHECK_EQ(st.v.habit.relentless, !done);
		story_done(&st);
	}
}
