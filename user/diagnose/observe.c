/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/observe.h"

#include <string.h>

#include "diagnose/close_code.h"

#define SECOND_NS 1000000000ull
/* A connection that lives this long was of use: whoever comes back after it begins anew. */
#define SERVED_NS (5 * SECOND_NS)
/* A share of failures is one from so many attempts and failures on. */
#define RATE_ATTEMPTS 10
#define RATE_FAILURES 5
#define RATE_PERCENT 30
#define PERIODIC_QUIET 5 /* times the interval */
#define HOUR_NS (3600 * SECOND_NS)
#define MINUTE_NS (60 * SECOND_NS)
/* People close their laptops: fewer than these, and less than half of all, are told with --all. */
#define MANY_GONE 3

static struct groups *groups_of(const struct facts *f)
{
	return track_groups(f->track);
}

static struct service *service_of(const struct facts *f)
{
	const struct service_endpoint *front = &f->crowd.front;
	struct service *s = NULL;

	if (f->crowd.has_front)
		s = keyed_obtain(&groups_of(f)->services, facts_service_key(f));
	if (s)
		s->endpoint = *front;
	return s;
}

/* Who opens connections and accepts others is a proxy: its failures are those of its clients. */
static bool is_acceptor(const struct facts *f, const struct wst_task *task)
{
	const struct process *p = process_find(track_processes(f->track), task->tgid,
					       task->start_ns);

	return p && p->accepts;
}

static bool client_is_known(const struct facts *f)
{
	return conn_is_server_side(f->client) ||
	       (f->client->owner->tgid && !is_acceptor(f, f->client->owner));
}

static struct incident *raise_incident(const struct facts *f, enum incident_kind kind, uint64_t key,
				       uint64_t ts_ns)
{
	struct incident *i = incident_raise(&groups_of(f)->incidents, kind, key, ts_ns);

	if (!i)
		return NULL;
	i->endpoint = f->crowd.front;
	if (f->answer.request)
		facts_path_template(i->path, f->answer.request->handshake.path);
	return i;
}

static void watch_spread(const struct facts *f, struct service *s, uint64_t ts_ns)
{
	const struct service_backend *most, *least;
	struct incident *i;

	if (!service_is_uneven(s, &most, &least))
		return;
	i = raise_incident(f, INCIDENT_UPSTREAM_IMBALANCE, s->entry.key, ts_ns);
	if (!i)
		return;
	i->most = *most;
	i->least = *least;
	i->taken = service_taken(s);
}

/* Whoever comes from there is that client: that it came back is believed soon. */
static uint64_t presence_key(const struct facts *f)
{
	const struct conn *c = f->client;
	uint64_t key = facts_service_key(f);

	if (conn_is_server_side(c))
		return key_add(key, c->tuple.remote, sizeof(c->tuple.remote));
	return key_add_number(key_add_number(key, c->owner->tgid), c->owner->start_ns);
}

static uint64_t began_ns(const struct facts *f)
{
	return f->client->connect_ns ? f->client->connect_ns : f->session->first_ns;
}

void observe_open(const struct facts *f)
{
	struct service_attempt opened = { .ts_ns = f->session->opened_ns };
	struct service *s = service_of(f);
	struct pattern_group *route = keyed_obtain(&groups_of(f)->patterns, f->crowd.route_key);

	if (route)
		route->opened++;
	if (client_is_known(f))
		absence_note_open(&groups_of(f)->absences, presence_key(f), began_ns(f));
	if (!s)
		return;
	if (f->crowd.has_back)
		opened.backend = f->crowd.back;
	service_note_attempt(s, &opened);
	if (!f->crowd.has_back)
		return;
	service_note_open(s, &f->crowd.back, opened.ts_ns);
	watch_spread(f, s, opened.ts_ns);
}

static void remember(const struct facts *f, uint64_t key, const struct pattern_sample *sample)
{
	struct pattern_group *g = keyed_obtain(&groups_of(f)->patterns, key);

	if (g)
		pattern_add(g, sample);
}

void observe_end(const struct facts *f)
{
	const struct crowd_story *crowd = &f->crowd;
	struct pattern_sample drop = crowd->sample;

	/* A path that died under many sessions at once is no timer. */
	if (!crowd->sample.ended_ns || f->path.deaf >= 0)
		return;
	remember(f, crowd->route_key, &crowd->sample);
	remember(f, crowd->ends_key, &crowd->sample);
	drop.value_ns[PATTERN_IDLE] = f->end.conn->end->walk[WST_OUT].silence_ms * 1000000ull;
	if (crowd->quiet_drop)
		remember(f, crowd->drops_key, &drop);
}

static uint64_t client_key(const struct facts *f)
{
	const struct conn *c = f->client;
	uint64_t key = f->crowd.route_key;

	if (!conn_is_server_side(c))
		return key_add_number(key_add_number(key, c->owner->tgid), c->owner->start_ns);
	key = key_add(key, c->tuple.remote, sizeof(c->tuple.remote));
	if (!f->answer.request)
		return key;
	return key_add_text(key_add_text(key, f->answer.request->handshake.host),
			    f->answer.request->handshake.user_agent);
}

/* Who left in good order has no reason to come back, nor has who was told that all is said. */
static bool is_lost(const struct facts *f, const struct verdict *v)
{
	return !verdict_is_clean(v) ||
	       (v->close.initiator != BY_CLIENT && f->closing.code != CLOSE_NORMAL);
}

static void watch_storm(const struct facts *f, const struct verdict *v, uint64_t key)
{
	struct incident *i;

	if (!v->habit.relentless)
		return;
	i = raise_incident(f, INCIDENT_RECONNECT_STORM, f->crowd.route_key, f->session->ended_ns);
	if (!i)
		return;
	incident_add_client(i, key);
	/* It is known for one after some attempts only: those were part of it. */
	if (i->count == 1) {
		i->count = v->habit.attempts;
		i->first_ns = v->habit.first_ns;
	}
	memcpy(i->client_address,
	       conn_is_server_side(f->client) ? f->client->tuple.remote : f->client->tuple.local,
	       sizeof(i->client_address));
	if (!conn_is_server_side(f->client))
		i->task = *f->client->owner;
	i->comeback = v->habit.comeback;
	i->pause_ns = v->habit.pause_ns;
	i->cause = v->rule->id;
}

/* 0: no proxy was seen leading the client anywhere. */
static uint64_t backend_key(const struct facts *f)
{
	const struct service_endpoint *back = &f->crowd.back;

	return f->crowd.has_back && f->session->opened_ns ?
		       key_add_number(key_add(0, back->address, sizeof(back->address)), back->port) :
		       0;
}

/* It did not leave, its network did not fail, and trying again is worth its while. */
static bool should_come_back(const struct facts *f, const struct verdict *v)
{
	enum initiator by = v->close.initiator;

	return f->session->open_reported && f->crowd.has_front && !verdict_is_clean(v) &&
	       (by == BY_SERVER || by == BY_PROXY || by == BY_KERNEL) &&
	       v->advice.retry != RETRY_NO && v->advice.retry != RETRY_NOT_NEEDED;
}

static uint32_t netns_of_service(const struct facts *f)
{
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (conn_is_server_side(c) && c->tuple.local_port == f->crowd.front.port)
			return c->tuple.netns;
	}
	return 0;
}

static void watch_absence(const struct facts *f, const struct verdict *v)
{
	const struct conn *c = f->client;
	bool remote = conn_is_server_side(c);
	struct loss_of_client loss = {
		.lost_ns = f->session->ended_ns,
		.client_key = presence_key(f),
		.service_key = facts_service_key(f),
		.endpoint = f->crowd.front,
		.netns = netns_of_service(f),
		.cause = v->rule->id,
	};

	absence_note_end(&groups_of(f)->absences, loss.client_key, began_ns(f),
			 f->session->open_reported);
	if (!should_come_back(f, v))
		return;
	if (!remote)
		loss.task = *c->owner;
	memcpy(loss.address, remote ? c->tuple.remote : c->tuple.local, sizeof(loss.address));
	if (f->answer.request)
		facts_path_template(loss.path, f->answer.request->handshake.path);
	absence_note_loss(&groups_of(f)->absences, &loss);
}

/* A process is one client, an address may be many. */
static struct client_habit habit_of(const struct facts *f, const struct client *c)
{
	struct client_habit habit = client_habit(c, 0);

	if (habit.comeback <= COMEBACK_SEEN || !conn_is_server_side(f->client))
		return habit;
	return client_habit(c, track_open_from(f->track, f->client, 1, began_ns(f)));
}

static void watch_client(const struct facts *f, struct verdict *v)
{
	const struct session *s = f->session;
	uint64_t key = client_key(f), lived_ns = f->crowd.sample.value_ns[PATTERN_AGE];
	struct client_attempt attempt = {
		.began_ns = began_ns(f),
		.ended_ns = s->ended_ns,
		.served = lived_ns >= SERVED_NS,
		.lost = is_lost(f, v),
		.backend_key = backend_key(f),
	};
	struct client *c;

	if (!client_is_known(f) || !s->ended_ns)
		return;
	c = keyed_obtain(&groups_of(f)->clients, key);
	if (!c)
		return;
	client_note(c, &attempt);
	v->habit = habit_of(f, c);
	if (attempt.lost && !attempt.served)
		watch_storm(f, v, key);
	watch_absence(f, v);
}

/* No session came of it, and not because the client wanted none: it does not take every 101. */
static bool has_failed(const struct facts *f, const struct verdict *v)
{
	if (v->stage == STAGE_SESSION)
		return false;
	return f->stage == STAGE_SESSION || v->close.initiator != BY_CLIENT;
}

static void watch_failures(const struct facts *f, const struct verdict *v, struct service *s)
{
	struct service_attempt failed = { .ts_ns = f->session->ended_ns, .cause = v->rule->id };
	struct service_failures rate;
	struct incident *i;

	if (!has_failed(f, v) || !failed.ts_ns ||
	    (!conn_is_server_side(f->client) && is_acceptor(f, f->client->owner)))
		return;
	service_note_failed(s, &failed, f->session->opened_ns);
	rate = service_failures(s, failed.ts_ns);
	if (rate.attempts < RATE_ATTEMPTS || rate.failed < RATE_FAILURES ||
	    rate.failed * 100 < rate.attempts * RATE_PERCENT)
		return;
	i = raise_incident(f, INCIDENT_FAILURE_RATE, s->entry.key, failed.ts_ns);
	if (!i)
		return;
	if (i->count == 1) {
		i->count = rate.failed;
		i->first_ns = rate.first_ns;
	}
	i->failures = rate;
	i->cause = rate.causes[0].cause;
}

/* The backend that takes no sessions for a while: what the others take meanwhile is no imbalance. */
static bool restarts(const struct facts *f, const struct verdict *v)
{
	const struct closing_story *closing = &f->closing;

	return v->rule->flags & RULE_ENDS_PROCESS || f->closer.exited || f->closer.stop ||
	       (closing->frame && closing->sender != BY_CLIENT &&
		(closing->code == CLOSE_GOING_AWAY || closing->code == 1012));
}

/*
 * A backend had the session for too short to be of use. One that goes, or that turns its client
 * away, has a reason that the next backend does not share, or that is the client's.
 */
static bool is_lost_soon(const struct facts *f, const struct verdict *v)
{
	return f->crowd.has_back && f->session->open_reported && v->stage == STAGE_SESSION &&
	       f->session->ended_ns < f->session->opened_ns + SERVED_NS && !verdict_is_clean(v) &&
	       v->close.initiator == BY_SERVER && v->advice.category != CATEGORY_AUTH &&
	       !restarts(f, v);
}

static void watch_churn(const struct facts *f, const struct verdict *v, struct service *s)
{
	struct service_churn churn;
	struct incident *i;

	if (!is_lost_soon(f, v))
		return;
	service_note_lost(s, f->session->opened_ns, &f->crowd.back);
	churn = service_churn(s, f->session->ended_ns);
	if (!service_churns(&churn))
		return;
	i = raise_incident(f, INCIDENT_BACKEND_CHURN, s->entry.key, f->session->ended_ns);
	if (!i)
		return;
	if (i->count == 1) {
		i->count = churn.lost;
		i->first_ns = churn.first_ns;
	}
	i->churn = churn;
	i->cause = v->rule->id;
	if (i->client_backends < v->habit.backends)
		i->client_backends = v->habit.backends;
}

static void watch_service(const struct facts *f, const struct verdict *v)
{
	struct service *s = service_of(f);

	if (!s)
		return;
	if (restarts(f, v))
		service_forget_spread(s);
	if (f->crowd.has_back && f->session->open_reported)
		service_note_end(s, &f->crowd.back);
	watch_failures(f, v, s);
	watch_churn(f, v, s);
}

/* Where the process that ended was to be found; port 0: not known. */
static struct service_port served_by(const struct facts *f, const struct wst_task *task)
{
	struct service_port at = { 0 };

	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (c->owner->tgid != task->tgid || !conn_is_server_side(c) || !c->tuple_known)
			continue;
		at.netns = c->tuple.netns;
		at.port = c->tuple.local_port;
		memcpy(at.address, c->tuple.local, sizeof(at.address));
	}
	return at;
}

static void watch_process(const struct facts *f, const struct verdict *v)
{
	const struct wst_task *task = f->closer.task;
	struct incident *i;
	struct service_port at;
	uint64_t key;

	/* A client that goes is its own affair. */
	if (!(v->rule->flags & RULE_ENDS_PROCESS) || !task || f->closer.party == BY_CLIENT)
		return;
	key = key_add_number(key_add_number(0, task->tgid), task->start_ns);
	i = raise_incident(f, INCIDENT_PROCESS_EXIT, key, f->end.ts_ns);
	if (!i)
		return;
	i->task = *task;
	at = served_by(f, task);
	i->restart = listeners_restart(&groups_of(f)->listeners, track_processes(f->track), &at,
				       task, f->closer.exited ? f->closer.exit_ns : f->end.ts_ns);
	if (f->closer.exited) {
		i->exited = true;
		i->exit_code = f->closer.exit_code;
	}
	i->cause = v->rule->id;
	i->ended_by = f->closer.party;
}

static void watch_period(const struct facts *f, const struct verdict *v)
{
	const struct pattern *p = &f->crowd.pattern;
	struct incident *i;

	if (!(v->rule->flags & RULE_PERIODIC) || p->count < PATTERN_REPEATS)
		return;
	/* What one moment ended happened once, unless only a timer does so. */
	if (p->moments < 2 && v->confidence != CONFIDENCE_HIGH)
		return;
	i = raise_incident(f, INCIDENT_PERIODIC_DISCONNECT, f->crowd.ends_key,
			   f->crowd.sample.ended_ns);
	if (!i)
		return;
	if (i->count < p->count)
		i->count = p->count;
	if (p->first_ns < i->first_ns)
		i->first_ns = p->first_ns;
	i->pattern = *p;
	i->cause = v->rule->id;
	i->outside = f->end.outside;
	i->ended_by = v->close.initiator;
	if (f->closer.task)
		i->task = *f->closer.task;
	if (i->quiet_ns < PERIODIC_QUIET * p->value_ns && p->value_ns < HOUR_NS)
		i->quiet_ns = PERIODIC_QUIET * p->value_ns;
}

void observe_verdict(const struct facts *f, struct verdict *v)
{
	if (!f->session->leg_count)
		return;
	watch_client(f, v);
	watch_service(f, v);
	watch_process(f, v);
	watch_period(f, v);
}

static void note_absence(struct groups *g, const struct loss_of_client *loss, bool gone,
			 uint64_t now_ns)
{
	struct service *s = keyed_obtain(&g->services, loss->service_key);
	struct incident *i;

	if (!s)
		return;
	s->endpoint = loss->endpoint;
	if (now_ns > s->absence_ns + MINUTE_NS)
		s->lost_clients = s->gone_clients = 0;
	s->absence_ns = now_ns;
	s->lost_clients++;
	s->gone_clients += gone;
	i = gone ? incident_raise(&g->incidents, INCIDENT_CLIENTS_GONE, loss->service_key, now_ns) :
		   incident_find(&g->incidents, INCIDENT_CLIENTS_GONE, loss->service_key);
	if (!i)
		return;
	i->lost_clients = s->lost_clients;
	i->minor = s->gone_clients < MANY_GONE || 2 * s->gone_clients < s->lost_clients;
	if (!gone)
		return;
	i->endpoint = loss->endpoint;
	i->task = loss->task;
	i->outside = i->outside || !loss->task.tgid;
	i->cause = loss->cause;
	if (loss->lost_ns < i->first_ns)
		i->first_ns = loss->lost_ns;
	memcpy(i->path, loss->path, sizeof(i->path));
	memcpy(i->client_address, loss->address, sizeof(i->client_address));
	incident_add_client(i, loss->client_key);
}

void observe_absences(struct track *t, uint64_t now_ns)
{
	struct groups *g = track_groups(t);
	struct loss_of_client loss;
	enum absence state;

	while ((state = absence_next(&g->absences, &g->listeners, track_processes(t), now_ns,
				     &loss)) != ABSENCE_NONE)
		note_absence(g, &loss, state == ABSENCE_GONE, now_ns);
}
