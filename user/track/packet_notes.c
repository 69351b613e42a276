/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/packet_notes.h"

#include <stdlib.h>
#include <string.h>

#include "track/hash.h"

#define NOTES 4096 /* a power of two; the oldest is overwritten */

/*
 * Linux gives up connecting after 127 s (tcp_syn_retries 6). Older notes are about an earlier user
 * of these ports.
 */
#define NOTE_AGE_NS 180000000000ull

/* Two records of one moment may differ by this much in either direction. */
#define CLOCK_SLACK_NS 1000000ull

struct packet_note {
	bool used, is_backlog;
	uint32_t hash; /* of the ports, for both directions of a tuple the same */
	uint32_t next; /* in its bucket, from 1 */
	union {
		struct wst_drop_event drop;
		struct wst_backlog_event backlog;
	};
};

struct packet_notes {
	struct packet_note notes[NOTES];
	uint32_t buckets[NOTES]; /* index of a note, from 1 */
	uint32_t written;
};

struct packet_notes *packet_notes_new(void)
{
	return calloc(1, sizeof(struct packet_notes));
}

void packet_notes_free(struct packet_notes *n)
{
	free(n);
}

static uint32_t hash_of(const struct wst_tuple *t)
{
	uint32_t low = t->local_port < t->remote_port ? t->local_port : t->remote_port;
	uint32_t high = t->local_port < t->remote_port ? t->remote_port : t->local_port;

	return hash_u64((uint64_t)high << 16 | low) & (NOTES - 1);
}

static struct packet_note *take_slot(struct packet_notes *n, const struct wst_tuple *tuple)
{
	uint32_t index = n->written++ % NOTES;
	struct packet_note *note = &n->notes[index];

	if (note->used) {
		uint32_t *at = &n->buckets[note->hash];

		while (*at != index + 1)
			at = &n->notes[*at - 1].next;
		*at = note->next;
	}
	note->used = true;
	note->hash = hash_of(tuple);
	note->next = n->buckets[note->hash];
	n->buckets[note->hash] = index + 1;
	return note;
}

void packet_notes_add_drop(struct packet_notes *n, const struct wst_drop_event *event)
{
	struct packet_note *note = take_slot(n, &event->tuple);

	note->is_backlog = false;
	note->drop = *event;
}

void packet_notes_add_backlog(struct packet_notes *n, const struct wst_backlog_event *event)
{
	struct packet_note *note = take_slot(n, &event->tuple);

	note->is_backlog = true;
	note->backlog = *event;
}

/*
 * Not about an earlier user of these ports. connect() comes before its first SYN; an accepting
 * socket is made by the SYN that got through, after those that did not.
 */
static bool is_fresh(const struct conn *c, uint64_t ts_ns)
{
	if (c->connect_ns && !(c->open_flags & WST_OPEN_PASSIVE))
		return ts_ns + CLOCK_SLACK_NS > c->connect_ns;
	return ts_ns + NOTE_AGE_NS > c->first_seen_ns;
}

void packet_notes_give(const struct packet_notes *n, struct conn *c)
{
	const struct packet_note *note;
	unsigned int looked_at = 0;

	for (uint32_t i = n->buckets[hash_of(&c->tuple)]; i && looked_at < 256; i = note->next) {
		note = &n->notes[i - 1];
		looked_at++;
		if (note->is_backlog) {
			if (conn_owns_packet(c, &note->backlog.tuple) &&
			    is_fresh(c, note->backlog.h.ts_ns))
				conn_note_backlog(c, &note->backlog);
		} else if (conn_owns_packet(c, &note->drop.tuple) &&
			   is_fresh(c, note->drop.h.ts_ns)) {
			conn_note_drop(c, &note->drop);
		}
	}
}
