/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* First in, first out, and never more than it may hold. */
#include "test.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "track/record_queue.h"

#define LENGTHS 701 /* of records, whose bytes all are their number */

static void add(struct record_queue *q, unsigned int number)
{
	uint8_t record[LENGTHS];

	memset(record, (int)number, sizeof(record));
	CHECK_EQ(record_queue_add(q, record, 1 + number % LENGTHS), 0);
}

static void take(struct record_queue *q, unsigned int number)
{
	size_t len = 0;
	const uint8_t *record = record_queue_first(q, &len);

	REQUIRE(record);
	CHECK_EQ(len, 1 + number % LENGTHS);
	CHECK_EQ((uintptr_t)record % 8, 0);
	CHECK_EQ(record[0], number & 255);
	CHECK_EQ(record[len - 1], number & 255);
	record_queue_remove_first(q);
}

TEST(record_queue, keeps_the_order)
{
	struct record_queue *q = record_queue_new(4 << 20);
	unsigned int added = 0, taken = 0;
	size_t len;

	REQUIRE(q);
	CHECK(!record_queue_first(q, &len));
	/* three steps forward, two back: it grows over several blocks, and is emptied again */
	while (added < 9000) {
		for (int i = 0; i < 3; i++)
			add(q, added++);
		for (int i = 0; i < 2; i++)
			take(q, taken++);
	}
	while (taken < added)
		take(q, taken++);
	CHECK(!record_queue_first(q, &len));
	for (; added < 9500; added++) {
		add(q, added);
		take(q, taken++);
	}
	CHECK(!record_queue_first(q, &len));
	record_queue_free(q);
}

TEST(record_queue, is_bounded)
{
	static const uint8_t record[1000];
	struct record_queue *q = record_queue_new(1 << 20);
	size_t bytes = 0, len;

	REQUIRE(q);
	while (record_queue_has_room(q, 2 * sizeof(record))) {
		CHECK_EQ(record_queue_add(q, record, sizeof(record)), 0);
		CHECK_EQ(record_queue_add(q, record, sizeof(record)), 0);
		bytes += 2 * sizeof(record);
	}
	CHECK(bytes > 1000000 && bytes < 1400000);
	while (record_queue_add(q, record, sizeof(record)) == 0)
		bytes += sizeof(record);
	CHECK_EQ(record_queue_add(q, record, sizeof(record)), -ENOBUFS);
	CHECK(bytes < 1400000);
	while (record_queue_first(q, &len)) {
		record_queue_remove_first(q);
		bytes -= len;
	}
	CHECK_EQ(bytes, 0);
	CHECK(record_queue_has_room(q, 2 * sizeof(record)));
	CHECK_EQ(record_queue_add(q, record, 1 << 20), -ENOBUFS);
	record_queue_free(q);
	record_queue_free(NULL);
}
