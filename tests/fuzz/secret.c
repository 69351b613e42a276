/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "secret.h"

#include <string.h>
#include <strings.h>

static uint32_t fill(uint8_t *from, const uint8_t *to)
{
	uint32_t count = 0;

	for (; from < to; from++, count++)
		*from = SECRET_BYTE;
	return count;
}

static uint8_t *line_end(uint8_t *at, uint8_t *end)
{
	uint8_t *lf = memchr(at, '\n', (size_t)(end - at));

	return lf ? lf : end;
}

/* From the first question mark behind the method to the version, "GET /path?secret HTTP/1.1". */
static uint32_t plant_query(uint8_t *line, uint8_t *end)
{
	uint8_t *space = memchr(line, ' ', (size_t)(end - line)), *last = end;
	uint8_t *mark = space ? memchr(space, '?', (size_t)(end - space)) : NULL;

	while (mark && last > mark && *last != ' ')
		last--;
	return mark ? fill(mark + 1, last) : 0;
}

static bool is_header(const uint8_t *line, const uint8_t *end, const char *name)
{
	size_t len = strlen(name);

	return (size_t)(end - line) > len && !strncasecmp((const char *)line, name, len) &&
	       line[len] == ':';
}

static uint32_t plant_header(uint8_t *line, uint8_t *end)
{
	static const char *const names[] = { "cookie", "set-cookie", "authorization",
					     "proxy-authorization", "x-api-key" };
	uint8_t *mark;

	if (end > line && end[-1] == '\r')
		end--;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_header(line, end, names[i]))
			return fill(line + strlen(names[i]) + 1, end);
	mark = is_header(line, end, "location") ? memchr(line, '?', (size_t)(end - line)) : NULL;
	return mark ? fill(mark + 1, end) : 0;
}

uint32_t secret_plant(uint8_t *text, uint32_t len, bool request)
{
	uint8_t *end = text + len, *line = text, *next;
	uint32_t count = 0;

	for (uint32_t i = 0; i < len; i++)
		text[i] = text[i] == SECRET_BYTE ? '~' : text[i];
	for (; line < end; line = next) {
		uint8_t *stop = line_end(line, end);

		next = stop + 1;
		if (line > text)
			count += plant_header(line, stop);
		else if (request)
			count += plant_query(line, stop);
	}
	return count;
}
