/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Chunks -> heads -> fields. */
#include "track/handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "track/handshake_head.h"

struct http_head {
	uint32_t seq; /* sequence number of the first byte */
	uint32_t have, room;
	uint64_t ts_ns; /* of the first chunk */
	bool has_sid, body_names_session;
	struct interns *lender; /* of its memory; NULL: none is lent */
	uint32_t lent;
	uint8_t bytes[];
};

static int grow(struct http_head **head, uint32_t need)
{
	uint32_t room = *head ? (*head)->room : 0;
	struct http_head *bigger;

	if (*head && need <= room)
		return 0;
	room = room ? room : 2 * WST_HTTP_CHUNK_BYTES;
	while (room < need)
		room *= 2;
	bigger = realloc(*head, sizeof(*bigger) + room);
	if (!bigger)
		return -ENOMEM;
	if (!*head) {
		bigger->lender = NULL;
		bigger->lent = 0;
	}
	bigger->room = room;
	*head = bigger;
	return 0;
}

void handshake_init(struct handshake *hs)
{
	for (int i = 0; i < HANDSHAKE_TEXTS; i++)
		hs->texts[i] = intern_no_text;
}

void handshake_copy(struct handshake *to, const struct handshake *from)
{
	*to = *from;
	to->partial[WST_IN] = to->partial[WST_OUT] = NULL;
	for (int i = 0; i < HANDSHAKE_TEXTS; i++)
		intern_text_again(to->texts[i]);
}

static void release_texts(struct handshake *hs)
{
	for (int i = 0; i < HANDSHAKE_TEXTS; i++)
		intern_text_release(hs->texts[i]);
	handshake_init(hs);
}

/* What waits for more takes part in what all of them may hold. False: there is no room. */
static bool may_wait(struct http_head *head, struct interns *texts)
{
	uint32_t bytes = (uint32_t)sizeof(*head) + head->room;

	if (head->lent == bytes)
		return true;
	if (!interns_lend(texts, bytes - head->lent))
		return false;
	head->lender = texts;
	head->lent = bytes;
	return true;
}

static void drop_partial(struct handshake *hs, unsigned int direction)
{
	struct http_head *head = hs->partial[direction];

	if (head && head->lender)
		interns_return(head->lender, head->lent);
	free(head);
	hs->partial[direction] = NULL;
}

/* Takes over what was read; the heads under way are no part of it. */
static void replace_request(struct handshake *hs, const struct handshake *fresh)
{
	struct http_head *partial[2] = { hs->partial[WST_IN], hs->partial[WST_OUT] };

	release_texts(hs);
	*hs = *fresh;
	hs->partial[WST_IN] = partial[WST_IN];
	hs->partial[WST_OUT] = partial[WST_OUT];
}

static int finish_request(struct handshake *hs, unsigned int direction, bool cut,
			  struct interns *texts)
{
	const struct http_head *head = hs->partial[direction];
	struct handshake fresh = { 0 };

	if (hs->response_seen && hs->status == 101)
		return HANDSHAKE_IGNORED; /* switched protocols: this is no HTTP any more */
	handshake_init(&fresh);
	if (!handshake_read_request(&fresh, head->bytes, head->have, texts)) {
		hs->other_request = true;
		return HANDSHAKE_IGNORED;
	}
	fresh.request_cut = cut;
	fresh.has_sid = head->has_sid;
	fresh.request_direction = (uint8_t)direction;
	fresh.request_ns = head->ts_ns;
	fresh.request_seq = head->seq;
	replace_request(hs, &fresh);
	return HANDSHAKE_REQUEST;
}

static bool expects_response(const struct handshake *hs, unsigned int direction)
{
	if (hs->response_seen || hs->other_request)
		return false;
	return !hs->request_seen || hs->request_direction != direction;
}

static int finish_response(struct handshake *hs, unsigned int direction, struct interns *texts)
{
	const struct http_head *head = hs->partial[direction];

	if (!expects_response(hs, direction) ||
	    !handshake_read_response(hs, head->bytes, head->have, texts))
		return HANDSHAKE_IGNORED;
	hs->body_names_session = head->body_names_session;
	hs->response_ns = head->ts_ns;
	hs->response_seq = head->seq;
	if (!hs->request_seen)
		hs->request_direction = !direction;
	return HANDSHAKE_RESPONSE;
}

static int finish(struct handshake *hs, unsigned int direction, bool response, bool cut,
		  struct interns *texts)
{
	int step = response ? finish_response(hs, direction, texts) :
			      finish_request(hs, direction, cut, texts);

	drop_partial(hs, direction);
	return step;
}

/*
 * The kernel side sends each head once, but a ring buffer read twice or a hostile recording may
 * not.
 */
static bool is_known(const struct handshake *hs, const struct wst_http_event *event)
{
	if (event->flags & WST_HTTP_REQUEST)
		return hs->request_seen && hs->request_seq == event->head_seq &&
		       hs->request_direction == event->direction;
	return hs->response_seen && hs->response_seq == event->head_seq &&
	       hs->request_direction != event->direction;
}

/*
 * 0 when the chunk belongs to a head under way, which it may have begun; else enum handshake_step
 * or -ENOMEM.
 */
static int begin(struct handshake *hs, const struct wst_http_event *event)
{
	struct http_head **head = &hs->partial[event->direction];

	if (*head && (*head)->seq == event->head_seq)
		return 0;
	if (event->offset || is_known(hs, event))
		return HANDSHAKE_IGNORED;
	drop_partial(hs, event->direction);
	if (grow(head, event->len))
		return -ENOMEM;
	(*head)->seq = event->head_seq;
	(*head)->have = 0;
	(*head)->has_sid = (*head)->body_names_session = false;
	(*head)->ts_ns = event->h.ts_ns;
	return 0;
}

/*
 * Whether the bytes from `from` on end the head: the empty line may have begun three bytes before.
 */
static bool ends_head(const struct http_head *head, uint32_t from)
{
	const uint8_t *at = head->bytes + (from > 3 ? from - 3 : 0),
		      *end = head->bytes + head->have;

	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		if (at < end && *at == '\n')
			return true;
		if (at + 1 < end && at[0] == '\r' && at[1] == '\n')
			return true;
	}
	return false;
}

static bool event_makes_sense(const struct wst_http_event *event)
{
	unsigned int kind = event->flags & (WST_HTTP_REQUEST | WST_HTTP_RESPONSE);

	return event->h.size >= sizeof(*event) && event->direction <= WST_OUT &&
	       (kind == WST_HTTP_REQUEST || kind == WST_HTTP_RESPONSE) &&
	       event->len <= WST_HTTP_CHUNK_BYTES && event->offset <= WST_HTTP_HEAD_BYTES;
}

int handshake_add(struct handshake *hs, const struct wst_http_event *event, struct interns *texts)
{
	bool response = event->flags & WST_HTTP_RESPONSE;
	unsigned int direction = event->direction;
	struct http_head *head;
	uint32_t end, had;
	int step;

	if (!event_makes_sense(event))
		return -EINVAL;
	step = begin(hs, event);
	if (step)
		return step;
	if (event->flags & WST_HTTP_SID)
		hs->partial[direction]->has_sid = true;
	if (event->flags & WST_HTTP_SESSION_BODY)
		hs->partial[direction]->body_names_session = true;
	had = hs->partial[direction]->have;
	if (event->offset > had) /* a chunk was lost: what came before it decides */
		return finish(hs, direction, response, true, texts);
	end = event->offset + event->len;
	if (end > had) {
		if (grow(&hs->partial[direction], end))
			return -ENOMEM;
		head = hs->partial[direction];
		memcpy(head->bytes + had, event->data + (had - event->offset), end - had);
		head->have = end;
		if (ends_head(head, had))
			return finish(hs, direction, response, false, texts);
	}
	if (event->flags & (WST_HTTP_LAST | WST_HTTP_CUT) ||
	    !may_wait(hs->partial[direction], texts))
		return finish(hs, direction, response, true, texts);
	return HANDSHAKE_MORE;
}

int handshake_finish(struct handshake *hs, bool requests, struct interns *texts)
{
	int step = HANDSHAKE_MORE, result = HANDSHAKE_MORE;

	for (unsigned int direction = WST_IN; direction <= WST_OUT; direction++) {
		const struct http_head *head = hs->partial[direction];
		bool response;

		if (!head)
			continue;
		response = handshake_is_response(head->bytes, head->have);
		if (!response && !requests) {
			drop_partial(hs, direction);
			continue;
		}
		step = finish(hs, direction, response, true, texts);
		if (step != HANDSHAKE_IGNORED)
			result = step;
	}
	return result;
}

void handshake_release(struct handshake *hs)
{
	drop_partial(hs, WST_IN);
	drop_partial(hs, WST_OUT);
	release_texts(hs);
}
