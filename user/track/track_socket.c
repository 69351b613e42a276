/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events of sockets -> sessions. */
#include <errno.h>
#include <stdlib.h>

#include "track/event_check.h"
#include "track/join.h"
#include "track/track_state.h"

/*
 * A head that began as a handshake may turn out to be an ordinary request, of which the kernel side
 * then says no more; a reset may trail behind the end of its socket. Such leftovers go after this
 * time.
 */
#define STRAY_AGE_NS 60000000000ull

/*
 * The least recently used goes first; what was reported already is worth least. False when all that
 * is left belongs to a report that the caller holds.
 */
static bool evict_one(struct track *t)
{
	struct conn *spent = t->conns.lists[CONN_SPENT].oldest;
	struct conn *stray = t->conns.lists[CONN_STRAY].oldest;
	struct conn *loose = t->conns.lists[CONN_LOOSE].oldest;
	struct session *s = t->sessions.oldest;

	if (stray && (!loose || stray->last_ns < loose->last_ns))
		loose = stray;
	if (spent) {
		conn_table_remove(&t->conns, spent);
		return true;
	}
	if (loose && (!s || loose->last_ns <= s->last_ns)) {
		t->evicted++;
		conn_table_remove(&t->conns, loose);
		return true;
	}
	if (!s)
		return false;
	t->evicted += s->leg_count;
	track_drop_session(t, s);
	return true;
}

static void expire_strays(struct track *t)
{
	struct conn *c;

	/* two at a time: faster than they come */
	for (int i = 0; i < 2; i++) {
		c = t->conns.lists[CONN_STRAY].oldest;
		if (!c || c->last_ns + STRAY_AGE_NS > t->now_ns)
			return;
		conn_table_remove(&t->conns, c);
	}
}

static struct conn *obtain(struct track *t, const struct wst_event *event)
{
	struct conn *c = conn_table_find(&t->conns, event->cookie);

	if (c)
		return c;
	while (t->conns.count >= t->config.conns_max && evict_one(t))
		;
	c = conn_table_add(&t->conns, event->cookie);
	if (!c)
		return NULL;
	c->first_seen_ns = c->last_ns = event->ts_ns;
	/* The first record is lost, and who knows when, if it says that the socket does anything. */
	if (event->type == WST_EV_OPEN)
		c->losses_at_start = host_lost_facts_at(&t->host, event->ts_ns);
	return c;
}

static struct session *begin_session(struct track *t, const struct conn *c)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	join_name_session(&t->sessions, s, c);
	session_table_add(&t->sessions, s);
	return s;
}

static int add_leg(struct track *t, struct session *s, struct conn *c)
{
	bool added = session_add_leg(s, c);

	conn_table_set_role(&t->conns, c, added ? CONN_MEMBER : CONN_SPENT);
	return track_refresh(t, s);
}

/*
 * The server closed before the request came: its socket has a session that goes by no key yet.
 */
static struct session *rename_other_end(struct track *t, const struct conn *c)
{
	struct conn *other = join_other_end(&t->conns, c);

	if (!other || !other->session || other->handshake.request_seen)
		return NULL;
	session_table_remove(&t->sessions, other->session);
	join_name_session(&t->sessions, other->session, c);
	session_table_add(&t->sessions, other->session);
	return other->session;
}

/* The leg in front of a proxy that ends TLS: known from what the kernel side has put together. */
static int join_front(struct track *t, struct session *s, const struct conn *c)
{
	struct known_front *known = keyed_find(&t->fronts, c->cookie);
	struct wst_open_event open = {
		.h = { .type = WST_EV_OPEN, .size = sizeof(open) },
		.flags = WST_OPEN_PASSIVE,
	};
	struct conn *front;
	int error;

	if (!known || session_front(s) || s->legs[0] != c || conn_is_server_side(c))
		return 0;
	open.h.ts_ns = known->event.h.ts_ns;
	open.h.cookie = known->event.front_cookie;
	open.tuple = known->event.tuple;
	open.owner = *c->owner;
	open.established_ns = known->event.established_ns;
	keyed_remove(&t->fronts, known);
	front = obtain(t, &open.h);
	if (!front)
		return -ENOMEM;
	if (front->session || front->handshake.request_seen)
		return 0;
	error = conn_apply(front, &open.h, t->interns);
	if (error)
		return error;
	conn_table_index(&t->conns, front);
	process_note_accept(t->processes, c->owner);
	front->is_front = true;
	return add_leg(t, s, front);
}

/* A handshake was read: find or begin its session. */
static int attach(struct track *t, struct conn *c)
{
	struct session *s;
	int error;

	/*
	 * The kernel side gave up on the head and does not follow the socket: its end would never
	 * come.
	 */
	if (c->handshake.request_cut && !c->tuple_known && !c->handshake.response_seen)
		return 0;
	conn_table_index(&t->conns, c);
	s = join_by_handshake(&t->sessions, &t->conns, c);
	if (!s)
		s = rename_other_end(t, c);
	if (!s)
		s = begin_session(t, c);
	error = s ? add_leg(t, s, c) : -ENOMEM;
	return error ? error : join_front(t, s, c);
}

/* The tuple has become known: what waited for it. */
static int on_tuple(struct track *t, struct conn *c)
{
	conn_table_index(&t->conns, c);
	packet_notes_give(t->packets, c);
	if (c->role == CONN_STRAY)
		conn_table_set_role(&t->conns, c, CONN_LOOSE);
	if (c->session) {
		session_arrange(c->session);
		return 0;
	}
	return c->role == CONN_LOOSE && c->handshake.request_seen ? attach(t, c) : 0;
}

static void note_accept(struct track *t, const struct wst_open_event *e)
{
	bool inherited = e->flags & WST_OPEN_OWNER_INHERITED;

	process_note_accept(t->processes, &e->owner);
	if (!(e->flags & WST_OPEN_MIDSTREAM))
		track_note_listener(t, listeners_note_accept(&t->groups->listeners, &e->tuple,
							     &e->owner, inherited, e->h.ts_ns));
}

static int on_open(struct track *t, struct conn *c, const struct wst_open_event *e)
{
	bool knew_tuple = c->tuple_known;
	int error = conn_apply(c, &e->h, t->interns);

	if (error)
		return error;
	error = process_note_task(t->processes, &e->owner);
	if (error)
		return error;
	if (e->flags & WST_OPEN_PASSIVE)
		note_accept(t, e);
	return knew_tuple ? 0 : on_tuple(t, c);
}

/*
 * The socket goes on to its next handshake (keep-alive after a refusal): its old session keeps what
 * the socket was, in a copy. An unanswered request is over as well: its answer can no longer be
 * told from the next one.
 */
static int leave_session(struct track *t, struct conn *c, struct conn *copy, uint64_t ts_ns)
{
	struct session *s = c->session;

	if (!copy->handshake.response_seen) {
		if (conn_begin_end(copy)) {
			conn_table_remove(&t->conns, copy);
			return -ENOMEM;
		}
		copy->end->closed_ns = ts_ns;
	}
	session_replace_leg(s, c, copy);
	c->session = NULL;
	conn_table_set_role(&t->conns, c, c->tuple_known ? CONN_LOOSE : CONN_STRAY);
	return track_refresh(t, s);
}

/* Nothing is known of it but a head that was no handshake, and it was not announced. */
static bool is_nothing(const struct conn *c)
{
	const struct handshake *hs = &c->handshake;

	return c->role == CONN_STRAY && !hs->request_seen && !hs->response_seen &&
	       !hs->partial[WST_IN] && !hs->partial[WST_OUT];
}

static int on_response(struct track *t, struct conn *c)
{
	if (c->session) {
		session_arrange(c->session);
		return 0;
	}
	/* its session was reported as failed: the client did not wait for this */
	if (c->role == CONN_SPENT)
		return 0;
	return attach(t, c);
}

static int on_http(struct track *t, struct conn *c, const struct wst_http_event *e)
{
	struct conn *copy = NULL;
	int step, error = 0;

	if (c->session && e->flags & WST_HTTP_REQUEST) {
		copy = conn_clone(c);
		if (!copy)
			return -ENOMEM;
	}
	step = handshake_add(&c->handshake, e, t->interns);
	if (step == HANDSHAKE_REQUEST) {
		if (copy)
			error = leave_session(t, c, copy, e->h.ts_ns);
		copy = NULL;
		error = error ? error : attach(t, c);
	} else if (step == HANDSHAKE_RESPONSE) {
		error = on_response(t, c);
	} else if (step < 0) {
		error = step;
	}
	if (copy)
		conn_table_remove(&t->conns, copy);
	if (is_nothing(c))
		conn_table_remove(&t->conns, c);
	return error;
}

/*
 * The side that accepted ended it first, with no answer. What a client opens and closes itself,
 * such as a health check, is fine.
 */
static bool was_not_served(const struct conn *c)
{
	switch (conn_ended_by(c, NULL)) {
	case ENDED_FIN_SENT:
	case ENDED_RST_SENT:
	case ENDED_ABORTED:
		return conn_is_server_side(c);
	case ENDED_FIN_RECEIVED:
	case ENDED_RST_RECEIVED:
		return !conn_is_server_side(c);
	default:
		return true;
	}
}

/* A socket ended that no handshake brought into a session. */
static bool is_worth_telling(const struct conn *c)
{
	bool alert = c->end->tcp.tls_alert_in != 255 || c->end->tcp.tls_alert_out != 255;

	if (conn_is_websocket(c)) /* open before us, or its handshake was lost */
		return true;
	if (c->open_flags & (WST_OPEN_MIDSTREAM | WST_OPEN_ASIDE) || c->handshake.other_request)
		return false;
	if (c->connect_failed)
		return true;
	if (c->end->tcp.flags & WST_TCP_TLS_DATA)
		return false;
	/* health checks of load balancers and port scans connect, say nothing and leave */
	if (c->end->tcp.flags & WST_TCP_NEVER_ACCEPTED)
		return c->end->tcp.bytes_in > 0;
	return alert || c->end->tcp.flags & WST_TCP_NO_TLS || was_not_served(c);
}

static int attach_without_handshake(struct track *t, struct conn *c)
{
	struct conn *other = join_other_end(&t->conns, c);
	struct session *s = other && other->session ? other->session : begin_session(t, c);
	int error;

	if (!s)
		return -ENOMEM;
	error = add_leg(t, s, c);
	if (!error && other && !other->session)
		error = add_leg(t, s, other);
	return error;
}

static int on_end(struct track *t, struct conn *c, const struct wst_end_event *e)
{
	bool knew_tuple = c->tuple_known;
	int error = conn_apply(c, &e->h, t->interns), step = 0;

	if (error)
		return error;
	error = process_note_task(t->processes, &e->owner);
	if (!error && !knew_tuple)
		error = on_tuple(t, c);
	step = handshake_finish(&c->handshake, !c->session, t->interns);
	if (error)
		return error;
	if (c->connect_failed)
		groups_note_failed_connect(t->groups, c);
	if (c->role == CONN_SPENT) {
		conn_table_remove(&t->conns, c);
		return 0;
	}
	if (c->session)
		return 0;
	if (step == HANDSHAKE_REQUEST || step == HANDSHAKE_RESPONSE)
		return attach(t, c);
	if (is_worth_telling(c))
		return attach_without_handshake(t, c);
	conn_table_remove(&t->conns, c);
	return 0;
}

static int on_gone(struct track *t, struct conn *c, const struct wst_event *event)
{
	int error = conn_apply(c, event, t->interns);

	handshake_finish(&c->handshake, false, t->interns);
	if (error || c->session)
		return error;
	if (c->role != CONN_SPENT && conn_is_websocket(c))
		return attach_without_handshake(t, c);
	conn_table_remove(&t->conns, c);
	return 0;
}

/* Input that lies unread for longer than this when its socket is closed was not just late. */
#define STALL_NS 500000000ull

static bool lay_unread(const struct wst_walk_facts *in, uint32_t flag, uint64_t last_ns,
		       uint64_t now_ns)
{
	return in->flags & flag && last_ns && now_ns > last_ns + STALL_NS;
}

static void note_stall(struct track *t, const struct wst_end_event *e)
{
	const struct wst_walk_facts *in = &e->walk[WST_IN];

	if (lay_unread(in, WST_WALK_PONG_PENDING, in->last_pong_ns, e->h.ts_ns) ||
	    lay_unread(in, WST_WALK_DATA_PENDING, in->last_data_ns, e->h.ts_ns))
		process_note_stall(t->processes, &e->owner, e->h.ts_ns);
}

static int apply_to(struct track *t, struct conn *c, const struct wst_event *event)
{
	int error;

	switch (event->type) {
	case WST_EV_OPEN:
		return on_open(t, c, (const struct wst_open_event *)event);
	case WST_EV_HTTP:
		return on_http(t, c, (const struct wst_http_event *)event);
	case WST_EV_END:
		if (!c->end->closing.ts_ns)
			note_stall(t, (const struct wst_end_event *)event);
		return on_end(t, c, (const struct wst_end_event *)event);
	case WST_EV_GONE:
		return on_gone(t, c, event);
	case WST_EV_CLOSING:
		note_stall(t, (const struct wst_end_event *)event);
		break;
	}
	error = conn_apply(c, event, t->interns);
	if (!error && event->type == WST_EV_STATE)
		error = process_note_task(t->processes,
					  &((const struct wst_state_event *)event)->task);
	return error;
}

int track_apply_socket(struct track *t, const struct wst_event *event)
{
	struct conn *c;
	int error, refresh_error = 0;

	if (!event->cookie || !event->ts_ns)
		return -EINVAL;
	expire_strays(t);
	if (event->type == WST_EV_GONE && !conn_table_find(&t->conns, event->cookie))
		return 0;
	c = obtain(t, event);
	if (!c)
		return -ENOMEM;
	if (event->ts_ns > c->last_ns)
		c->last_ns = event->ts_ns;
	conn_table_touch(&t->conns, c);
	error = apply_to(t, c, event);
	c = conn_table_find(&t->conns, event->cookie); /* may be gone */
	if (c && c->session) {
		c->session->last_ns = t->now_ns;
		session_table_touch(&t->sessions, c->session);
		refresh_error = track_refresh(t, c->session);
	}
	return error ? error : refresh_error;
}
