/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "diagnose/catalogue.h"
#include "output/explain.h"

static void check_has(char *text, const char *part)
{
	REQUIRE(text != NULL);
	CHECK(strstr(text, part) != NULL);
	CHECK(!strchr(text, '\x1b'));
	free(text);
}

static void check_explains(const char *word, const char *part)
{
	test_note("%s", word);
	check_has(catalogue_explain(word, false), part);
}

TEST(explain, causes)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		check_explains(r->id, r->id);
	check_explains("peer_reset", "session.peer_reset");
	check_explains("session.process_oom_killed", "the process was killed by the OOM killer");
	check_explains("session.process_oom_killed", "exponential_backoff");
}

TEST(explain, no_template_word_is_left)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r)) {
		char *text = catalogue_explain(r->id, false);

		test_note("%s", r->id);
		REQUIRE(text != NULL);
		CHECK(!strstr(text, "{who}") && !strstr(text, "{party}") &&
		      !strstr(text, "{sender}"));
		free(text);
	}
}

TEST(explain, codes)
{
	check_explains("1006", "session.peer_reset");
	check_explains("1006", "never: no Close frame may carry it");
	check_explains("1009", "Message Too Big");
	check_explains("1009", "session.message_too_big");
	check_explains("1001", "session.normal");
	check_explains("3000", "session.policy_violation");
	check_explains("4321", "session.application_code");
	check_explains("3999", "session.application_code");
	check_explains("2000", "unassigned");
}

TEST(explain, unknown_words)
{
	static const char *const words[] = { "",      "999",	  "5000",
					     "1006x", "session.", "unknown",
					     "peer",  "-1",	  "99999999999999999999" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		test_note("%s", words[i]);
		CHECK(catalogue_explain(words[i], false) == NULL);
	}
}

static void check_suggests(const char *word, const char *expected)
{
	char *text = catalogue_suggest(word);

	test_note("%s", word);
	CHECK_STR(text, expected);
	free(text);
}

TEST(explain, suggestions)
{
	check_suggests("session.peer_rest", "session.peer_reset");
	check_suggests("oom", "session.process_oom_killed");
	check_suggests("process_kiled", "session.process_killed");
	check_suggests("refused", "connect.refused");
	check_suggests("keepalive", "session.keepalive_timeout");
	check_suggests("xyzzy", "");
	check_suggests("", "");
}

TEST(explain, colour)
{
	char *text = catalogue_explain("1006", true);

	REQUIRE(text != NULL);
	CHECK(strstr(text, "\x1b[") != NULL);
	free(text);
	text = catalogue_text(true);
	REQUIRE(text != NULL);
	CHECK(strstr(text, "\x1b[") != NULL);
	free(text);
}

TEST(explain, text_lists_every_cause)
{
	char *text = catalogue_text(false);

	REQUIRE(text != NULL);
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		CHECK(strstr(text, r->id) != NULL);
	free(text);
}

TEST(explain, json)
{
	char *text = catalogue_json();
	const cJSON *causes, *cause;
	int count = 0;
	cJSON *o;

	REQUIRE(text != NULL);
	o = cJSON_Parse(text);
	free(text);
	REQUIRE(o != NULL);
	causes = cJSON_GetObjectItem(o, "causes");
	cJSON_ArrayForEach(cause, causes) {
		const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(cause, "id"));

		REQUIRE(id != NULL);
		test_note("%s", id);
		CHECK(catalogue_find(id) != NULL);
		CHECK(strncmp(id, cJSON_GetStringValue(cJSON_GetObjectItem(cause, "stage")), 7) ==
		      0);
		CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(cause, "close_codes")) > 0);
		CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(cause, "troubleshooting_steps")) > 0);
		CHECK(cJSON_IsString(cJSON_GetObjectItem(cause, "summary")));
		count++;
	}
	CHECK(count > 50);
	CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(o, "close_codes")) > 15);
	cJSON_Delete(o);
}
