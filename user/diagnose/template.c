/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/template.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "diagnose/facts.h"
#include "diagnose/format.h"
#include "diagnose/names.h"

#define WORD_BYTES 192

struct word {
	const char *name;
	const char *generic; /* what `explain` prints */
	void (*fill)(char dst[WORD_BYTES], const struct facts *f);
};

static void fill_who(char dst[WORD_BYTES], const struct facts *f)
{
	facts_name_ender(dst, f);
}

/* Only client, proxy and server are parties: "the unknown stopped" helps nobody. */
static enum initiator party_of(const struct facts *f)
{
	if (f->closer.party != BY_UNKNOWN)
		return f->closer.party;
	/* The kernel of this end gave up on the other one. */
	if (f->end.how == ENDED_TIMEOUT || f->end.how == ENDED_ERROR)
		return facts_owner(f->session, (unsigned int)f->end.leg);
	return f->end.by == BY_CLIENT || f->end.by == BY_PROXY ? f->end.by : BY_SERVER;
}

static void fill_party(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s", name_of_initiator(party_of(f)));
}

static void fill_peer(char dst[WORD_BYTES], const struct facts *f)
{
	enum initiator peer = party_of(f) == BY_CLIENT ? BY_SERVER : BY_CLIENT;

	/* Who fell silent is at the other end of this very connection, which may be a proxy. */
	if (f->end.how == ENDED_TIMEOUT || f->end.how == ENDED_ERROR)
		peer = facts_far_party(f->session, (unsigned int)f->end.leg);
	snprintf(dst, WORD_BYTES, "%s", name_of_initiator(peer));
}

static void fill_sender(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s", name_of_initiator(f->closing.sender));
}

static void fill_code(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%u", f->closing.code);
}

static void fill_reason(char dst[WORD_BYTES], const struct facts *f)
{
	const struct close_frame *frame = f->closing.frame;

	dst[0] = '\0';
	if (frame && frame->reason_bytes)
		snprintf(dst, WORD_BYTES, ": \"%s\"", frame->reason);
}

static void fill_answerer(char dst[WORD_BYTES], const struct facts *f)
{
	facts_name_answerer(dst, f);
}

static void fill_status(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%u", f->answer.status);
}

static void fill_target(char dst[WORD_BYTES], const struct facts *f)
{
	const struct wst_tuple *tuple = &f->client->tuple;

	if (conn_is_server_side(f->client))
		format_endpoint(dst, tuple->local, tuple->local_port);
	else
		format_endpoint(dst, tuple->remote, tuple->remote_port);
}

static void fill_task(char dst[WORD_BYTES], const struct wst_task *task, const char *otherwise)
{
	if (task && task->comm[0])
		snprintf(dst, WORD_BYTES, "%.*s", WST_COMM_LEN, task->comm);
	else
		snprintf(dst, WORD_BYTES, "%s", otherwise);
}

static void fill_comm(char dst[WORD_BYTES], const struct facts *f)
{
	fill_task(dst, f->closer.task, "the process");
}

static void fill_server(char dst[WORD_BYTES], const struct facts *f)
{
	fill_task(dst, conn_is_server_side(f->server) ? &f->server->owner : NULL, "the server");
}

static const struct word words[] = {
	{ "who", "the process", fill_who },
	{ "party", "server", fill_party },
	{ "peer", "peer", fill_peer },
	{ "sender", "endpoint", fill_sender },
	{ "code", "CODE", fill_code },
	{ "reason", "", fill_reason },
	{ "answerer", "the server", fill_answerer },
	{ "status", "STATUS", fill_status },
	{ "target", "the server", fill_target },
	{ "comm", "the process", fill_comm },
	{ "server", "the server", fill_server },
};

/* The word that text starts with, braces included; NULL if it is none. */
static const struct word *find_word(const char *text, size_t *ret_len)
{
	const char *end = strchr(text, '}');

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - text) + 1;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == *ret_len - 2 &&
		    strncmp(words[i].name, text + 1, *ret_len - 2) == 0)
			return &words[i];
	return NULL;
}

void template_render(char *dst, size_t cap, const char *text, const struct facts *f)
{
	size_t used = 0;

	while (*text && used + 1 < cap) {
		char value[WORD_BYTES] = "";
		size_t len = 1, room = cap - used - 1;
		const struct word *word = *text == '{' ? find_word(text, &len) : NULL;

		if (word && f)
			word->fill(value, f);
		else
			snprintf(value, sizeof(value), "%.*s", word ? WORD_BYTES - 1 : 1,
				 word ? word->generic : text);
		text += word ? len : 1;
		len = strnlen(value, room);
		memcpy(dst + used, value, len);
		used += len;
	}
	if (cap)
		dst[used] = '\0';
}

int template_check(const char *text)
{
	size_t len;

	for (; (text = strchr(text, '{')) != NULL; text++)
		if (islower((unsigned char)text[1]) && !find_word(text, &len))
			return 0;
	return 1;
}
