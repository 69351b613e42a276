/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events of one socket -> its facts. Records may come out of order by a little: times are compared,
 * not arrivals.
 */
#include "track/conn.h"

#include <errno.h>
#include <stdlib.h>
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

/* What a socket that has not ended says of its end. Nobody writes to them. */
static const struct conn_end no_end = {
	.reset_reason = WST_REASON_NONE,
	.tcp = { .tls_alert_in = 255, .tls_alert_out = 255 },
};
static const struct conn_frames no_frames;
static const struct wst_task no_task;

const struct conn no_conn = {
	.end = (struct conn_end *)&no_end,
	.frames = (struct conn_frames *)&no_frames,
	.owner = &no_task,
	.handshake = { .texts = { [0 ... HANDSHAKE_TEXTS - 1] = intern_no_text } },
};

void conn_init(struct conn *c)
{
	c->end = no_conn.end;
	c->frames = no_conn.frames;
	c->owner = no_conn.owner;
	handshake_init(&c->handshake);
}

static bool has_frames_of_its_own(const struct conn *c)
{
	return c->frames != &no_frames;
}

static bool has_end_of_its_own(const struct conn *c)
{
	return c->end != &no_end;
}

int conn_begin_end(struct conn *c)
{
	struct conn_end *end;

	if (has_end_of_its_own(c))
		return 0;
	end = malloc(sizeof(*end));
	if (!end)
		return -ENOMEM;
	*end = no_end;
	c->end = end;
	return 0;
}

int conn_begin_frames(struct conn *c)
{
	struct conn_frames *frames;

	if (has_frames_of_its_own(c))
		return 0;
	frames = calloc(1, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	c->frames = frames;
	return 0;
}

int conn_copy(struct conn *to, const struct conn *from)
{
	*to = *from;
	to->next = to->older = to->newer = NULL;
	memset(to->chains, 0, sizeof(to->chains));
	conn_init(to);
	handshake_copy(&to->handshake, &from->handshake);
	if (from->owner != &no_task)
		to->owner = intern_again(from->owner);
	if ((has_end_of_its_own(from) && conn_begin_end(to)) ||
	    (has_frames_of_its_own(from) && conn_begin_frames(to))) {
		conn_release(to);
		return -ENOMEM;
	}
	if (has_end_of_its_own(from))
		*to->end = *from->end;
	if (has_frames_of_its_own(from))
		*to->frames = *from->frames;
	return 0;
}

void conn_release(struct conn *c)
{
	if (has_end_of_its_own(c))
		free(c->end);
	if (has_frames_of_its_own(c))
		free(c->frames);
	if (c->owner != &no_task)
		intern_release(c->owner);
	handshake_release(&c->handshake);
	conn_init(c);
}

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

	if (sent && !c->end->fin_out_ns)
		c->end->fin_out_ns = ts_ns - (sent_first ? 2 : 1);
	if (received && !c->end->fin_in_ns)
		c->end->fin_in_ns = ts_ns - (sent_first ? 1 : 2);
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
	if (e->old_state != STATE_FIN_WAIT2 || e->flags & WST_STATE_BY_PROCESS ||
	    c->end->rst_in_ns || c->end->error_ns)
		return false;
	return c->end->fin_acked_ns && e->h.ts_ns > c->end->fin_acked_ns + FIN_WAIT2_LASTED_NS;
}

static void note_closer(struct conn *c, const struct wst_state_event *e)
{
	/* shutdown() and then close(): the first says who ended it */
	if (c->end->closed_by_process && c->end->closer_ns <= e->h.ts_ns)
		return;
	c->end->closed_by_process = true;
	c->end->closer_ns = e->h.ts_ns;
	task_copy(&c->end->closer, &e->task);
	c->end->closer_exiting = e->flags & WST_STATE_EXITING;
	c->end->closer_exit_code = c->end->closer_exiting ? e->exit_code : 0;
}

/* On its way to ESTABLISHED: nothing of that belongs to its end. */
static bool is_opening(uint8_t old_state, uint8_t new_state)
{
	return (new_state == STATE_ESTABLISHED || new_state == STATE_SYN_SENT ||
		new_state == STATE_SYN_RECV || new_state == STATE_NEW_SYN_RECV) &&
	       (old_state == STATE_SYN_SENT || old_state == STATE_SYN_RECV ||
		old_state == STATE_NEW_SYN_RECV || old_state == STATE_CLOSE ||
		old_state == STATE_LISTEN);
}

static int apply_state(struct conn *c, const struct wst_state_event *e)
{
	bool closes = is_fin_sent(e->old_state, e->new_state) || e->new_state == STATE_CLOSE;

	if (!e->old_state || e->old_state > STATE_NEW_SYN_RECV || !e->new_state ||
	    e->new_state > STATE_NEW_SYN_RECV)
		return -EINVAL;
	if (e->new_state == STATE_ESTABLISHED)
		note_first(&c->established_ns, e->h.ts_ns);
	if (is_opening(e->old_state, e->new_state))
		return 0;
	if (conn_begin_end(c))
		return -ENOMEM;
	note_missed(c, e->old_state, e->h.ts_ns);
	if (is_fin_sent(e->old_state, e->new_state))
		note_first(&c->end->fin_out_ns, e->h.ts_ns);
	if (is_fin_received(c, e))
		note_first(&c->end->fin_in_ns, e->h.ts_ns);
	if (e->new_state == STATE_FIN_WAIT2)
		note_first(&c->end->fin_acked_ns, e->h.ts_ns);
	if (closes && e->flags & WST_STATE_BY_PROCESS)
		note_closer(c, e);
	c->end->never_accepted |= (e->flags & WST_STATE_UNACCEPTED) != 0;
	c->end->unread_at_fin |= (e->flags & WST_STATE_UNREAD) != 0;
	if (e->new_state == STATE_CLOSE) {
		note_first(&c->end->closed_ns, e->h.ts_ns);
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

static int set_owner(struct conn *c, const struct wst_task *owner, struct interns *tasks)
{
	struct wst_task task;
	const struct wst_task *kept;

	task_copy(&task, owner);
	kept = intern_bytes(tasks, &task, sizeof(task));
	if (!kept)
		return -ENOMEM;
	if (c->owner != &no_task)
		intern_release(c->owner);
	c->owner = kept;
	return 0;
}

static int take_owner(struct conn *c, const struct wst_task *owner, uint32_t flags,
		      struct interns *tasks)
{
	bool knows_better = c->owner->tgid && !(c->open_flags & WST_OPEN_OWNER_INHERITED);
	int error = 0;

	if (!owner->tgid || (knows_better && flags & WST_OPEN_OWNER_INHERITED))
		flags = (flags & ~(uint32_t)WST_OPEN_OWNER_INHERITED) |
			(c->open_flags & WST_OPEN_OWNER_INHERITED);
	else
		error = set_owner(c, owner, tasks);
	c->open_flags = flags | (c->open_flags & ~(uint32_t)WST_OPEN_OWNER_INHERITED);
	return error;
}

static int apply_open(struct conn *c, const struct wst_open_event *e, struct interns *tasks)
{
	int error = 0;

	take_tuple(c, &e->tuple);
	/* END has the last word on the owner, even when an OPEN is late */
	if (!c->has_end || !c->owner->tgid)
		error = take_owner(c, &e->owner, e->flags, tasks);
	if (e->connect_ns)
		note_first(&c->connect_ns, e->connect_ns);
	if (e->established_ns)
		note_first(&c->established_ns, e->established_ns);
	if (e->syn_retransmits > c->syn_retransmits)
		c->syn_retransmits = e->syn_retransmits;
	return error;
}

static void take_facts(struct conn *c, const struct wst_end_event *e)
{
	c->end->tcp = e->tcp;
	if (c->end->tcp.state_count > WST_STATE_HISTORY)
		c->end->tcp.state_count = WST_STATE_HISTORY;
	memcpy(c->end->walk, e->walk, sizeof(c->end->walk));
	c->has_facts = true;
}

static void apply_closing(struct conn *c, const struct wst_end_event *e)
{
	/* shutdown() and then close(): the first is the decision */
	if (c->end->closing.ts_ns && c->end->closing.ts_ns <= e->h.ts_ns)
		return;
	c->end->closing.ts_ns = e->h.ts_ns;
	c->end->closing.tcp = e->tcp;
	memcpy(c->end->closing.walk, e->walk, sizeof(c->end->closing.walk));
	if (!c->has_end)
		take_facts(c, e);
}

bool conn_at_close(const struct conn *c, struct conn_snapshot *ret)
{
	if (c->end->closing.ts_ns) {
		*ret = c->end->closing;
		return true;
	}
	memset(ret, 0, sizeof(*ret));
	if (!c->has_end)
		return false;
	conn_ended_by(c, &ret->ts_ns);
	ret->tcp = c->end->tcp;
	memcpy(ret->walk, c->end->walk, sizeof(ret->walk));
	return true;
}

/* The socket's own list has a gap, or ends before TCP_CLOSE. */
static bool has_missed_state(const struct wst_tcp_facts *tcp)
{
	unsigned int count = tcp->state_count;

	for (unsigned int i = 1; i < count; i++)
		if (tcp->states[i - 1] == STATE_ESTABLISHED &&
		    (tcp->states[i] == STATE_LAST_ACK || tcp->states[i] == STATE_FIN_WAIT2 ||
		     tcp->states[i] == STATE_CLOSING))
			return true;
	return count && tcp->states[count - 1] != STATE_CLOSE;
}

static int apply_end(struct conn *c, const struct wst_end_event *e, struct interns *tasks)
{
	int error = take_owner(c, &e->owner, e->open_flags, tasks);

	take_tuple(c, &e->tuple);
	take_facts(c, e);
	c->has_end = true;
	c->state_missed |= has_missed_state(&c->end->tcp);
	c->end_lost = false;
	if (e->established_ns)
		note_first(&c->established_ns, e->established_ns);
	if (e->syn_retransmits > c->syn_retransmits)
		c->syn_retransmits = e->syn_retransmits;
	note_first(&c->end->closed_ns, e->h.ts_ns);
	if (!c->established_ns && !c->handshake.request_seen && !c->handshake.response_seen &&
	    !(c->open_flags & (WST_OPEN_PASSIVE | WST_OPEN_MIDSTREAM)))
		c->connect_failed = true;
	return error;
}

static void apply_gone(struct conn *c, const struct wst_event *e)
{
	if (c->has_end)
		return;
	c->end_lost = true;
	note_first(&c->end->closed_ns, e->ts_ns);
}

static int apply_reset(struct conn *c, const struct wst_reset_event *e)
{
	if (e->direction > WST_OUT)
		return -EINVAL;
	if (e->direction == WST_IN) {
		note_first(&c->end->rst_in_ns, e->h.ts_ns);
		return 0;
	}
	if (c->end->rst_out_ns && c->end->rst_out_ns <= e->h.ts_ns)
		return 0;
	c->end->rst_out_ns = e->h.ts_ns;
	c->end->reset_reason = e->reason;
	c->end->reset_active = e->active;
	c->end->reset_by_process = e->by_process;
	return 0;
}

static void apply_error(struct conn *c, const struct wst_error_event *e)
{
	/* 0: a report about something else, such as a sent timestamp */
	if (!e->error || e->h.ts_ns < c->end->error_ns)
		return;
	c->end->error = e->error;
	c->end->error_ns = e->h.ts_ns;
}

static int apply_to_end(struct conn *c, const struct wst_event *event, struct interns *tasks)
{
	switch (event->type) {
	case WST_EV_RESET:
		return apply_reset(c, (const struct wst_reset_event *)event);
	case WST_EV_ERROR:
		apply_error(c, (const struct wst_error_event *)event);
		return 0;
	case WST_EV_END:
		return apply_end(c, (const struct wst_end_event *)event, tasks);
	case WST_EV_GONE:
		apply_gone(c, event);
		return 0;
	}
	apply_closing(c, (const struct wst_end_event *)event);
	return 0;
}

void conn_note_drop(struct conn *c, const struct wst_drop_event *event)
{
	if (conn_begin_end(c))
		return;
	c->end->drops++;
	if (event->h.ts_ns < c->end->drop_ns)
		return;
	c->end->drop_reason = event->reason;
	c->end->drop_ns = event->h.ts_ns;
}

void conn_note_backlog(struct conn *c, const struct wst_backlog_event *event)
{
	if (conn_begin_end(c))
		return;
	c->end->backlog_overflow = true;
	c->end->backlog_queued = event->queued;
	c->end->backlog_limit = event->limit;
	task_copy(&c->end->listener, &event->owner);
}

int conn_apply(struct conn *c, const struct wst_event *event, struct interns *tasks)
{
	int error = event_check(event);

	if (error || !event->ts_ns)
		return -EINVAL;
	note_first(&c->first_seen_ns, event->ts_ns);
	if (event->ts_ns > c->last_ns)
		c->last_ns = event->ts_ns;
	switch (event->type) {
	case WST_EV_OPEN:
		return apply_open(c, (const struct wst_open_event *)event, tasks);
	case WST_EV_FRAME:
		return conn_apply_frame(c, (const struct wst_frame_event *)event);
	case WST_EV_STATE:
		return apply_state(c, (const struct wst_state_event *)event);
	case WST_EV_DROP:
		conn_note_drop(c, (const struct wst_drop_event *)event);
		return 0;
	case WST_EV_RESET:
	case WST_EV_ERROR:
	case WST_EV_END:
	case WST_EV_CLOSING:
	case WST_EV_GONE:
		return conn_begin_end(c) ? -ENOMEM : apply_to_end(c, event, tasks);
	}
	return -EINVAL;
}
