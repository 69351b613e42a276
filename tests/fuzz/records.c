/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "records.h"

#include <string.h>

#include "wstrace/event.h"

#define RECORDS_MAX 256

/* Size of the record at the start of data; all of it when that makes no sense. */
static size_t record_size(const uint8_t *data, size_t size)
{
	struct wst_event h;

	if (size < sizeof(h))
		return size;
	memcpy(&h, data, sizeof(h));
	return h.size < sizeof(h) || h.size > size ? size : h.size;
}

void records_each(const uint8_t *data, size_t size,
		  void (*fn)(void *arg, const uint8_t *record, size_t len), void *arg)
{
	for (size_t at = 0, len; at < size; at += len) {
		len = record_size(data + at, size - at);
		fn(arg, data + at, len);
	}
}

struct record_at {
	size_t at, len;
};

struct records {
	struct record_at items[RECORDS_MAX];
	unsigned int count;
};

static void note_record(struct records *r, size_t at, size_t len)
{
	if (r->count < RECORDS_MAX)
		r->items[r->count++] = (struct record_at){ at, len };
}

static void find_records(struct records *r, const uint8_t *data, size_t size)
{
	r->count = 0;
	for (size_t at = 0, len; at < size; at += len) {
		len = record_size(data + at, size - at);
		note_record(r, at, len);
	}
}

static size_t remove_record(uint8_t *data, size_t size, struct record_at r)
{
	memmove(data + r.at, data + r.at + r.len, size - r.at - r.len);
	return size - r.len;
}

/* Puts a copy of r in front of `before`. */
static size_t repeat_record(uint8_t *data, size_t size, size_t max_size, struct record_at r,
			    size_t before)
{
	uint8_t copy[4096];

	if (r.len > sizeof(copy) || size + r.len > max_size)
		return size;
	memcpy(copy, data + r.at, r.len);
	memmove(data + before + r.len, data + before, size - before);
	memcpy(data + before, copy, r.len);
	return size + r.len;
}

static size_t move_record(uint8_t *data, size_t size, struct record_at r, size_t before)
{
	uint8_t copy[4096];

	if (r.len > sizeof(copy) || (before > r.at && before < r.at + r.len))
		return size;
	memcpy(copy, data + r.at, r.len);
	remove_record(data, size, r);
	if (before > r.at)
		before -= r.len;
	memmove(data + before + r.len, data + before, size - r.len - before);
	memcpy(data + before, copy, r.len);
	return size;
}

/* Anything behind type and size; their bytes stay, so that the rest stays in step. */
static void change_record(uint8_t *data, struct record_at r)
{
	const size_t fixed = 4;

	if (r.len > fixed)
		LLVMFuzzerMutate(data + r.at + fixed, r.len - fixed, r.len - fixed);
}

size_t records_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct records r;
	struct record_at chosen, other;

	find_records(&r, data, size);
	if (!r.count)
		return LLVMFuzzerMutate(data, size, max_size);
	chosen = r.items[seed / 8 % r.count];
	other = r.items[seed / 2048 % r.count];
	switch (seed % 8) {
	case 0:
		return remove_record(data, size, chosen);
	case 1:
		return repeat_record(data, size, max_size, chosen, other.at);
	case 2:
		return move_record(data, size, chosen, other.at);
	default:
		change_record(data, chosen);
		return size;
	}
}
