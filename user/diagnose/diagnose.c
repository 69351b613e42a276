/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Facts -> the first rule that matches -> a verdict that is no surer than the view was clear. */
#include <signal.h>
#include <string.h>

#include "diagnose/catalogue.h"
#include "diagnose/close_code.h"
#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/observe.h"
#include "diagnose/template.h"

/* Lost events, a late start, frames not followed: each may add one item. */
#define CAPS_MAX 6

/* Rules that are asked in turn, of which the evidence is not asked for. */
struct question {
	const struct facts *facts;
	enum confidence confidence; /* of the one that applies */
	unsigned int without; /* enum rule_flag */
};

static bool applies(const struct rule *r, void *arg)
{
	struct evidence nobody_reads;
	struct question *q = arg;

	if (!(r->at & 1u << q->facts->stage) || r->flags & q->without)
		return false;
	nobody_reads.muted = true;
	q->confidence = r->when(q->facts, &nobody_reads);
	return q->confidence != CONFIDENCE_NONE;
}

static void find_rule(struct verdict *v, const struct facts *f)
{
	struct question q = { .facts = f };

	v->rule = catalogue_search(NULL, applies, &q);
	v->confidence = q.confidence;
}

static void fill_evidence(struct verdict *v, const struct facts *f)
{
	v->evidence.reserved = CAPS_MAX;
	v->rule->when(f, &v->evidence);
	v->evidence.reserved = 0;
}

static void cap(struct verdict *v)
{
	if (v->confidence > CONFIDENCE_MEDIUM)
		v->confidence = CONFIDENCE_MEDIUM;
}

static void cap_for_losses(struct verdict *v, const struct session *s)
{
	uint32_t lost = s->losses_at_end - s->losses_at_start;
	char events[FORMAT_COUNT];

	if (!lost || v->rule->flags & RULE_QUOTES)
		return;
	evidence_add(&v->evidence, "lost_events", 0,
		     "%s lost while the session lived: facts may be missing",
		     format_count(events, lost, "event"));
	cap(v);
}

static void cap_for_lost_end(struct verdict *v, const struct session *s)
{
	for (unsigned int i = 0; i < s->leg_count; i++) {
		const struct conn *c = s->legs[i];

		if (!c->end_lost || conn_is_refused(c))
			continue;
		evidence_add(&v->evidence, "end_lost", c->end->closed_ns,
			     "the end was not seen: the record of how the socket ended was lost");
		cap(v);
		return;
	}
}

static void cap_for_missed_state(struct verdict *v, const struct session *s)
{
	bool missed = false;

	for (unsigned int i = 0; i < s->leg_count; i++)
		missed |= s->legs[i]->state_missed;
	if (!missed || v->rule->flags & RULE_QUOTES)
		return;
	evidence_add(&v->evidence, "state_missed", 0,
		     "a change of a socket's TCP state was not told when it happened");
	cap(v);
}

static void add_alternative(struct verdict *v, const char *id)
{
	if (strcmp(v->rule->id, id) == 0)
		return;
	for (unsigned int i = 0; i < v->alternative_count; i++)
		if (strcmp(v->alternatives[i], id) == 0)
			return;
	if (v->alternative_count < ALTERNATIVES_MAX)
		v->alternatives[v->alternative_count++] = id;
}

static const char *cause_of_death(uint32_t signal)
{
	switch (signal) {
	case SIGKILL:
		return "session.process_killed";
	case SIGTERM:
	case SIGINT:
	case SIGHUP:
		return "session.process_terminated";
	default:
		return "session.process_crashed";
	}
}

/*
 * Who serves a connection may have been given it, and may be silent: then the last one to hold it is
 * no bystander, and what it died of ended the connection.
 */
static void cap_for_holder(struct verdict *v, const struct facts *f)
{
	const struct conn_end *end = f->end.conn->end;
	uint32_t died_of = end->closer_exit_code & 0x7f;

	if (!f->closer.holder || !(v->rule->flags & RULE_ENDS_PROCESS) || !end->closer_exiting ||
	    !died_of || died_of == f->closer.died_of)
		return;
	evidence_add(&v->evidence, "holder_died", end->closer_ns,
		     "pid %u, which had kept it open, died of a signal (%u) itself",
		     f->closer.holder->tgid, died_of);
	cap(v);
	add_alternative(v, cause_of_death(died_of));
}

/*
 * That the proxy ended the session because of its backend is likely, and no more, unless the backend
 * had just ended with as many connections of the proxy as there are sessions that it closed then.
 */
static void cap_for_backend(struct verdict *v, const struct facts *f)
{
	const struct backend_story *b = &f->backend;
	char count[FORMAT_COUNT];

	if (!b->proxy || b->sure ||
	    (v->rule->flags & RULE_QUOTES && f->closing.code != CLOSE_GOING_AWAY))
		return;
	if (b->holding->closed > b->holding->connections)
		evidence_add(&v->evidence, "more_sessions", 0,
			     "%.*s closed %s since, more than it had connections to that process",
			     WST_COMM_LEN, b->proxy->comm,
			     format_count(count, b->holding->closed, "session"));
	cap(v);
	add_alternative(v, "session.closed_without_close_frame");
}

static bool any_leg(const struct facts *f, uint32_t open_flag, uint32_t tcp_flag)
{
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (c->open_flags & open_flag || (c->has_facts && c->end->tcp.flags & tcp_flag))
			return true;
	}
	return false;
}

static void cap_for_frames(struct verdict *v, const struct facts *f)
{
	bool followed = facts_frames_followed(f, true) && facts_frames_followed(f, false);

	if (!(v->rule->flags & RULE_NEEDS_FRAMES))
		return;
	if (any_leg(f, WST_OPEN_MIDSTREAM, 0))
		evidence_add(&v->evidence, "mid_stream", 0,
			     "the connection was open before the tracer started");
	else if (!followed && any_leg(f, 0, WST_TCP_TLS_DATA))
		evidence_add(&v->evidence, "encrypted", 0,
			     "the frames are encrypted: a Close frame would not have been seen");
	else if (!followed)
		evidence_add(
			&v->evidence, "frames_not_followed", 0,
			"the frames could not be followed to the end: a Close frame may have been missed");
	else
		return;
	cap(v);
	add_alternative(v, "session.normal");
}

/* Records of TLS are longer than what they carry. */
static bool front_fits(const struct conn *front, const struct conn *behind)
{
	return front->end->tcp.bytes_in >= behind->end->tcp.bytes_out &&
	       front->end->tcp.bytes_out >= behind->end->tcp.bytes_in;
}

/* What the server did, and Close frames, show behind the proxy as well. */
static bool depends_on_front(const struct facts *f)
{
	return f->end.by != BY_SERVER && !f->closing.frame;
}

static void cap_for_front(struct verdict *v, const struct facts *f)
{
	const struct conn *front = session_front(f->session),
			  *behind = session_behind_front(f->session);
	char from[FORMAT_ENDPOINT];

	if (!front || !behind)
		return;
	evidence_add(
		&v->evidence, "tls_leg", 0,
		"the TLS connection from %s belongs to this session as far as process and time tell: %s had read from it right before it connected",
		format_endpoint(from, front->tuple.remote, front->tuple.remote_port),
		front->owner->comm);
	if (front->has_end && behind->has_end && !front_fits(front, behind)) {
		evidence_add(&v->evidence, "bytes_differ", 0,
			     "less went over it than behind the proxy: it may be another one");
		v->confidence = CONFIDENCE_LOW;
	}
	if (!depends_on_front(f) || v->rule->flags & RULE_ENDS_PROCESS)
		return;
	if (!f->crowd.closed_both)
		cap(v);
}

static void cap_for_kernel(struct verdict *v, const struct facts *f)
{
	bool silent = !(track_host(f->track)->flags & WST_HOST_RESET_REASONS);

	if (silent && f->end.how == ENDED_RST_SENT && v->confidence < CONFIDENCE_HIGH)
		evidence_add(&v->evidence, "no_reset_reasons", 0,
			     "this kernel does not tell why it sends a RST");
}

/* The first session after a silence of so many seconds: a second and third one would tell. */
static void add_timer(struct verdict *v, const struct facts *f)
{
	if (f->crowd.quiet_drop)
		add_alternative(v, "session.silent_drop");
	if (f->stage != STAGE_SESSION || f->closing.frame || v->rule->flags & RULE_PERIODIC ||
	    !facts_may_be_timer(f))
		return;
	if (f->crowd.by_proxy)
		add_alternative(v, "session.proxy_idle_timeout");
	else if (f->closer.party == BY_SERVER)
		add_alternative(v, "session.server_idle_timeout");
	else if (f->end.how == ENDED_FIN_RECEIVED && f->end.outside)
		add_alternative(v, "session.middlebox_idle_timeout");
}

/* What the row names, then what other rules would have made of the same facts. */
static void fill_alternatives(struct verdict *v, const struct facts *f)
{
	struct question q = { .facts = f, .without = RULE_OTHERWISE | RULE_CLEAN };
	const struct rule *r = v->rule;

	if (v->confidence == CONFIDENCE_HIGH || r->flags & (RULE_OTHERWISE | RULE_CLEAN))
		return;
	for (size_t i = 0; i < ALTERNATIVES_MAX && r->alternatives[i]; i++)
		add_alternative(v, r->alternatives[i]);
	add_timer(v, f);
	while ((r = catalogue_search(r, applies, &q)))
		add_alternative(v, r->id);
}

static void render(struct verdict *v, const struct facts *f)
{
	const struct rule *r = v->rule;

	template_render(v->summary, sizeof(v->summary), r->summary, f);
	template_render(v->user_message, sizeof(v->user_message), r->user_message, f);
	for (; v->step_count < VERDICT_STEPS_MAX && r->steps[v->step_count]; v->step_count++)
		template_render(v->steps[v->step_count], VERDICT_STEP_BYTES,
				r->steps[v->step_count], f);
}

static void diagnose(const struct session *s, struct track *t, bool clean_too, struct verdict *ret)
{
	struct facts facts;

	memset(ret, 0, sizeof(*ret));
	facts_collect(&facts, s, t);
	observe_end(&facts);
	facts_recall(&facts);
	ret->close = facts.close;
	find_rule(ret, &facts);
	ret->evidence.muted = !clean_too && verdict_is_clean(ret);
	fill_evidence(ret, &facts);
	ret->stage = catalogue_stage(ret->rule);
	ret->advice = (struct advice){ ret->rule->category, ret->rule->retry, ret->rule->strategy };
	if (ret->rule->advise)
		ret->rule->advise(&facts, &ret->advice);
	if (ret->rule->initiator != BY_UNKNOWN)
		ret->close.initiator = ret->rule->initiator;
	cap_for_losses(ret, s);
	cap_for_lost_end(ret, s);
	cap_for_missed_state(ret, s);
	cap_for_holder(ret, &facts);
	cap_for_backend(ret, &facts);
	cap_for_frames(ret, &facts);
	cap_for_front(ret, &facts);
	cap_for_kernel(ret, &facts);
	fill_alternatives(ret, &facts);
	if (!ret->evidence.muted)
		render(ret, &facts);
	observe_verdict(&facts, ret);
}

void diagnose_session(const struct session *s, struct track *t, struct verdict *ret)
{
	diagnose(s, t, true, ret);
}

void diagnose_troubled(const struct session *s, struct track *t, struct verdict *ret)
{
	diagnose(s, t, false, ret);
}

void diagnose_open(const struct session *s, struct track *t)
{
	struct facts facts;

	facts_of_opening(&facts, s, t);
	observe_open(&facts);
}

void diagnose_incident(const struct incident *i, struct track *t, struct verdict *ret)
{
	struct facts facts;

	memset(ret, 0, sizeof(*ret));
	facts_of_incident(&facts, i, t);
	for (ret->rule = catalogue_next(NULL); ret->rule; ret->rule = catalogue_next(ret->rule)) {
		if (!(ret->rule->at & AT_INCIDENT))
			continue;
		ret->evidence.count = 0;
		ret->confidence = ret->rule->when(&facts, &ret->evidence);
		if (ret->confidence != CONFIDENCE_NONE)
			break;
	}
	if (!ret->rule)
		return;
	if (i->kind == INCIDENT_CLIENTS_GONE)
		ret->habit.comeback = COMEBACK_LATE;
	ret->advice = (struct advice){ ret->rule->category, ret->rule->retry, ret->rule->strategy };
	render(ret, &facts);
}

bool verdict_is_clean(const struct verdict *v)
{
	return v->rule->flags & RULE_CLEAN;
}

const char *verdict_cause_id(const struct verdict *v)
{
	return v->rule->id;
}
