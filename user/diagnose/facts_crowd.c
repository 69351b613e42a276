/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* This end among others: what would have to be the same for one timer to have made them all. */
#include "diagnose/facts.h"

#include <ctype.h>
#include <string.h>

#include "diagnose/timeouts.h"

/* A process that closes its sockets one after the other needs no longer. */
#define AT_ONCE_NS 200000000ull
/* Shorter silences are conversation: nothing on the way forgets a connection so soon. */
#define QUIET_MS 900
/* Shorter silences are the time that something takes, not a timer that somebody set. */
#define TIMER_NS 900000000ull

/* Version numbers are part of the route; everything else with a digit in it is likely an id. */
static bool looks_like_id(const char *part, size_t len)
{
	bool digit = false;

	if (len == 2 && part[0] == 'v')
		return false;
	for (size_t i = 0; i < len; i++)
		digit = digit || isdigit((unsigned char)part[i]);
	return digit || len > 24;
}

void facts_path_template(char dst[INCIDENT_PATH_BYTES], const char *path)
{
	size_t used = 0;

	while (*path && used + 1 < INCIDENT_PATH_BYTES) {
		size_t len = strcspn(path, "/"), kept;
		bool id = looks_like_id(path, len);

		if (*path == '/') {
			dst[used++] = *path++;
			continue;
		}
		kept = id ? 1 : len;
		if (used + kept >= INCIDENT_PATH_BYTES)
			break;
		memcpy(dst + used, id ? "*" : path, kept);
		used += kept;
		path += len;
	}
	dst[used] = '\0';
}

static bool endpoint_of_server(const struct conn *c, struct service_endpoint *ret)
{
	const struct wst_tuple *t = &c->tuple;
	bool here = conn_is_server_side(c);

	memcpy(ret->address, here ? t->local : t->remote, sizeof(ret->address));
	ret->port = here ? t->local_port : t->remote_port;
	return c->tuple_known;
}

static uint64_t latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The last sign of life in one direction before the decision to end it. */
static uint64_t last_word_ns(const struct facts *f, const struct wst_walk_facts *w)
{
	uint64_t last_ns = w->last_payload_ns;

	/* The Close frame is payload as well, and what is asked for is the time before it. */
	if (f->closing.frame)
		last_ns = latest(w->last_data_ns, latest(w->last_ping_ns, w->last_pong_ns));
	return latest(last_ns, f->session->opened_ns);
}

const struct conn *facts_witness(const struct facts *f)
{
	const struct conn *c = f->end.conn;

	if ((c->has_facts || c->has_end) && !c->is_front)
		return c;
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		c = f->session->legs[i];
		if ((c->has_facts || c->has_end) && !c->is_front)
			return c;
	}
	return NULL;
}

static uint64_t decided_ns(const struct facts *f)
{
	return f->closing.frame ? f->closing.frame->ts_ns : f->end.ts_ns;
}

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
	return then_ns && now_ns > then_ns ? now_ns - then_ns : 0;
}

uint32_t facts_messages(const struct facts *f, bool of_client)
{
	const struct conn *c = facts_witness(f);
	const uint32_t *frames;

	if (!c)
		return 0;
	frames = c->end->walk[of_client ? conn_from_client(c) : conn_from_server(c)].frames;
	return frames[1] + frames[2];
}

uint64_t facts_idle_ns(const struct facts *f)
{
	return f->crowd.sample.value_ns[PATTERN_IDLE];
}

bool facts_outlived(const struct facts *f)
{
	return pattern_outlived(&f->crowd.sample, PATTERN_IDLE);
}

bool facts_may_be_timer(const struct facts *f)
{
	return facts_idle_ns(f) >= TIMER_NS && !facts_outlived(f);
}

bool facts_ran_out(const struct facts *f)
{
	/* several timers of one process may run out at one moment */
	bool lives_on = !f->closing.frame && !f->closer.exited;

	return f->crowd.pattern.kind != PATTERN_NONE && f->crowd.pattern.independent &&
	       (lives_on || !burst_is_mixed(f->crowd.burst));
}

static uint64_t longer(uint32_t a_ms, uint32_t b_ms)
{
	return (a_ms > b_ms ? a_ms : b_ms) * 1000000ull;
}

/*
 * The frames before the decision: what comes in after a process closed its socket broke no silence.
 * What it wrote may still wait to be sent then.
 */
static void walk_before_end(const struct conn *c, struct wst_walk_facts ret[2])
{
	struct conn_snapshot at;
	bool decided = conn_at_close(c, &at) && !at.tcp.unsent_bytes;

	memcpy(ret, decided ? at.walk : c->end->walk, sizeof(at.walk));
}

/* As the counts of frames: of any one socket, as all of them saw the same. */
static void measure_outlived(struct pattern_sample *s, const struct wst_walk_facts *client,
			     const struct wst_walk_facts *server)
{
	s->outlived_ns[PATTERN_IDLE] = longer(client->longest_silence_ms,
					      server->longest_silence_ms);
	s->outlived_ns[PATTERN_IDLE_OF_CLIENT] = longer(client->longest_pause_ms, 0);
	s->outlived_ns[PATTERN_IDLE_OF_SERVER] = longer(server->longest_pause_ms, 0);
}

static void measure(struct facts *f)
{
	struct pattern_sample *s = &f->crowd.sample;
	const struct conn *c = facts_witness(f);
	const struct wst_walk_facts *client, *server;
	struct wst_walk_facts walk[2];
	uint64_t client_ns, server_ns;

	if (!c || f->stage != STAGE_SESSION)
		return;
	walk_before_end(c, walk);
	client = &walk[conn_from_client(c)];
	server = &walk[conn_from_server(c)];
	client_ns = last_word_ns(f, client);
	server_ns = last_word_ns(f, server);
	s->ended_ns = decided_ns(f);
	s->value_ns[PATTERN_IDLE] = since(s->ended_ns, latest(client_ns, server_ns));
	s->value_ns[PATTERN_IDLE_OF_CLIENT] = since(s->ended_ns, client_ns);
	s->value_ns[PATTERN_IDLE_OF_SERVER] = since(s->ended_ns, server_ns);
	s->value_ns[PATTERN_AGE] = since(s->ended_ns, f->session->opened_ns);
	measure_outlived(s, client, server);
	s->client_messages = facts_messages(f, true);
	for (unsigned int i = 0; i < 12; i++)
		s->frames += c->end->walk[i % 2].frames[i / 2];
}

static void find_proxy(struct facts *f)
{
	struct crowd_story *crowd = &f->crowd;
	const struct wst_task *task = f->closer.task;
	unsigned int closed = 0;

	if (!task)
		return;
	crowd->proxy = known_proxy_find(task->comm);
	crowd->by_proxy = f->closer.party == BY_PROXY || crowd->proxy;
	crowd->closed_both = true;
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];
		bool late = c->end->closer_ns > f->end.ts_ns + AT_ONCE_NS;

		if (c->owner->tgid != task->tgid)
			continue;
		closed++;
		if (!c->end->closed_by_process || c->end->closer.tgid != task->tgid || late)
			crowd->closed_both = false;
	}
	crowd->closed_both = crowd->closed_both && closed > 1;
	crowd->one_sided = crowd->by_proxy && closed <= 1;
}

void facts_collect_route(struct facts *f)
{
	struct crowd_story *crowd = &f->crowd;
	char path[INCIDENT_PATH_BYTES] = "";

	crowd->has_front = endpoint_of_server(f->client, &crowd->front);
	crowd->has_back = f->session->hop_count > 1 && endpoint_of_server(f->server, &crowd->back);
	if (f->answer.request)
		facts_path_template(path, f->answer.request->handshake.path);
	crowd->route_key = key_add_text(facts_service_key(f), path);
}

static void make_keys(struct facts *f)
{
	struct crowd_story *crowd = &f->crowd;
	uint64_t key = crowd->route_key;

	key = key_add_number(key, f->closing.frame ? f->closing.sender : f->end.by);
	key = key_add_number(key, f->closing.frame ? f->closing.code : 0);
	key = key_add_number(key, f->end.outside);
	if (f->closer.task && !f->closing.frame)
		key = key_add_text(key, f->closer.task->comm);
	crowd->ends_key = key;
	crowd->drops_key = key_add_text(crowd->route_key, "dropped in silence");
}

/* What forgets a connection says nothing: the next bytes find out. */
static void find_quiet_drop(struct facts *f)
{
	struct crowd_story *crowd = &f->crowd;
	const struct conn *c = f->end.conn;

	/* It outlived a silence as long: nothing forgot it then. */
	if (crowd->sample.outlived_ns[PATTERN_IDLE] >= c->end->walk[WST_OUT].silence_ms * 1000000ull)
		return;
	crowd->quiet_drop = !f->closing.frame && c->end->walk[WST_OUT].silence_ms >= QUIET_MS &&
			    (f->end.how == ENDED_TIMEOUT || (f->end.how == ENDED_RST_RECEIVED &&
							     (f->end.outside || f->end.forged)));
	crowd->sample.dropped = crowd->quiet_drop;
}

void facts_collect_crowd(struct facts *f)
{
	find_proxy(f);
	measure(f);
	make_keys(f);
	find_quiet_drop(f);
}

/* Who says goodbye may leave it to the other side to close. */
static const struct burst *burst_of(const struct facts *f)
{
	const struct groups *g = track_groups(f->track);
	uint64_t ts_ns;
	const struct conn *c = groups_goodbye(f->session, &ts_ns);

	if (f->closing.frame)
		return c ? groups_burst(g, c->owner, c->frames->close[WST_OUT].code, ts_ns) : NULL;
	return f->closer.task ? groups_burst(g, f->closer.task, 0, f->end.ts_ns) : NULL;
}

/* A gateway closes for what became of its other side, or says goodbye for it and waits. */
static void find_lost(struct facts *f)
{
	const struct groups *g = track_groups(f->track);
	const struct conn *says = f->closing.frame ? facts_closing_leg(f) : NULL;
	struct crowd_story *crowd = &f->crowd;

	crowd->lost_by = says ? says->owner : f->closer.task;
	if (says)
		crowd->lost = groups_lost(g, says->owner, false, f->closing.frame->ts_ns);
	else if (f->closer.task)
		crowd->lost = groups_lost(g, f->closer.task, f->closer.party == BY_CLIENT,
					  f->end.ts_ns);
}

void facts_recall(struct facts *f)
{
	const struct groups *g = track_groups(f->track);
	struct crowd_story *crowd = &f->crowd;
	const struct pattern_group *drops = keyed_find(&g->patterns, crowd->drops_key);

	crowd->route = keyed_find(&g->patterns, crowd->route_key);
	if (crowd->sample.ended_ns)
		crowd->pattern = pattern_find(keyed_find(&g->patterns, crowd->ends_key),
					      &crowd->sample);
	crowd->quiet_drops = drops ? drops->count : 0;
	crowd->shortest_silence_ns = pattern_shortest_ns(drops, PATTERN_IDLE);
	crowd->busy_live = drops && pattern_has_busy(crowd->route, crowd->shortest_silence_ns);
	crowd->burst = burst_of(f);
	find_lost(f);
}

uint64_t facts_service_key(const struct facts *f)
{
	const struct service_endpoint *front = &f->crowd.front;

	return key_add_number(key_add(0, front->address, sizeof(front->address)), front->port);
}

struct service *facts_service(const struct facts *f)
{
	return f->crowd.has_front ?
		       keyed_find(&track_groups(f->track)->services, facts_service_key(f)) :
		       NULL;
}
