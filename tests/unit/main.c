/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs the registered tests: all, or those whose name contains the argument. Prints failures and one last line. */
#include "test.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct unit_test *tests;
static const struct unit_test *running;
static unsigned int failures_of_running;
static char note[160];
static jmp_buf end_of_test;

/* A broken comparison in a loop over all splits would print thousands of lines. */
#define FAILURES_PRINTED 10

/* Sorted by name, so that the order does not depend on the linker. */
void test_register(struct unit_test *t)
{
	struct unit_test **at = &tests;

	while (*at && strcmp((*at)->name, t->name) < 0)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

static bool fail_here(struct test_place at)
{
	if (++failures_of_running > FAILURES_PRINTED)
		return false;
	printf("%s:%d: %s: ", at.file, at.line, running->name);
	if (note[0])
		printf("[%s] ", note);
	return true;
}

bool test_check(struct test_place at, bool ok, const char *expression)
{
	if (!ok && fail_here(at))
		printf("not true: %s\n", expression);
	return ok;
}

bool test_check_eq(struct test_place at, long long a, long long b, const char *ea, const char *eb)
{
	if (a == b)
		return true;
	if (fail_here(at))
		printf("%s is %lld (0x%llx), %s is %lld (0x%llx)\n", ea, a, (unsigned long long)a,
		       eb, b, (unsigned long long)b);
	return false;
}

bool test_check_str(struct test_place at, const char *a, const char *b, const char *ea,
		    const char *eb)
{
	if (a == b || (a && b && !strcmp(a, b)))
		return true;
	if (fail_here(at))
		printf("%s is %s%s%s, %s is %s%s%s\n", ea, a ? "\"" : "", a ? a : "NULL",
		       a ? "\"" : "", eb, b ? "\"" : "", b ? b : "NULL", b ? "\"" : "");
	return false;
}

bool test_check_mem(struct test_place at, const void *a, const void *b, size_t len, const char *ea,
		    const char *eb)
{
	const unsigned char *x = a, *y = b;
	size_t i = 0;

	while (i < len && x[i] == y[i])
		i++;
	if (i == len)
		return true;
	if (fail_here(at))
		printf("%s and %s differ at byte %zu of %zu: 0x%02x, 0x%02x\n", ea, eb, i, len,
		       x[i], y[i]);
	return false;
}

void test_require(bool ok)
{
	if (!ok)
		longjmp(end_of_test, 1);
}

void test_note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(note, sizeof(note), format, ap);
	va_end(ap);
}

/* Says which test crashed; the default action follows, so the exit status tells the signal. */
static void say_crash(int sig)
{
	static const char text[] = "unit: crashed in ";

	if (running && write(STDERR_FILENO, text, sizeof(text) - 1) > 0 &&
	    write(STDERR_FILENO, running->name, strlen(running->name)) > 0 &&
	    write(STDERR_FILENO, "\n", 1) > 0)
		fsync(STDERR_FILENO);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* AddressSanitizer's own handlers say more: they stay. */
static void catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	struct sigaction old;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == SIG_DFL)
			signal(signals[i], say_crash);
}

static bool run_one(const struct unit_test *t)
{
	running = t;
	failures_of_running = 0;
	note[0] = '\0';
	if (!setjmp(end_of_test))
		t->run();
	if (failures_of_running > FAILURES_PRINTED)
		printf("%s: %u more failures\n", t->name, failures_of_running - FAILURES_PRINTED);
	return failures_of_running == 0;
}

int main(int argc, char **argv)
{
	const char *filter = argc > 1 ? argv[1] : "";
	unsigned int passed = 0, failed = 0;

	catch_crashes();
	for (const struct unit_test *t = tests; t; t = t->next) {
		if (!strstr(t->name, filter))
			continue;
		if (run_one(t))
			passed++;
		else
			failed++;
	}
	if (!passed && !failed)
		printf("no test matches \"%s\"\n", filter);
	printf("unit: %u passed, %u failed, 0 skipped\n", passed, failed);
	return failed || !passed ? EXIT_FAILURE : EXIT_SUCCESS;
}
