/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "track/intern.h"

TEST(intern, equal_bytes_are_kept_once)
{
	struct interns *t = interns_new(4096);
	const char *a, *b, *other;
	size_t one;

	REQUIRE(t);
	a = intern_text(t, "chat.example");
	one = interns_used_bytes(t);
	b = intern_text(t, "chat.example");
	other = intern_text(t, "chat.examplf");
	CHECK(a == b && a != other);
	CHECK_STR(a, "chat.example");
	CHECK_STR(other, "chat.examplf");
	intern_text_release(other);
	CHECK_EQ(interns_used_bytes(t), one);
	intern_text_release(a);
	CHECK_STR(b, "chat.example");
	CHECK(intern_text_again(b) == b);
	intern_text_release(b);
	intern_text_release(b);
	CHECK_EQ(interns_used_bytes(t), 0);
	interns_free(t);
}

TEST(intern, the_empty_text_is_nobodys)
{
	struct interns *t = interns_new(0);

	REQUIRE(t);
	CHECK(intern_text(t, "") == intern_no_text);
	CHECK(intern_text_again(intern_no_text) == intern_no_text);
	intern_text_release(intern_no_text);
	intern_release(intern_again(NULL));
	CHECK_EQ(interns_refused(t), 0);
	interns_free(t);
}

/* What finds no room is counted; what is there already needs none. */
TEST(intern, memory_is_bounded)
{
	struct interns *t = interns_new(200);
	const char *kept[16];
	char text[32];
	int count = 0;

	REQUIRE(t);
	for (int i = 0; i < 16; i++) {
		snprintf(text, sizeof(text), "/path/%d", i);
		kept[i] = intern_text(t, text);
		count += kept[i] != intern_no_text;
		CHECK(interns_used_bytes(t) <= 200);
	}
	CHECK(count > 0 && count < 16);
	CHECK_EQ(interns_refused(t), 16 - count);
	CHECK(intern_text(t, "/path/0") == kept[0]);
	intern_text_release(kept[0]);
	for (int i = 0; i < 16; i++)
		intern_text_release(kept[i]);
	CHECK_EQ(interns_used_bytes(t), 0);
	interns_free(t);
}

TEST(intern, many_come_and_go)
{
	static const char *kept[20000];
	struct interns *t = interns_new(64 << 20);
	char text[32];

	REQUIRE(t);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof(text), "/%d", i);
			kept[i] = intern_text(t, text);
		}
		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof(text), "/%d", i);
			CHECK_STR(kept[i], text);
			intern_text_release(kept[i]);
		}
		CHECK_EQ(interns_used_bytes(t), 0);
	}
	interns_free(t);
}
