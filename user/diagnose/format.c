/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/format.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *format_address(char dst[FORMAT_ADDRESS], const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		snprintf(dst, FORMAT_ADDRESS, "%u.%u.%u.%u", addr[12], addr[13], addr[14], addr[15]);
	else if (!inet_ntop(AF_INET6, addr, dst, FORMAT_ADDRESS))
		dst[0] = '\0';
	return dst;
}

const char *format_endpoint(char dst[FORMAT_ENDPOINT], const uint8_t addr[16], uint16_t port)
{
	char address[FORMAT_ADDRESS];

	format_address(address, addr);
	snprintf(dst, FORMAT_ENDPOINT, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
	return dst;
}

const char *format_duration(char dst[FORMAT_DURATION], uint64_t ns)
{
	uint64_t seconds = ns / 1000000000;

	if (ns < 1000000)
		snprintf(dst, FORMAT_DURATION, "%u us", (unsigned int)(ns / 1000));
	else if (seconds < 1)
		snprintf(dst, FORMAT_DURATION, "%.1f ms", (double)ns / 1e6);
	else if (seconds < 60)
		snprintf(dst, FORMAT_DURATION, "%.1f s", (double)ns / 1e9);
	else if (seconds < 3600)
		snprintf(dst, FORMAT_DURATION, "%u min %u s", (unsigned int)(seconds / 60),
			 (unsigned int)(seconds % 60));
	else
		snprintf(dst, FORMAT_DURATION, "%llu h %u min",
			 (unsigned long long)(seconds / 3600), (unsigned int)(seconds / 60 % 60));
	return dst;
}

const char *format_seconds(char dst[FORMAT_DURATION], uint64_t ns)
{
	uint64_t tenths = (ns + 50000000) / 100000000;

	snprintf(dst, FORMAT_DURATION, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
	return dst;
}

const char *format_bytes(char dst[FORMAT_BYTES], uint64_t bytes)
{
	unsigned long long n = bytes, tenths = bytes / 1024 * 10 / 1024;

	if (bytes >= 1024 * 1024)
		snprintf(dst, FORMAT_BYTES, "%llu bytes (%llu.%llu MiB)", n, tenths / 10,
			 tenths % 10);
	else
		snprintf(dst, FORMAT_BYTES, "%llu byte%s", n, bytes == 1 ? "" : "s");
	return dst;
}

const char *format_count(char dst[FORMAT_COUNT], uint64_t count, const char *noun)
{
	snprintf(dst, FORMAT_COUNT, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
	return dst;
}

const char *format_hex(char *dst, size_t cap, const uint8_t *bytes, size_t len)
{
	size_t used = 0;

	if (cap)
		dst[0] = '\0';
	for (size_t i = 0; i < len && used + 4 <= cap; i++)
		used += (size_t)snprintf(dst + used, cap - used, i ? " %02x" : "%02x", bytes[i]);
	return dst;
}

#define SUBPROTOCOL_NAME_MAX 48

/* Kubernetes: base64url.bearer.authorization.k8s.io.TOKEN */
static int looks_secret(const char *token, size_t len)
{
	if (len > SUBPROTOCOL_NAME_MAX)
		return 1;
	for (size_t i = 0; i + 6 <= len; i++)
		if (strncasecmp(token + i, "bearer", 6) == 0)
			return 1;
	return 0;
}

const char *format_subprotocols(char *dst, size_t cap, const char *list)
{
	size_t used = 0, len;

	if (cap)
		dst[0] = '\0';
	for (; *list && used + 1 < cap; list += len) {
		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (!len)
			break;
		used += (size_t)snprintf(dst + used, cap - used, "%s%.*s", used ? ", " : "",
					 (int)(looks_secret(list, len) ? 8 : len),
					 looks_secret(list, len) ? "(hidden)" : list);
	}
	return dst;
}
