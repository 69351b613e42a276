/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The order of a session's legs, and what they are to each other. */
#include "track/session.h"

#include <string.h>

#define NO_PEER (-1)
/* Clients send their first request this soon after they have connected. */
#define FIRST_REQUEST_NS 1000000000ull

/* What has to be known of a leg to sort it. */
struct place {
	struct conn *conn;
	int peer; /* index of the other socket of its TCP connection */
	bool server_side;
	uint64_t request_ns; /* the earlier one of both sockets; 0: the request was missed */
	uint64_t response_ns;
	uint64_t began_ns;
	unsigned int hop; /* index of the lower of both sockets, before sorting */
};

static bool can_pair(const struct place *a, const struct place *b)
{
	return a->peer == NO_PEER && b->peer == NO_PEER && a->server_side != b->server_side;
}

static void pair_where(struct place *p, int count,
		       bool (*same)(const struct conn *a, const struct conn *b))
{
	for (int i = 0; i < count; i++) {
		for (int j = i + 1; j < count; j++) {
			if (!can_pair(&p[i], &p[j]) || !same(p[i].conn, p[j].conn))
				continue;
			p[i].peer = j;
			p[j].peer = i;
		}
	}
}

/* Addresses first: they are certain. Behind NAT the sequence number of the request tells. */
static void find_peers(struct place *p, int count)
{
	pair_where(p, count, conns_mirrored);
	pair_where(p, count, conns_share_request);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static void read_places(const struct session *s, struct place p[SESSION_LEGS_MAX])
{
	for (int i = 0; i < s->leg_count; i++) {
		const struct handshake *hs = &s->legs[i]->handshake;

		p[i] = (struct place){
			.conn = s->legs[i],
			.peer = NO_PEER,
			.server_side = conn_is_server_side(s->legs[i]),
			.request_ns = hs->request_seen ? hs->request_ns : 0,
			.response_ns = hs->response_seen ? hs->response_ns : 0,
			.began_ns = conn_began_ns(s->legs[i]),
		};
	}
	find_peers(p, s->leg_count);
	for (int i = 0; i < s->leg_count; i++) {
		int peer = p[i].peer;

		p[i].hop = (unsigned int)(peer == NO_PEER || i < peer ? i : peer);
		if (peer == NO_PEER || peer < i)
			continue;
		p[i].request_ns = earlier(p[i].request_ns, p[peer].request_ns);
		p[i].response_ns = earlier(p[i].response_ns, p[peer].response_ns);
		p[i].began_ns = earlier(p[i].began_ns, p[peer].began_ns);
	}
}

/* Requests travel from the client to the server, answers the other way. */
static bool is_nearer(const struct place *p, const struct place *a, const struct place *b)
{
	const struct place *x = &p[a->hop], *y = &p[b->hop];

	if (a->hop == b->hop)
		return !a->server_side && b->server_side;
	if (a->conn->is_front != b->conn->is_front)
		return a->conn->is_front;
	if (x->request_ns && y->request_ns)
		return x->request_ns < y->request_ns;
	if (x->response_ns && y->response_ns)
		return x->response_ns > y->response_ns;
	return x->began_ns < y->began_ns;
}

static void number_hops(struct session *s, const struct place *p, const int *order)
{
	s->hop_count = 0;
	for (int i = 0; i < s->leg_count; i++) {
		if (!i || p[order[i]].hop != p[order[i - 1]].hop)
			s->hop_count++;
		s->legs[i] = p[order[i]].conn;
		s->hop[i] = s->hop_count - 1;
	}
}

void session_arrange(struct session *s)
{
	struct place p[SESSION_LEGS_MAX];
	int order[SESSION_LEGS_MAX] = { 0 }, at;

	read_places(s, p);
	for (int i = 0; i < s->leg_count; i++) {
		/*
		 * both sockets of a hop move as one, so that whatever the times say they stay side
		 * by side
		 */
		if (p[i].peer != NO_PEER && p[i].peer < i) {
			for (at = 0; order[at] != p[i].peer; at++)
				;
			at += !is_nearer(p, &p[i], &p[p[i].peer]);
		} else {
			for (at = i; at > 0 && is_nearer(p, &p[i], &p[order[at - 1]]); at--)
				;
		}
		memmove(order + at + 1, order + at, (size_t)(i - at) * sizeof(order[0]));
		order[at] = i;
	}
	number_hops(s, p, order);
}

bool session_add_leg(struct session *s, struct conn *c)
{
	if (s->leg_count == SESSION_LEGS_MAX) {
		if (s->legs_dropped < UINT8_MAX)
			s->legs_dropped++;
		return false;
	}
	if (!s->leg_count || c->losses_at_start < s->losses_at_start)
		s->losses_at_start = c->losses_at_start;
	s->legs[s->leg_count++] = c;
	c->session = s;
	session_arrange(s);
	return true;
}

void session_replace_leg(struct session *s, const struct conn *old, struct conn *c)
{
	for (int i = 0; i < s->leg_count; i++)
		if (s->legs[i] == old)
			s->legs[i] = c;
	c->session = s;
}

/*
 * The client had another answer, or had left, before the 101 of a later hop came: nobody waited for
 * that any more.
 */
static bool came_too_late(const struct session *s, const struct conn *c)
{
	uint64_t answered_ns = c->handshake.response_seen ? c->handshake.response_ns : 0, ended_ns;

	for (int i = 0; i < s->leg_count && s->hop[i] == 0; i++) {
		if (s->legs[i] == c)
			return false;
		if (conn_is_websocket(s->legs[i]))
			continue;
		if (conn_is_refused(s->legs[i]))
			return true;
		conn_ended_by(s->legs[i], &ended_ns);
		if (ended_ns && ended_ns < answered_ns)
			return true;
	}
	return false;
}

const struct conn *session_front(const struct session *s)
{
	for (unsigned int i = 0; i < s->leg_count; i++)
		if (s->legs[i]->is_front)
			return s->legs[i];
	return NULL;
}

const struct conn *session_behind_front(const struct session *s)
{
	for (unsigned int i = 0; i + 1u < s->leg_count; i++)
		if (s->legs[i]->is_front)
			return s->legs[i + 1];
	return NULL;
}

bool session_is_open_way(const struct session *s, unsigned int leg)
{
	/* its frames are encrypted: it is as open as what is behind it */
	if (s->legs[leg]->is_front)
		return s->leg_count > leg + 1u && session_is_open_way(s, leg + 1);
	return conn_is_websocket(s->legs[leg]) && !came_too_late(s, s->legs[leg]);
}

unsigned int session_open_ways(const struct session *s)
{
	unsigned int legs = 0;

	for (unsigned int i = 0; i < s->leg_count; i++)
		legs |= (unsigned int)session_is_open_way(s, i) << i;
	return legs;
}

enum session_stage session_stage(const struct session *s)
{
	enum session_stage stage = STAGE_CONNECT;

	for (unsigned int i = 0; i < s->leg_count; i++) {
		if (session_is_open_way(s, i))
			return STAGE_SESSION;
		if (s->legs[i]->handshake.request_seen)
			stage = STAGE_UPGRADE;
	}
	return stage;
}

const struct conn *session_client_leg(const struct session *s)
{
	return s->leg_count ? s->legs[0] : NULL;
}

const struct conn *session_server_leg(const struct session *s)
{
	return s->leg_count ? s->legs[s->leg_count - 1] : NULL;
}

const struct conn *session_peer_leg(const struct session *s, unsigned int leg)
{
	for (unsigned int i = 0; i < s->leg_count; i++)
		if (i != leg && s->hop[i] == s->hop[leg])
			return s->legs[i];
	return NULL;
}

const struct conn *session_gateway_leg(const struct session *s)
{
	for (unsigned int i = s->leg_count; i-- > 0;) {
		const struct conn *c = s->legs[i];
		bool answered = c->handshake.response_seen && !came_too_late(s, c);

		if (answered && c->handshake.status < 500)
			return NULL;
		if (conn_is_server_side(c) && c->owner->tgid)
			return c;
		if (answered && s->hop[i] > 0)
			return NULL; /* somebody further away gave this answer */
	}
	return NULL;
}

/*
 * Proxies that do not read HTTP connect as soon as they have accepted. On a connection that had
 * other requests before, only what follows this one belongs to it.
 */
static uint64_t taken_on_ns(const struct conn *gateway)
{
	uint64_t began_ns = conn_began_ns(gateway), connect_ns = gateway->connect_ns;

	return connect_ns && connect_ns + FIRST_REQUEST_NS > began_ns ? connect_ns : began_ns;
}

bool session_spans(const struct conn *gateway, uint64_t ts_ns)
{
	uint64_t end_ns = gateway->handshake.response_ns;

	if (!gateway->handshake.response_seen)
		conn_ended_by(gateway, &end_ns);
	return taken_on_ns(gateway) <= ts_ns && (!end_ns || ts_ns <= end_ns);
}

/* The process that opened the TCP connection of a hop, NULL when it is not on this host. */
static const struct wst_task *opener_of(const struct session *s, unsigned int hop)
{
	for (int i = 0; i < s->leg_count; i++)
		if (s->hop[i] == hop && !conn_is_server_side(s->legs[i]) && s->legs[i]->owner->tgid)
			return s->legs[i]->owner;
	return NULL;
}

/*
 * A later hop goes on where this one ends, unless the same proxy made both: then it tried one
 * server after another.
 */
static bool hop_leads_on(const struct session *s, unsigned int hop)
{
	const struct wst_task *opener = opener_of(s, hop), *later;

	for (unsigned int h = hop + 1; h < s->hop_count; h++) {
		later = opener_of(s, h);
		if (!opener || !later || opener->tgid != later->tgid)
			return true;
	}
	return false;
}

enum leg_role session_leg_role(const struct session *s, unsigned int leg)
{
	unsigned int hop = s->hop[leg];
	bool leads_on = hop_leads_on(s, hop);

	if (hop == 0)
		return leads_on ? LEG_CLIENT_TO_PROXY : LEG_CLIENT_TO_SERVER;
	return leads_on ? LEG_PROXY_TO_PROXY : LEG_PROXY_TO_SERVER;
}

unsigned int session_sockets_of(const struct session *s, const struct wst_task *task)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < s->leg_count; i++)
		count += s->legs[i]->owner->tgid == task->tgid;
	return count;
}
