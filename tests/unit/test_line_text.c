/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/line.h"
#include "rule_cases.h"

static char *end_text(struct story *st, bool colour)
{
	struct line_context ctx = { .format = FORMAT_TEXT, .colour = colour, .track = st->track };

	story_verdict(st);
	return line_session_end(&ctx, &st->s, &st->v);
}

TEST(line_text, bad_end_is_a_block)
{
	struct story st;
	char *text;

	story_begin(&st, STORY_DIRECT);
	story_signal(&st, STORY_SERVER_PID, SIGKILL, 77, -1);
	story_died(&st, STORY_SERVER_LEG, SIGKILL);
	text = end_text(&st, false);
	REQUIRE(text != NULL);
	CHECK(strncmp(text,
		      "2025-06-15 15:23:30.000Z  warn  session.process_killed  high confidence\n"
		      "  what   WebSocket /chat closed abnormally (1006): server chat-server (pid 200) "
		      "was killed with\n         SIGKILL by systemd (pid 77)\n"
		      "  who    initiator server, after 10.0 s; 198.18.0.2:40000 -> 198.18.0.1:8080\n"
		      "  id     abababababababababababababababab\n"
		      "  why    process_exit        pid 200 died of SIGKILL (9)\n",
		      330) == 0);
	CHECK(strstr(text, "\n         signal              SIGKILL (9) was sent to pid 200 by "
			   "systemd (pid 77)\n"));
	CHECK(strstr(text, "\n  do     1. "));
	CHECK(strstr(text, "\n  retry  yes, reconnecting solves it (immediate_retry)"));
	CHECK(text[strlen(text) - 1] != '\n');
	free(text);
	story_done(&st);
}

TEST(line_text, good_end_is_one_line)
{
	struct story st;
	char *text;

	story_begin(&st, STORY_DIRECT);
	story_close_frame(&st, true, 1000, "bye");
	story_close_frame(&st, false, 1000, "");
	story_fin(&st, STORY_SERVER_LEG);
	text = end_text(&st, false);
	CHECK_STR(text, "2025-06-15 15:23:30.000Z  clean WebSocket /chat closed normally (1000): "
			"the client closed the connection in order with Close 1000: \"bye\"");
	free(text);
	story_done(&st);
}

TEST(line_text, open_and_agent)
{
	struct line_context ctx = { .format = FORMAT_TEXT };
	struct story st;
	char *text;

	story_begin(&st, STORY_DIRECT);
	ctx.track = st.track;
	text = line_session_open(&ctx, &st.s);
	CHECK_STR(text, "2025-06-15 15:23:20.000Z  open  WebSocket /chat opened by "
			"198.18.0.2:40000 on server chat-server (pid 200)");
	free(text);
	text = line_agent(&ctx, "warn", "lost 3 events", STORY_END_NS);
	CHECK_STR(text, "2025-06-15 15:23:30.000Z  warn  lost 3 events");
	free(text);
	story_done(&st);
}

/* Without colour there is no escape in it, whatever the wire brought. */
TEST(line_text, hostile_bytes)
{
	struct story st;
	char *text;

	story_begin(&st, STORY_DIRECT);
	st.conns[0].handshake.path = "/\x1b[2J\r\n\xff";
	story_close_frame(&st, false, 4000, "\x1b[31m");
	story_fin(&st, STORY_SERVER_LEG);
	text = end_text(&st, false);
	REQUIRE(text != NULL);
	CHECK(!strchr(text, '\x1b') && !strchr(text, '\r'));
	CHECK(strstr(text, "/\\x1b[2J\\x0d\\x0a\xef\xbf\xbd") != NULL);
	free(text);
	text = end_text(&st, true);
	REQUIRE(text != NULL);
	CHECK(strchr(text, '\x1b') != NULL && !strstr(text, "\x1b[2J"));
	free(text);
	story_done(&st);
}

static void check_width(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), columns = 0;

		for (size_t i = 0; i < len; i++)
			columns += ((unsigned char)text[i] & 0xc0) != 0x80;
		CHECK(columns <= 100 || !memchr(text + 40, ' ', len - 40));
		text += len + (text[len] == '\n');
	}
}

static void check_block(const struct rule_case *c)
{
	struct story st;
	char *text;

	test_note("%s", c->id);
	story_begin(&st, c->shape);
	c->happen(&st);
	text = end_text(&st, false);
	REQUIRE(text != NULL);
	CHECK(strstr(text, c->id) != NULL || strstr(text, "clean") != NULL);
	if (strchr(text, '\n'))
		check_width(text);
	free(text);
	story_done(&st);
}

TEST(line_text, every_cause_fits_the_terminal)
{
	rule_cases_each(check_block);
}
