/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/group.h"

#include <stdlib.h>
#include <string.h>

#define PATTERNS_MAX 1024
#define CLIENTS_MAX 8192
#define SERVICES_MAX 256
#define BURSTS_MAX 2048
#define CHECKS_MAX 1024
#define TLS_TRIES_MAX 1024
#define TLS_TRY_AGAIN_NS (10 * MINUTE_NS)
/* So many equal gaps make a routine of it, of which a line is told so often. */
#define CHECK_GAPS 2
#define MINUTE_NS 60000000000ull
#define LOST_MAX 256

/* A process that closes all that it has needs no longer for the next one. */
#define BURST_PAUSE_NS 100000000ull
/* To pass an end on takes an event loop no longer. */
#define PASS_ON_NS 200000000ull
/* nginx lets timers fire up to 0.3 s early. */
#define MIXED_NS 350000000ull
/* Two sessions of one process may well end at one moment for reasons of their own. */
#define BURST_MIN 3
/* To close thousands of sessions takes no longer; who closes for longer always does. */
#define BURST_LONGEST_NS 10000000000ull

struct groups *groups_new(void)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	if (!keyed_init(&g->patterns, PATTERNS_MAX, sizeof(struct pattern_group)) &&
	    !keyed_init(&g->clients, CLIENTS_MAX, sizeof(struct client)) &&
	    !keyed_init(&g->services, SERVICES_MAX, sizeof(struct service)) &&
	    !keyed_init(&g->bursts, BURSTS_MAX, sizeof(struct burst)) &&
	    !keyed_init(&g->lost, LOST_MAX, sizeof(struct lost_connections)) &&
	    !keyed_init(&g->incidents, INCIDENTS_MAX, sizeof(struct incident)) &&
	    !keyed_init(&g->checks, CHECKS_MAX, sizeof(struct failing_check)) &&
	    !keyed_init(&g->tls_tries, TLS_TRIES_MAX, sizeof(struct tls_try)) &&
	    !keyed_init(&g->backends, BACKENDS_MAX, sizeof(struct unix_backends)) &&
	    !absences_init(&g->absences) &&
	    !keyed_init(&g->listeners, LISTENERS_MAX, sizeof(struct listener)))
		return g;
	groups_free(g);
	return NULL;
}

void groups_free(struct groups *g)
{
	if (!g)
		return;
	keyed_free(&g->patterns);
	keyed_free(&g->clients);
	keyed_free(&g->services);
	keyed_free(&g->bursts);
	keyed_free(&g->lost);
	keyed_free(&g->incidents);
	keyed_free(&g->listeners);
	keyed_free(&g->checks);
	keyed_free(&g->tls_tries);
	absences_free(&g->absences);
	keyed_free(&g->backends);
	free(g);
}

static uint64_t task_key(const struct wst_task *task)
{
	return key_add_number(key_add_number(0, task->tgid), task->start_ns);
}

/* code: of the first Close frame, 0: there was none. */
static uint64_t burst_key(const struct wst_task *task, uint16_t code)
{
	return key_add_number(task_key(task), code);
}

static uint16_t goodbye_code(const struct conn *c)
{
	return c->frames->close[WST_OUT].code;
}

static const struct conn *closed_here(const struct session *s)
{
	for (unsigned int i = 0; i < s->leg_count; i++)
		if (s->legs[i]->end->closed_by_process && s->legs[i]->end->closer.tgid)
			return s->legs[i];
	return NULL;
}

/* What its client says is encrypted: the frame is seen where the proxy sends it on. */
static bool passes_on_from_front(const struct session *s, const struct conn *c)
{
	return c == session_behind_front(s) && !conn_is_server_side(c);
}

const struct conn *groups_goodbye(const struct session *s, uint64_t *ret_ns)
{
	const struct conn *first = NULL;
	uint64_t first_ns = 0;

	/* of two at the same time the one that leaves comes before the one that arrives */
	for (unsigned int i = 0; i < 2 * s->leg_count; i++) {
		enum wst_direction direction = i < s->leg_count ? WST_OUT : WST_IN;
		const struct conn *c = s->legs[i % s->leg_count];
		const struct close_frame *frame = &c->frames->close[direction];

		if (!frame->seen || (first_ns && frame->ts_ns >= first_ns))
			continue;
		first = direction == WST_OUT && c->owner->tgid && !passes_on_from_front(s, c) ?
				c :
				NULL;
		first_ns = frame->ts_ns;
	}
	if (ret_ns)
		*ret_ns = first_ns;
	return first;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * Before ts_ns, when it was decided to end it. A Close frame is payload as well, and what is asked
 * for is the time before it. 0: not known.
 */
static uint64_t idle_before(const struct session *s, const struct conn *c, bool said, uint64_t ts_ns)
{
	uint64_t last_ns = said ? s->opened_ns : 0;
	struct conn_snapshot at;

	if (!conn_at_close(c, &at))
		return 0;
	for (int i = 0; i < 2; i++) {
		const struct wst_walk_facts *w = &at.walk[i];

		last_ns = later(last_ns, said ? later(w->last_data_ns,
						      later(w->last_ping_ns, w->last_pong_ns)) :
						w->last_payload_ns);
	}
	return last_ns && ts_ns > last_ns ? ts_ns - last_ns : 0;
}

static void range_include(struct burst_range *r, uint64_t value_ns)
{
	if (value_ns && (!r->low_ns || value_ns < r->low_ns))
		r->low_ns = value_ns;
	if (value_ns > r->high_ns)
		r->high_ns = value_ns;
}

bool burst_stands_out(const struct burst *b)
{
	return b && b->count >= BURST_MIN && b->count > b->before;
}

bool burst_is_mixed(const struct burst *b)
{
	return burst_stands_out(b) && b->idle.low_ns &&
	       b->idle.high_ns - b->idle.low_ns > MIXED_NS + b->idle.high_ns / 50;
}

static bool no_timer_spans(const struct burst_range *r)
{
	return r->low_ns && r->high_ns > 2 * r->low_ns + MIXED_NS;
}

bool burst_rules_out_idle_timer(const struct burst *b)
{
	return b && no_timer_spans(&b->idle);
}

bool burst_rules_out_age_limit(const struct burst *b)
{
	return b && no_timer_spans(&b->age);
}

static uint64_t lost_key(const struct wst_task *task, bool accepted)
{
	return key_add_number(task_key(task), accepted);
}

/* c: the leg of whoever the session ends at. */
static void note_lost(struct groups *g, const struct session *s, const struct conn *c)
{
	struct lost_connections *l;
	uint64_t goodbye_ns;
	bool accepted;

	if (!c || !c->owner->tgid || c->end->closed_by_process)
		return;
	accepted = conn_is_server_side(c);
	l = keyed_obtain(&g->lost, lost_key(c->owner, accepted));
	if (!l)
		return;
	if (!l->first_ns || s->ended_ns > l->last_ns + PASS_ON_NS)
		l->first_ns = s->ended_ns;
	l->last_ns = s->ended_ns;
	l->accepted = accepted;
	groups_goodbye(s, &goodbye_ns);
	l->rude = !goodbye_ns && c->handshake.response_seen;
	memcpy(l->server.address, accepted ? c->tuple.local : c->tuple.remote,
	       sizeof(l->server.address));
	l->server.port = accepted ? c->tuple.local_port : c->tuple.remote_port;
}

const struct lost_connections *groups_lost(const struct groups *g, const struct wst_task *task,
					   bool accepted, uint64_t ts_ns)
{
	const struct lost_connections *l = keyed_find(&g->lost, lost_key(task, accepted));

	return l && l->first_ns <= ts_ns && ts_ns <= l->last_ns + PASS_ON_NS ? l : NULL;
}

static void begin_burst(struct burst *b, uint64_t ts_ns)
{
	uint64_t since_ns = ts_ns > b->first_ns ? ts_ns - b->first_ns : 0;

	/* what is long ago counts for little */
	b->before = (b->before + b->count) * BURST_LONGEST_NS /
		    (double)(BURST_LONGEST_NS + since_ns);
	b->first_ns = ts_ns;
	b->count = 0;
	b->idle = b->age = (struct burst_range){ 0 };
}

static struct burst *count_in_burst(struct groups *g, const struct session *s,
				    const struct wst_task *task, uint16_t code, uint64_t ts_ns)
{
	struct burst *b = keyed_obtain(&g->bursts, burst_key(task, code));

	if (!b)
		return NULL;
	if (!b->count || ts_ns > b->last_ns + BURST_PAUSE_NS ||
	    ts_ns > b->first_ns + BURST_LONGEST_NS)
		begin_burst(b, ts_ns);
	b->count++;
	if (s->opened_ns && ts_ns > s->opened_ns)
		range_include(&b->age, ts_ns - s->opened_ns);
	if (ts_ns > b->last_ns)
		b->last_ns = ts_ns;
	return b;
}

bool groups_note_goodbye(struct groups *g, const struct session *s)
{
	uint64_t ts_ns;
	const struct conn *c = groups_goodbye(s, &ts_ns);

	if (c)
		count_in_burst(g, s, c->owner, goodbye_code(c), ts_ns);
	return ts_ns != 0;
}

static void note_burst(struct groups *g, const struct session *s)
{
	const struct conn *closed = closed_here(s), *c;
	const struct wst_task *task;
	struct burst *b;
	uint64_t ts_ns;
	uint16_t code;

	/* an answer that refuses is followed by its close: that is another habit */
	if (session_stage(s) != STAGE_SESSION)
		return;
	c = groups_goodbye(s, &ts_ns);
	if (ts_ns ? !c : !closed)
		return;
	task = ts_ns ? c->owner : &closed->end->closer;
	code = ts_ns ? goodbye_code(c) : 0;
	if (s->goodbye_noted)
		b = keyed_find(&g->bursts, burst_key(task, code));
	else
		b = count_in_burst(g, s, task, code, ts_ns ? ts_ns : closed->end->closer_ns);
	if (b && closed)
		range_include(&b->idle, idle_before(s, closed, ts_ns != 0,
						    ts_ns ? ts_ns : closed->end->closer_ns));
}

void groups_note_closing(struct groups *g, const struct session *s)
{
	const struct conn *client = session_client_leg(s), *server = session_server_leg(s);
	const struct conn *closed = closed_here(s);

	note_burst(g, s);
	if (closed && session_sockets_of(s, &closed->end->closer) == 1)
		backends_note_closing(&g->backends, &closed->end->closer, closed->end->closer_ns);
	note_lost(g, s, client && !conn_is_server_side(client) ? client : NULL);
	note_lost(g, s, server && conn_is_server_side(server) ? server : NULL);
}

const struct burst *groups_burst(const struct groups *g, const struct wst_task *task, uint16_t code,
				 uint64_t ts_ns)
{
	const struct burst *b = keyed_find(&g->bursts, burst_key(task, code));

	if (!b || ts_ns + BURST_PAUSE_NS < b->first_ns || ts_ns > b->last_ns + BURST_PAUSE_NS)
		return NULL;
	return b;
}

static uint64_t attempt_began_ns(const struct conn *c)
{
	return c->connect_ns ? c->connect_ns : c->first_seen_ns;
}

void groups_note_failed_connect(struct groups *g, const struct conn *c)
{
	struct failed_connect *f = &g->failed[g->failed_count++ % FAILED_CONNECTS];

	*f = (struct failed_connect){
		.began_ns = attempt_began_ns(c),
		.ended_ns = c->end->closed_ns,
		.tuple = c->tuple,
		.tgid = c->owner->tgid,
		.error = c->end->error ? c->end->error : c->end->tcp.error,
		.syn_retransmits = c->syn_retransmits,
		.tcp_flags = c->end->tcp.flags,
		.backlog_overflow = c->end->backlog_overflow,
		.aside = c->open_flags & WST_OPEN_ASIDE,
	};
}

static bool was_for(const struct failed_connect *f, const struct conn *gateway)
{
	return f->tgid && f->tgid == gateway->owner->tgid && session_spans(gateway, f->began_ns);
}

const struct failed_connect *groups_failed_connect(const struct groups *g,
						   const struct conn *gateway)
{
	for (uint32_t i = 0; i < FAILED_CONNECTS && i < g->failed_count; i++) {
		const struct failed_connect
			*f = &g->failed[(g->failed_count - 1 - i) % FAILED_CONNECTS];

		if (was_for(f, gateway))
			return f;
	}
	return NULL;
}

const struct failed_connect *groups_failed_lately(const struct groups *g, uint32_t tgid,
						  uint64_t ts_ns)
{
	for (uint32_t i = 0; i < FAILED_CONNECTS && i < g->failed_count; i++) {
		const struct failed_connect
			*f = &g->failed[(g->failed_count - 1 - i) % FAILED_CONNECTS];

		if (tgid && f->tgid == tgid && f->ended_ns <= ts_ns &&
		    f->ended_ns + MINUTE_NS > ts_ns)
			return f;
	}
	return NULL;
}

static uint64_t check_key(const struct conn *c)
{
	uint64_t key = task_key(c->owner);

	key = key_add(key, c->tuple.remote, sizeof(c->tuple.remote));
	key = key_add_number(key, c->tuple.remote_port);
	return key_add_number(key, c->end->error ? c->end->error : c->end->tcp.error);
}

/* Within a quarter: timers fire late on a busy machine. */
static bool gaps_equal(uint64_t a, uint64_t b)
{
	return a && b && 4 * a >= 3 * b && 4 * b >= 3 * a;
}

static void tell_check(struct failing_check *check, uint64_t began_ns, uint32_t others)
{
	check->told_ns = began_ns;
	check->told_with = others;
	check->untold = 0;
}

struct failing_check *groups_hold_back(struct groups *g, const struct conn *c)
{
	struct failing_check *check = keyed_obtain(&g->checks, check_key(c));
	uint64_t began_ns = attempt_began_ns(c), gap_ns;

	if (!check || began_ns < check->last_ns)
		return NULL;
	if (check->untold && check->held_cookie == c->cookie) {
		tell_check(check, began_ns, check->untold - 1);
		return NULL;
	}
	gap_ns = check->last_ns ? began_ns - check->last_ns : 0;
	check->regular = gaps_equal(gap_ns, check->gap_ns) ? check->regular + 1 : 0;
	check->gap_ns = gap_ns;
	check->last_ns = began_ns;
	if (check->regular >= CHECK_GAPS && began_ns < check->told_ns + CHECK_TOLD_EVERY_NS) {
		check->untold++;
		return check;
	}
	tell_check(check, began_ns, check->untold);
	return NULL;
}

const struct failing_check *groups_failing_check(const struct groups *g, const struct conn *c)
{
	return keyed_find(&g->checks, check_key(c));
}

bool groups_note_tls_try(struct groups *g, const struct conn *c)
{
	uint64_t key = key_add(0, c->tuple.remote, sizeof(c->tuple.remote)), now_ns;
	struct tls_try *try;
	bool first;

	key = key_add(key, c->tuple.local, sizeof(c->tuple.local));
	key = key_add_number(key_add_number(key, c->tuple.local_port), c->tuple.netns);
	try = keyed_obtain(&g->tls_tries, key);
	if (!try)
		return false;
	now_ns = attempt_began_ns(c);
	first = !try->last_ns || now_ns > try->last_ns + TLS_TRY_AGAIN_NS;
	try->last_ns = now_ns;
	return first;
}

void groups_tell_failed_connects(struct groups *g, const struct session *s)
{
	const struct conn *gateway = session_gateway_leg(s);

	if (!gateway || session_stage(s) == STAGE_SESSION)
		return;
	for (uint32_t i = 0; i < FAILED_CONNECTS && i < g->failed_count; i++)
		g->failed[i].told |= was_for(&g->failed[i], gateway);
}

bool groups_was_told(const struct groups *g, const struct conn *c)
{
	for (uint32_t i = 0; i < FAILED_CONNECTS && i < g->failed_count; i++)
		if (g->failed[i].told && g->failed[i].tgid == c->owner->tgid &&
		    g->failed[i].began_ns == attempt_began_ns(c) &&
		    tuples_equal(&g->failed[i].tuple, &c->tuple))
			return true;
	return false;
}
