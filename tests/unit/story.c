/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "test.h"

/* What one process's sockets have in common. */
struct actor {
	uint32_t tgid;
	const char *comm;
};

static const struct actor client = { STORY_CLIENT_PID, "browser" };
static const struct actor proxy = { STORY_PROXY_PID, "nginx" };
static const struct actor inner_proxy = { STORY_INNER_PROXY_PID, "haproxy" };
static const struct actor server = { STORY_SERVER_PID, "chat-server" };

struct plan {
	const struct actor *owner;
	uint8_t hop;
	bool server_side;
};

static const struct plan direct[] = { { &client, 0, false }, { &server, 0, true } };
static const struct plan server_only[] = { { &server, 0, true } };
static const struct plan client_only[] = { { &client, 0, false } };
static const struct plan over_unix[] = { { &client, 0, false }, { &proxy, 0, true } };
static const struct plan proxied[] = {
	{ &client, 0, false },
	{ &proxy, 0, true },
	{ &proxy, 1, false },
	{ &server, 1, true },
};
static const struct plan chain[] = {
	{ &client, 0, false },	   { &proxy, 0, true },	       { &proxy, 1, false },
	{ &inner_proxy, 1, true }, { &inner_proxy, 2, false }, { &server, 2, true },
};

static struct wst_task task_of(const struct actor *a)
{
	struct wst_task task = { .tgid = a->tgid, .pid = a->tgid };

	snprintf(task.comm, sizeof(task.comm), "%s", a->comm);
	task.start_ns = EVENTS_START_NS - 60 * 1000000000ull;
	return task;
}

static void set_address(uint8_t to[16], uint8_t last)
{
	const uint8_t address[16] = { [10] = 0xff, [11] = 0xff, 198, 18, 0, last };

	memcpy(to, address, 16);
}

static void fill_tuple(struct conn *c, const struct plan *p)
{
	uint8_t near = p->server_side ? 1 : 2;
	uint16_t server_port = 8080 + p->hop, client_port = 40000 + p->hop;

	set_address(c->tuple.local, near);
	set_address(c->tuple.remote, 3 - near);
	c->tuple.local_port = p->server_side ? server_port : client_port;
	c->tuple.remote_port = p->server_side ? client_port : server_port;
	c->tuple.netns = 4026531001;
	c->tuple_known = true;
}

static void fill_handshake(struct handshake *hs, const struct plan *p)
{
	hs->request_seen = hs->has_key = hs->has_upgrade = hs->has_connection_upgrade = true;
	hs->request_direction = p->server_side ? WST_IN : WST_OUT;
	hs->request_ns = STORY_OPENED_NS - 2 * STORY_MS;
	hs->path = "/chat";
	hs->host = "chat.example";
	hs->origin = "https://chat.example";
	hs->user_agent = "story/1.0";
	hs->version = "13";
	hs->connection = "Upgrade";
	hs->response_seen = hs->accept_seen = hs->accept_right = true;
	hs->response_ns = STORY_OPENED_NS;
	hs->status = 101;
}

static void fill_end(struct conn *c)
{
	static const uint8_t states[] = { 1, 7 };

	c->has_end = c->has_facts = true;
	c->end->tcp.bytes_in = c->end->tcp.bytes_out = 100;
	c->end->tcp.last_segment_in_ns = STORY_END_NS;
	c->end->tcp.srtt_us = 150;
	c->end->tcp.send_window = 65535;
	c->end->tcp.tls_alert_in = c->end->tcp.tls_alert_out = 255;
	c->end->tcp.state_count = sizeof(states);
	memcpy(c->end->tcp.states, states, sizeof(states));
	for (int i = 0; i < 2; i++) {
		c->end->walk[i].flags = WST_WALK_ON;
		c->end->walk[i].frames[1] = 1;
		c->end->walk[i].payload_bytes = c->end->walk[i].largest_frame_bytes = 5;
		c->end->walk[i].last_payload_ns = STORY_END_NS - 500 * STORY_MS;
	}
}

static void add_leg(struct story *st, const struct plan *p)
{
	struct conn *c = &st->conns[st->s.leg_count];
	struct conn_parts *parts = &st->parts[st->s.leg_count];

	conn_parts_give(parts, c);
	fill_tuple(c, p);
	fill_handshake(&c->handshake, p);
	fill_end(c);
	parts->owner = task_of(p->owner);
	c->open_flags = p->server_side ? WST_OPEN_PASSIVE : 0;
	c->connect_ns = STORY_OPENED_NS - 3 * STORY_MS;
	c->established_ns = STORY_OPENED_NS - 3 * STORY_MS + 100000;
	st->s.hop[st->s.leg_count] = p->hop;
	st->s.legs[st->s.leg_count++] = c;
	st->s.hop_count = p->hop + 1;
}

static void apply_all(struct story *st, struct events *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (track_apply(st->track, e->records[i]))
			abort();
	events_free(e);
}

static void tell_host(struct story *st)
{
	struct events *e = events_new();

	ev_host(e);
	ev_name(e, WST_NAME_RESET, STORY_ABORT_ON_CLOSE, "TCP_ABORT_ON_CLOSE");
	ev_name(e, WST_NAME_RESET, STORY_ABORT_ON_LINGER, "TCP_ABORT_ON_LINGER");
	ev_name(e, WST_NAME_RESET, STORY_KEEPALIVE_TIMEOUT, "TCP_KEEPALIVE_TIMEOUT");
	ev_name(e, WST_NAME_DROP, STORY_NETFILTER_DROP, "NETFILTER_DROP");
	apply_all(st, e);
}

void story_begin(struct story *st, enum story_shape shape)
{
	static const struct {
		const struct plan *legs;
		unsigned int count;
	} shapes[] = {
		[STORY_DIRECT] = { direct, 2 },
		[STORY_SERVER_ONLY] = { server_only, 1 },
		[STORY_CLIENT_ONLY] = { client_only, 1 },
		[STORY_PROXIED] = { proxied, 4 },
		[STORY_CHAIN] = { chain, 6 },
		[STORY_UNIX] = { over_unix, 2 },
		[STORY_PROXY_ONLY] = { proxied + 1, 2 },
	};
	static const struct track_config config;

	memset(st, 0, sizeof(*st));
	st->track = track_new(&config);
	if (!st->track)
		abort();
	tell_host(st);
	memset(st->s.id, 0xab, sizeof(st->s.id));
	st->s.opened_ns = STORY_OPENED_NS;
	st->s.first_ns = STORY_OPENED_NS - 3 * STORY_MS;
	for (unsigned int i = 0; i < shapes[shape].count; i++)
		add_leg(st, &shapes[shape].legs[i]);
}

void story_done(struct story *st)
{
	track_free(st->track);
}

const struct verdict *story_verdict(struct story *st)
{
	if (st->incident.count) {
		diagnose_incident(&st->incident, st->track, &st->v);
		return &st->v;
	}
	session_refresh(&st->s, 0, 0);
	diagnose_session(&st->s, st->track, &st->v);
	return &st->v;
}

void story_check_lost(struct story *st, const char *cause, enum initiator by)
{
	CHECK_STR(verdict_cause_id(story_verdict(st)), cause);
	CHECK_EQ(st->v.close.initiator, by);
	CHECK_EQ(st->v.close.code, 1006);
	story_done(st);
}

void story_unanswered(struct story *st)
{
	st->s.opened_ns = 0;
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct conn *c = &st->conns[i];
		bool server_side = conn_is_server_side(c);

		c->handshake.response_seen = c->handshake.accept_seen = false;
		c->handshake.accept_right = false;
		c->handshake.status = 0;
		c->handshake.response_ns = 0;
		c->end->tcp.bytes_in = server_side ? 100 : 0;
		c->end->tcp.bytes_out = server_side ? 0 : 100;
		memset(c->end->walk, 0, sizeof(c->end->walk));
	}
}

void story_answered(struct story *st, uint16_t status)
{
	story_unanswered(st);
	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		st->conns[i].handshake.response_seen = true;
		st->conns[i].handshake.response_ns = STORY_OPENED_NS;
		st->conns[i].handshake.status = status;
	}
}

void story_unconnected(struct story *st, uint32_t error)
{
	struct conn *c = &st->conns[0];

	story_unanswered(st);
	c->handshake = no_handshake();
	memset(&c->end->tcp, 0, sizeof(c->end->tcp));
	c->end->tcp.tls_alert_in = c->end->tcp.tls_alert_out = 255;
	c->end->tcp.error = c->end->error = error;
	c->end->error_ns = error ? STORY_END_NS : 0;
	c->established_ns = 0;
	c->end->closed_ns = STORY_END_NS;
	c->connect_failed = true;
}

static struct conn *peer_of(struct story *st, unsigned int leg)
{
	const struct conn *peer = session_peer_leg(&st->s, leg);

	return peer ? &st->conns[peer - st->conns] : NULL;
}

static struct conn *close_locally(struct story *st, unsigned int leg)
{
	struct conn *c = &st->conns[leg];

	c->end->closed_by_process = true;
	c->end->closer = *c->owner;
	c->end->closer_ns = c->end->closed_ns = STORY_END_NS;
	return c;
}

struct conn *story_fin(struct story *st, unsigned int leg)
{
	struct conn *c = close_locally(st, leg), *peer = peer_of(st, leg);

	c->end->fin_out_ns = STORY_END_NS;
	if (peer)
		peer->end->fin_in_ns = peer->end->closed_ns = STORY_END_NS + STORY_MS;
	return c;
}

struct conn *story_rst(struct story *st, unsigned int leg, uint32_t reason)
{
	struct conn *c = close_locally(st, leg), *peer = peer_of(st, leg);

	c->end->rst_out_ns = STORY_END_NS;
	c->end->reset_reason = reason;
	c->end->reset_active = c->end->reset_by_process = true;
	if (peer)
		peer->end->rst_in_ns = peer->end->closed_ns = STORY_END_NS + STORY_MS;
	return c;
}

struct conn *story_fin_received(struct story *st, unsigned int leg)
{
	struct conn *c = &st->conns[leg];

	c->end->fin_in_ns = STORY_END_NS;
	c->end->closed_ns = STORY_END_NS + STORY_MS;
	return c;
}

struct conn *story_rst_received(struct story *st, unsigned int leg)
{
	struct conn *c = &st->conns[leg];

	c->end->rst_in_ns = c->end->closed_ns = STORY_END_NS;
	return c;
}

struct conn *story_timeout(struct story *st, unsigned int leg)
{
	struct conn *c = &st->conns[leg];

	c->end->error = c->end->tcp.error = ETIMEDOUT;
	c->end->error_ns = c->end->closed_ns = STORY_END_NS;
	return c;
}

struct conn *story_died(struct story *st, unsigned int leg, uint32_t wait_status)
{
	struct conn *c = story_fin(st, leg);

	c->end->closer_exiting = true;
	c->end->closer_exit_code = wait_status;
	story_exit(st, c->owner->tgid, wait_status, 1);
	return c;
}

void story_close_frame(struct story *st, bool from_client, uint16_t code, const char *reason)
{
	uint64_t ts_ns = STORY_END_NS - 20 * STORY_MS;

	for (unsigned int i = 0; i < st->s.leg_count; i++) {
		struct conn *c = &st->conns[i];
		int direction = from_client ? conn_from_client(c) : conn_from_server(c);
		struct close_frame *frame = &c->frames->close[direction];

		if (c->frames->close[!direction].seen)
			ts_ns = STORY_END_NS - 10 * STORY_MS;
		frame->seen = true;
		frame->has_code = code != 0;
		frame->code = code;
		frame->reason_bytes = (uint8_t)snprintf(frame->reason, sizeof(frame->reason), "%s",
							reason ? reason : "");
		/* it passes one socket after the other on its way */
		frame->ts_ns = ts_ns + (from_client ? i : st->s.leg_count - 1 - i) * 10000;
		c->end->walk[direction].frames[3]++;
	}
}

void story_last_words(struct story *st, uint64_t ts_ns)
{
	for (unsigned int i = 0; i < 2 * st->s.leg_count; i++) {
		struct wst_walk_facts *w = &st->conns[i / 2].end->walk[i % 2];

		w->last_payload_ns = w->last_data_ns = ts_ns;
	}
}

static uint64_t relative_ns(int at_ms)
{
	return STORY_END_NS + (uint64_t)((int64_t)at_ms * (int64_t)STORY_MS);
}

void story_signal(struct story *st, uint32_t tgid, uint32_t signal, uint32_t sender_tgid, int at_ms)
{
	struct events *e = events_new();

	ev_signal(e, tgid, signal, sender_tgid, "systemd")->h.ts_ns = relative_ns(at_ms);
	apply_all(st, e);
}

void story_fault(struct story *st, uint32_t tgid, uint32_t signal, int at_ms)
{
	struct events *e = events_new();
	struct wst_signal_event *fault = ev_signal(e, tgid, signal, 0, "");

	fault->h.ts_ns = relative_ns(at_ms);
	fault->code = 1;
	apply_all(st, e);
}

void story_stop_listening(struct story *st, int at_ms)
{
	const struct side port = { .server = true,
				   .local = "198.18.0.1",
				   .local_port = 8080,
				   .remote = "0.0.0.0",
				   .netns = 4026531001,
				   .tgid = STORY_SERVER_PID,
				   .comm = "chat-server" };
	struct events *e = events_new();

	ev_listen(e, &port, true)->h.ts_ns = relative_ns(at_ms);
	apply_all(st, e);
}

void story_exit(struct story *st, uint32_t tgid, uint32_t wait_status, int at_ms)
{
	struct events *e = events_new();

	ev_exit(e, tgid, wait_status)->h.ts_ns = relative_ns(at_ms);
	apply_all(st, e);
}

void story_unix(struct story *st, uint32_t tgid, uint32_t connections, bool exiting, int at_ms)
{
	struct events *e = events_new();
	struct wst_task nginx = task_of(&proxy);
	struct wst_unix_event *u = ev_unix(e, tgid, "chat-server", &nginx, connections);

	u->h.ts_ns = relative_ns(at_ms);
	u->flags = exiting ? WST_UNIX_EXITING : 0;
	apply_all(st, e);
}

void story_unix_died(struct story *st, uint32_t wait_status)
{
	story_unix(st, STORY_UNIX_PID, 1, true, -2);
	story_exit(st, STORY_UNIX_PID, wait_status, -2);
	story_fin(st, STORY_PROXY_IN);
}

void story_oom(struct story *st, uint32_t tgid)
{
	struct events *e = events_new();

	ev_oom(e, tgid)->h.ts_ns = relative_ns(-1);
	apply_all(st, e);
}

void story_process(struct story *st, uint32_t tgid, uint32_t fds_used, uint32_t fds_limit,
		   const char *cgroup)
{
	struct events *e = events_new();
	struct wst_process_event *p = ev_process(e, tgid, "chat-server", cgroup);

	p->fds_used = fds_used;
	p->fds_limit = fds_limit;
	apply_all(st, e);
}

const char *story_evidence(const struct story *st, const char *fact)
{
	for (unsigned int i = 0; i < st->v.evidence.count; i++)
		if (strcmp(st->v.evidence.items[i].fact, fact) == 0)
			return st->v.evidence.items[i].detail;
	return NULL;
}
