/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Just enough of URLs to compare Origin, Host and Location. Pure. */
#ifndef DIAGNOSE_URL_H
#define DIAGNOSE_URL_H

#include <stdbool.h>
#include <stdint.h>

struct url {
	char host[256]; /* empty: relative, or not a URL */
	uint16_t port; /* 0: not given */
	const char *path; /* into the text; "" if there is none */
};

/* scheme://host[:port]/path, //host/path or /path */
void url_parse(struct url *ret, const char *text);
/* host[:port], as in a Host header */
void url_parse_authority(struct url *ret, const char *text);
/* Same host, whatever the case and a leading "www." */
bool url_same_site(const struct url *a, const struct url *b);
/* Same path, whatever the trailing slash. */
bool url_same_path(const char *a, const char *b);
/* Does it look like a page where one signs in? */
bool url_is_login(const char *text);

#endif
