/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who goes away and says so: a Close frame to everybody, before the process or its configuration goes. */
#include "diagnose/rule.h"

#include "diagnose/close_code.h"
#include "diagnose/evidence.h"

/* Did who said goodbye close as well? In a chain of proxies that may be another one. */
static bool sender_closed(const struct facts *f)
{
	const struct process *p = facts_closing_process(f);

	return f->closer.party == f->closing.sender &&
	       (f->session->hop_count < 3 || (p && f->closer.process == p));
}

static bool has_exited(const struct facts *f)
{
	const struct process *p = facts_closing_process(f);

	return (p && p->exited) || (sender_closed(f) && f->closer.exited);
}

static const struct fatal_signal *stop_of_sender(const struct facts *f)
{
	uint64_t ts_ns = f->closing.frame->ts_ns;
	const struct fatal_signal *stop = facts_stop_signal(facts_closing_process(f), ts_ns);

	if (stop || !sender_closed(f))
		return stop;
	stop = facts_stop_signal(f->closer.process, ts_ns);
	return stop || !f->closing.excuse ? stop : f->closer.stop;
}

/* Says goodbye since it was asked to stop, with whatever code. */
static bool was_asked_to_stop(const struct facts *f)
{
	return (close_code_is_benign(f->closing.code) || f->closing.excuse) && stop_of_sender(f);
}

/* The server's Close 1001 alone may also be a server that closes one session. */
static bool server_is_going(const struct facts *f)
{
	return has_exited(f) || (sender_closed(f) && f->closer.stop) ||
	       (f->closing.sender == BY_SERVER && stop_of_sender(f));
}

/*
 * Jetty says what it always says when its program fails. Status 0 may follow from the end of the only
 * session.
 */
static bool fails_right_after(const struct facts *f)
{
	const struct process *p = facts_closing_process(f);
	uint64_t said_ns = f->closing.frame->ts_ns;

	return close_code_is_benign(f->closing.code) && p && p->exited && p->exit_code &&
	       !(p->exit_code & 0x7f) && p->exit_ns >= said_ns &&
	       p->exit_ns - said_ns <= FACTS_STOP_REACTION_NS &&
	       !facts_made_for_it(f, facts_closing_leg(f)->owner);
}

/* It was asked to stop, and nobody listens any more where it took this connection. */
static bool stopped_listening(const struct facts *f, const struct fatal_signal *stop)
{
	const struct conn *c = facts_closing_leg(f);

	return c && c->tuple_known &&
	       listeners_stopped_ns(&track_groups(f->track)->listeners, c->tuple.netns,
				    c->tuple.local_port) >= stop->ts_ns;
}

/* The first frame is the one that says why: not so where an answer does. */
static bool is_burst(const struct facts *f)
{
	const struct conn *c = facts_closing_leg(f);

	return c && c == groups_goodbye(f->session, NULL) && burst_stands_out(f->crowd.burst);
}

/*
 * A process that was asked to stop may serve on for as long as its sessions take, and end one for
 * another reason: a user who logs out gets 1000 as well.
 */
static bool surely_stops(const struct facts *f)
{
	const struct fatal_signal *stop = stop_of_sender(f);

	if (!stop || has_exited(f))
		return has_exited(f);
	return f->closing.frame->ts_ns - stop->ts_ns <= FACTS_STOP_REACTION_NS ||
	       (stopped_listening(f, stop) && (f->closing.code == CLOSE_GOING_AWAY || is_burst(f)));
}

/* Neither side wanted it: its configuration was reloaded, or a policy of its own ends sessions. */
static bool proxy_says_goodbye(const struct facts *f)
{
	return f->closing.code == CLOSE_GOING_AWAY && f->closing.sender == BY_PROXY &&
	       !f->path.idle_close;
}

/* Many at once: none of them for a reason of its own. */
static bool says_goodbye_to_all(const struct facts *f)
{
	return f->closing.code == CLOSE_GOING_AWAY && is_burst(f) && !f->path.idle_close &&
	       !facts_ran_out(f);
}

/* Sessions that began, or were left alone, at the same moment may also run out together. */
static bool ran_out_together(const struct facts *f)
{
	return (facts_may_be_timer(f) && !burst_rules_out_idle_timer(f->crowd.burst)) ||
	       !burst_rules_out_age_limit(f->crowd.burst);
}

static enum confidence confidence_in_goodbye(const struct facts *f)
{
	/* That it blames the other side is no goodbye before it goes. */
	if (f->closing.excuse && !has_exited(f))
		return CONFIDENCE_MEDIUM;
	/* It may have failed over something else, or over the end of this session. */
	if (close_code_is_benign(f->closing.code) && f->closing.code != CLOSE_GOING_AWAY &&
	    !stop_of_sender(f))
		return CONFIDENCE_MEDIUM;
	if (f->closing.code == 1012 || surely_stops(f))
		return CONFIDENCE_HIGH;
	return says_goodbye_to_all(f) && !ran_out_together(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence service_restart(const struct facts *f, struct evidence *ev)
{
	const struct closing_story *closing = &f->closing;
	const struct process *p = facts_closing_process(f);
	const struct fatal_signal *stop;

	if (!closing->frame || closing->sender == BY_CLIENT ||
	    (closing->code != 1012 && !was_asked_to_stop(f) && !says_goodbye_to_all(f) &&
	     !proxy_says_goodbye(f) && !fails_right_after(f) &&
	     !(closing->code == CLOSE_GOING_AWAY && server_is_going(f))))
		return CONFIDENCE_NONE;
	evidence_closing(ev, f);
	if (f->backend.proxy)
		evidence_backend(ev, f);
	evidence_process(ev, f);
	stop = stop_of_sender(f);
	if (stop && p && stop == &p->stop_signal && stop != f->closer.stop)
		evidence_signal(ev, stop, &(struct wst_task){ .tgid = p->tgid });
	if (stop && stopped_listening(f, stop))
		evidence_add(ev, "stopped_listening", 0, "it takes no more connections");
	if (says_goodbye_to_all(f))
		evidence_burst(ev, f->crowd.burst);
	return confidence_in_goodbye(f);
}

static const struct rule rules[] = {
	{
		.id = "session.service_restart",
		.when = service_restart,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_QUOTES | RULE_ANNOUNCED,
		.codes = { 1012, 1001 },
		.summary = "the {sender} is restarting or going away, and ended the session with Close {code}{reason}",
		.user_message = "The chat service is being updated. You will be connected again in a moment.",
		.steps = {
			"Nothing is broken. Let clients reconnect after a short random pause (`1000 + 4000 * Math.random()` ms), so that they do not all come at once.",
		},
	},
};

const struct rule_table rules_session_goodbye = RULE_TABLE(rules);
