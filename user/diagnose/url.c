/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void set_host(struct url *url, const char *host, size_t len)
{
	if (len >= sizeof(url->host))
		len = sizeof(url->host) - 1;
	memcpy(url->host, host, len);
	url->host[len] = '\0';
}

void url_parse_authority(struct url *ret, const char *text)
{
	size_t len = strcspn(text, "/?#"), host_len = len;
	const char *at = memchr(text, '@', len), *colon;

	memset(ret, 0, sizeof(*ret));
	ret->path = text + len;
	if (at) {
		host_len = len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	/* [::1]:80: the colon that counts is the one after the bracket. */
	colon = text[0] == '[' ? memchr(text, ']', len) : NULL;
	colon = memchr(colon ? colon : text, ':', len - (size_t)((colon ? colon : text) - text));
	if (colon) {
		host_len = (size_t)(colon - text);
		ret->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	}
	set_host(ret, text, host_len);
}

void url_parse(struct url *ret, const char *text)
{
	const char *authority = strstr(text, "//");

	if (authority && (authority == text || authority[-1] == ':')) {
		url_parse_authority(ret, authority + 2);
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->path = text[0] == '/' ? text : "";
}

static const char *without_www(const char *host)
{
	return strncasecmp(host, "www.", 4) == 0 ? host + 4 : host;
}

bool url_same_site(const struct url *a, const struct url *b)
{
	return strcasecmp(without_www(a->host), without_www(b->host)) == 0;
}

static size_t path_length(const char *path)
{
	size_t len = strcspn(path, "?#");

	while (len && path[len - 1] == '/')
		len--;
	return len;
}

bool url_same_path(const char *a, const char *b)
{
	size_t len = path_length(a);

	return len == path_length(b) && strncmp(a, b, len) == 0;
}

/* Words that are part of others ("author") have to end where they end. */
struct login_word {
	const char *text;
	bool whole;
};

static const struct login_word login_words[] = {
	{ "login", false },   { "signin", false },    { "sign-in", false },
	{ "sign_in", false }, { "oauth", false },     { "openid", false },
	{ "saml", false },    { "authorize", false }, { "authenticate", false },
	{ "/auth", true },    { "/sso", true },
};

bool url_is_login(const char *text)
{
	for (; *text; text++)
		for (size_t i = 0; i < sizeof(login_words) / sizeof(login_words[0]); i++) {
			const struct login_word *word = &login_words[i];
			size_t len = strlen(word->text);

			if (strncasecmp(text, word->text, len) == 0 &&
			    !(word->whole && isalnum((unsigned char)text[len])))
				return true;
		}
	return false;
}
