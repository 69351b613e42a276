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

static int dump(const char *path)
{
	size_t len, at = sizeof(struct recording_header);
	char *bytes = read_file(path, &len);
	union record record;

	if (!bytes || len < at || memcmp(bytes, RECORDING_MAGIC, 8)) {
		fprintf(stderr, "%s: no recording\n", path);
		free(bytes);
		return EXIT_FAILURE;
	}
	for (; at + sizeof(record.h) <= len; at += record.h.size) {
		memcpy(&record.h, bytes + at, sizeof(record.h));
		if (record.h.size < sizeof(record.h) || record.h.size > sizeof(record) ||
		    record.h.size > len - at)
			break;
		memcpy(record.bytes, bytes + at, record.h.size);
		if (notation_print(stdout, &record.h))
			break;
	}
	if (at != len)
		fprintf(stderr, "%s: stopped at offset %zu of %zu\n", path, at, len);
	free(bytes);
	return at == len ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
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
