/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "parts.h"
#include "track/conn.h"

static struct conn *conn_of(struct events *e)
{
	struct conn *c = lone_conn();

	for (size_t i = 0; i < e->count; i++)
		CHECK_EQ(conn_apply(c, e->records[i], parts_interns()), 0);
	events_free(e);
	return c;
}

TEST(conn_frame, close_frame_of_the_server)
{
	struct events *e = events_new();
	const struct close_frame *f;
	struct conn *c;

	ev_close(e, &SERVER, false, 1011, "db down");
	c = conn_of(e);
	f = &c->frames->close[WST_OUT];
	CHECK(f->seen && f->has_code);
	CHECK_EQ(f->code, 1011);
	CHECK_STR(f->reason, "db down");
	CHECK_EQ(f->reason_bytes, 7);
	CHECK_EQ(f->ts_ns, EVENTS_START_NS);
	CHECK(!c->frames->close[WST_IN].seen);
	CHECK(conn_is_websocket(c));
	lone_conn_free(c);
}

TEST(conn_frame, empty_close_frame)
{
	struct events *e = events_new();
	struct conn *c;

	ev_close(e, &SERVER, true, 0, NULL);
	c = conn_of(e);
	CHECK(c->frames->close[WST_IN].seen && !c->frames->close[WST_IN].has_code);
	lone_conn_free(c);
}

/* Pieces of every size, in order and backwards, as the wire had them: masked. */
TEST(conn_frame, close_frame_in_pieces)
{
	const char *reason = "going away, see you later";

	for (uint8_t size = 1; size <= 27; size++) {
		for (int backwards = 0; backwards <= 1; backwards++) {
			struct events *whole = events_new(), *e = events_new();
			const struct wst_frame_event *w = ev_close(whole, &SERVER, true, 1001,
								   reason);
			uint8_t count = (uint8_t)((w->len + size - 1) / size);
			const struct close_frame *f;
			struct conn *c;

			for (uint8_t n = 0; n < count; n++) {
				uint8_t at = (uint8_t)((backwards ? count - 1 - n : n) * size);
				struct wst_frame_event *p = ev_close(e, &SERVER, true, 1001, reason);

				p->offset = at;
				p->len = w->len - at < size ? (uint8_t)(w->len - at) : size;
				memmove(p->data, w->data + at, p->len);
				p->seq += at;
			}
			c = conn_of(e);
			f = &c->frames->close[WST_IN];
			test_note("pieces of %u, backwards %d", size, backwards);
			CHECK_EQ(f->code, 1001);
			CHECK_STR(f->reason, reason);
			events_free(whole);
			lone_conn_free(c);
		}
	}
}

TEST(conn_frame, close_frame_piece_missing)
{
	struct events *e = events_new();
	struct wst_frame_event *f = ev_close(e, &SERVER, false, 1000, "abcdef");
	struct conn *c;

	f->len = 4;
	f = ev_close(e, &SERVER, false, 1000, "abcdef");
	f->offset = 6;
	memmove(f->data, f->data + 6, 2);
	f->len = 2;
	c = conn_of(e);
	CHECK_STR(c->frames->close[WST_OUT].reason, "ab");
	CHECK_EQ(c->frames->close[WST_OUT].have_bytes, 4);
	lone_conn_free(c);
}

TEST(conn_frame, first_close_frame_wins)
{
	struct events *e = events_new();
	struct conn *c;

	ev_close(e, &SERVER, false, 1000, "first");
	ev_close(e, &SERVER, false, 1000, "first");
	ev_close(e, &SERVER, false, 1011, "the second");
	ev_close(e, &SERVER, true, 1001, "other way");
	c = conn_of(e);
	CHECK_EQ(c->frames->close[WST_OUT].code, 1000);
	CHECK_STR(c->frames->close[WST_OUT].reason, "first");
	CHECK_EQ(c->frames->close[WST_IN].code, 1001);
	lone_conn_free(c);
}

/* The header is the same, and so is every byte that was there already. */
TEST(conn_frame, first_bytes_win)
{
	struct events *e = events_new();
	struct conn *c;

	ev_close(e, &SERVER, false, 1000, "abc")->len = 4;
	ev_close(e, &SERVER, false, 1011, "xyz");
	c = conn_of(e);
	CHECK_EQ(c->frames->close[WST_OUT].code, 1000);
	CHECK_STR(c->frames->close[WST_OUT].reason, "abz");
	lone_conn_free(c);
}

TEST(conn_frame, longest_close_frame)
{
	struct events *e = events_new();
	char reason[124];
	struct conn *c;

	memset(reason, 'r', 123);
	reason[123] = '\0';
	ev_close(e, &SERVER, true, 4999, reason);
	c = conn_of(e);
	CHECK_STR(c->frames->close[WST_IN].reason, reason);
	CHECK_EQ(c->frames->close[WST_IN].reason_bytes, 123);
	lone_conn_free(c);
}

TEST(conn_frame, illegal_frames)
{
	struct events *e = events_new();
	struct conn *c;

	ev_illegal(e, &SERVER, true, WST_FAULT_RSV);
	events_pass_ms(e, 1);
	ev_http_text(e, &SERVER, "HTTP/1.1 502 Bad Gateway\r\nServer: x");
	c = conn_of(e);
	CHECK_EQ(c->frames->bad.kind, WST_FRAME_ILLEGAL);
	CHECK_EQ(c->frames->bad.faults, WST_FAULT_RSV);
	CHECK_EQ(c->frames->bad.direction, WST_IN);
	lone_conn_free(c);
	e = events_new();
	ev_http_text(e, &SERVER, "HTTP/1.1 502 Bad Gateway\r\nServer: x");
	c = conn_of(e);
	CHECK_EQ(c->frames->bad.kind, WST_FRAME_HTTP_TEXT);
	CHECK_STR(c->frames->bad.text, "HTTP/1.1 502 Bad Gateway");
	CHECK(conn_is_websocket(c));
	lone_conn_free(c);
}

/* Before a 101 the bytes of a client are no frames yet; those of a server there are not. */
TEST(conn_frame, noise_behind_a_request)
{
	for (int of_client = 0; of_client < 2; of_client++) {
		struct events *e = events_new();
		struct conn *c;

		ev_illegal(e, &SERVER, of_client, WST_FAULT_RSV);
		c = conn_of(e);
		c->handshake.request_seen = true;
		c->handshake.request_direction = WST_IN;
		CHECK_EQ(conn_is_websocket(c), !of_client);
		c->handshake.request_seen = false;
		c->handshake.other_request = true;
		CHECK(!conn_is_websocket(c));
		lone_conn_free(c);
	}
}

TEST(conn_frame, illegal_close_frame)
{
	struct events *e = events_new();
	struct wst_frame_event *f = ev_close(e, &SERVER, false, 0, NULL);
	struct conn *c;

	f->payload_len = f->len = 1;
	f->header[1] = 1;
	f->faults = WST_FAULT_CLOSE_LENGTH;
	c = conn_of(e);
	CHECK(c->frames->close[WST_OUT].seen && !c->frames->close[WST_OUT].has_code);
	CHECK_EQ(c->frames->bad.kind, WST_FRAME_ILLEGAL);
	CHECK_EQ(c->frames->bad.faults, WST_FAULT_CLOSE_LENGTH);
	lone_conn_free(c);
}

TEST(conn_frame, hostile_frames)
{
	struct events *e = events_new();
	struct wst_frame_event *f = ev_close(e, &SERVER, true, 1000, "x"), good = *f;
	struct conn *c = lone_conn();

	f->direction = 2;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	*f = good;
	f->header_len = 15;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	*f = good;
	f->header_len = 3; /* no room for the mask that it announces */
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	*f = good;
	f->header_len = 0;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	*f = good;
	f->len = 200;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	*f = good;
	f->offset = 127;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	*f = good;
	f->kind = 9;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), -EINVAL);
	CHECK(!c->frames->close[WST_IN].seen);
	*f = good;
	f->payload_len = UINT64_MAX;
	f->len = 128;
	CHECK_EQ(conn_apply(c, &f->h, parts_interns()), 0);
	CHECK_EQ(c->frames->close[WST_IN].have_bytes, WST_CONTROL_PAYLOAD_BYTES);
	events_free(e);
	lone_conn_free(c);
}
