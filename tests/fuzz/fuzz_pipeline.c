/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any records through all of the user side. Whatever they say, each line is one JSON object in valid UTF-8 with the fields that
 * every line has, and holds nothing of a query string or credential.
 *
 * Input: flags, then records behind one another, each of the size that its header claims.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utf8proc.h>

#include "pipeline.h"
#include "records.h"
#include "secret.h"
#include "track/redact.h"

enum { FLAG_TEXT = 1, FLAG_SECRET = 2, FLAG_REDACT = 4, FLAG_COLOUR = 8 };

#define LINE_BYTES_MAX (15 * 1024)

struct run {
	struct pipeline *pipeline;
	struct redactor *redactor; /* NULL: records are fed as they are */
	uint8_t flags;
};

static void fail(const char *what, const char *line)
{
	fprintf(stderr, "fuzz_pipeline: %s: %s\n", what, line);
	abort();
}

/* Text for people has several lines, and colours if asked for. */
static bool may_stand(utf8proc_int32_t c, uint8_t flags)
{
	if (c == '\n')
		return flags & FLAG_TEXT;
	if (c == 0x1b)
		return flags & FLAG_TEXT && flags & FLAG_COLOUR;
	return c >= ' ' && (c < 0x7f || c > 0x9f);
}

static void check_characters(const char *line, size_t len, uint8_t flags)
{
	for (size_t at = 0; at < len;) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)line + at,
						      (utf8proc_ssize_t)(len - at), &c);

		if (n <= 0)
			fail("invalid UTF-8", line);
		if (!may_stand(c, flags))
			fail("control character", line);
		at += (size_t)n;
	}
}

static const cJSON *must_have(const cJSON *object, const char *name, const char *line)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!item)
		fail(name, line);
	return item;
}

static void check_json(const char *line, size_t len)
{
	const char *end = NULL;
	cJSON *root = cJSON_ParseWithLengthOpts(line, len + 1, &end, true);
	const cJSON *event;

	if (!cJSON_IsObject(root))
		fail("no JSON object", line);
	must_have(root, "timestamp", line);
	must_have(root, "level", line);
	must_have(root, "message", line);
	must_have(root, "hostname", line);
	event = must_have(root, "event", line);
	must_have(event, "name", line);
	must_have(event, "schema", line);
	cJSON_Delete(root);
}

static int on_line(void *arg, const char *line, size_t len)
{
	const struct run *run = arg;

	if (strlen(line) != len || len == 0 || len > LINE_BYTES_MAX)
		fail("length", line);
	check_characters(line, len, run->flags);
	if (!(run->flags & FLAG_TEXT))
		check_json(line, len);
	if (run->flags & FLAG_SECRET && strchr(line, SECRET_BYTE))
		fail("secret printed", line);
	return 0;
}

static void plant_in_head(struct wst_http_event *e)
{
	if (!(e->flags & WST_HTTP_LAST) || e->offset || e->len > sizeof(e->data))
		return;
	secret_plant(e->data, e->len, e->flags & WST_HTTP_REQUEST);
}

/* Removes the secret byte from a record, then puts it back where it is a secret. */
static void plant(uint8_t *record, size_t len)
{
	struct wst_event h;
	struct wst_http_event http;

	for (size_t i = sizeof(h); i < len; i++)
		record[i] = record[i] == SECRET_BYTE ? '~' : record[i];
	memcpy(&h, record, sizeof(h));
	if (h.type == WST_EV_FRAME && len >= sizeof(struct wst_frame_event))
		/* with a mask of zeros no payload turns into the secret */
		memset(record + offsetof(struct wst_frame_event, header) + 2, 0, 12);
	if (h.type != WST_EV_HTTP || len < sizeof(http))
		return;
	memcpy(&http, record, sizeof(http));
	plant_in_head(&http);
	memcpy(record, &http, sizeof(http));
}

static void feed(void *arg, const uint8_t *record, size_t len)
{
	struct run *run = arg;
	uint8_t *copy = malloc(len);

	if (!copy)
		abort();
	memcpy(copy, record, len);
	if (run->flags & FLAG_SECRET && len >= sizeof(struct wst_event))
		plant(copy, len);
	if (run->redactor)
		redact_record(run->redactor, copy, len);
	pipeline_feed(run->pipeline, copy, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { 0 };
	struct pipeline_config config = {
		/* small tables, so that a short input fills them */
		.track = { .conns_max = 16, .processes_max = 8 },
		.all = true,
		.on_line = on_line,
		.arg = &run,
	};

	if (size < 1)
		return 0;
	run.flags = data[0];
	config.format = run.flags & FLAG_TEXT ? FORMAT_TEXT : FORMAT_JSON;
	config.colour = run.flags & FLAG_COLOUR;
	run.pipeline = pipeline_new(&config);
	run.redactor = run.flags & FLAG_REDACT ? redactor_new() : NULL;
	if (!run.pipeline)
		abort();
	records_each(data + 1, size - 1, feed, &run);
	pipeline_flush(run.pipeline);
	pipeline_free(run.pipeline);
	redactor_free(run.redactor);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* Mostly whole records are changed, moved and repeated: bytes that shift everything behind them rarely say something new. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	if (size < 1 || seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (seed % 16 == 1)
		data[0] ^= (uint8_t)(1u << seed / 16 % 4);
	return 1 + records_mutate(data + 1, size - 1, max_size - 1, seed / 16);
}
