/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the segments of one socket say of the path. */
#include "test.h"

#include "wstrace/tcp_path.h"

#define MS 1000000ull
#define SEQ 0xffffff00u /* wraps soon */

TEST(tcp_path, busy_while_data_is_in_flight)
{
	struct tcp_path p = { 0 };

	CHECK(!tcp_path_in_flight(&p));
	tcp_path_sent(&p, SEQ, 100, 100, 10);
	tcp_path_sent(&p, SEQ + 100, 300, 100, 20);
	CHECK(tcp_path_in_flight(&p));
	CHECK_EQ(p.busy_since_ns, 10);
	tcp_path_acked(&p, SEQ + 100, 500, 30);
	CHECK(tcp_path_in_flight(&p));
	tcp_path_acked(&p, SEQ + 400, 500, 40);
	CHECK(!tcp_path_in_flight(&p));
	/* an old ACK changes nothing; new data begins anew */
	tcp_path_acked(&p, SEQ + 100, 500, 50);
	CHECK(!tcp_path_in_flight(&p));
	tcp_path_sent(&p, SEQ + 400, 1, 1, 60);
	CHECK_EQ(p.busy_since_ns, 60);
	/* sent again */
	tcp_path_sent(&p, SEQ + 400, 1, 1, 70);
	CHECK_EQ(p.busy_since_ns, 60);
}

TEST(tcp_path, largest_segment_that_passed)
{
	struct tcp_path p = { 0 };

	tcp_path_sent(&p, SEQ, 200, 200, 1);
	CHECK_EQ(p.largest_acked, 0);
	tcp_path_acked(&p, SEQ + 200, 500, 2);
	CHECK_EQ(p.largest_acked, 200);
	/* one write, cut by the card: its first segment counts */
	tcp_path_sent(&p, SEQ + 200, 5000, 1448, 3);
	tcp_path_acked(&p, SEQ + 1000, 500, 4);
	CHECK_EQ(p.largest_acked, 200);
	/* smaller ones meanwhile do not replace the one that is waited for */
	tcp_path_sent(&p, SEQ + 5200, 900, 900, 5);
	CHECK_EQ(p.probe_len, 1448);
	tcp_path_acked(&p, SEQ + 200 + 1448, 500, 6);
	CHECK_EQ(p.largest_acked, 1448);
}

TEST(tcp_path, window)
{
	struct tcp_path p = { 0 };

	tcp_path_acked(&p, SEQ, 0, 100);
	CHECK_EQ(p.zero_since_ns, 100);
	tcp_path_acked(&p, SEQ, 0, 200);
	CHECK_EQ(p.zero_since_ns, 100);
	tcp_path_acked(&p, SEQ, 1, 100 + 200 * MS);
	CHECK_EQ(p.zero_since_ns, 0);
	CHECK_EQ(p.zero_total_ms, 200);
	tcp_path_acked(&p, SEQ, 0, 400 * MS);
	tcp_path_acked(&p, SEQ, 9, 450 * MS);
	CHECK_EQ(p.zero_total_ms, 250);
}
