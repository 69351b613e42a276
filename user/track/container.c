/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Container runtimes name the cgroup of a container by its id. */
#include <string.h>

#include "track/process.h"

#define ID_DIGITS 64

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
	return is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/*
 * /docker/ID, /system.slice/docker-ID.scope, /kubepods/burstable/podUID/ID,
 * .../cri-containerd-ID.scope, .../crio-ID.scope, .../libpod-ID.scope/container: 64 hex digits that
 * are a word of their own. The last one is the innermost container.
 */
bool container_id_from_cgroup(const char *path, char ret_id[65])
{
	const char *at = path, *found = NULL;

	while (*at) {
		size_t len = 0;
		bool hex = true;

		for (; is_word(at[len]); len++)
			hex = hex && is_hex(at[len]);
		if (hex && len == ID_DIGITS)
			found = at;
		at += len ? len : 1;
	}
	if (!found)
		return false;
	memcpy(ret_id, found, ID_DIGITS);
	ret_id[ID_DIGITS] = '\0';
	return true;
}
