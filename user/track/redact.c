/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads heads byte by byte, in any cut, as http_upgrade.h reads them whole. Where it has lost the
 * thread (a record is missing, two sockets share a slot) it hides everything up to the next line.
 */
#include "track/redact.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "track/handshake.h"
#include "track/hash.h"
#include "track/redact_words.h"
#include "wstrace/http_upgrade.h"

#define STREAMS 4096 /* heads under way at once before some lose the thread; a power of two */
#define SID_OTHER 255 /* this parameter is another one */
#define NAME_SHOWN 64 /* longer header names are no names */

enum place {
	IN_METHOD,
	IN_TARGET,
	IN_QUERY,
	IN_VERSION,
	IN_STATUS_LINE,
	AT_LINE_START,
	IN_NAME,
	IN_VALUE, /* kept */
	IN_URL, /* kept up to its query string */
	IN_ORIGIN, /* as a URL; browsers put no password there (RFC 6454, 6.2) */
	IN_LIST, /* of subprotocols: elements are kept up to SUBPROTOCOL_SHOWN */
	IN_HIDDEN,
};

struct stream {
	uint64_t cookie;
	uint32_t head_seq;
	uint32_t next; /* offset of the byte that comes next */
	uint8_t direction;
	uint8_t place; /* enum place */
	uint8_t name_len;
	uint8_t count; /* bytes of the version or of a list's element; enum url_part */
	uint8_t sid; /* bytes of the name of a parameter that are those of "sid=" */
	bool has_sid;
	bool in_parameter; /* of a path: "/chat;jsessionid=..." (RFC 3986, 3.3) */
	uint8_t name[24]; /* the longest that matters: Sec-WebSocket-Extensions */
};

/* How far a URL or target has come. */
enum url_part { URL_SCHEME, URL_COLON, URL_SLASH, URL_AUTHORITY, URL_PATH };

struct redactor {
	struct stream streams[STREAMS];
};

struct redactor *redactor_new(void)
{
	return calloc(1, sizeof(struct redactor));
}

void redactor_free(struct redactor *r)
{
	free(r);
}

static uint8_t place_of_value(const struct stream *s)
{
	if (s->name_len > sizeof(s->name))
		return IN_HIDDEN;
	switch (http_name_of((struct http_span){ s->name, s->name_len })) {
	case HTTP_OTHER:
		return IN_HIDDEN;
	case HTTP_WS_PROTOCOL:
		return IN_LIST;
	case HTTP_ORIGIN:
		return IN_ORIGIN;
	case HTTP_LOCATION:
		return IN_URL;
	default:
		return IN_VALUE;
	}
}

static bool keep_in_name(struct stream *s, uint8_t byte)
{
	if (byte == ':') {
		s->place = place_of_value(s);
		s->count = 0;
		return true;
	}
	if (byte <= ' ' || s->name_len >= NAME_SHOWN) {
		s->place = IN_HIDDEN; /* no header: who knows what it is */
		return false;
	}
	if (s->name_len < sizeof(s->name))
		s->name[s->name_len] = byte;
	s->name_len++;
	return true;
}

static bool keep_at_line_start(struct stream *s, uint8_t byte)
{
	if (byte == ' ' || byte == '\t') { /* continues a value (obs-fold), which nobody reads */
		s->place = IN_HIDDEN;
		return true;
	}
	s->place = IN_NAME;
	s->name_len = 0;
	return keep_in_name(s, byte);
}

/* Anything else behind the target may be a query string with a space in it: the version comes last. */
static bool keep_in_version(struct stream *s, uint8_t byte)
{
	static const char version[] = "HTTP/1.";
	bool fits = s->count < sizeof(version) - 1 ? byte == (uint8_t)version[s->count] :
						     s->count == 7 && http_is_digit(byte);

	if (byte == ' ') {
		s->count = 0;
		return true;
	}
	s->count++;
	if (!fits) {
		s->place = IN_QUERY;
		s->sid = SID_OTHER;
	}
	return fits;
}

static bool keep_in_list(struct stream *s, uint8_t byte)
{
	if (byte == ',') {
		s->count = 0;
		return true;
	}
	if (!s->count && http_is_blank(byte))
		return true;
	if (s->count < SUBPROTOCOL_SHOWN) {
		s->count++;
		return true;
	}
	return http_is_blank(byte); /* behind an element it is no part of it */
}

/* "https:" "//" host "/": only there a name and password may stand, in front of '@'. */
static void follow_url(struct stream *s, uint8_t byte)
{
	switch (s->count) {
	case URL_SCHEME:
		if (byte == ':')
			s->count = URL_COLON;
		else if (byte == '/') /* "//host" leaves out the scheme, but not in a target */
			s->count = s->place == IN_TARGET ? URL_PATH : URL_SLASH;
		return;
	case URL_COLON:
		s->count = byte == '/' ? URL_SLASH : URL_PATH;
		return;
	case URL_SLASH:
		s->count = byte == '/' ? URL_AUTHORITY : URL_PATH;
		return;
	case URL_AUTHORITY:
		if (byte == '/')
			s->count = URL_PATH;
	}
}

/* Of a segment of a path: up to its first semicolon. */
static bool keep_in_path(struct stream *s, uint8_t byte)
{
	bool was_in = s->in_parameter;

	if (byte == '/')
		s->in_parameter = was_in = false;
	else if (byte == ';')
		s->in_parameter = true;
	follow_url(s, byte);
	return !was_in;
}

static bool keep_in_target(struct stream *s, uint8_t byte)
{
	if (byte == ' ') {
		s->place = IN_VERSION;
		s->count = 0;
	} else if (byte == '?' || byte == '#') {
		s->place = IN_QUERY;
		s->sid = byte == '?' ? 0 : SID_OTHER;
	} else {
		return keep_in_path(s, byte);
	}
	return true;
}

static bool keep_in_url(struct stream *s, uint8_t byte)
{
	if (byte == '?' || byte == '#')
		s->place = IN_HIDDEN;
	else if (!http_is_blank(byte))
		return keep_in_path(s, byte);
	return true;
}

/* That there is one is worth knowing; what it says is nobody's business. */
static void look_for_sid(struct stream *s, uint8_t byte)
{
	static const char name[] = "sid=";

	if (byte == '&')
		s->sid = 0;
	else if (s->sid < sizeof(name) - 1 && byte == (uint8_t)name[s->sid])
		s->has_sid |= ++s->sid == sizeof(name) - 1;
	else
		s->sid = SID_OTHER;
}

static bool keep_in_query(struct stream *s, uint8_t byte)
{
	if (byte != ' ') {
		look_for_sid(s, byte);
		return false;
	}
	s->place = IN_VERSION;
	s->count = 0;
	return true;
}

static bool keep(struct stream *s, uint8_t byte)
{
	if (byte == '\n') {
		s->place = AT_LINE_START;
		s->in_parameter = false;
		return true;
	}
	if (byte == '\r')
		return true;
	switch (s->place) {
	case IN_METHOD:
		if (byte == ' ') {
			s->place = IN_TARGET;
			s->count = 0;
		}
		return true;
	case IN_TARGET:
		return keep_in_target(s, byte);
	case IN_QUERY:
		return keep_in_query(s, byte);
	case IN_VERSION:
		return keep_in_version(s, byte);
	case AT_LINE_START:
		return keep_at_line_start(s, byte);
	case IN_NAME:
		return keep_in_name(s, byte);
	case IN_LIST:
		return keep_in_list(s, byte);
	case IN_URL:
	case IN_ORIGIN:
		return keep_in_url(s, byte);
	case IN_HIDDEN:
		return false;
	}
	return true;
}

/*
 * http://user:password@host/: what turns out to have been a password, as far back as this record
 * goes.
 */
static void hide_password(uint8_t *data, uint32_t at)
{
	while (at > 0 && data[at - 1] != '/' && data[at - 1] > ' ')
		data[--at] = '*';
}

static bool in_authority(const struct stream *s)
{
	return (s->place == IN_URL || s->place == IN_ORIGIN || s->place == IN_TARGET) &&
	       s->count == URL_AUTHORITY;
}

/* Nothing but the end of the line matters. Returns where that is, or len. */
static uint32_t pass_line(const struct stream *s, uint8_t *data, uint32_t from, uint32_t len)
{
	const uint8_t *line_feed = memchr(data + from, '\n', len - from);
	uint32_t end = line_feed ? (uint32_t)(line_feed - data) : len;

	for (uint32_t i = from; s->place == IN_HIDDEN && i < end; i++)
		data[i] = data[i] == '\r' ? '\r' : '*';
	return end;
}

static uint32_t pass_name(struct stream *s, const uint8_t *data, uint32_t from, uint32_t len)
{
	uint32_t at = from;

	while (at < len && data[at] > ' ' && data[at] != ':' && s->name_len < sizeof(s->name))
		s->name[s->name_len++] = data[at++];
	return at;
}

/* What keep() would do with the same bytes one by one; most of a head is passed over in this way. */
static uint32_t pass_over(struct stream *s, uint8_t *data, uint32_t from, uint32_t len)
{
	switch (s->place) {
	case IN_NAME:
		return pass_name(s, data, from, len);
	case IN_STATUS_LINE:
	case IN_VALUE:
	case IN_HIDDEN:
		return pass_line(s, data, from, len);
	}
	return from;
}

static void redact_bytes(struct stream *s, uint8_t *data, uint32_t len)
{
	uint32_t list = 0; /* where the list of subprotocols begins, or goes on */

	for (uint32_t i = 0; i < len; i++) {
		bool in_list = s->place == IN_LIST;

		i = pass_over(s, data, i, len);
		if (i == len)
			break;

		if (data[i] == '@' && in_authority(s))
			hide_password(data, i);
		if (!keep(s, data[i]))
			data[i] = '*';
		if (in_list && s->place != IN_LIST)
			redact_words(data + list, i - list);
		if (!in_list && s->place == IN_LIST)
			list = i + 1;
	}
	if (s->place == IN_LIST)
		redact_words(data + list, len - list);
	/* The next record may show that these bytes were a password: later they cannot be hidden. */
	if (in_authority(s) && s->place != IN_ORIGIN)
		hide_password(data, len);
}

/* The reason behind the code; its mask is in the header. */
static void redact_close(void *record, size_t len)
{
	struct wst_frame_event e;
	const uint8_t *key;
	unsigned int from;

	if (len < sizeof(e))
		return;
	memcpy(&e, record, sizeof(e));
	if (e.kind != WST_FRAME_CLOSE || e.len > sizeof(e.data) || e.header_len < 2 ||
	    e.header_len > sizeof(e.header))
		return;
	key = e.header[1] & 0x80 && e.header_len >= 6 ? e.header + e.header_len - 4 : NULL;
	from = e.offset < 2 ? 2u - e.offset : 0;
	if (from >= e.len)
		return;
	for (unsigned int i = 0; key && i < e.len; i++)
		e.data[i] ^= key[(e.offset + i) % 4];
	redact_words(e.data + from, e.len - from);
	for (unsigned int i = 0; key && i < e.len; i++)
		e.data[i] ^= key[(e.offset + i) % 4];
	memcpy(record, &e, sizeof(e));
}

static struct stream *find_stream(struct redactor *r, const struct wst_http_event *e)
{
	struct stream *s = &r->streams[hash_u64(e->h.cookie << 1 | e->direction) & (STREAMS - 1)];
	bool known = s->cookie == e->h.cookie && s->direction == e->direction &&
		     s->head_seq == e->head_seq && s->next == e->offset;

	if (known && e->offset)
		return s;
	memset(s, 0, sizeof(*s));
	s->cookie = e->h.cookie;
	s->direction = e->direction;
	s->head_seq = e->head_seq;
	s->next = e->offset;
	s->place = e->offset ? IN_HIDDEN : e->flags & WST_HTTP_REQUEST ? IN_METHOD : IN_STATUS_LINE;
	return s;
}

void redact_record(struct redactor *r, void *record, size_t len)
{
	struct wst_http_event e; /* all but its data */
	struct stream *s;
	uint8_t *data;

	if (len < sizeof(e.h))
		return;
	memcpy(&e.h, record, sizeof(e.h));
	if (e.h.type == WST_EV_FRAME)
		redact_close(record, len);
	if (e.h.type != WST_EV_HTTP)
		return;
	if (len < sizeof(e) || e.h.size < sizeof(e)) { /* no such record: nothing of it is needed */
		memset((uint8_t *)record + sizeof(e.h), 0, len - sizeof(e.h));
		return;
	}
	memcpy(&e, record, offsetof(struct wst_http_event, data));
	data = (uint8_t *)record + offsetof(struct wst_http_event, data);
	if (e.len > sizeof(e.data) || e.direction > WST_OUT) {
		memset(data, 0, sizeof(e.data));
		return;
	}
	memset(data + e.len, 0, sizeof(e.data) - e.len);
	s = find_stream(r, &e);
	redact_bytes(s, data, e.len);
	s->next += e.len;
	if (s->has_sid)
		e.flags |= WST_HTTP_SID;
	memcpy(record, &e, offsetof(struct wst_http_event, data));
}
