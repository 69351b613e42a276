/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/template.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "diagnose/evidence.h"
#include "diagnose/facts.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/protocol.h"
#include "diagnose/template_words.h"

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

static void fill_alive(char dst[WORD_BYTES], const struct facts *f)
{
	const char *running = f->closer.shut ? ", which stopped listening," : ", alive and well,";

	snprintf(dst, WORD_BYTES, "%s", f->closer.exited ? "" : running);
}

static void fill_server(char dst[WORD_BYTES], const struct facts *f)
{
	fill_task(dst, conn_is_server_side(f->server) ? f->server->owner : NULL, "the server");
}

static void fill_giver(char dst[WORD_BYTES], const struct facts *f)
{
	const struct path_story *p = &f->path;

	facts_name(dst, f->session, p->giver, p->own ? p->near->owner : NULL);
}

static void fill_giver_role(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s", name_of_initiator(f->path.giver));
}

static void fill_other(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s", name_of_initiator(facts_other_party(f)));
}

/* Since the first unanswered ping, or since the peer's last segment. */
static void fill_waited(char dst[WORD_BYTES], const struct facts *f)
{
	const struct path_story *p = &f->path;
	uint64_t last_ns = p->at_stuck.tcp.last_segment_in_ns, ns = p->waited_ns;

	if (!ns && p->stuck >= 0 && last_ns && p->at_stuck.ts_ns > last_ns)
		ns = p->at_stuck.ts_ns - last_ns;
	format_duration(dst, ns);
}

static void fill_unanswered(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s",
		 f->path.own && f->path.ping_pending ?
			 "neither answered nor acknowledged what was sent to it" :
			 "received the pings but did not answer");
}

static void fill_signal(char dst[WORD_BYTES], const struct facts *f)
{
	uint32_t signal = f->closer.died_of;

	if (!signal && f->closer.stop)
		signal = f->closer.stop->signal;
	snprintf(dst, WORD_BYTES, "%s", name_of_signal(signal));
}

/*
 * The signal that ended the process, or began to; NULL: none was seen. Who catches SIGTERM to tidy up
 * sends it to itself again (Node, Python): then it counts who sent the first one.
 */
static const struct fatal_signal *ending_signal(const struct facts *f)
{
	const struct process *p = f->closer.process;
	const struct fatal_signal *stop = f->closer.stop;

	if (p && f->closer.died_of == SIGKILL)
		return p->kill_signal.signal ? &p->kill_signal : NULL;
	if (p && f->closer.died_of && p->last_signal.signal == f->closer.died_of &&
	    !(stop && p->last_signal.sender.tgid == p->tgid))
		return &p->last_signal;
	return stop;
}

/* " by systemd (pid 1, its parent)" */
static void fill_by(char dst[WORD_BYTES], const struct facts *f)
{
	const struct fatal_signal *s = ending_signal(f);
	char sender[64];

	dst[0] = '\0';
	if (!s)
		return;
	evidence_sender(sender, sizeof(sender), s, f->closer.task);
	snprintf(dst, WORD_BYTES, " by %s", sender);
}

/* Other signals than those that ask a process to stop end it because it has no handler for them. */
static void fill_asked(char dst[WORD_BYTES], const struct facts *f)
{
	const struct fatal_signal *s = ending_signal(f);
	uint32_t signal = s ? s->signal : f->closer.died_of;

	if (!signal || process_signal_stops(signal))
		snprintf(dst, WORD_BYTES, "was asked to stop");
	else
		snprintf(dst, WORD_BYTES, "was ended with %s", name_of_signal(signal));
}

static void fill_answered(char dst[WORD_BYTES], const struct facts *f)
{
	format_duration(dst, f->path.answered_for_ns);
}

static void fill_far(char dst[WORD_BYTES], const struct facts *f, int leg)
{
	snprintf(dst, WORD_BYTES, "%s",
		 leg < 0 ? "peer" :
			   name_of_initiator(facts_far_party(f->session, (unsigned int)leg)));
}

static void fill_stuck(char dst[WORD_BYTES], const struct facts *f)
{
	fill_far(dst, f, f->path.stuck);
}

/* At the sender the lost segment is known, at the receiver that something large is missing. */
static void fill_large_lost(char dst[WORD_BYTES], const struct facts *f)
{
	char stuck[WORD_BYTES];

	if (f->path.stuck < 0) {
		snprintf(dst, WORD_BYTES,
			 "packets of the %s get lost on the way here, as it seems large ones",
			 name_of_initiator(facts_other_party(f)));
		return;
	}
	fill_stuck(stuck, f);
	snprintf(dst, WORD_BYTES,
		 "large packets of %u bytes of payload get lost on the way to the %.32s",
		 f->path.at_stuck.tcp.resent_segment, stuck);
}

static void fill_reader(char dst[WORD_BYTES], const struct facts *f)
{
	fill_far(dst, f, f->path.full);
}

static void fill_queued(char dst[WORD_BYTES], const struct facts *f)
{
	const struct wst_tcp_facts *tcp = &f->path.at_full.tcp;
	char bytes[FORMAT_BYTES];

	snprintf(dst, WORD_BYTES, "%s waited to be sent",
		 format_bytes(bytes, (uint64_t)tcp->unsent_bytes + tcp->unacked_bytes));
}

static void fill_errno(char dst[WORD_BYTES], const struct facts *f)
{
	snprintf(dst, WORD_BYTES, "%s", name_of_errno(facts_errno(f->end.conn)));
}

/* ", which means in Discord: authentication failed" */
static void fill_meaning(char dst[WORD_BYTES], const struct facts *f)
{
	dst[0] = '\0';
	if (f->private_code)
		snprintf(dst, WORD_BYTES, ", which means in %s: %s", f->protocol->name,
			 f->private_code->meaning);
}

static const struct word words[] = {
	{ "giver", "an endpoint", fill_giver },
	{ "giver_role", "server", fill_giver_role },
	{ "other", "other side", fill_other },
	{ "waited", "the whole ping timeout", fill_waited },
	{ "unanswered", "received the pings but did not answer", fill_unanswered },
	{ "asked", "was asked to stop", fill_asked },
	{ "by", "", fill_by },
	{ "signal", "SIGKILL", fill_signal },
	{ "answered", "some time", fill_answered },
	{ "large_lost", "large packets get lost on the way to the peer", fill_large_lost },
	{ "stuck", "peer", fill_stuck },
	{ "reader", "peer", fill_reader },
	{ "queued", "Some data waited to be sent", fill_queued },
	{ "errno", "EHOSTUNREACH", fill_errno },
	{ "meaning", "", fill_meaning },
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
	{ "alive", ", alive and well,", fill_alive },
};

static bool is_word(const struct word *word, const char *text, size_t len)
{
	return strlen(word->name) == len - 2 && strncmp(word->name, text + 1, len - 2) == 0;
}

/* The word that text starts with, braces included; NULL if it is none. */
static const struct word *find_word(const char *text, size_t *ret_len)
{
	const char *end = strchr(text, '}');

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - text) + 1;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(&words[i], text, *ret_len))
			return &words[i];
	for (size_t i = 0; i < words_crowd_count; i++)
		if (is_word(&words_crowd[i], text, *ret_len))
			return &words_crowd[i];
	return NULL;
}

/* Appends what fits of a word's value. Returns how long dst is then. */
static size_t add_word(char *dst, size_t used, size_t cap, const struct word *word,
		       const struct facts *f)
{
	char value[WORD_BYTES];
	const char *text = f ? value : word->generic;
	size_t len;

	value[0] = '\0';
	if (f)
		word->fill(value, f);
	len = strnlen(text, cap - used - 1);
	memcpy(dst + used, text, len);
	return used + len;
}

void template_render(char *dst, size_t cap, const char *text, const struct facts *f)
{
	const struct word *word;
	size_t used = 0, len;

	while (*text && used + 1 < cap) {
		word = *text == '{' ? find_word(text, &len) : NULL;
		if (word) {
			used = add_word(dst, used, cap, word, f);
			text += len;
		} else {
			dst[used++] = *text++;
		}
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
