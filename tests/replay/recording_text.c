/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between recordings and their readable notation.
 *
 *	recording_text pack FILE.txt FILE.rec
 *	recording_text dump FILE.rec >FILE.txt
 *	recording_text records FILE.txt FILE.bin	the bare records, as fuzz_pipeline takes them
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "notation.h"
#include "platform/recording.h"

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t len = 0, n;

	if (!f)
		return NULL;
	do {
		text = realloc(text, len + 65536);
		if (!text)
			abort();
		n = fread(text + len, 1, 65535, f);
		len += n;
	} while (n);
	text[len] = '\0';
	fclose(f);
	*ret_len = len;
	return text;
}

static bool write_header(FILE *to)
{
	struct recording_header header = {
		.magic = RECORDING_MAGIC,
		.byte_order = RECORDING_BYTE_ORDER,
		.header_bytes = sizeof(header),
		.event_version = WST_EVENT_VERSION,
		.writer = "recording_text",
	};

	return fwrite(&header, sizeof(header), 1, to) == 1;
}

static size_t line_of(const char *text, const char *at)
{
	size_t line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static int pack(const char *from, const char *to_path, bool bare)
{
	size_t len;
	char *text = read_file(from, &len), error[160];
	FILE *to = text ? fopen(to_path, "wb") : NULL;
	const char *at = text;
	union record record;
	int result = -1;

	if (to && (bare || write_header(to)))
		while ((result = notation_read(&at, &record, error)) == 1)
			fwrite(record.bytes, record.h.size, 1, to);
	if (!to)
		perror(text ? to_path : from);
	else if (result)
		fprintf(stderr, "%s:%zu: %s\n", from, line_of(text, at), error);
	if (to && fclose(to))
		result = -1;
	free(text);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Calls fn for each record. Returns the offset behind the last whole one that it took. */
static size_t each_record(const char *bytes, size_t len, bool (*fn)(void *arg, union record *r),
			  void *arg)
{
	size_t at = sizeof(struct recording_header);
	union record record;

	for (; at + sizeof(record.h) <= len; at += record.h.size) {
		memset(&record, 0, sizeof(record)); /* an older one is shorter */
		memcpy(&record.h, bytes + at, sizeof(record.h));
		if (record.h.size < sizeof(record.h) || record.h.size > sizeof(record) ||
		    record.h.size > len - at)
			break;
		memcpy(record.bytes, bytes + at, record.h.size);
		if (!fn(arg, &record))
			break;
	}
	return at;
}

/* Reasons that records refer to: a kernel has more than a hundred, and their names would bury the rest. */
struct reasons {
	bool reset[1024], drop[1024];
};

static void note_reason(bool *used, uint32_t reason)
{
	if (reason < 1024)
		used[reason] = true;
}

static bool note_reasons(void *arg, union record *r)
{
	struct reasons *used = arg;

	if (r->h.type == WST_EV_RESET)
		note_reason(used->reset, ((struct wst_reset_event *)r)->reason);
	else if (r->h.type == WST_EV_DROP)
		note_reason(used->drop, ((struct wst_drop_event *)r)->reason);
	else if (r->h.type == WST_EV_END && ((struct wst_end_event *)r)->tcp.drops)
		note_reason(used->drop, ((struct wst_end_event *)r)->tcp.drop_reason);
	return true;
}

static bool is_idle_name(const struct reasons *used, const union record *r)
{
	const struct wst_name_event *name = (const struct wst_name_event *)r;

	if (r->h.type != WST_EV_NAME || name->value >= 1024)
		return r->h.type == WST_EV_NAME;
	return !(name->kind == WST_NAME_RESET ? used->reset : used->drop)[name->value];
}

static bool print_record(void *arg, union record *r)
{
	return is_idle_name(arg, r) || !notation_print(stdout, &r->h);
}

static int dump(const char *path)
{
	static struct reasons used;
	size_t len, end = 0;
	char *bytes = read_file(path, &len);

	if (!bytes || len < sizeof(struct recording_header) || memcmp(bytes, RECORDING_MAGIC, 8)) {
		fprintf(stderr, "%s: no recording\n", path);
		free(bytes);
		return EXIT_FAILURE;
	}
	each_record(bytes, len, note_reasons, &used);
	end = each_record(bytes, len, print_record, &used);
	if (end != len)
		fprintf(stderr, "%s: stopped at offset %zu of %zu\n", path, end, len);
	free(bytes);
	return end == len ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *incomplete = notation_is_whole();

	if (incomplete) {
		fprintf(stderr, "tests/replay/record_types.c does not name all of \"%s\"\n",
			incomplete);
		return EXIT_FAILURE;
	}
	if (argc == 4 && !strcmp(argv[1], "pack"))
		return pack(argv[2], argv[3], false);
	if (argc == 4 && !strcmp(argv[1], "records"))
		return pack(argv[2], argv[3], true);
	if (argc == 3 && !strcmp(argv[1], "dump"))
		return dump(argv[2]);
	fprintf(stderr, "usage: recording_text pack TEXT RECORDING | records TEXT FILE | "
			"dump RECORDING\n");
	return 2;
}
