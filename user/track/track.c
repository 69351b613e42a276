/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "track/event_check.h"
#include "track/track_state.h"

#define WAIT_NS_DEFAULT 1000000000ull
#define CONNS_MAX_DEFAULT 131072
#define PROCESSES_MAX_DEFAULT 8192
/* Of connections whose request has not been read yet. */
#define FRONTS_MAX 1024
/* Texts are 256 bytes at most and mostly the same: this is for those who make each of them new. */
#define INTERNS_MAX_BYTES (32u << 20)

/* An address that many sockets share makes no work without bound. */
#define LOOK_AT_MOST 64
/* Those with the latest events: whoever waits for an answer asked not long ago. */
#define LOOK_AT_SESSIONS 512
/* How long a failed connection waits for the failure that it is the reason of, at a time. */
#define PUT_OFF_NS 100000000ull

struct track *track_new(const struct track_config *config)
{
	struct track *t = calloc(1, sizeof(*t));
	uint32_t max;

	if (!t)
		return NULL;
	if (config)
		t->config = *config;
	if (!t->config.wait_ns)
		t->config.wait_ns = WAIT_NS_DEFAULT;
	if (!t->config.conns_max)
		t->config.conns_max = CONNS_MAX_DEFAULT;
	if (!t->config.processes_max)
		t->config.processes_max = PROCESSES_MAX_DEFAULT;
	max = t->config.conns_max;
	t->interns = interns_new(INTERNS_MAX_BYTES);
	t->processes = process_table_new(t->config.processes_max);
	t->packets = packet_notes_new();
	t->groups = groups_new();
	if (!keyed_init(&t->fronts, FRONTS_MAX, sizeof(struct known_front)) &&
	    !conn_table_init(&t->conns, max) && !session_table_init(&t->sessions, max) &&
	    t->interns && t->processes && t->packets && t->groups)
		return t;
	track_free(t);
	return NULL;
}

void track_free(struct track *t)
{
	if (!t)
		return;
	while (t->sessions.oldest)
		track_drop_session(t, t->sessions.oldest);
	conn_table_free(&t->conns);
	interns_free(t->interns);
	session_table_free(&t->sessions);
	process_table_free(t->processes);
	packet_notes_free(t->packets);
	groups_free(t->groups);
	keyed_free(&t->fronts);
	free(t);
}

/* Either end of the connection may be on this host: both have lost the packet. */
static void apply_drop(struct track *t, const struct wst_drop_event *e)
{
	struct conn *by_cookie = e->h.cookie ? conn_table_find(&t->conns, e->h.cookie) : NULL;
	struct conn *c = NULL;

	packet_notes_add_drop(t->packets, e);
	if (by_cookie)
		conn_note_drop(by_cookie, e);
	for (int i = 0; i < LOOK_AT_MOST; i++) {
		c = conn_table_next_by_tuple(&t->conns, &e->tuple, c);
		if (!c)
			return;
		if (c != by_cookie && conn_owns_packet(c, &e->tuple))
			conn_note_drop(c, e);
	}
}

static int apply_backlog(struct track *t, const struct wst_backlog_event *e)
{
	struct conn *c = NULL;

	packet_notes_add_backlog(t->packets, e);
	for (int i = 0; i < LOOK_AT_MOST; i++) {
		c = conn_table_next_by_tuple(&t->conns, &e->tuple, c);
		if (!c)
			break;
		if (tuples_equal(&c->tuple, &e->tuple) || tuples_mirrored(&c->tuple, &e->tuple))
			conn_note_backlog(c, e);
	}
	return process_note_task(t->processes, &e->owner);
}

static int apply_listen(struct track *t, const struct wst_listen_event *e)
{
	track_note_listener(t, listeners_apply(&t->groups->listeners, e));
	return e->flags & WST_LISTEN_STOPPED ? 0 : process_note_task(t->processes, &e->task);
}

void track_note_listener(struct track *t, const struct listener *l)
{
	if (l)
		incidents_note_listener(&t->groups->incidents, l, t->processes);
}

static int apply_unix(struct track *t, const struct wst_unix_event *e)
{
	if (!e->task.tgid || !e->peer_tgid || e->h.tgid != e->task.tgid)
		return -EINVAL;
	backends_apply(&t->groups->backends, e);
	return process_note_task(t->processes, &e->task);
}

static int apply_front(struct track *t, const struct wst_front_event *e)
{
	struct known_front *front;

	if (!e->h.cookie || !e->front_cookie || e->front_cookie == e->h.cookie)
		return -EINVAL;
	front = keyed_obtain(&t->fronts, e->h.cookie);
	if (front)
		front->event = *e;
	return front ? 0 : -ENOMEM;
}

static int dispatch(struct track *t, const struct wst_event *event)
{
	switch (event->type) {
	case WST_EV_EXIT:
	case WST_EV_SIGNAL:
	case WST_EV_OOM:
	case WST_EV_PROCESS:
		return process_apply(t->processes, event);
	case WST_EV_DROP:
		apply_drop(t, (const struct wst_drop_event *)event);
		return 0;
	case WST_EV_BACKLOG:
		return apply_backlog(t, (const struct wst_backlog_event *)event);
	case WST_EV_FRONT:
		return apply_front(t, (const struct wst_front_event *)event);
	case WST_EV_UNIX:
		return apply_unix(t, (const struct wst_unix_event *)event);
	case WST_EV_LISTEN:
		return apply_listen(t, (const struct wst_listen_event *)event);
	case WST_EV_HOST:
		host_apply(&t->host, (const struct wst_host_event *)event);
		return 0;
	case WST_EV_NAME:
		reason_names_add(&t->names, (const struct wst_name_event *)event);
		return 0;
	case WST_EV_LOSS:
		host_apply_losses(&t->host, (const struct wst_loss_event *)event);
		return 0;
	case WST_EV_TICK:
		return 0;
	}
	return track_apply_socket(t, event);
}

int track_apply(struct track *t, const struct wst_event *event)
{
	int error = event_check(event);

	if (error == -ENOENT) /* from a newer build */
		return 0;
	if (error)
		return error;
	if (event->ts_ns > t->now_ns)
		t->now_ns = event->ts_ns;
	return dispatch(t, event);
}

int track_refresh(struct track *t, struct session *s)
{
	bool was_open = !s->ended_ns;

	session_refresh(s, TRACK_SETTLE_NS, t->config.wait_ns);
	if (was_open && s->ended_ns)
		groups_note_closing(t->groups, s);
	else if (!s->ended_ns && !s->goodbye_noted)
		s->goodbye_noted = groups_note_goodbye(t->groups, s);
	return session_table_schedule(&t->sessions, s);
}

static struct report report_end(struct track *t, struct session *s)
{
	s->ended_reported = true;
	s->losses_at_end = host_lost_facts(&t->host);
	session_table_remove(&t->sessions, s);
	groups_tell_failed_connects(t->groups, s);
	return (struct report){ REPORT_END, s };
}

/* A connection that was never made, and nothing else. */
static const struct conn *failed_try(const struct session *s)
{
	const struct conn *c = s->legs[0];

	return s->leg_count == 1 && c->connect_failed && c->owner->tgid && !conn_is_server_side(c) ?
		       c :
		       NULL;
}

/* The process tries for a client that waits, or whose failure is about to be reported. */
static bool is_tried_for_client(const struct track *t, const struct conn *c)
{
	const struct session *s = t->sessions.newest;
	const struct conn *gateway;

	for (int i = 0; s && i < LOOK_AT_SESSIONS; s = s->older, i++) {
		gateway = session_gateway_leg(s);
		if (gateway && gateway->owner->tgid == c->owner->tgid &&
		    session_stage(s) != STAGE_SESSION &&
		    session_spans(gateway, c->connect_ns ? c->connect_ns : c->first_seen_ns))
			return true;
	}
	return false;
}

/* Who accepts connections as well: what it opens is on behalf of others, or looks after them. */
static bool is_server_process(const struct track *t, const struct wst_task *task)
{
	const struct process *p = process_find(t->processes, task->tgid, task->start_ns);

	return (p && p->accepts) || listeners_serve(&t->groups->listeners, task);
}

/*
 * The latest of the failures that are held back waits, to be told of all of them in case that they
 * stop, or the run does: the one that waited until now is dropped.
 */
static bool is_held_back(struct track *t, struct session *s, const struct conn *c)
{
	struct failing_check *check = groups_hold_back(t->groups, c);
	struct conn *before;

	if (!check)
		return false;
	before = conn_table_find(&t->conns, check->held_cookie);
	if (before && before != c && before->session)
		track_drop_session(t, before->session);
	check->held_cookie = c->cookie;
	s->due_ns = check->told_ns + CHECK_TOLD_EVERY_NS;
	session_table_schedule(&t->sessions, s); /* is in the heap: needs no memory */
	return true;
}

/* TLS that nobody here asked for was begun once from outside, and met no TLS. */
static bool is_tls_probe(struct track *t, const struct session *s)
{
	const struct conn *c = s->leg_count == 1 ? s->legs[0] : NULL;
	const struct wst_tcp_facts *tcp;

	if (!c || !conn_is_server_side(c) || !c->has_end)
		return false;
	tcp = &c->end->tcp;
	if (!(tcp->flags & WST_TCP_NO_TLS) &&
	    (tcp->tls_alert_in != 255 || tcp->tls_alert_out != 255))
		return false;
	return tcp->flags & WST_TCP_TLS && !(tcp->flags & WST_TCP_TLS_DATA) &&
	       tcp->unread_bytes < tcp->bytes_in && session_stage(s) == STAGE_CONNECT &&
	       groups_note_tls_try(t->groups, c);
}

/*
 * False: the session, due now, is put off or dropped. What a proxy could not reach is told as the
 * reason of its answer, and its health checks of a dead backend are told once for many.
 */
static bool stands_alone(struct track *t, struct session *s, uint64_t now_ns)
{
	const struct conn *c = failed_try(s);

	if (is_tls_probe(t, s)) {
		track_drop_session(t, s);
		return false;
	}
	if (!c)
		return true;
	if (!t->flushing && is_tried_for_client(t, c)) {
		s->due_ns = now_ns + PUT_OFF_NS;
		session_table_schedule(&t->sessions, s); /* is in the heap: needs no memory */
		return false;
	}
	if (groups_was_told(t->groups, c)) {
		track_drop_session(t, s);
		return false;
	}
	return !is_server_process(t, c->owner) || !is_held_back(t, s, c);
}

struct report track_next(struct track *t, uint64_t now_ns)
{
	uint64_t due_ns = 0;
	struct session *s = session_table_due(&t->sessions, &due_ns);

	while (s && (due_ns <= now_ns || t->flushing) && !stands_alone(t, s, now_ns))
		s = session_table_due(&t->sessions, &due_ns);
	if (!s)
		t->flushing = false;
	if (!s || (due_ns > now_ns && !t->flushing))
		return (struct report){ REPORT_NOTHING, NULL };
	if (s->open_reported || !s->open_due_ns)
		return report_end(t, s);
	s->open_reported = true;
	session_table_schedule(&t->sessions, s); /* is in the heap: needs no memory */
	return (struct report){ REPORT_OPEN, s };
}

void track_release(struct track *t, struct session *s)
{
	for (unsigned int i = 0; i < s->leg_count; i++) {
		struct conn *c = s->legs[i];

		c->session = NULL;
		if (c->role == CONN_CLONE || c->has_end || c->end_lost)
			conn_table_remove(&t->conns, c);
		else
			conn_table_set_role(&t->conns, c, CONN_SPENT);
	}
	free(s);
}

void track_drop_session(struct track *t, struct session *s)
{
	session_table_remove(&t->sessions, s);
	for (unsigned int i = 0; i < s->leg_count; i++)
		conn_table_remove(&t->conns, s->legs[i]);
	free(s);
}

void track_flush(struct track *t)
{
	t->flushing = t->sessions.heap_count > 0;
}

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
	return !a_ns || (b_ns && b_ns < a_ns) ? b_ns : a_ns;
}

uint64_t track_next_due_ns(const struct track *t)
{
	uint64_t due_ns = 0, incident_ns = incident_next_due_ns(&t->groups->incidents);

	/* 0 means that nothing waits */
	if (session_table_due(&t->sessions, &due_ns))
		due_ns = t->flushing || !due_ns ? 1 : due_ns;
	return sooner(sooner(due_ns, incident_ns), absence_next_due_ns(&t->groups->absences));
}

static bool same_ends(const struct wst_tuple *a, const struct wst_tuple *b)
{
	return a->local_port == b->local_port && a->netns == b->netns &&
	       !memcmp(a->local, b->local, sizeof(a->local)) &&
	       !memcmp(a->remote, b->remote, sizeof(a->remote));
}

unsigned int track_open_from(const struct track *t, const struct conn *c, unsigned int hops,
			     uint64_t ts_ns)
{
	const struct session *s = t->sessions.newest;
	unsigned int count = 0;

	for (int i = 0; s && i < LOOK_AT_SESSIONS; s = s->older, i++) {
		if (!s->opened_ns || s->opened_ns > ts_ns || s->hop_count < hops ||
		    (s->ended_ns && s->ended_ns < ts_ns))
			continue;
		for (unsigned int leg = 0; leg < s->leg_count && s->hop[leg] == 0; leg++)
			count += conn_is_server_side(s->legs[leg]) &&
				 same_ends(&s->legs[leg]->tuple, &c->tuple);
	}
	return count;
}

const struct host_facts *track_host(const struct track *t)
{
	return &t->host;
}

struct groups *track_groups(struct track *t)
{
	return t->groups;
}

bool track_next_incident(struct track *t, uint64_t now_ns, bool final, struct incident *ret)
{
	return incident_next(&t->groups->incidents, now_ns, final, ret);
}

struct process_table *track_processes(struct track *t)
{
	return t->processes;
}

const char *track_reason_name(const struct track *t, uint32_t kind, uint32_t value)
{
	return reason_names_find(&t->names, kind, value);
}

size_t track_open_sockets(const struct track *t, uint64_t *ret_cookies, size_t max)
{
	size_t count = 0;

	for (int role = 0; role < CONN_CLONE; role++)
		for (const struct conn *c = t->conns.lists[role].oldest; c && count < max;
		     c = c->newer)
			if (!c->has_end)
				ret_cookies[count++] = c->cookie;
	return count;
}

size_t track_conn_count(const struct track *t)
{
	return t->conns.count;
}

size_t track_session_count(const struct track *t)
{
	size_t count = 0;

	for (const struct session *s = t->sessions.oldest; s; s = s->newer)
		count += s->open_reported && !s->ended_reported;
	return count;
}

uint64_t track_evicted(const struct track *t)
{
	return t->evicted;
}

uint64_t track_texts_refused(const struct track *t)
{
	return interns_refused(t->interns);
}
