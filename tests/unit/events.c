/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "events.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

const struct side CLIENT = {
	.cookie = 0xc1,
	.local = "198.18.0.2",
	.local_port = 40000,
	.remote = "198.18.0.1",
	.remote_port = 8080,
	.tgid = 100,
	.comm = "browser",
	.netns = 4026531001,
};

const struct side SERVER = {
	.cookie = 0x51,
	.local = "198.18.0.1",
	.local_port = 8080,
	.remote = "198.18.0.2",
	.remote_port = 40000,
	.server = true,
	.tgid = 200,
	.comm = "chat-server",
	.netns = 4026531002,
};

static const uint8_t mask_key[4] = { 0x37, 0xfa, 0x21, 0x3d };

static void *checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct events *events_new(void)
{
	struct events *e = checked(calloc(1, sizeof(*e)));

	e->now_ns = EVENTS_START_NS;
	return e;
}

void events_free(struct events *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->records[i]);
	free(e->records);
	free(e);
}

void events_pass_ms(struct events *e, uint64_t ms)
{
	e->now_ns += ms * 1000000;
}

void *events_add(struct events *e, uint16_t type, size_t size, uint64_t cookie, uint32_t tgid)
{
	struct wst_event *r = checked(calloc(1, size));

	e->records = checked(realloc(e->records, (e->count + 1) * sizeof(*e->records)));
	e->records[e->count++] = r;
	r->type = type;
	r->size = (uint16_t)size;
	r->ts_ns = e->now_ns;
	r->cookie = cookie;
	r->tgid = tgid;
	return r;
}

/* IPv4 as ::ffff:a.b.c.d, as in the records. */
static void put_address(uint8_t to[16], const char *text)
{
	if (inet_pton(AF_INET6, text, to) == 1)
		return;
	memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	if (inet_pton(AF_INET, text, to + 12) != 1)
		abort();
}

/* Cuts like the kernel does: fixed fields hold what fits. */
static void put_text(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(to, text, len);
	memset(to + len, 0, size - len);
}

struct wst_task events_task(const struct side *s)
{
	struct wst_task t = { .tgid = s->tgid, .pid = s->tgid, .cgroup_id = s->tgid };

	if (!s->tgid)
		return (struct wst_task){ 0 };
	t.start_ns = EVENTS_START_NS - 60 * 1000000000ull;
	if (s->comm)
		put_text(t.comm, sizeof(t.comm), s->comm);
	return t;
}

struct wst_tuple events_tuple(const struct side *s)
{
	struct wst_tuple t = {
		.local_port = s->local_port,
		.remote_port = s->remote_port,
		.netns = s->netns,
	};

	put_address(t.local, s->local);
	put_address(t.remote, s->remote);
	return t;
}

static uint32_t open_flags(const struct side *s)
{
	return WST_OPEN_CHAT_PORT | (s->server ? WST_OPEN_PASSIVE : 0);
}

struct wst_open_event *ev_open(struct events *e, const struct side *s)
{
	struct wst_open_event *o = events_add(e, WST_EV_OPEN, sizeof(*o), s->cookie, s->tgid);

	o->tuple = events_tuple(s);
	o->owner = events_task(s);
	o->connect_ns = e->now_ns - 200000;
	o->established_ns = e->now_ns - 100000;
	o->flags = open_flags(s);
	return o;
}

/* Sequence numbers are the connection's, so both of its sockets agree on them. */
#define REQUEST_SEQ 1000001u
#define RESPONSE_SEQ 5000001u

static struct wst_http_event *add_head(struct events *e, const struct side *s, bool request,
				       const char *text)
{
	const char *blank = strstr(text, "\r\n\r\n");
	size_t len = blank ? (size_t)(blank - text) + 4 : strlen(text), at = 0, n;
	struct wst_http_event *h;

	do {
		n = len - at < WST_HTTP_CHUNK_BYTES ? len - at : WST_HTTP_CHUNK_BYTES;
		h = events_add(e, WST_EV_HTTP, sizeof(*h), s->cookie, s->tgid);
		h->head_seq = request ? REQUEST_SEQ : RESPONSE_SEQ;
		h->offset = (uint32_t)at;
		h->len = (uint16_t)n;
		h->direction = request == s->server ? WST_IN : WST_OUT;
		h->flags = request ? WST_HTTP_REQUEST : WST_HTTP_RESPONSE;
		memcpy(h->data, text + at, n);
		at += n;
	} while (at < len);
	if (blank)
		h->flags |= WST_HTTP_LAST;
	return h;
}

struct wst_http_event *ev_request(struct events *e, const struct side *s, const char *text)
{
	return add_head(e, s, true, text);
}

struct wst_http_event *ev_response(struct events *e, const struct side *s, const char *text)
{
	return add_head(e, s, false, text);
}

void ev_handshake(struct events *e, const struct side *s)
{
	ev_request(e, s,
		   "GET /chat HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nOrigin: https://chat.example\r\n"
		   "Sec-WebSocket-Key: " EVENTS_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n");
	events_pass_ms(e, 2);
	ev_response(e, s,
		    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Accept: " EVENTS_ACCEPT "\r\n\r\n");
}

static struct wst_frame_event *add_frame(struct events *e, const struct side *s, bool from_client,
					 uint8_t kind)
{
	struct wst_frame_event *f = events_add(e, WST_EV_FRAME, sizeof(*f), s->cookie, s->tgid);

	f->kind = kind;
	f->direction = from_client == s->server ? WST_IN : WST_OUT;
	f->seq = (from_client ? REQUEST_SEQ : RESPONSE_SEQ) + 500;
	return f;
}

struct wst_frame_event *ev_close(struct events *e, const struct side *s, bool from_client,
				 uint16_t code, const char *reason)
{
	struct wst_frame_event *f = add_frame(e, s, from_client, WST_FRAME_CLOSE);
	size_t reason_len = reason ? strnlen(reason, WST_CONTROL_PAYLOAD_BYTES - 2) : 0;

	f->len = code ? (uint8_t)(2 + reason_len) : 0;
	f->payload_len = f->len;
	f->header[0] = 0x88;
	f->header[1] = f->len;
	f->header_len = 2;
	f->data[0] = (uint8_t)(code >> 8);
	f->data[1] = (uint8_t)code;
	if (reason_len)
		memcpy(f->data + 2, reason, reason_len);
	if (!from_client)
		return f;
	f->header[1] |= 0x80;
	memcpy(f->header + 2, mask_key, 4);
	f->header_len = 6;
	for (unsigned int i = 0; i < f->len; i++)
		f->data[i] ^= mask_key[i % 4];
	return f;
}

struct wst_frame_event *ev_illegal(struct events *e, const struct side *s, bool from_client,
				   uint16_t faults)
{
	struct wst_frame_event *f = add_frame(e, s, from_client, WST_FRAME_ILLEGAL);

	f->faults = faults;
	f->payload_len = 5;
	f->header[0] = faults & WST_FAULT_RSV ? 0xc1 : faults & WST_FAULT_OPCODE ? 0x83 : 0x81;
	f->header[1] = 5;
	f->header_len = 2;
	if (from_client == !(faults & WST_FAULT_UNMASKED)) {
		f->header[1] |= 0x80;
		memcpy(f->header + 2, mask_key, 4);
		f->header_len = 6;
	}
	return f;
}

struct wst_frame_event *ev_http_text(struct events *e, const struct side *s, const char *text)
{
	struct wst_frame_event *f = add_frame(e, s, false, WST_FRAME_HTTP_TEXT);

	f->len = (uint8_t)strnlen(text, sizeof(f->data));
	memcpy(f->data, text, f->len);
	return f;
}

struct wst_state_event *ev_state(struct events *e, const struct side *s, uint8_t old_state,
				 uint8_t new_state)
{
	struct wst_state_event *st = events_add(e, WST_EV_STATE, sizeof(*st), s->cookie, 0);

	st->old_state = old_state;
	st->new_state = new_state;
	return st;
}

struct wst_state_event *ev_state_by_owner(struct events *e, const struct side *s, uint8_t old_state,
					  uint8_t new_state)
{
	struct wst_state_event *st = ev_state(e, s, old_state, new_state);

	st->h.tgid = s->tgid;
	st->task = events_task(s);
	st->flags = WST_STATE_BY_PROCESS;
	return st;
}

struct wst_reset_event *ev_reset(struct events *e, const struct side *s, uint8_t direction)
{
	struct wst_reset_event *r = events_add(e, WST_EV_RESET, sizeof(*r), s->cookie, 0);

	r->direction = direction;
	r->reason = WST_REASON_NONE;
	r->state = TCP_ESTABLISHED;
	return r;
}

struct wst_error_event *ev_error(struct events *e, const struct side *s, uint32_t error)
{
	struct wst_error_event *r = events_add(e, WST_EV_ERROR, sizeof(*r), s->cookie, 0);

	r->error = error;
	r->state = TCP_ESTABLISHED;
	return r;
}

static void fill_tcp(struct wst_tcp_facts *tcp, uint64_t now_ns)
{
	tcp->bytes_in = tcp->bytes_out = 100;
	tcp->last_segment_in_ns = tcp->last_segment_out_ns = now_ns;
	tcp->srtt_us = 150;
	tcp->send_window = tcp->receive_window = 65535;
	tcp->mss = 1460;
	tcp->tls_alert_in = tcp->tls_alert_out = 255;
	tcp->states[0] = TCP_ESTABLISHED;
	tcp->states[1] = TCP_CLOSE;
	tcp->state_count = 2;
}

struct wst_end_event *ev_end(struct events *e, const struct side *s)
{
	struct wst_end_event *end = events_add(e, WST_EV_END, sizeof(*end), s->cookie, s->tgid);

	end->tuple = events_tuple(s);
	end->owner = events_task(s);
	end->open_flags = open_flags(s);
	end->established_ns = EVENTS_START_NS - 100000;
	fill_tcp(&end->tcp, e->now_ns);
	for (int direction = WST_IN; direction <= WST_OUT; direction++) {
		struct wst_walk_facts *w = &end->walk[direction];

		w->flags = WST_WALK_ON;
		w->frames[1] = 1;
		w->payload_bytes = w->largest_frame_bytes = 5;
		w->last_payload_ns = w->last_data_ns = EVENTS_START_NS + 2000000;
	}
	return end;
}

void ev_fin_both(struct events *e, const struct side *s, bool we_first)
{
	if (we_first) {
		ev_state_by_owner(e, s, TCP_ESTABLISHED, TCP_FIN_WAIT1);
		ev_state(e, s, TCP_FIN_WAIT1, TCP_FIN_WAIT2);
		events_pass_ms(e, 1);
		ev_state(e, s, TCP_FIN_WAIT2, TCP_CLOSE);
	} else {
		ev_state(e, s, TCP_ESTABLISHED, TCP_CLOSE_WAIT);
		events_pass_ms(e, 1);
		ev_state_by_owner(e, s, TCP_CLOSE_WAIT, TCP_LAST_ACK);
		ev_state(e, s, TCP_LAST_ACK, TCP_CLOSE);
	}
	ev_end(e, s);
}

struct wst_exit_event *ev_exit(struct events *e, uint32_t tgid, uint32_t wait_status)
{
	struct wst_exit_event *x = events_add(e, WST_EV_EXIT, sizeof(*x), 0, tgid);

	x->start_ns = EVENTS_START_NS - 60 * 1000000000ull;
	x->exit_code = wait_status;
	x->parent_tgid = 1;
	put_text(x->comm, sizeof(x->comm), "chat-server");
	return x;
}

struct wst_signal_event *ev_signal(struct events *e, uint32_t tgid, uint32_t signal,
				   uint32_t sender_tgid, const char *sender_comm)
{
	struct wst_signal_event *s = events_add(e, WST_EV_SIGNAL, sizeof(*s), 0, tgid);
	struct side sender = { .tgid = sender_tgid, .comm = sender_comm };

	s->signal = signal;
	s->code = sender_tgid ? 0 : 128; /* SI_USER, SI_KERNEL */
	s->sender = events_task(&sender);
	s->sender_parent_tgid = sender_tgid ? 1 : 0;
	s->target_parent_tgid = 1;
	return s;
}

struct wst_oom_event *ev_oom(struct events *e, uint32_t tgid)
{
	return events_add(e, WST_EV_OOM, sizeof(struct wst_oom_event), 0, tgid);
}

struct wst_process_event *ev_process(struct events *e, uint32_t tgid, const char *comm,
				     const char *cgroup)
{
	struct wst_process_event *p = events_add(e, WST_EV_PROCESS, sizeof(*p), 0, tgid);

	p->start_ns = EVENTS_START_NS - 60 * 1000000000ull;
	put_text(p->comm, sizeof(p->comm), comm);
	put_text(p->cgroup, sizeof(p->cgroup), cgroup);
	return p;
}

struct wst_host_event *ev_host(struct events *e)
{
	struct wst_host_event *h = events_add(e, WST_EV_HOST, sizeof(*h), 0, 0);

	h->realtime_offset_ns = EVENTS_REALTIME_OFFSET_NS;
	h->version = WST_EVENT_VERSION;
	h->flags = WST_HOST_RESET_REASONS | WST_HOST_DROP_REASONS;
	put_text(h->hostname, sizeof(h->hostname), "web-1");
	return h;
}

struct wst_name_event *ev_name(struct events *e, uint32_t kind, uint32_t value, const char *name)
{
	struct wst_name_event *n = events_add(e, WST_EV_NAME, sizeof(*n), 0, 0);

	n->kind = kind;
	n->value = value;
	put_text(n->name, sizeof(n->name), name);
	return n;
}

struct wst_loss_event *ev_loss(struct events *e, unsigned int site, uint64_t total)
{
	struct wst_loss_event *l = events_add(e, WST_EV_LOSS, sizeof(*l), 0, 0);

	l->total[site] = total;
	return l;
}

struct wst_drop_event *ev_drop(struct events *e, const struct side *sender, uint32_t reason)
{
	struct wst_drop_event *d = events_add(e, WST_EV_DROP, sizeof(*d), sender->cookie,
					      sender->tgid);

	d->tuple = events_tuple(sender);
	d->reason = reason;
	d->tcp_flags = 0x10; /* ACK */
	return d;
}

struct wst_backlog_event *ev_backlog(struct events *e, const struct side *listener)
{
	struct wst_backlog_event *b = events_add(e, WST_EV_BACKLOG, sizeof(*b), 0, listener->tgid);

	b->tuple = events_tuple(listener);
	b->owner = events_task(listener);
	b->queued = b->limit = 128;
	return b;
}

struct wst_listen_event *ev_listen(struct events *e, const struct side *listener, bool stopped)
{
	struct wst_listen_event *l = events_add(e, WST_EV_LISTEN, sizeof(*l), 0, listener->tgid);

	l->tuple = events_tuple(listener);
	memset(l->tuple.remote, 0, sizeof(l->tuple.remote));
	l->tuple.remote_port = 0;
	l->task = events_task(listener);
	l->listeners = !stopped;
	l->flags = stopped ? WST_LISTEN_STOPPED : 0;
	return l;
}

struct wst_front_event *ev_front(struct events *e, const struct side *behind,
				 const struct side *front)
{
	struct wst_front_event *f = events_add(e, WST_EV_FRONT, sizeof(*f), behind->cookie,
					       behind->tgid);

	f->front_cookie = front->cookie;
	f->tuple = events_tuple(front);
	f->established_ns = e->now_ns - 20000000;
	f->read_ns = e->now_ns - 1000000;
	return f;
}

struct wst_unix_event *ev_unix(struct events *e, uint32_t tgid, const char *comm,
			       const struct wst_task *proxy, uint32_t connections)
{
	struct wst_unix_event *u = events_add(e, WST_EV_UNIX, sizeof(*u), 0, tgid);

	u->task.tgid = u->task.pid = tgid;
	u->task.start_ns = EVENTS_START_NS - 60 * 1000000000ull;
	put_text(u->task.comm, sizeof(u->task.comm), comm);
	u->peer_tgid = proxy->tgid;
	u->peer_start_ns = proxy->start_ns;
	u->connections = connections;
	u->flags = WST_UNIX_EXITING;
	return u;
}

struct wst_event *ev_tick(struct events *e)
{
	return events_add(e, WST_EV_TICK, sizeof(struct wst_event), 0, 0);
}

struct wst_event *ev_gone(struct events *e, const struct side *s)
{
	return events_add(e, WST_EV_GONE, sizeof(struct wst_event), s->cookie, 0);
}
