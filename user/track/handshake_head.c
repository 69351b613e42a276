/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/handshake_head.h"

#include <string.h>

#include "track/session_key.h"
#include "wstrace/http_upgrade.h"

/* Appends what fits, and a NUL. NUL bytes from the wire would hide what follows them. */
static void append(char *to, size_t size, struct http_span s)
{
	size_t at = strlen(to), n = s.len < size - 1 - at ? s.len : size - 1 - at;

	for (size_t i = 0; i < n; i++)
		to[at + i] = s.at[i] ? (char)s.at[i] : '?';
	to[at + n] = '\0';
}

/* The first of several wins, as in most servers. */
static void put(char *to, size_t size, struct http_span s)
{
	if (!to[0])
		append(to, size, s);
}

static struct http_span span_of(const char *text)
{
	return (struct http_span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

/* Several lines of a list are one list (RFC 9110, 5.3). */
static void append_list(char *to, size_t size, struct http_span s)
{
	if (to[0])
		append(to, size, span_of(", "));
	append(to, size, s);
}

static void append_subprotocols(char *to, size_t size, struct http_span list)
{
	struct http_span name;
	bool cut;

	while (http_list_next(&list, &name)) {
		if (!name.len)
			continue;
		cut = name.len > SUBPROTOCOL_SHOWN;
		name.len = cut ? SUBPROTOCOL_SHOWN : name.len;
		append_list(to, size, name);
		if (cut)
			append(to, size, span_of("*"));
	}
}

static void take_key(struct handshake *hs, struct http_span key)
{
	if (hs->has_key)
		return;
	hs->has_key = true;
	hs->id_known = true;
	session_key_hash(key.at, key.len, hs->accept_hash);
	memcpy(hs->session_id, hs->accept_hash, SESSION_ID_BYTES);
	hs->key_constant = session_key_is_constant(key.at, key.len);
}

static void take_request_field(struct handshake *hs, const struct http_field *f)
{
	switch (http_name_of(f->name)) {
	case HTTP_HOST:
		return put(hs->host, sizeof(hs->host), f->value);
	case HTTP_ORIGIN:
		return put(hs->origin, sizeof(hs->origin), f->value);
	case HTTP_USER_AGENT:
		return put(hs->user_agent, sizeof(hs->user_agent), f->value);
	case HTTP_WS_VERSION:
		return put(hs->version, sizeof(hs->version), f->value);
	case HTTP_UPGRADE:
		hs->has_upgrade |= http_list_has(f->value, "websocket");
		return;
	case HTTP_CONNECTION:
		hs->has_connection_upgrade |= http_list_has(f->value, "upgrade");
		return append_list(hs->connection, sizeof(hs->connection), f->value);
	case HTTP_WS_EXTENSIONS:
		hs->deflate_offered |= http_list_has(f->value, "permessage-deflate");
		return;
	case HTTP_WS_PROTOCOL:
		return append_subprotocols(hs->subprotocols, sizeof(hs->subprotocols), f->value);
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
	memcpy(hs->session_id, hs->accept_hash, SESSION_ID_BYTES);
	hs->key_constant = session_id_is_constant(hs->session_id);
	hs->id_known = true;
}

/* The URL without its query string and without user:password@. */
static void put_location(char *to, size_t size, struct http_span url)
{
	uint32_t end = 0, host, authority_end;

	if (to[0])
		return;
	while (end < url.len && url.at[end] != '?' && url.at[end] != '#')
		end++;
	url.len = end;
	for (host = 0; host + 1 < url.len; host++)
		if (url.at[host] == '/' && url.at[host + 1] == '/')
			break;
	if (host + 1 >= url.len)
		return append(to, size, url);
	host += 2;
	append(to, size, (struct http_span){ url.at, host });
	authority_end = host;
	while (authority_end < url.len && url.at[authority_end] != '/')
		authority_end++;
	for (uint32_t i = host; i < authority_end; i++)
		if (url.at[i] == '@')
			host = i + 1;
	append(to, size, (struct http_span){ url.at + host, url.len - host });
}

static void take_response_field(struct handshake *hs, const struct http_field *f)
{
	switch (http_name_of(f->name)) {
	case HTTP_WS_ACCEPT:
		return take_accept(hs, f->value);
	case HTTP_WS_PROTOCOL:
		return append_subprotocols(hs->subprotocol, sizeof(hs->subprotocol), f->value);
	case HTTP_WS_EXTENSIONS:
		hs->deflate_agreed |= http_list_has(f->value, "permessage-deflate");
		return;
	case HTTP_SERVER:
		return put(hs->server, sizeof(hs->server), f->value);
	case HTTP_LOCATION:
		return put_location(hs->location, sizeof(hs->location), f->value);
	case HTTP_CONTENT_TYPE:
		return put(hs->content_type, sizeof(hs->content_type), f->value);
	default:
		return;
	}
}

/*
 * Feeds each header to take(). Lines that are none are passed over: a server that took them answers
 * anyway.
 */
static void each_field(struct handshake *hs, const uint8_t *bytes, uint32_t len,
		       void (*take)(struct handshake *hs, const struct http_field *f))
{
	struct http_field field;

	for (uint32_t at = 0; at < len;) {
		int used = http_read_field(bytes + at, len - at, &field);

		if (used == HTTP_INVALID)
			used = http_skip_line(bytes + at, len - at);
		else if (used > 0 && field.line == HTTP_LINE_FIELD)
			take(hs, &field);
		if (used < 0 || field.line == HTTP_LINE_END)
			return;
		at += (uint32_t)used;
	}
}

bool handshake_read_request(struct handshake *ret, const uint8_t *bytes, uint32_t len)
{
	struct http_start start;
	int used = http_read_start(bytes, len, &start);

	if (used < 0 || !http_span_is(start.method, "get"))
		return false;
	put(ret->path, sizeof(ret->path), http_path_of(start.target));
	ret->http_1_0 = start.minor == 0;
	each_field(ret, bytes + used, len - (uint32_t)used, take_request_field);
	ret->request_seen = ret->has_key || ret->has_upgrade;
	return ret->request_seen;
}

/* Only the answer's fields, so that a refused reading leaves hs as it was. */
static void clear_response(struct handshake *hs)
{
	hs->accept_seen = hs->accept_right = hs->deflate_agreed = false;
	hs->subprotocol[0] = hs->server[0] = hs->location[0] = hs->content_type[0] = '\0';
	hs->id_known = hs->has_key;
}

bool handshake_read_response(struct handshake *hs, const uint8_t *bytes, uint32_t len)
{
	struct http_start start;
	int used = http_read_start(bytes, len, &start);

	if (used < 0 || !start.status || (start.status < 200 && start.status != 101))
		return false;
	if (!hs->request_seen && start.status != 101)
		return false;
	clear_response(hs);
	each_field(hs, bytes + used, len - (uint32_t)used, take_response_field);
	if (!hs->request_seen && !hs->id_known) {
		clear_response(hs); /* 101 to another protocol, such as h2c */
		return false;
	}
	hs->response_seen = true;
	hs->status = start.status;
	return true;
}

bool handshake_is_response(const uint8_t *bytes, uint32_t len)
{
	return http_starts(bytes, len, "HTTP/1.") != HTTP_INVALID;
}
