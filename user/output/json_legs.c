/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/json_legs.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "output/message.h"
#include "output/text.h"

void json_time(struct json *j, cJSON *parent, const char *key, uint64_t unix_ns)
{
	char text[TEXT_TIME];

	json_name(j, parent, key, unix_ns ? text_time(text, unix_ns) : NULL);
}

void json_add_endpoint(struct json *j, cJSON *parent, const char *key, const uint8_t *addr,
		       uint16_t port)
{
	char address[FORMAT_ADDRESS];
	cJSON *o = json_object(j, parent, key);

	json_name(j, o, "address", addr ? format_address(address, addr) : NULL);
	json_number(j, o, "port", port);
}

static const char *known(const char *text)
{
	return text && text[0] ? text : NULL;
}

void json_add_session(struct json *j, cJSON *line, const struct facts *f, bool ended)
{
	const struct session *s = f->session;
	const struct handshake *request = f->answer.request ? &f->answer.request->handshake :
							      &no_conn.handshake;
	const struct handshake *answer = f->answer.conn ? &f->answer.conn->handshake :
							  &no_conn.handshake;
	struct endpoints e = message_endpoints(s);
	cJSON *o = json_object(j, line, "session");
	char id[TEXT_ID], subprotocol[HANDSHAKE_TEXT];

	json_name(j, o, "id", text_id(id, s->id));
	json_text(j, o, "path", known(request->path));
	json_text(j, o, "host", known(request->host));
	json_text(j, o, "origin", known(request->origin));
	format_subprotocols(subprotocol, sizeof(subprotocol), answer->subprotocol);
	json_text(j, o, "subprotocol", known(subprotocol));
	json_text(j, o, "user_agent", known(request->user_agent));
	json_add_endpoint(j, o, "client", e.client, e.client_port);
	json_add_endpoint(j, o, "server", e.server, e.server_port);
	json_time(j, o, "opened_at", message_unix_ns(f->track, s->opened_ns));
	if (ended)
		json_number(j, o, "duration_ms", message_duration_ns(s) / 1000000);
}

void json_add_container(struct json *j, cJSON *parent, struct process_table *processes,
			const struct wst_task *task)
{
	const struct process *p = process_find(processes, task->tgid, task->start_ns);

	if (p && p->container_id[0])
		json_name(j, json_object(j, parent, "container"), "id", p->container_id);
}

static void add_process(struct json *j, cJSON *leg, const struct facts *f, const struct conn *c)
{
	cJSON *o;

	if (!c->owner->tgid) {
		json_null(j, leg, "process");
		return;
	}
	o = json_object(j, leg, "process");
	json_number(j, o, "pid", c->owner->tgid);
	json_bytes(j, o, "comm", c->owner->comm, strnlen(c->owner->comm, WST_COMM_LEN));
	json_add_container(j, leg, track_processes(f->track), c->owner);
}

static bool leads_to_backend(const struct facts *f, const struct conn *c)
{
	return f->backend.proxy && conn_is_server_side(c) &&
	       c->owner->tgid == f->backend.proxy->tgid;
}

/* What this socket's process passes the session on to, by no socket that is followed. */
static void add_upstream(struct json *j, cJSON *leg, const struct facts *f)
{
	const struct unix_backend *b = f->backend.backend;
	cJSON *upstream = json_object(j, leg, "upstream"), *o;

	json_name(j, upstream, "transport", "unix");
	o = json_object(j, upstream, "process");
	json_number(j, o, "pid", b->task.tgid);
	json_bytes(j, o, "comm", b->task.comm, strnlen(b->task.comm, WST_COMM_LEN));
	json_add_container(j, upstream, track_processes(f->track), &b->task);
	json_number(j, upstream, "connections", f->backend.holding->connections);
}

static void add_reset_reason(struct json *j, cJSON *tcp, const struct facts *f, const struct conn *c)
{
	const char *name = evidence_reset_reason(f, c);
	char number[24];

	if (!name && c->end->rst_out_ns && c->end->reset_reason != WST_REASON_NONE) {
		snprintf(number, sizeof(number), "%u", c->end->reset_reason);
		name = number;
	}
	json_text(j, tcp, "reset_reason", name);
}

static void add_errno(struct json *j, cJSON *tcp, const struct conn *c)
{
	uint32_t error = facts_errno(c);
	const char *name = error ? name_of_errno(error) : NULL;
	char number[24];

	if (name && name[0] != 'E') {
		snprintf(number, sizeof(number), "%u", error);
		name = number;
	}
	json_name(j, tcp, "errno", name);
}

static void add_counters(struct json *j, cJSON *o, const struct wst_tcp_facts *tcp)
{
	cJSON *states;

	json_number(j, o, "retransmits", tcp->retransmits);
	json_number(j, o, "srtt_us", tcp->srtt_us);
	json_number(j, o, "bytes_in", tcp->bytes_in);
	json_number(j, o, "bytes_out", tcp->bytes_out);
	json_number(j, o, "unacked_bytes", tcp->unacked_bytes);
	json_number(j, o, "unread_bytes", tcp->unread_bytes);
	json_number(j, o, "send_window", tcp->send_window);
	states = json_array(j, o, "states");
	for (unsigned int i = 0; i < tcp->state_count && i < WST_STATE_HISTORY; i++)
		json_text_item(j, states, name_of_tcp_state(tcp->states[i]));
}

static void add_tcp(struct json *j, cJSON *leg, const struct facts *f, const struct conn *c)
{
	cJSON *o = json_object(j, leg, "tcp");

	json_name(j, o, "ended_by", ended_by_name(conn_ended_by(c, NULL)));
	add_reset_reason(j, o, f, c);
	add_errno(j, o, c);
	if (c->has_facts)
		add_counters(j, o, &c->end->tcp);
}

static void add_opcodes(struct json *j, cJSON *o, const char *key, const struct wst_walk_facts *w)
{
	static const char *const names[] = { "continuation", "text", "binary",
					     "close",	     "ping", "pong" };
	cJSON *counts = json_object(j, o, key);

	for (unsigned int i = 0; i < 6; i++)
		json_number(j, counts, names[i], w->frames[i]);
}

static uint64_t frame_count(const struct wst_walk_facts *w)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < 6; i++)
		count += w->frames[i];
	return count;
}

/* Since the last payload byte of either direction: what idle timers of proxies count. */
static uint64_t idle_ns(const struct conn *c)
{
	uint64_t last_ns = c->established_ns, end_ns = 0;

	for (int i = 0; i < 2; i++)
		if (c->end->walk[i].last_payload_ns > last_ns)
			last_ns = c->end->walk[i].last_payload_ns;
	conn_ended_by(c, &end_ns);
	return last_ns && end_ns > last_ns ? end_ns - last_ns : 0;
}

static bool in_sync(const struct wst_walk_facts *w)
{
	return (w->flags & (WST_WALK_ON | WST_WALK_JOINED)) &&
	       !(w->flags & (WST_WALK_LOST | WST_WALK_REGAINED));
}

static void add_websocket(struct json *j, cJSON *leg, const struct conn *c)
{
	const struct wst_walk_facts *in = &c->end->walk[WST_IN], *out = &c->end->walk[WST_OUT];
	uint32_t rtt_us = out->ping_rtt_us ? out->ping_rtt_us : in->ping_rtt_us;
	cJSON *o = json_object(j, leg, "websocket");

	json_number(j, o, "frames_in", frame_count(in));
	json_number(j, o, "frames_out", frame_count(out));
	add_opcodes(j, o, "opcodes_in", in);
	add_opcodes(j, o, "opcodes_out", out);
	json_number(j, o, "payload_bytes_in", in->payload_bytes);
	json_number(j, o, "payload_bytes_out", out->payload_bytes);
	json_number(j, o, "pings", in->frames[4] + (uint64_t)out->frames[4]);
	json_number(j, o, "pongs", in->frames[5] + (uint64_t)out->frames[5]);
	if (rtt_us)
		json_number(j, o, "ping_rtt_us", rtt_us);
	else
		json_null(j, o, "ping_rtt_us");
	json_number(j, o, "idle_ms", idle_ns(c) / 1000000);
	json_bool(j, o, "synchronised", in_sync(in) && in_sync(out));
}

static const char *role_name(enum leg_role role)
{
	static const char *const names[] = {
		[LEG_CLIENT_TO_SERVER] = "client_to_server",
		[LEG_CLIENT_TO_PROXY] = "client_to_proxy",
		[LEG_PROXY_TO_PROXY] = "proxy_to_proxy",
		[LEG_PROXY_TO_SERVER] = "proxy_to_server",
	};

	return names[role];
}

void json_add_legs(struct json *j, cJSON *line, const struct facts *f, unsigned int legs_max,
		   bool whole)
{
	const struct session *s = f->session;
	cJSON *legs = json_array(j, line, "legs");

	for (unsigned int i = 0; i < s->leg_count && i < legs_max; i++) {
		const struct conn *c = s->legs[i];
		cJSON *leg = json_item(j, legs);

		json_name(j, leg, "role", role_name(session_leg_role(s, i)));
		json_name(j, leg, "side", conn_is_server_side(c) ? "server" : "client");
		json_number(j, leg, "hop", s->hop[i]);
		json_add_endpoint(j, leg, "local", c->tuple.local, c->tuple.local_port);
		json_add_endpoint(j, leg, "remote", c->tuple.remote, c->tuple.remote_port);
		add_process(j, leg, f, c);
		if (c->is_front)
			json_name(j, leg, "joined_by", "process_and_time");
		if (leads_to_backend(f, c))
			add_upstream(j, leg, f);
		if (whole)
			add_tcp(j, leg, f, c);
		if (whole && c->has_facts && conn_is_websocket(c))
			add_websocket(j, leg, c);
	}
}
