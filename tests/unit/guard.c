/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t readable_bytes(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

uint8_t *guarded_copy(const void *bytes, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = readable_bytes(len);
	uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE))
		abort();
	if (len)
		memcpy(map + room - len, bytes, len);
	return map + room - len;
}

void guarded_free(uint8_t *copy, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = readable_bytes(len);

	munmap(copy + len - room, room + page);
}
