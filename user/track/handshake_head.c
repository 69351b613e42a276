/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/handshake_head.h"

#include <string.h>

#include "track/session_key.h"
#include "wstrace/http_upgrade.h"

/* What is read of one head, before the texts go where they are shared. */
struct reading {
	struct handshake *hs;
	char texts[HANDSHAKE_TEXTS][HANDSHAKE_TEXT];
};

/* Bytes of each text that are kept, with its NUL. */
static const uint16_t rooms[HANDSHAKE_TEXTS] = {
	[TEXT_PATH] = HANDSHAKE_TEXT,
	[TEXT_HOST] = HANDSHAKE_TEXT,
	[TEXT_ORIGIN] = HANDSHAKE_TEXT,
	[TEXT_USER_AGENT] = HANDSHAKE_TEXT,
	[TEXT_SUBPROTOCOLS] = HANDSHAKE_TEXT,
	[TEXT_VERSION] = 16,
	[TEXT_CONNECTION] = 64,
	[TEXT_SUBPROTOCOL] = HANDSHAKE_TEXT,
	[TEXT_SERVER] = 64,
	[TEXT_LOCATION] = HANDSHAKE_TEXT,
	[TEXT_CONTENT_TYPE] = 64,
};

_Static_assert(offsetof(struct handshake, content_type) ==
		       offsetof(struct handshake, texts[TEXT_CONTENT_TYPE]),
	       "a text has no number or no name");

static void begin_reading(struct reading *r, struct handshake *hs)
{
	r->hs = hs;
	for (int i = 0; i < HANDSHAKE_TEXTS; i++)
		r->texts[i][0] = '\0';
}

/* Appends what fits, and a NUL. NUL bytes from the wire would hide what follows them. */
static void append(struct reading *r, enum handshake_text text, struct http_span s)
{
	char *to = r->texts[text];
	size_t size = rooms[text], at = strlen(to),
	       n = s.len < size - 1 - at ? s.len : size - 1 - at;

	for (size_t i = 0; i < n; i++)
		to[at + i] = s.at[i] ? (char)s.at[i] : '?';
	to[at + n] = '\0';
}

/* The first of several wins, as in most servers. */
static void put(struct reading *r, enum handshake_text text, struct http_span s)
{
	if (!r->texts[text][0])
		append(r, text, s);
}

static struct http_span span_of(const char *text)
{
	return (struct http_span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

/* Several lines of a list are one list (RFC 9110, 5.3). */
static void append_list(struct reading *r, enum handshake_text text, struct http_span s)
{
	if (r->texts[text][0])
		append(r, text, span_of(", "));
	append(r, text, s);
}

static void append_subprotocols(struct reading *r, enum handshake_text text, struct http_span list)
{
	struct http_span name;
	bool cut;

	while (http_list_next(&list, &name)) {
		if (!name.len)
			continue;
		cut = name.len > SUBPROTOCOL_SHOWN;
		name.len = cut ? SUBPROTOCOL_SHOWN : name.len;
		append_list(r, text, name);
		if (cut)
			append(r, text, span_of("*"));
	}
}

static void take_key(struct handshake *hs, struct http_span key)
{
	if (hs->has_key)
		return;
	hs->has_key = true;
	hs->id_known = true;
	session_key_hash(key.at, key.len, hs->accept_hash);
	hs->key_constant = session_key_is_constant(key.at, key.len);
}

static void take_request_field(struct reading *r, const struct http_field *f)
{
	struct handshake *hs = r->hs;

	switch (http_name_of(f->name)) {
	case HTTP_HOST:
		return put(r, TEXT_HOST, f->value);
	case HTTP_ORIGIN:
		return put(r, TEXT_ORIGIN, f->value);
	case HTTP_USER_AGENT:
		return put(r, TEXT_USER_AGENT, f->value);
	case HTTP_WS_VERSION:
		return put(r, TEXT_VERSION, f->value);
	case HTTP_UPGRADE:
		hs->has_upgrade |= http_list_has(f->value, "websocket");
		return;
	case HTTP_CONNECTION:
		hs->has_connection_upgrade |= http_list_has(f->value, "upgrade");
		return append_list(r, TEXT_CONNECTION, f->value);
	case HTTP_WS_EXTENSIONS:
		hs->deflate_offered |= http_list_has(f->value, "permessage-deflate");
		return;
	case HTTP_WS_PROTOCOL:
		return append_subprotocols(r, TEXT_SUBPROTOCOLS, f->value);
	case HTTP_WS_KEY:
		return take_key(hs, f->value);
	default:
		return;
	}
}

/*
 * What the answer says of the id: the proof that the server read our key, or our only way to learn
 * the id.
 */
static void take_accept(struct handshake *hs, struct http_span accept)
{
	if (hs->accept_seen)
		return;
	hs->accept_seen = true;
	if (hs->has_key) {
		hs->accept_right = accept_is_right(hs->accept_hash, accept.at, accept.len);
		return;
	}
	if (hs->request_seen || !accept_decode(accept.at, accept.len, hs->accept_hash))
		return;
	hs->key_constant = session_id_is_constant(hs->session_id);
	hs->id_known = true;
}

/* The URL without its query string and without user:password@. */
static void put_location(struct reading *r, struct http_span url)
{
	uint32_t end = 0, host, authority_end;

	if (r->texts[TEXT_LOCATION][0])
		return;
	while (end < url.len && url.at[end] != '?' && url.at[end] != '#')
		end++;
	url.len = end;
	for (host = 0; host + 1 < url.len; host++)
		if (url.at[host] == '/' && url.at[host + 1] == '/')
			break;
	if (host + 1 >= url.len)
		return append(r, TEXT_LOCATION, url);
	host += 2;
	append(r, TEXT_LOCATION, (struct http_span){ url.at, host });
	authority_end = host;
	while (authority_end < url.len && url.at[authority_end] != '/')
		authority_end++;
	for (uint32_t i = host; i < authority_end; i++)
		if (url.at[i] == '@')
			host = i + 1;
	if (memchr(url.at + host, '*', authority_end - host)) {
		/* redacted, as it came in two pieces: what is left is not where it leads */
		r->texts[TEXT_LOCATION][0] = '\0';
		return;
	}
	append(r, TEXT_LOCATION, (struct http_span){ url.at + host, url.len - host });
}

static void take_response_field(struct reading *r, const struct http_field *f)
{
	struct handshake *hs = r->hs;

	switch (http_name_of(f->name)) {
	case HTTP_WS_ACCEPT:
		return take_accept(hs, f->value);
	case HTTP_WS_PROTOCOL:
		return append_subprotocols(r, TEXT_SUBPROTOCOL, f->value);
	case HTTP_WS_EXTENSIONS:
		hs->deflate_agreed |= http_list_has(f->value, "permessage-deflate");
		return;
	case HTTP_SERVER:
		return put(r, TEXT_SERVER, f->value);
	case HTTP_LOCATION:
		return put_location(r, f->value);
	case HTTP_CONTENT_TYPE:
		return put(r, TEXT_CONTENT_TYPE, f->value);
	default:
		return;
	}
}

/*
 * Feeds each header to take(). Lines that are none are passed over: a server that took them answers
 * anyway.
 */
static void each_field(struct reading *r, const uint8_t *bytes, uint32_t len,
		       void (*take)(struct reading *r, const struct http_field *f))
{
	struct http_field field;

	for (uint32_t at = 0; at < len;) {
		int used = http_read_field(bytes + at, len - at, &field);

		if (used == HTTP_INVALID)
			used = http_skip_line(bytes + at, len - at);
		else if (used > 0 && field.line == HTTP_LINE_FIELD)
			take(r, &field);
		if (used < 0 || field.line == HTTP_LINE_END)
			return;
		at += (uint32_t)used;
	}
}

static void keep_texts(const struct reading *r, struct interns *texts, enum handshake_text from,
		       enum handshake_text to)
{
	for (enum handshake_text i = from; i < to; i++) {
		intern_text_release(r->hs->texts[i]);
		r->hs->texts[i] = intern_text(texts, r->texts[i]);
	}
}

bool handshake_read_request(struct handshake *ret, const uint8_t *bytes, uint32_t len,
			    struct interns *texts)
{
	struct reading r;
	struct http_start start;
	int used = http_read_start(bytes, len, &start);

	if (used < 0 || !http_span_is(start.method, "get"))
		return false;
	begin_reading(&r, ret);
	put(&r, TEXT_PATH, http_path_of(start.target));
	ret->http_1_0 = start.minor == 0;
	each_field(&r, bytes + used, len - (uint32_t)used, take_request_field);
	ret->request_seen = ret->has_key || ret->has_upgrade;
	if (ret->request_seen)
		keep_texts(&r, texts, TEXT_PATH, TEXT_SUBPROTOCOL);
	return ret->request_seen;
}

/* Only the answer's fields, so that a refused reading leaves hs as it was. */
static void clear_response(struct handshake *hs)
{
	hs->accept_seen = hs->accept_right = hs->deflate_agreed = false;
	hs->id_known = hs->has_key;
}

bool handshake_read_response(struct handshake *hs, const uint8_t *bytes, uint32_t len,
			     struct interns *texts)
{
	struct reading r;
	struct http_start start;
	int used = http_read_start(bytes, len, &start);

	if (used < 0 || !start.status || (start.status < 200 && start.status != 101))
		return false;
	if (!hs->request_seen && start.status != 101)
		return false;
	begin_reading(&r, hs);
	clear_response(hs);
	each_field(&r, bytes + used, len - (uint32_t)used, take_response_field);
	if (!hs->request_seen && !hs->id_known) {
		clear_response(hs); /* 101 to another protocol, such as h2c */
		return false;
	}
	keep_texts(&r, texts, TEXT_SUBPROTOCOL, HANDSHAKE_TEXTS);
	hs->response_seen = true;
	hs->status = start.status;
	return true;
}

bool handshake_is_response(const uint8_t *bytes, uint32_t len)
{
	return http_starts(bytes, len, "HTTP/1.") != HTTP_INVALID;
}
