/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The guard page is what makes over-reads visible, so it is tested itself. */
#include "guard.h"
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* True when reading the byte kills the reader. */
static bool read_kills(const volatile uint8_t *byte)
{
	int status = 0;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*byte & 0); /* volatile: the read happens */
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

TEST(guard, over_read_crashes)
{
	uint8_t *copy = guarded_copy("abc", 3);

	CHECK_MEM(copy, "abc", 3);
	CHECK(!read_kills(copy + 2));
	CHECK(read_kills(copy + 3));
	guarded_free(copy, 3);
}

TEST(guard, whole_pages_and_nothing)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *bytes = calloc(1, page), *copy = guarded_copy(bytes, page);

	CHECK(!read_kills(copy + page - 1));
	CHECK(read_kills(copy + page));
	guarded_free(copy, page);
	copy = guarded_copy(NULL, 0);
	CHECK(read_kills(copy));
	guarded_free(copy, 0);
	free(bytes);
}
