/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "diagnose/close_code.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/template.h"

TEST(format, addresses)
{
	const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 198, 18, 0, 1 };
	const uint8_t v6[16] = { 0xfd, [15] = 1 };
	char address[FORMAT_ADDRESS], endpoint[FORMAT_ENDPOINT];
	uint8_t longest[16];

	CHECK_STR(format_address(address, v4), "198.18.0.1");
	CHECK_STR(format_address(address, v6), "fd00::1");
	CHECK_STR(format_endpoint(endpoint, v4, 80), "198.18.0.1:80");
	CHECK_STR(format_endpoint(endpoint, v6, 65535), "[fd00::1]:65535");
	memset(longest, 0xaa, sizeof(longest));
	CHECK_STR(format_endpoint(endpoint, longest, 12345),
		  "[aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa]:12345");
}

TEST(format, durations)
{
	char d[FORMAT_DURATION];

	CHECK_STR(format_duration(d, 0), "0 us");
	CHECK_STR(format_duration(d, 412000), "412 us");
	CHECK_STR(format_duration(d, 83100000), "83.1 ms");
	CHECK_STR(format_duration(d, 3200000000ull), "3.2 s");
	CHECK_STR(format_duration(d, 125000000000ull), "2 min 5 s");
	CHECK_STR(format_duration(d, 25920000000000ull), "7 h 12 min");
	CHECK_STR(format_duration(d, UINT64_MAX), "5124095 h 34 min");
}

TEST(format, bytes)
{
	char b[FORMAT_BYTES];

	CHECK_STR(format_bytes(b, 0), "0 bytes");
	CHECK_STR(format_bytes(b, 1), "1 byte");
	CHECK_STR(format_bytes(b, 1572864), "1572864 bytes (1.5 MiB)");
	CHECK_STR(format_bytes(b, UINT64_MAX), "18446744073709551615 bytes (17592186044415.9 MiB)");
}

TEST(format, hex_is_cut_to_whole_bytes)
{
	const uint8_t bytes[] = { 0xc1, 0x85, 0x00 };
	char dst[9];

	CHECK_STR(format_hex(dst, sizeof(dst), bytes, 3), "c1 85 00");
	CHECK_STR(format_hex(dst, 8, bytes, 3), "c1 85");
	CHECK_STR(format_hex(dst, sizeof(dst), bytes, 0), "");
}

TEST(format, subprotocols)
{
	char dst[64], small[8];

	CHECK_STR(format_subprotocols(dst, sizeof(dst), "chat.v1,chat.v2"), "chat.v1, chat.v2");
	CHECK_STR(format_subprotocols(dst, sizeof(dst), ""), "");
	CHECK_STR(format_subprotocols(dst, sizeof(dst), " , "), "");
	CHECK_STR(format_subprotocols(dst, sizeof(dst), "x.Bearer.y"), "(hidden)");
	CHECK_STR(format_subprotocols(
			  dst, sizeof(dst),
			  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0"),
		  "(hidden)");
	CHECK_STR(format_subprotocols(small, sizeof(small), "chat.v1,chat.v2"), "chat.v1");
}

TEST(names, known_and_unknown)
{
	CHECK_STR(name_of_errno(ECONNRESET), "ECONNRESET");
	CHECK_STR(name_of_errno(9999), "errno");
	CHECK_STR(name_of_signal(SIGKILL), "SIGKILL");
	CHECK_STR(name_of_signal(64), "signal");
	CHECK_STR(name_of_tls_alert(48), "unknown_ca");
	CHECK_STR(name_of_tls_alert(200), "unknown_alert");
	CHECK_STR(name_of_tcp_state(4), "FIN_WAIT1");
	CHECK_STR(name_of_tcp_state(12), "NEW_SYN_RECV");
	CHECK_STR(name_of_tcp_state(255), "UNKNOWN");
	CHECK(name_of_category(CATEGORY_NONE) == NULL);
}

TEST(close_code, ranges)
{
	CHECK_STR(close_code_name(1006), "Abnormal Closure");
	CHECK_STR(close_code_name(1099), "unassigned");
	CHECK_STR(close_code_name(3999), "library or framework code");
	CHECK_STR(close_code_name(4000), "private application code");
	CHECK_STR(close_code_name(5000), "not a close code");
	CHECK_STR(close_code_name(0), "not a close code");
	CHECK(close_code_is_legal(1000) && close_code_is_legal(1014) && close_code_is_legal(4999));
	CHECK(!close_code_is_legal(999) && !close_code_is_legal(1004) && !close_code_is_legal(1005));
	CHECK(!close_code_is_legal(1006) && !close_code_is_legal(1015));
	CHECK(!close_code_is_legal(1016) && !close_code_is_legal(2999) &&
	      !close_code_is_legal(5000));
}

TEST(template, without_facts)
{
	char dst[64];

	template_render(dst, sizeof(dst), "{who} said {nothing} to {peer", NULL);
	CHECK_STR(dst, "the process said {nothing} to {peer");
	template_render(dst, 8, "{who} said", NULL);
	CHECK_STR(dst, "the pro");
	template_render(dst, 1, "{who} said", NULL);
	CHECK_STR(dst, "");
	CHECK(template_check("{who} {} { x }"));
	CHECK(!template_check("{whoever}"));
	CHECK(!template_check("{who"));
}
