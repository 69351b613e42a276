/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path between whoever gave up and the other party, as it stood when it gave up: what was not
 * acknowledged, what was not answered, what lay unread.
 */
#define _GNU_SOURCE /* strcasestr() */
#include "diagnose/facts.h"

#include <string.h>
#include <strings.h>

#include "diagnose/close_code.h"
#include "diagnose/protocol.h"

/* Words with which libraries say that a heartbeat failed, in the reason of a Close frame. */
static const char *const heartbeat_words[] = {
	"ping timeout", "pong timeout", "keepalive",   "keep-alive",
	"heartbeat",	"no pong",	"missed pong", NULL,
};

/* And that the other side does not take its messages. */
static const char *const slow_words[] = {
	"slow",	 "backpressure",     "back pressure",  "buffer",
	"queue", "pending messages", "too far behind", NULL,
};

/* And that nothing was said for too long (Jetty: "Idle for 300241ms > 300000ms"). */
static const char *const idle_words[] = { "idle", "inactiv", "timeout", "timed out", NULL };

/* The text "2". What disconnect() sends before its empty Close frame is longer. */
#define ENGINE_IO_PING_BYTES 1

bool facts_close_says(const struct facts *f, const char *const *words)
{
	if (!f->closing.frame || !f->closing.frame->reason[0])
		return false;
	for (; *words; words++)
		if (strcasestr(f->closing.frame->reason, *words))
			return true;
	return false;
}

static void collect_protocol(struct facts *f)
{
	const struct answer_story *a = &f->answer;

	f->protocol = protocol_recognise(a->request ? &a->request->handshake : &no_conn.handshake,
					 a->conn ? &a->conn->handshake : &no_conn.handshake);
	if (f->closing.frame && f->closing.frame->has_code)
		f->private_code = protocol_code_find(f->protocol, f->closing.code);
}

static bool is_kind(const struct facts *f, enum code_kind kind)
{
	return f->private_code && f->private_code->kind == kind;
}

static bool is_engine_io(const struct facts *f)
{
	return f->protocol && strcmp(f->protocol->name, "Socket.IO") == 0;
}

static void read_closing(struct facts *f)
{
	const struct close_frame *frame = f->closing.frame;
	struct path_story *p = &f->path;

	if (!frame)
		return;
	p->heartbeat_close = is_kind(f, CODE_NO_PONG) || facts_close_says(f, heartbeat_words) ||
			     (is_engine_io(f) && !frame->has_code && f->closing.sender == BY_SERVER);
	p->idle_close = !p->heartbeat_close && facts_close_says(f, idle_words);
	p->slow_close = is_kind(f, CODE_SLOW) || facts_close_says(f, slow_words);
}

/*
 * Who decided, and when. A Close frame that was answered, or that says something else, is the
 * decision itself and no sign of a broken path.
 */
static void find_giver(struct facts *f)
{
	struct path_story *p = &f->path;

	p->giver = f->end.by;
	p->ts_ns = f->end.ts_ns;
	if (f->closing.frame && (p->heartbeat_close || p->slow_close || !f->closing.answered)) {
		p->giver = f->closing.sender;
		p->ts_ns = f->closing.frame->ts_ns;
	}
	p->unexplained = !f->closing.frame || p->heartbeat_close || p->slow_close ||
			 (!f->closing.answered && close_code_is_benign(f->closing.code) &&
			  !(f->closing.sender == BY_CLIENT && f->closing.code == CLOSE_GOING_AWAY));
}

/* The socket on which the giver's frames begin their way. */
static void find_near(struct facts *f)
{
	struct path_story *p = &f->path;

	if (p->giver == BY_CLIENT)
		p->near = f->client;
	else if (p->giver == BY_SERVER)
		p->near = f->server;
	else if (p->giver == BY_PROXY && f->end.leg >= 0)
		p->near = f->end.conn;
	else
		return;
	p->own = p->giver == BY_PROXY ? !f->end.outside && !f->end.forged :
					conn_is_server_side(p->near) == (p->giver == BY_SERVER);
	p->out = p->own ? WST_OUT : WST_IN;
	p->has_near = conn_at_close(p->near, &p->at_near);
}

/*
 * Timeouts in a row. Where this host cannot send at all (a link that is down), the segment stays
 * unsent, and the kernel counts its attempts as probes of a window, which is open.
 */
static uint32_t vain_attempts(const struct wst_tcp_facts *tcp)
{
	if (tcp->timeouts || tcp->unacked_bytes || !tcp->unsent_bytes || !tcp->send_window)
		return tcp->timeouts;
	return tcp->probes;
}

/* The leg with the most of them: bytes sent from there did not arrive. */
static void find_stuck(struct facts *f)
{
	struct path_story *p = &f->path;
	struct conn_snapshot at;
	uint32_t attempts;

	p->stuck = -1;
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		if (!conn_at_close(f->session->legs[i], &at))
			continue;
		attempts = vain_attempts(&at.tcp);
		if (!attempts || !(at.tcp.unacked_bytes || at.tcp.unsent_bytes) ||
		    (p->stuck >= 0 && attempts <= p->vain_attempts))
			continue;
		p->stuck = (int)i;
		p->vain_attempts = attempts;
		p->at_stuck = at;
	}
}

/* By when an answer would be there on any path that is alive: sessions are told later than that. */
#define ROUND_TRIP_LONGEST_US 250000

static bool waits_for_fin_ack(const struct conn *c)
{
	const struct conn_end *end = c->end;

	return end->fin_out_ns && !end->fin_acked_ns && !end->fin_in_ns && !end->rst_in_ns &&
	       !end->closed_ns;
}

/* A reset leaves no socket behind to wait for an answer, but the peer may be on this host, too. */
static bool peer_knows_nothing(const struct session *s, unsigned int leg)
{
	const struct conn *c = s->legs[leg], *peer = session_peer_leg(s, leg);

	return (c->end->fin_out_ns || c->end->rst_out_ns) && peer && peer->established_ns &&
	       conn_ended_by(peer, NULL) == ENDED_NOT;
}

static bool is_deaf(const struct session *s, unsigned int leg)
{
	struct conn_snapshot at;

	if (!conn_at_close(s->legs[leg], &at) || at.tcp.unacked_bytes || at.tcp.unsent_bytes ||
	    !at.tcp.srtt_us || at.tcp.srtt_us > ROUND_TRIP_LONGEST_US)
		return false;
	return waits_for_fin_ack(s->legs[leg]) || peer_knows_nothing(s, leg);
}

/* Nobody is there any more: what the closer took for silence may be a path that is dead. */
static void find_deaf(struct facts *f)
{
	const struct session *s = f->session;

	f->path.deaf = -1;
	if (!f->closer.task || s->losses_at_end != s->losses_at_start)
		return;
	for (unsigned int i = 0; i < s->leg_count; i++)
		if (s->legs[i]->owner->tgid == f->closer.task->tgid && is_deaf(s, i))
			f->path.deaf = (int)i;
}

/* The leg whose peer has not taken what waits to be sent, for the longest time. */
static void find_full(struct facts *f)
{
	struct path_story *p = &f->path;
	struct conn_snapshot at;

	p->full = -1;
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		uint64_t zero_ns;

		if (!conn_at_close(f->session->legs[i], &at) ||
		    !(at.tcp.unsent_bytes || at.tcp.unacked_bytes))
			continue;
		zero_ns = at.tcp.zero_window_ns;
		if (at.tcp.zero_window_since_ns && at.ts_ns > at.tcp.zero_window_since_ns)
			zero_ns += at.ts_ns - at.tcp.zero_window_since_ns;
		if (p->full >= 0 && zero_ns <= p->zero_ns)
			continue;
		p->full = (int)i;
		p->at_full = at;
		p->zero_ns = zero_ns;
	}
}

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
	return then_ns && now_ns > then_ns ? now_ns - then_ns : 0;
}

/*
 * Pings that nobody answered; where the protocol has its own heartbeat inside of messages, or the
 * Close frame speaks of one, data that nobody answered.
 */
static void measure_waiting(struct facts *f)
{
	struct path_story *p = &f->path;
	const struct wst_walk_facts *out = &p->at_near.walk[p->out],
				    *in = &p->at_near.walk[!p->out];

	if (!p->has_near)
		return;
	p->pings = out->unanswered_pings;
	p->waited_ns = since(p->ts_ns, out->unanswered_since_ns);
	p->ping_pending = out->flags & WST_WALK_PING_PENDING;
	p->ping_rtt_us = out->ping_rtt_us;
	p->ping_last = p->pings && out->last_ping_ns >= out->last_data_ns;
	if (!p->pings && p->heartbeat_close && out->last_data_ns > in->last_data_ns &&
	    (!is_engine_io(f) || out->last_data_bytes == ENGINE_IO_PING_BYTES)) {
		p->by_data = true;
		p->waited_ns = since(p->ts_ns, out->last_data_ns);
		p->ping_pending = out->flags & WST_WALK_DATA_PENDING;
	}
	p->surely_heartbeat = p->by_data && is_engine_io(f);
	if (!p->own)
		return;
	p->answer_read = !(in->flags & (WST_WALK_PONG_PENDING | WST_WALK_DATA_PENDING));
	if (p->pings)
		p->late_ns = since(p->near->end->walk[!p->out].last_pong_ns, p->ts_ns);
	if (in->last_pong_ns >= out->last_ping_ns && out->last_ping_ns)
		p->answered_for_ns = since(p->ts_ns, in->last_pong_ns);
	else if (p->heartbeat_close && in->flags & WST_WALK_DATA_PENDING)
		p->answered_for_ns = since(p->ts_ns, in->last_data_ns);
}

void facts_collect_path(struct facts *f)
{
	collect_protocol(f);
	read_closing(f);
	find_giver(f);
	find_near(f);
	find_stuck(f);
	find_deaf(f);
	find_full(f);
	measure_waiting(f);
}

enum initiator facts_other_party(const struct facts *f)
{
	if (f->path.giver == BY_CLIENT)
		return BY_SERVER;
	if (f->path.giver == BY_PROXY && f->end.leg >= 0)
		return facts_far_party(f->session, (unsigned int)f->end.leg);
	return BY_CLIENT;
}
