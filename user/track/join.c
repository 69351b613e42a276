/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The key says it all when it is random, as RFC 6455 demands. Load testers and scripts send one key
 * again and again, so a socket joins the session of its key only when it can be the next link of
 * that chain: client -> proxy -> ... -> server.
 */
#include "track/join.h"

#include <string.h>

#include "track/session_key.h"

/*
 * Both sockets of a connection see the same request within this time; sequence numbers come around
 * in hours.
 */
#define SAME_REQUEST_NS 1000000000ull

/*
 * Chains are short unless somebody made them long: looking further would cost more than a wrong
 * join.
 */
#define LOOK_AT_MOST 64

static bool has_peer(const struct conn *c)
{
	const struct session *s = c->session;

	for (unsigned int i = 0; i < s->leg_count; i++)
		if (s->legs[i] == c)
			return session_peer_leg(s, i) != NULL;
	return false;
}

static bool is_joinable(const struct conn *c)
{
	return c->session && !c->session->ended_reported;
}

static bool same_key(const struct conn *a, const struct conn *b)
{
	const struct handshake *x = &a->handshake, *y = &b->handshake;

	return x->id_known == y->id_known &&
	       (!x->id_known || !memcmp(x->session_id, y->session_id, SESSION_ID_BYTES));
}

static bool same_time(const struct conn *a, const struct conn *b)
{
	uint64_t x = conn_began_ns(a), y = conn_began_ns(b);

	return (x < y ? y - x : x - y) < SAME_REQUEST_NS;
}

/*
 * The other socket of the TCP connection that carried this handshake: mirrored, or behind NAT the
 * only one of that request.
 */
static struct conn *find_peer(const struct conn_table *conns, const struct conn *c)
{
	struct conn *d = NULL, *behind_nat = NULL;

	for (int i = 0; i < LOOK_AT_MOST; i++) {
		d = conn_table_next_by_seq(conns, c, d);
		if (!d)
			break;
		if (d == c || !is_joinable(d) || !conns_share_request(c, d) || !same_key(c, d))
			continue;
		if (conns_mirrored(c, d))
			return d;
		if (!behind_nat && same_time(c, d) && !has_peer(d))
			behind_nat = d;
	}
	return behind_nat;
}

static bool same_process(const struct conn *a, const struct conn *b)
{
	if (a->owner->tgid == b->owner->tgid)
		return a->owner->tgid != 0;
	/* prefork servers: the listener's process until a worker has read from the socket */
	return (a->open_flags | b->open_flags) & WST_OPEN_OWNER_INHERITED && a->owner->tgid &&
	       b->owner->tgid && a->owner->cgroup_id == b->owner->cgroup_id &&
	       !memcmp(a->owner->comm, b->owner->comm, WST_COMM_LEN);
}

static bool same_service(const struct conn *a, const struct conn *b)
{
	return a->tuple_known && b->tuple_known && a->tuple.local_port == b->tuple.local_port &&
	       a->tuple.netns == b->tuple.netns;
}

static bool same_destination(const struct conn *a, const struct conn *b)
{
	return a->tuple_known && b->tuple_known && a->tuple.remote_port == b->tuple.remote_port &&
	       !memcmp(a->tuple.remote, b->tuple.remote, 16);
}

/*
 * It is, or has been, the way of an open session, or waits for an answer. A refused one leaves room
 * for another try.
 */
static bool is_taken(const struct conn *c)
{
	return conn_is_websocket(c) || !conn_is_finished(c, NULL);
}

/*
 * Whoever asks on behalf of another has somebody waiting for the answer: c comes after d in a chain
 * only if d had neither an answer nor an end by then. Later, it is the same request again.
 */
static bool had_waiting(const struct conn *d, const struct conn *c)
{
	uint64_t over_ns = d->handshake.response_ns;

	if (!d->handshake.response_seen)
		conn_ended_by(d, &over_ns);
	return !over_ns || conn_began_ns(c) <= over_ns;
}

/*
 * Connections that the process of c has accepted in this session and that waited then, less those
 * it has opened.
 */
static int unanswered_accepts(const struct session *s, const struct conn *c)
{
	int n = 0;

	for (int i = 0; i < s->leg_count; i++) {
		if (!same_process(c, s->legs[i]))
			continue;
		if (conn_is_server_side(s->legs[i]) && !had_waiting(s->legs[i], c))
			continue;
		n += conn_is_server_side(s->legs[i]) ? 1 : is_taken(s->legs[i]) ? -1 : 0;
	}
	return n;
}

static bool pairs_in(const struct session *s, const struct conn *c)
{
	for (int i = 0; i < s->leg_count; i++) {
		const struct conn *d = s->legs[i];

		if (conns_share_request(c, d) || conns_mirrored(c, d))
			return true;
	}
	return false;
}

/*
 * A proxy accepts before it connects. A client that did not accept anything cannot be in one chain
 * twice, nor in that of an earlier try.
 */
static bool client_side_conflicts(const struct session *s, const struct conn *c)
{
	if (unanswered_accepts(s, c) > 0)
		return false;
	for (int i = 0; i < s->leg_count; i++) {
		const struct conn *d = s->legs[i];

		if (!conn_is_server_side(d) &&
		    (same_process(c, d) || same_destination(c, d) || !had_waiting(d, c)))
			return true;
	}
	return false;
}

/*
 * Whoever is accepted must have been connected by the last one of the chain, possibly by way of
 * other hosts.
 */
static bool server_side_conflicts(const struct session *s, const struct conn *c)
{
	bool has_loose_end = false;

	for (unsigned int i = 0; i < s->leg_count; i++) {
		const struct conn *d = s->legs[i];

		if (!conn_is_server_side(d))
			has_loose_end |= !session_peer_leg(s, i) && had_waiting(d, c);
		else if (is_taken(d) && (same_service(c, d) || same_process(c, d)))
			return true;
	}
	return s->leg_count && !has_loose_end;
}

/* It tried before on the same connection, as after a 401: nobody passed that on. */
static bool tries_again(const struct session *s, const struct conn *c)
{
	for (int i = 0; i < s->leg_count; i++)
		if (s->legs[i]->cookie == c->cookie)
			return true;
	return false;
}

static bool can_join(const struct session *s, const struct conn *c)
{
	if (tries_again(s, c))
		return false;
	if (pairs_in(s, c))
		return true;
	return conn_is_server_side(c) ? !server_side_conflicts(s, c) : !client_side_conflicts(s, c);
}

struct session *join_by_handshake(const struct session_table *sessions,
				  const struct conn_table *conns, const struct conn *c)
{
	const struct conn *peer = find_peer(conns, c);
	struct session *s;
	int looked_at = 0;

	if (peer)
		return peer->session;
	if (!c->handshake.id_known || c->handshake.key_constant)
		return NULL;
	s = session_table_first(sessions, c->handshake.session_id);
	for (; s && looked_at < LOOK_AT_MOST; s = s->next) {
		if (memcmp(s->key_id, c->handshake.session_id, SESSION_ID_BYTES))
			continue;
		looked_at++;
		if (can_join(s, c))
			return s;
	}
	return NULL;
}

struct conn *join_other_end(const struct conn_table *conns, const struct conn *c)
{
	struct conn *d = NULL;

	for (int i = 0; i < LOOK_AT_MOST; i++) {
		d = conn_table_next_by_tuple(conns, &c->tuple, d);
		if (!d)
			return NULL;
		if (d == c || !conns_mirrored(c, d) || d->role == CONN_SPENT ||
		    d->handshake.response_seen)
			continue;
		if (!d->session || is_joinable(d))
			return d;
	}
	return NULL;
}

/* Then the plain id is, or was, that of another one. */
static bool key_is_in_use(const struct session_table *sessions,
			  const uint8_t key_id[SESSION_ID_BYTES])
{
	const struct session *s = session_table_first(sessions, key_id);

	while (s && memcmp(s->key_id, key_id, SESSION_ID_BYTES))
		s = s->next;
	return s != NULL;
}

void join_name_session(const struct session_table *sessions, struct session *s, const struct conn *c)
{
	const struct handshake *hs = &c->handshake;
	bool server_side = conn_is_server_side(c);

	if (!hs->id_known) {
		session_id_of_conn(c, s->id);
		memcpy(s->key_id, s->id, SESSION_ID_BYTES);
		s->synthetic_id = true;
		return;
	}
	memcpy(s->key_id, hs->session_id, SESSION_ID_BYTES);
	memcpy(s->id, hs->session_id, SESSION_ID_BYTES);
	s->synthetic_id = hs->key_constant || key_is_in_use(sessions, s->key_id);
	if (!s->synthetic_id)
		return;
	if (c->tuple_known)
		session_id_of_client(s->key_id, server_side ? c->tuple.remote : c->tuple.local,
				     server_side ? c->tuple.remote_port : c->tuple.local_port,
				     s->id);
	else
		session_id_of_conn(c, s->id);
}
