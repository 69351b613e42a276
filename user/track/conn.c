/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events of one socket -> its facts. Records may come out of order by a little: times are compared,
 * not arrivals.
 */
#include "track/conn.h"

#include <errno.h>
#include <string.h>

#include "track/event_check.h"
#include "track/tcp_state.h"

/*
 * The ACK of our FIN and the peer's FIN may come in one packet, so that FIN_WAIT2 lasts for no
 * time. But close() also ends FIN_WAIT2 at once, with no FIN from the peer: the kernel hands the
 * connection to a timewait socket (tcp_time_wait()). Only a FIN_WAIT2 that lasted was ended by a
 * FIN.
 */
#define FIN_WAIT2_LASTED_NS 1000000ull

static void note_first(uint64_t *at, uint64_t ts_ns)
{
	if (!*at || ts_ns < *at)
		*at = ts_ns;
}

/*
 * FIN_WAIT1 and what follows it mean that we sent a FIN, CLOSE_WAIT and LAST_ACK that one came:
 * also when those records are lost.
 */
static void note_missed(struct conn *c, uint8_t old_state, uint64_t ts_ns)
{
	bool sent = old_state == STATE_FIN_WAIT1 || old_state == STATE_FIN_WAIT2 ||
		    old_state == STATE_CLOSING || old_state == STATE_LAST_ACK;
	bool received = old_state == STATE_CLOSE_WAIT || old_state == STATE_LAST_ACK ||
			old_state == STATE_CLOSING;
	bool sent_first = old_state == STATE_CLOSING;

	if (sent && !c->fin_out_ns)
		c->fin_out_ns = ts_ns - (sent_first ? 2 : 1);
	if (received && !c->fin_in_ns)
		c->fin_in_ns = ts_ns - (sent_first ? 1 : 2);
}

static bool is_fin_sent(uint8_t old_state, uint8_t new_state)
{
	return (new_state == STATE_FIN_WAIT1 &&
		(old_state == STATE_ESTABLISHED || old_state == STATE_SYN_RECV)) ||
	       (new_state == STATE_LAST_ACK && old_state == STATE_CLOSE_WAIT);
}

static bool is_fin_received(const struct conn *c, const struct wst_state_event *e)
{
	if (e->new_state == STATE_CLOSE_WAIT || e->new_state == STATE_CLOSING)
		return true;
	if (e->old_state != STATE_FIN_WAIT2 || e->flags & WST_STATE_BY_PROCESS || c->rst_in_ns ||
	    c->error_ns)
		return false;
	return c->fin_acked_ns && e->h.ts_ns > c->fin_acked_ns + FIN_WAIT2_LASTED_NS;
}

static void note_closer(struct conn *c, const struct wst_state_event *e)
{
	/* shutdown() and then close(): the first says who ended it */
	if (c->closed_by_process && c->closer_ns <= e->h.ts_ns)
		return;
	c->closed_by_process = true;
	c->closer_ns = e->h.ts_ns;
	task_copy(&c->closer, &e->task);
	c->closer_exiting = e->flags & WST_STATE_EXITING;
	c->closer_exit_code = c->closer_exiting ? e->exit_code : 0;
}

static int apply_state(struct conn *c, const struct wst_state_event *e)
{
	bool closes = is_fin_sent(e->old_state, e->new_state) || e->new_state == STATE_CLOSE;

	if (!e->old_state || e->old_state > STATE_NEW_SYN_RECV || !e->new_state ||
	    e->new_state > STATE_NEW_SYN_RECV)
		return -EINVAL;
	if (e->new_state == STATE_ESTABLISHED)
		note_first(&c->established_ns, e->h.ts_ns);
	note_missed(c, e->old_state, e->h.ts_ns);
	if (is_fin_sent(e->old_state, e->new_state))
		note_first(&c->fin_out_ns, e->h.ts_ns);
	if (is_fin_received(c, e))
		note_first(&c->fin_in_ns, e->h.ts_ns);
	if (e->new_state == STATE_FIN_WAIT2)
		note_first(&c->fin_acked_ns, e->h.ts_ns);
	if (closes && e->flags & WST_STATE_BY_PROCESS)
		note_closer(c, e);
	c->never_accepted |= (e->flags & WST_STATE_UNACCEPTED) != 0;
	if (e->new_state == STATE_CLOSE) {
		note_first(&c->closed_ns, e->h.ts_ns);
		if (e->old_state == STATE_SYN_SENT || e->old_state == STATE_SYN_RECV)
			c->connect_failed = true;
	}
	return 0;
}

static void take_tuple(struct conn *c, const struct wst_tuple *tuple)
{
	c->tuple = *tuple;
	c->tuple_known = true;
}

static void take_owner(struct conn *c, const struct wst_task *owner, uint32_t flags)
{
	bool knows_better = c->owner.tgid && !(c->open_flags & WST_OPEN_OWNER_INHERITED);

	if (!owner->tgid || (knows_better && flags & WST_OPEN_OWNER_INHERITED))
		flags = (flags & ~(uint32_t)WST_OPEN_OWNER_INHERITED) |
			(c->open_flags & WST_OPEN_OWNER_INHERITED);
	else
		task_copy(&c->owner, owner);
	c->open_flags = flags | (c->open_flags & ~(uint32_t)WST_OPEN_OWNER_INHERITED);
}

static void apply_open(struct conn *c, const struct wst_open_event *e)
{
	take_tuple(c, &e->tuple);
	/* END has the last word on the owner, even when an OPEN is late */
	if (!c->has_end || !c->owner.tgid)
		take_owner(c, &e->owner, e->flags);
	if (e->connect_ns)
		note_first(&c->connect_ns, e->connect_ns);
	if (e->established_ns)
		note_first(&c->established_ns, e->established_ns);
	if (e->syn_retransmits > c->syn_retransmits)
		c->syn_retransmits = e->syn_retransmits;
}

static void take_facts(struct conn *c, const struct wst_end_event *e)
{
	c->tcp = e->tcp;
	if (c->tcp.state_count > WST_STATE_HISTORY)
		c->tcp.state_count = WST_STATE_HISTORY;
	memcpy(c->walk, e->walk, sizeof(c->walk));
	c->has_facts = true;
}

static void apply_closing(struct conn *c, const struct wst_end_event *e)
{
	/* shutdown() and then close(): the first is the decision */
	if (c->closing.ts_ns && c->closing.ts_ns <= e->h.ts_ns)
		return;
	c->closing.ts_ns = e->h.ts_ns;
	c->closing.tcp = e->tcp;
	memcpy(c->closing.walk, e->walk, sizeof(c->closing.walk));
	if (!c->has_end)
		take_facts(c, e);
}

bool conn_at_close(const struct conn *c, struct conn_snapshot *ret)
{
	if (c->closing.ts_ns) {
		*ret = c->closing;
		return true;
	}
	memset(ret, 0, sizeof(*ret));
	if (!c->has_end)
		return false;
	conn_ended_by(c, &ret->ts_ns);
	ret->tcp = c->tcp;
	memcpy(ret->walk, c->walk, sizeof(ret->walk));
	return true;
}

static void apply_end(struct conn *c, const struct wst_end_event *e)
{
	take_tuple(c, &e->tuple);
	take_owner(c, &e->owner, e->open_flags);
	take_facts(c, e);
	c->has_end = true;
	if (e->established_ns)
		note_first(&c->established_ns, e->established_ns);
	if (e->syn_retransmits > c->syn_retransmits)
		c->syn_retransmits = e->syn_retransmits;
	note_first(&c->closed_ns, e->h.ts_ns);
	if (!c->established_ns && !c->handshake.request_seen && !c->handshake.response_seen &&
	    !(c->open_flags & (WST_OPEN_PASSIVE | WST_OPEN_MIDSTREAM)))
		c->connect_failed = true;
}

static int apply_reset(struct conn *c, const struct wst_reset_event *e)
{
	if (e->direction > WST_OUT)
		return -EINVAL;
	if (e->direction == WST_IN) {
		note_first(&c->rst_in_ns, e->h.ts_ns);
		return 0;
	}
	if (c->rst_out_ns && c->rst_out_ns <= e->h.ts_ns)
		return 0;
	c->rst_out_ns = e->h.ts_ns;
	c->reset_reason = e->reason;
	c->reset_active = e->active;
	c->reset_by_process = e->by_process;
	return 0;
}

static void apply_error(struct conn *c, const struct wst_error_event *e)
{
	/* 0: a report about something else, such as a sent timestamp */
	if (!e->error || e->h.ts_ns < c->error_ns)
		return;
	c->error = e->error;
	c->error_ns = e->h.ts_ns;
}

void conn_note_drop(struct conn *c, const struct wst_drop_event *event)
{
	c->drops++;
	if (event->h.ts_ns < c->drop_ns)
		return;
	c->drop_reason = event->reason;
	c->drop_ns = event->h.ts_ns;
}

void conn_note_backlog(struct conn *c, const struct wst_backlog_event *event)
{
	c->backlog_overflow = true;
	c->backlog_queued = event->queued;
	c->backlog_limit = event->limit;
	task_copy(&c->listener, &event->owner);
}

int conn_apply(struct conn *c, const struct wst_event *event)
{
	int error = event_check(event);

	if (error || !event->ts_ns)
		return -EINVAL;
	note_first(&c->first_seen_ns, event->ts_ns);
	if (event->ts_ns > c->last_ns)
		c->last_ns = event->ts_ns;
	switch (event->type) {
	case WST_EV_OPEN:
		apply_open(c, (const struct wst_open_event *)event);
		return 0;
	case WST_EV_FRAME:
		return conn_apply_frame(c, (const struct wst_frame_event *)event);
	case WST_EV_STATE:
		return apply_state(c, (const struct wst_state_event *)event);
	case WST_EV_RESET:
		return apply_reset(c, (const struct wst_reset_event *)event);
	case WST_EV_ERROR:
		apply_error(c, (const struct wst_error_event *)event);
		return 0;
	case WST_EV_END:
		apply_end(c, (const struct wst_end_event *)event);
		return 0;
	case WST_EV_CLOSING:
		apply_closing(c, (const struct wst_end_event *)event);
		return 0;
	case WST_EV_DROP:
		conn_note_drop(c, (const struct wst_drop_event *)event);
		return 0;
	}
	return -EINVAL;
}

void conn_release(struct conn *c)
{
	handshake_release(&c->handshake);
}
