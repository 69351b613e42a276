/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <string.h>

#include "diagnose/url.h"

TEST(url, parse)
{
	static const struct {
		const char *text, *host, *path;
		uint16_t port;
	} rows[] = {
		{ "https://chat.example", "chat.example", "", 0 },
		{ "https://chat.example:8443/a/b?c", "chat.example", "/a/b?c", 8443 },
		{ "//chat.example/x", "chat.example", "/x", 0 },
		{ "/a//b", "", "/a//b", 0 },
		{ "http://[::1]:3000/x", "[::1]", "/x", 3000 },
		{ "http://[::1]", "[::1]", "", 0 },
		{ "http://user:pw@h:1/", "h", "/", 1 },
		{ "null", "", "", 0 },
		{ "", "", "", 0 },
		{ "http://", "", "", 0 },
		{ "http://[", "[", "", 0 },
		{ "http://@:@/", "", "/", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url url;

		test_note("%s", rows[i].text);
		url_parse(&url, rows[i].text);
		CHECK_STR(url.host, rows[i].host);
		CHECK_STR(url.path, rows[i].path);
		CHECK_EQ(url.port, rows[i].port);
	}
}

TEST(url, authority)
{
	struct url url;

	url_parse_authority(&url, "chat.example:8080");
	CHECK_STR(url.host, "chat.example");
	CHECK_EQ(url.port, 8080);
	url_parse_authority(&url, "[fd00::1]");
	CHECK_STR(url.host, "[fd00::1]");
	CHECK_EQ(url.port, 0);
}

TEST(url, long_host_is_cut)
{
	char text[600] = "//";
	struct url url;

	memset(text + 2, 'a', sizeof(text) - 3);
	url_parse(&url, text);
	CHECK_EQ(strlen(url.host), sizeof(url.host) - 1);
}

TEST(url, paths)
{
	CHECK(url_same_path("/a", "/a/"));
	CHECK(url_same_path("/a/?x=1", "/a"));
	CHECK(url_same_path("", "/"));
	CHECK(!url_same_path("/a", "/ab"));
	CHECK(!url_same_path("/a", "/b"));
}

TEST(url, logins)
{
	CHECK(url_is_login("/LOGIN?next=x"));
	CHECK(url_is_login("https://auth.example/"));
	CHECK(url_is_login("https://x/oauth2/start"));
	CHECK(!url_is_login("https://author.example/blog"));
	CHECK(!url_is_login("/chat/"));
	CHECK(!url_is_login(""));
}
