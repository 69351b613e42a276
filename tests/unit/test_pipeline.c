/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Record bytes in, lines out. */
#include "test.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "pipeline.h"
#include "stack.h"
#include "track/event_check.h"

#define LINES 16

/* What was printed. */
struct printed {
	char *lines[LINES];
	unsigned int count;
	int stop_with; /* what the sink returns */
};

static int keep_line(void *arg, const char *line, size_t len)
{
	struct printed *out = arg;

	CHECK_EQ(strlen(line), len);
	CHECK(!strchr(line, '\n'));
	if (out->count < LINES)
		out->lines[out->count++] = strdup(line);
	return out->stop_with;
}

static struct pipeline *new_pipeline(struct printed *out, bool all)
{
	struct pipeline_config config = { .all = all, .on_line = keep_line, .arg = out };
	struct pipeline *p;

	memset(out, 0, sizeof(*out));
	p = pipeline_new(&config);
	REQUIRE(p);
	return p;
}

static void forget(struct printed *out)
{
	for (unsigned int i = 0; i < out->count; i++)
		free(out->lines[i]);
	out->count = 0;
}

static void done(struct pipeline *p, struct events *e, struct printed *out)
{
	pipeline_free(p);
	events_free(e);
	forget(out);
}

/* Each record without any room behind it. */
static void feed(struct pipeline *p, const struct events *e)
{
	for (size_t i = 0; i < e->count; i++) {
		uint8_t *copy = guarded_copy(e->records[i], e->records[i]->size);

		CHECK_EQ(pipeline_feed(p, copy, e->records[i]->size), 0);
		guarded_free(copy, e->records[i]->size);
	}
}

/* Text at the end of a path of keys, NULL when there is none. */
static const char *text_at(const cJSON *json, const char *key, const char *inner)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(json, key), inner));
}

static void check_line(const char *line, const char *event, const char *cause)
{
	cJSON *json = cJSON_Parse(line);

	REQUIRE(json);
	CHECK_STR(text_at(json, "event", "name"), event);
	CHECK_STR(text_at(json, "event", "schema"), "wstrace.v1");
	CHECK_STR(text_at(json, "cause", "id"), cause);
	cJSON_Delete(json);
}

static void add_crash(struct events *e)
{
	stack_open(e, &STACK, KEY_HEADER);
	events_pass_ms(e, 1000);
	ev_signal(e, STACK.legs[BACKEND].tgid, 11, 0, NULL);
	ev_exit(e, STACK.legs[BACKEND].tgid, 11);
	for (int i = STACK_LEGS - 1; i >= 0; i--) {
		struct wst_state_event *s;

		if (i != BACKEND) {
			ev_fin_both(e, &STACK.legs[i], STACK.legs[i].server);
			continue;
		}
		s = ev_state_by_owner(e, &STACK.legs[i], 1, 4);
		s->flags |= WST_STATE_EXITING;
		s->exit_code = 11;
		ev_end(e, &STACK.legs[i]);
	}
}

/* For as long as something may be told of those that are not back. */
static void wait_for_clients(struct pipeline *p)
{
	for (int i = 0; i < 4 && pipeline_next_due_ns(p); i++)
		CHECK_EQ(pipeline_tick(p, pipeline_next_due_ns(p)), 0);
	CHECK_EQ(pipeline_next_due_ns(p), 0);
}

TEST(pipeline, a_client_that_stays_away)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, true);
	cJSON *json;

	ev_host(e);
	add_crash(e);
	feed(p, e);
	CHECK_EQ(pipeline_tick(p, pipeline_next_due_ns(p)), 0);
	wait_for_clients(p);
	REQUIRE(out.count > 1);
	check_line(out.lines[out.count - 1], "incident", "incident.clients_gone");
	json = cJSON_Parse(out.lines[out.count - 1]);
	CHECK_STR(text_at(json, "recovery", "observed"), "gone");
	cJSON_Delete(json);
	done(p, e, &out);
}

TEST(pipeline, one_line_for_four_sockets)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);

	ev_host(e);
	add_crash(e);
	feed(p, e);
	CHECK_EQ(out.count, 0);
	CHECK(pipeline_next_due_ns(p) > e->now_ns);
	CHECK_EQ(pipeline_tick(p, pipeline_next_due_ns(p)), 0);
	REQUIRE(out.count == 1);
	check_line(out.lines[0], "session_end", "session.process_crashed");
	wait_for_clients(p);
	CHECK_EQ(pipeline_flush(p), 0);
	CHECK_EQ(out.count, 1);
	CHECK_EQ(pipeline_stats(p)->events, e->count);
	CHECK_EQ(pipeline_stats(p)->opened, 1);
	CHECK_EQ(pipeline_stats(p)->ended, 1);
	CHECK_EQ(pipeline_stats(p)->failed, 0);
	CHECK_EQ(pipeline_stats(p)->lines, 1);
	CHECK_EQ(pipeline_stats(p)->bad_events, 0);
	done(p, e, &out);
}

/* Records carry the time: the end of one session is told before the next one's records. */
TEST(pipeline, time_of_the_records)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);

	add_crash(e);
	feed(p, e);
	CHECK_EQ(out.count, 0);
	/* stamped by user space: may run ahead of the ring buffer */
	events_free(e);
	e = events_new();
	events_pass_ms(e, 100000);
	ev_process(e, 1, "x", "/");
	ev_loss(e, WST_LOSS_SYNC, 1);
	feed(p, e);
	CHECK_EQ(out.count, 0);
	ev_tick(e);
	feed(p, e);
	CHECK_EQ(out.count, 1);
	done(p, e, &out);
}

static void add_clean_end(struct events *e)
{
	ev_open(e, &SERVER);
	ev_handshake(e, &SERVER);
	events_pass_ms(e, 1000);
	ev_close(e, &SERVER, true, 1000, "done");
	ev_close(e, &SERVER, false, 1000, "done");
	ev_fin_both(e, &SERVER, true);
}

TEST(pipeline, clean_ends_only_with_all)
{
	for (int all = 0; all <= 1; all++) {
		struct events *e = events_new();
		struct printed out;
		struct pipeline *p = new_pipeline(&out, all);

		add_clean_end(e);
		feed(p, e);
		CHECK_EQ(pipeline_flush(p), 0);
		CHECK_EQ(pipeline_stats(p)->opened, 1);
		CHECK_EQ(pipeline_stats(p)->ended, 1);
		REQUIRE(out.count == (all ? 2u : 0u));
		if (all) {
			check_line(out.lines[0], "session_open", NULL);
			check_line(out.lines[1], "session_end", "session.normal");
		}
		done(p, e, &out);
	}
}

TEST(pipeline, failures_by_stage)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);

	ev_open(e, &SERVER);
	ev_request(e, &SERVER, REQUEST_HEAD KEY_HEADER "\r\n");
	ev_response(e, &SERVER, "HTTP/1.1 404 Not Found\r\n\r\n");
	events_pass_ms(e, 1000);
	ev_open(e, &CLIENT)->established_ns = 0;
	ev_reset(e, &CLIENT, WST_IN);
	ev_error(e, &CLIENT, ECONNREFUSED);
	ev_state(e, &CLIENT, 2, 7);
	no_frames(ev_end(e, &CLIENT))->established_ns = 0;
	feed(p, e);
	CHECK_EQ(pipeline_flush(p), 0);
	REQUIRE(out.count == 2);
	check_line(out.lines[0], "handshake_failed", "upgrade.wrong_route");
	check_line(out.lines[1], "connect_failed", "connect.refused");
	CHECK_EQ(pipeline_stats(p)->failed, 2);
	CHECK_EQ(pipeline_stats(p)->ended, 0);
	done(p, e, &out);
}

static void check_told(const struct printed *out, size_t line, const char *what)
{
	cJSON *json;

	REQUIRE(out->count == line + 1);
	check_line(out->lines[line], "agent", NULL);
	json = cJSON_Parse(out->lines[line]);
	CHECK(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(json, "message")), what));
	cJSON_Delete(json);
}

/* A second after the first, all that were lost by then; those that follow once a minute, or at the end. */
TEST(pipeline, losses_are_told_while_they_happen)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);

	ev_loss(e, WST_LOSS_RING, 1);
	ev_tick(e);
	ev_loss(e, WST_LOSS_RING, 12);
	feed(p, e);
	CHECK_EQ(out.count, 0);
	CHECK(pipeline_next_due_ns(p));
	CHECK_EQ(pipeline_tick(p, pipeline_next_due_ns(p)), 0);
	check_told(&out, 0, "lost 12 records");
	CHECK_EQ(pipeline_next_due_ns(p), 0);
	ev_loss(e, WST_LOSS_RING, 13);
	events_pass_ms(e, 2000);
	ev_tick(e);
	events_pass_ms(e, 50000);
	ev_tick(e);
	feed(p, e);
	CHECK_EQ(out.count, 1);
	CHECK_EQ(pipeline_tick(p, pipeline_next_due_ns(p)), 0);
	check_told(&out, 1, "lost 13 records");
	CHECK_EQ(pipeline_flush(p), 0);
	CHECK_EQ(out.count, 2); /* all was said */
	done(p, e, &out);
}

TEST(pipeline, losses_are_told_at_the_end)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);

	ev_loss(e, WST_LOSS_SYNC, 7); /* in the verdicts of their sessions */
	feed(p, e);
	CHECK_EQ(pipeline_flush(p), 0);
	CHECK_EQ(out.count, 0);
	ev_loss(e, WST_LOSS_RING, 12);
	ev_loss(e, WST_LOSS_OWNERS, 3);
	feed(p, e);
	CHECK_EQ(pipeline_flush(p), 0);
	check_told(&out, 0, "12 records (ring buffer full), 3 processes (table full)");
	done(p, e, &out);
}

TEST(pipeline, reader_that_stops)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, true);

	add_clean_end(e);
	feed(p, e);
	CHECK_EQ(out.count, 1); /* the opening */
	out.stop_with = 42;
	CHECK_EQ(pipeline_flush(p), 42);
	CHECK_EQ(out.count, 2);
	CHECK_EQ(pipeline_flush(p), 0); /* each line is tried once */
	CHECK_EQ(out.count, 2);
	done(p, e, &out);
}

/* One of each type. */
static void add_all_types(struct events *e)
{
	ev_host(e);
	ev_name(e, WST_NAME_DROP, 1, "X");
	add_clean_end(e);
	ev_illegal(e, &CLIENT, true, WST_FAULT_RSV);
	ev_http_text(e, &CLIENT, "HTTP/1.1 502 X");
	ev_reset(e, &CLIENT, WST_IN);
	ev_error(e, &CLIENT, ETIMEDOUT);
	ev_exit(e, 1, 0);
	ev_signal(e, 1, 9, 2, "x");
	ev_oom(e, 1);
	ev_process(e, 1, "x", "/");
	ev_loss(e, WST_LOSS_RING, 1);
	ev_drop(e, &CLIENT, 2);
	ev_backlog(e, &SERVER);
	ev_tick(e);
	ev_gone(e, &SERVER);
}

/* Every length, with every size that the header may claim: nothing is read behind the end. */
TEST(pipeline, truncated_records)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);
	uint64_t bad = 0;

	add_all_types(e);
	for (size_t i = 0; i < e->count; i++) {
		size_t size = e->records[i]->size;

		for (size_t len = 0; len < size; len++) {
			uint8_t *copy = guarded_copy(e->records[i], len);
			uint16_t claimed = (uint16_t)len;

			test_note("type %u cut to %zu", e->records[i]->type, len);
			CHECK_EQ(pipeline_feed(p, copy, len), -EINVAL);
			bad++;
			if (len >= sizeof(struct wst_event)) {
				bool older = len >= event_least_size(e->records[i]->type);

				memcpy(copy + offsetof(struct wst_event, size), &claimed, 2);
				CHECK_EQ(pipeline_feed(p, copy, len), older ? 0 : -EINVAL);
				bad += !older;
			}
			guarded_free(copy, len);
		}
	}
	CHECK_EQ(pipeline_stats(p)->bad_events, bad);
	CHECK_EQ(pipeline_flush(p), 0);
	CHECK_EQ(out.count, 0);
	done(p, e, &out);
}

/*
 * From a newer build: longer records are read as far as they are known, unknown ones passed over.
 */
TEST(pipeline, newer_records)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);
	struct wst_event unknown = { .type = 60000, .size = sizeof(unknown), .ts_ns = 1 };

	CHECK_EQ(pipeline_feed(p, &unknown, sizeof(unknown)), 0);
	add_crash(e);
	for (size_t i = 0; i < e->count; i++) {
		uint8_t longer[1024] = { 0 };
		uint16_t size = e->records[i]->size + 16;

		memcpy(longer, e->records[i], e->records[i]->size);
		memcpy(longer + offsetof(struct wst_event, size), &size, sizeof(size));
		CHECK_EQ(pipeline_feed(p, longer, size), 0);
	}
	CHECK_EQ(pipeline_flush(p), 0);
	CHECK_EQ(out.count, 1);
	CHECK_EQ(pipeline_stats(p)->bad_events, 0);
	done(p, e, &out);
}

/* Recordings are read from any place of a buffer. */
TEST(pipeline, unaligned_records)
{
	struct events *e = events_new();
	struct printed out;
	struct pipeline *p = new_pipeline(&out, false);

	add_crash(e);
	for (size_t i = 0; i < e->count; i++) {
		uint8_t shifted[1024];

		memcpy(shifted + 1, e->records[i], e->records[i]->size);
		CHECK_EQ(pipeline_feed(p, shifted + 1, e->records[i]->size), 0);
	}
	CHECK_EQ(pipeline_flush(p), 0);
	CHECK_EQ(out.count, 1);
	done(p, e, &out);
}

/* All bytes of all records, one at a time, set to extremes. */
TEST(pipeline, hostile_bytes)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
	struct events *e = events_new();

	add_all_types(e);
	for (size_t v = 0; v < sizeof(values); v++) {
		for (size_t i = 0; i < e->count; i++) {
			struct printed out;
			struct pipeline *p = new_pipeline(&out, true);
			size_t size = e->records[i]->size;

			for (size_t at = sizeof(struct wst_event); at < size; at += 1 + size / 200) {
				uint8_t *copy = guarded_copy(e->records[i], size);

				copy[at] = values[v];
				pipeline_feed(p, copy, size);
				guarded_free(copy, size);
			}
			feed(p, e);
			pipeline_flush(p);
			pipeline_free(p);
			forget(&out);
		}
	}
	events_free(e);
}
