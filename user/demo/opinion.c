/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "demo/opinion.h"

/* object.a.b, or NULL */
static const cJSON *find(const cJSON *object, const char *a, const char *b)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(object, a), b);
}

static void copy_text(const cJSON *item, char *ret_text, size_t size)
{
	const char *text = cJSON_GetStringValue(item);

	snprintf(ret_text, size, "%s", text ? text : "");
	for (char *c = ret_text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static uint16_t read_number(const cJSON *item)
{
	double n = cJSON_IsNumber(item) ? cJSON_GetNumberValue(item) : 0;

	return n > 0 && n <= UINT16_MAX ? n : 0;
}

static bool tells_an_end(const cJSON *root)
{
	const char *name = cJSON_GetStringValue(find(root, "event", "name"));

	return name && (!strcmp(name, "session_end") || !strcmp(name, "handshake_failed") ||
			!strcmp(name, "connect_failed"));
}

int opinion_read(const char *line, size_t len, struct opinion *ret)
{
	cJSON *root = cJSON_ParseWithLength(line, len);
	const cJSON *session;
	bool is_end;

	memset(ret, 0, sizeof(*ret));
	if (!root)
		return -EINVAL;
	is_end = tells_an_end(root);
	if (is_end) {
		session = cJSON_GetObjectItemCaseSensitive(root, "session");
		ret->lines = 1;
		ret->server_port = read_number(find(session, "server", "port"));
		ret->close_code = read_number(find(root, "close", "code"));
		copy_text(cJSON_GetObjectItemCaseSensitive(session, "path"), ret->path,
			  sizeof(ret->path));
		copy_text(find(root, "cause", "id"), ret->cause, sizeof(ret->cause));
		copy_text(find(root, "cause", "confidence"), ret->confidence,
			  sizeof(ret->confidence));
		copy_text(find(root, "cause", "summary"), ret->summary, sizeof(ret->summary));
	}
	cJSON_Delete(root);
	return is_end ? 0 : -ENOENT;
}

bool opinion_is_right(const struct opinion *o, const struct scenario *s, char *ret_why, size_t size)
{
	static const char prefix[] = "/demo/";
	bool path_is_right = !o->path[0] || (!strncmp(o->path, prefix, strlen(prefix)) &&
					     !strcmp(o->path + strlen(prefix), s->name));

	if (o->lines == 0)
		snprintf(ret_why, size, "wstrace said nothing; expected %u %s", s->close_code,
			 s->cause);
	else if (o->lines > 1)
		snprintf(ret_why, size, "reported %u times", o->lines);
	else if (!path_is_right)
		snprintf(ret_why, size, "reported with the path %s; expected %s%s", o->path, prefix,
			 s->name);
	else if (strcmp(o->cause, s->cause) || o->close_code != s->close_code)
		snprintf(ret_why, size, "expected %u %s", s->close_code, s->cause);
	else
		return true;
	return false;
}
