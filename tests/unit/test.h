/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A test is TEST(module, case) { CHECK(...); } in any file under tests/unit: it registers itself.
 * A failed CHECK is printed and counted and the test goes on; a failed REQUIRE ends the test, for what the rest depends on.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct unit_test {
	const char *name; /* "module.case" */
	void (*run)(void);
	struct unit_test *next;
};

struct test_place {
	const char *file;
	int line;
};

#define TEST_HERE ((struct test_place){ __FILE__, __LINE__ })

void test_register(struct unit_test *t);
bool test_check(struct test_place at, bool ok, const char *expression);
bool test_check_eq(struct test_place at, long long a, long long b, const char *ea, const char *eb);
bool test_check_str(struct test_place at, const char *a, const char *b, const char *ea,
		    const char *eb);
bool test_check_mem(struct test_place at, const void *a, const void *b, size_t len, const char *ea,
		    const char *eb);
/* Ends the running test when ok is false. */
void test_require(bool ok);
/* Printed with the next failures of this test, to tell which round of a loop failed; printf-like. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond) test_check(TEST_HERE, (cond), #cond)
#define CHECK_EQ(a, b) test_check_eq(TEST_HERE, (long long)(a), (long long)(b), #a, #b)
#define CHECK_STR(a, b) test_check_str(TEST_HERE, (a), (b), #a, #b)
#define CHECK_MEM(a, b, n) test_check_mem(TEST_HERE, (a), (b), (n), #a, #b)
#define REQUIRE(cond) test_require(test_check(TEST_HERE, (cond), #cond))

#define TEST(module, case_name)                                                         \
	static void test_##module##__##case_name(void);                                 \
	static struct unit_test unit_test_##module##__##case_name = {                   \
		.name = #module "." #case_name,                                         \
		.run = test_##module##__##case_name,                                    \
	};                                                                              \
	__attribute__((constructor)) static void register_##module##__##case_name(void) \
	{                                                                               \
		test_register(&unit_test_##module##__##case_name);                      \
	}                                                                               \
	static void test_##module##__##case_name(void)

#endif
