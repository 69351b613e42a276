/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads an HTTP/1.x head, whole or partial, line by line: the opening handshake of RFC 6455,
 * section 4. Pure, allocates nothing; spans point into the caller's buffer. Every reader returns
 *
 * 	> 0		bytes consumed
 * 	HTTP_PARTIAL	what is there may be the start of a line, more bytes are needed
 * 	HTTP_INVALID	no bytes that may follow can make it one
 *
 * Lenient where servers are: LF alone ends a line, any byte may stand in a value. What a server
 * took must be seen here too.
 */
#ifndef WSTRACE_HTTP_UPGRADE_H
#define WSTRACE_HTTP_UPGRADE_H

#include "wstrace/types.h"

#define HTTP_PARTIAL (-1)
#define HTTP_INVALID (-2)

struct http_span {
	const __u8 *at;
	__u32 len;
};

struct http_start {
	struct http_span method, target; /* of a request; empty in a response */
	__u16 status; /* of a response; 0 in a request */
	__u8 minor; /* HTTP/1.minor */
};

enum http_line {
	HTTP_LINE_FIELD = 0,
	HTTP_LINE_FOLD, /* continues the line before (obs-fold, RFC 9112, 5.2); name is empty */
	HTTP_LINE_END, /* the empty line */
};

struct http_field {
	struct http_span name, value; /* value without the white space around it */
	__u8 line; /* enum http_line */
};

/* Headers that say something about a handshake. */
enum http_name {
	HTTP_OTHER = 0,
	HTTP_HOST,
	HTTP_ORIGIN,
	HTTP_UPGRADE,
	HTTP_CONNECTION,
	HTTP_USER_AGENT,
	HTTP_WS_KEY,
	HTTP_WS_VERSION,
	HTTP_WS_PROTOCOL,
	HTTP_WS_EXTENSIONS,
	HTTP_WS_ACCEPT,
	HTTP_SERVER,
	HTTP_LOCATION,
	HTTP_CONTENT_TYPE,
};

static __always_inline __u8 http_lower(__u8 c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static __always_inline int http_is_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

/* Whether the span is the word, in any case. The word is in lower case. */
static __always_inline int http_span_is(struct http_span s, const char *word)
{
	__u32 i;

	for (i = 0; i < s.len; i++)
		if (!word[i] || http_lower(s.at[i]) != (__u8)word[i])
			return 0;
	return !word[i];
}

static __always_inline struct http_span http_trim(struct http_span s)
{
	while (s.len && http_is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && http_is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Cuts the next element off a comma-separated list, trimmed. 0 when the list is used up. */
static __always_inline int http_list_next(struct http_span *list, struct http_span *ret)
{
	__u32 i = 0;

	if (!list->len)
		return 0;
	while (i < list->len && list->at[i] != ',')
		i++;
	*ret = http_trim((struct http_span){ list->at, i });
	i += i < list->len;
	list->at += i;
	list->len -= i;
	return 1;
}

/*
 * Whether an element of the list is the word, parameters (";...") aside. The word is in lower case.
 */
static __always_inline int http_list_has(struct http_span list, const char *word)
{
	struct http_span element;

	while (http_list_next(&list, &element)) {
		__u32 i = 0;

		while (i < element.len && element.at[i] != ';')
			i++;
		element.len = i;
		if (http_span_is(http_trim(element), word))
			return 1;
	}
	return 0;
}

/* Length of the line in front, with its LF, or HTTP_PARTIAL. ret is the line without CR LF. */
static __always_inline int http_line_split(const __u8 *buf, __u32 len, struct http_span *ret)
{
	__u32 i = 0;

	while (i < len && buf[i] != '\n')
		i++;
	if (i == len)
		return HTTP_PARTIAL;
	ret->at = buf;
	ret->len = i && buf[i - 1] == '\r' ? i - 1 : i;
	return (int)i + 1;
}

/* Compares what is there of a fixed start. 1: all of it is there, 0: so far. */
static __always_inline int http_starts(const __u8 *buf, __u32 len, const char *start)
{
	__u32 i;

	for (i = 0; start[i]; i++) {
		if (i >= len)
			return 0;
		if (buf[i] != (__u8)start[i])
			return HTTP_INVALID;
	}
	return 1;
}

static __always_inline int http_is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 101 Switching Protocols" */
static __always_inline int http_read_status(struct http_span line, struct http_start *ret)
{
	const __u8 *at = line.at;

	/* the reason, and the space before it, may be missing */
	if (line.len < 12 || (line.len > 12 && at[12] != ' '))
		return 0;
	if (http_starts(at, 7, "HTTP/1.") != 1 || !http_is_digit(at[7]) || at[8] != ' ')
		return 0;
	if (!http_is_digit(at[9]) || !http_is_digit(at[10]) || !http_is_digit(at[11]))
		return 0;
	ret->minor = at[7] - '0';
	ret->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
	return ret->status != 0;
}

/* "GET /chat?room=1 HTTP/1.1" */
static __always_inline int http_read_request(struct http_span line, struct http_start *ret)
{
	__u32 method = 0, target = line.len;

	while (method < line.len && line.at[method] != ' ')
		method++;
	while (target > method && line.at[target - 1] != ' ')
		target--;
	/* now line.at[target] is behind the last space; "M T HTTP/1.x" has two */
	if (!method || target < method + 3 || line.len - target != 8)
		return 0;
	if (http_starts(line.at + target, 7, "HTTP/1.") != 1 || !http_is_digit(line.at[target + 7]))
		return 0;
	ret->method = (struct http_span){ line.at, method };
	ret->target = http_trim((struct http_span){ line.at + method + 1, target - method - 2 });
	ret->minor = line.at[target + 7] - '0';
	return ret->target.len != 0;
}

/* Methods are upper case (RFC 9110, 9.1): tells text from binary at the first byte. */
static __always_inline int http_may_be_request(const __u8 *buf, __u32 len)
{
	__u32 i;

	for (i = 0; i < len && i < 20; i++) {
		if (buf[i] == ' ')
			return i > 0;
		if ((buf[i] < 'A' || buf[i] > 'Z') && buf[i] != '-' && buf[i] != '_')
			return 0;
	}
	return i < 20;
}

/* The first line of a request or response. */
static __always_inline int http_read_start(const __u8 *buf, __u32 len, struct http_start *ret)
{
	int response = http_starts(buf, len, "HTTP/1.");
	struct http_span line;
	int used;

	wst_memset(ret, 0, sizeof(*ret));
	if (response == HTTP_INVALID && !http_may_be_request(buf, len))
		return HTTP_INVALID;
	used = http_line_split(buf, len, &line);
	if (used < 0)
		return used;
	if (response == 1 ? http_read_status(line, ret) : http_read_request(line, ret))
		return used;
	return HTTP_INVALID;
}

/*
 * One line behind the first. A line that is no header is invalid, but its length is known: see
 * http_skip_line().
 */
static __always_inline int http_read_field(const __u8 *buf, __u32 len, struct http_field *ret)
{
	struct http_span line;
	int used = http_line_split(buf, len, &line);
	__u32 colon = 0;

	wst_memset(ret, 0, sizeof(*ret));
	if (used < 0)
		return used;
	ret->value = http_trim(line);
	if (!line.len) {
		ret->line = HTTP_LINE_END;
		return used;
	}
	if (http_is_blank(line.at[0])) {
		ret->line = HTTP_LINE_FOLD;
		return used;
	}
	while (colon < line.len && line.at[colon] != ':' && line.at[colon] > ' ')
		colon++;
	if (!colon || colon == line.len || line.at[colon] != ':')
		return HTTP_INVALID;
	ret->name = (struct http_span){ line.at, colon };
	ret->value = http_trim((struct http_span){ line.at + colon + 1, line.len - colon - 1 });
	return used;
}

/* Passes over a line, whatever it says. > 0 or HTTP_PARTIAL. */
static __always_inline int http_skip_line(const __u8 *buf, __u32 len)
{
	struct http_span line;

	return http_line_split(buf, len, &line);
}

/* Length of the whole head with its empty line. */
static __always_inline int http_head_len(const __u8 *buf, __u32 len)
{
	struct http_start start;
	struct http_field field;
	int used = http_read_start(buf, len, &start);
	__u32 at;

	if (used < 0)
		return used;
	for (at = (__u32)used; at < len; at += (__u32)used) {
		used = http_read_field(buf + at, len - at, &field);
		if (used == HTTP_INVALID)
			used = http_skip_line(buf + at, len - at);
		if (used < 0)
			return used;
		if (field.line == HTTP_LINE_END)
			return (int)at + used;
	}
	return HTTP_PARTIAL;
}

/* The path of a request target or URL: no query, no fragment, no scheme, host or password. */
static __always_inline struct http_span http_path_of(struct http_span target)
{
	__u32 i, start = 0, slashes = 0;

	for (i = 0; i < target.len && target.at[i] != '?' && target.at[i] != '#'; i++)
		;
	target.len = i;
	if (!target.len || target.at[0] == '/' || target.at[0] == '*')
		return target;
	/* absolute form, as proxies get it: http://host/path */
	for (i = 0; i < target.len && slashes < 3; i++) {
		slashes += target.at[i] == '/';
		start = i;
	}
	if (slashes < 3)
		return (struct http_span){ (const __u8 *)"/", slashes == 2 };
	return (struct http_span){ target.at + start, target.len - start };
}

static __always_inline enum http_name http_name_of(struct http_span name)
{
	/* told apart by length first: a head has many names and few of them matter */
	switch (name.len) {
	case 4:
		return http_span_is(name, "host") ? HTTP_HOST : HTTP_OTHER;
	case 6:
		return http_span_is(name, "origin") ? HTTP_ORIGIN :
		       http_span_is(name, "server") ? HTTP_SERVER :
						      HTTP_OTHER;
	case 7:
		return http_span_is(name, "upgrade") ? HTTP_UPGRADE : HTTP_OTHER;
	case 8:
		return http_span_is(name, "location") ? HTTP_LOCATION : HTTP_OTHER;
	case 10:
		return http_span_is(name, "connection") ? HTTP_CONNECTION :
		       http_span_is(name, "user-agent") ? HTTP_USER_AGENT :
							  HTTP_OTHER;
	case 12:
		return http_span_is(name, "content-type") ? HTTP_CONTENT_TYPE : HTTP_OTHER;
	case 17:
		return http_span_is(name, "sec-websocket-key") ? HTTP_WS_KEY : HTTP_OTHER;
	case 20:
		return http_span_is(name, "sec-websocket-accept") ? HTTP_WS_ACCEPT : HTTP_OTHER;
	case 21:
		return http_span_is(name, "sec-websocket-version") ? HTTP_WS_VERSION : HTTP_OTHER;
	case 22:
		return http_span_is(name, "sec-websocket-protocol") ? HTTP_WS_PROTOCOL : HTTP_OTHER;
	case 24:
		return http_span_is(name, "sec-websocket-extensions") ? HTTP_WS_EXTENSIONS :
									HTTP_OTHER;
	}
	return HTTP_OTHER;
}

#endif
