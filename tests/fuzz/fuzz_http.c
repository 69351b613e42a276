/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any text as an opening handshake: the scanner, the line readers, and the handshake that is put together from chunks.
 * However the text is cut, the same is read; nothing is read beyond it; no query string and no credential is kept.
 *
 * Input: flags, number of plan bytes, plan (sizes of chunks), text.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge.h"
#include "parts.h"
#include "secret.h"
#include "track/handshake.h"
#include "track/redact.h"
#include "wstrace/http_scan.h"
#include "wstrace/http_upgrade.h"

enum { FLAG_RESPONSE = 1, FLAG_SERVER_SIDE = 2 };

#define TEXT_MAX 8192
#define PREFIXES_MAX 100 /* of which each is read again: quadratic */

struct input {
	bool response;
	uint8_t direction;
	const uint8_t *plan;
	uint32_t plan_len, len;
	uint8_t text[TEXT_MAX];
};

static void fail(const char *what, uint32_t i)
{
	fprintf(stderr, "fuzz_http: %s, at %u\n", what, i);
	abort();
}

static bool read_input(const uint8_t *data, size_t size, struct input *ret)
{
	if (size < 2 || (size_t)data[1] + 2 > size || size - 2 - data[1] > TEXT_MAX)
		return false;
	ret->response = data[0] & FLAG_RESPONSE;
	ret->direction = data[0] & FLAG_SERVER_SIDE ? WST_IN : WST_OUT;
	ret->plan = data + 2;
	ret->plan_len = data[1];
	ret->len = (uint32_t)(size - 2 - ret->plan_len);
	memcpy(ret->text, ret->plan + ret->plan_len, ret->len);
	return true;
}

static bool has_word(const uint8_t *text, uint32_t len, const char *word)
{
	uint32_t n = (uint32_t)strlen(word);

	for (uint32_t i = 0; i + n <= len; i++)
		if (!strncasecmp((const char *)text + i, word, n))
			return true;
	return false;
}

static void check_scan(const struct input *in)
{
	struct http_scan s;
	uint32_t end = 0;

	http_scan_start(&s, 7, in->direction);
	while (end < in->len)
		if (http_scan_byte(&s, in->text[end++]))
			break;
	if (s.total != end)
		fail("scan: total", end);
	if ((s.marks & HTTP_MARK_END) != (has_word(in->text, end, "\r\n\r\n") ? HTTP_MARK_END : 0))
		fail("scan: end", end);
	if (!!(s.marks & HTTP_MARK_WEBSOCKET) != has_word(in->text, end, "ebsocket"))
		fail("scan: websocket", end);
	if (has_word(in->text, end, "-deflate") && !(s.marks & HTTP_MARK_DEFLATE))
		fail("scan: deflate", end);
}

/* A shorter text says the same, or that more is needed; and what cannot become a head stays so. */
static void check_prefixes(const struct input *in)
{
	int whole = http_head_len(edge_copy(in->text, in->len), in->len);

	if (whole > 0 && (uint32_t)whole > in->len)
		fail("head longer than its text", in->len);
	for (uint32_t n = 0; n < in->len && n < PREFIXES_MAX; n++) {
		int part = http_head_len(edge_copy(in->text, n), n);

		if (part != HTTP_PARTIAL && part != whole)
			fail("prefix read differently", n);
		if (whole > 0 && part == HTTP_PARTIAL && n >= (uint32_t)whole)
			fail("whole head not seen", n);
	}
}

static bool lies_in(struct http_span s, const uint8_t *text, uint32_t len)
{
	return !s.len || (s.at >= text && s.at + s.len <= text + len);
}

static void check_fields(const struct input *in)
{
	const uint8_t *text = edge_copy(in->text, in->len);
	struct http_field f;
	uint32_t at = 0;

	while (at < in->len) {
		int used = http_read_field(text + at, in->len - at, &f);

		if (used == HTTP_PARTIAL)
			return;
		if (used == HTTP_INVALID)
			used = http_skip_line(text + at, in->len - at);
		else if (!lies_in(f.name, text + at, (uint32_t)used) ||
			 !lies_in(f.value, text + at, (uint32_t)used))
			fail("span outside its line", at);
		if (used <= 0)
			fail("no progress", at);
		at += (uint32_t)used;
	}
}

/* Hides what is secret, and says so if it did not. */
static void redact(struct redactor *r, struct wst_http_event *event)
{
	redact_record(r, event, sizeof(*event));
	if (memchr(event->data, SECRET_BYTE, sizeof(event->data)))
		fail("secret left in record", event->offset);
}

/* The head in chunks; plan NULL: as large as they may be. r NULL: as it is. */
static int add_chunks(struct handshake *hs, const struct input *in, const uint8_t *plan,
		      struct redactor *r)
{
	struct wst_http_event event = {
		.h = { .type = WST_EV_HTTP, .size = sizeof(event), .ts_ns = 5 },
		.head_seq = 1,
		.direction = in->direction,
		.flags = in->response ? WST_HTTP_RESPONSE : WST_HTTP_REQUEST,
	};
	int step = HANDSHAKE_MORE;
	uint32_t i = 0, n;

	for (uint32_t at = 0; at < in->len && step == HANDSHAKE_MORE; at += n) {
		n = plan ? (plan[i++ % in->plan_len] & 0x7fu) + 1 : WST_HTTP_CHUNK_BYTES;
		n = in->len - at < n ? in->len - at : n;
		event.offset = at;
		event.len = (uint16_t)n;
		memcpy(event.data, in->text + at, n);
		if (r)
			redact(r, &event);
		step = handshake_add(hs, &event, parts_interns());
		if (step < 0)
			fail("chunk refused", at);
	}
	return step == HANDSHAKE_MORE ? handshake_finish(hs, true, parts_interns()) : step;
}

static void check_kept(const struct handshake *hs)
{
	for (uint32_t i = 0; i < HANDSHAKE_TEXTS; i++)
		if (strchr(hs->texts[i], SECRET_BYTE))
			fail("secret kept in text", i);
}

/* A target with a space in it: what follows the space may be a query string, so redaction hides it. */
static bool has_odd_start(const struct input *in)
{
	uint32_t spaces = 0;

	for (uint32_t i = 0; i < in->len && in->text[i] != '\n'; i++)
		spaces += in->text[i] == ' ';
	return !in->response && spaces != 2;
}

/* What is hidden is a star; a Location whose host is hidden is not kept. */
static bool is_redacted(const char *text, const char *whole, uint32_t which)
{
	size_t len = strlen(text);

	if (which == TEXT_LOCATION && !len)
		return true;
	if (len != strlen(whole))
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] != whole[i] && text[i] != '*')
			return false;
	return true;
}

/* From here on the texts of whole are those that redaction leaves of them. */
static void redact_texts(struct handshake *whole, const struct handshake *hs)
{
	for (uint32_t i = 0; i < HANDSHAKE_TEXTS; i++) {
		if (!is_redacted(hs->texts[i], whole->texts[i], i))
			continue;
		intern_text_release(whole->texts[i]);
		whole->texts[i] = intern_text_again(hs->texts[i]);
	}
}

/* Redaction takes nothing away that is read, but for passwords in URLs, which are not kept either. */
static void check_redaction(const struct input *in, struct handshake *whole, int whole_step)
{
	/* One for all runs, it is large: a head that starts at offset 0 starts afresh. */
	static struct redactor *r;
	struct handshake hs = no_handshake();
	int step;

	if (!r)
		r = redactor_new();
	if (!r)
		abort();
	step = add_chunks(&hs, in, in->plan_len ? in->plan : NULL, r);
	/* An Origin has no query string; if it claims to, redaction hides it. */
	if (strpbrk(whole->origin, "?#")) {
		intern_text_release(whole->origin);
		whole->origin = intern_text_again(hs.origin);
	}
	redact_texts(whole, &hs);
	if (!memchr(in->text, '@', in->len) && !has_odd_start(in) &&
	    (step != whole_step || memcmp(&hs, whole, sizeof(hs))))
		fail("redaction: other fields", (uint32_t)step);
	handshake_release(&hs);
}

static void check_handshake(struct input *in)
{
	struct handshake whole = no_handshake(), cut = no_handshake();
	int step;

	secret_plant(in->text, in->len, !in->response);
	step = add_chunks(&whole, in, NULL, NULL);
	check_kept(&whole);
	if (in->plan_len) {
		if (add_chunks(&cut, in, in->plan, NULL) != step)
			fail("chunks: other result", 0);
		if (memcmp(&cut, &whole, sizeof(cut)))
			fail("chunks: other fields", 0);
	}
	check_redaction(in, &whole, step);
	handshake_release(&whole);
	handshake_release(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;

	if (!read_input(data, size, &in))
		return 0;
	check_scan(&in);
	check_prefixes(&in);
	check_fields(&in);
	check_handshake(&in);
	return 0;
}
