/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who goes away and says so: a Close frame to everybody, before the process or its configuration goes. */
#include "diagnose/rule.h"

#include "diagnose/close_code.h"
#include "diagnose/evidence.h"

/* So many sessions do not end at one moment by chance. */
#define MANY 3

/* The server's Close 1001 alone may also be a server that closes one session. */
static bool server_is_going(const struct facts *f)
{
	const struct process *p = f->closing.sender == BY_SERVER ? facts_server_process(f) : NULL;
	bool closer_goes = f->closer.party == f->closing.sender &&
			   (f->closer.exited || f->closer.stop);

	return closer_goes || (p && (p->exited || facts_stop_signal(p, f->closing.frame->ts_ns)));
}

/* Who says goodbye: the server or a proxy; NULL: a client, or not known. */
static const struct process *sender_process(const struct facts *f)
{
	if (f->closing.sender == BY_PROXY)
		return facts_proxy_process(f);
	return f->closing.sender == BY_SERVER ? facts_server_process(f) : NULL;
}

/* Says goodbye since it was asked to stop, with whatever code. */
static bool was_asked_to_stop(const struct facts *f)
{
	return close_code_is_benign(f->closing.code) &&
	       facts_stop_signal(sender_process(f), f->closing.frame->ts_ns);
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
	return f->closing.code == CLOSE_GOING_AWAY && f->closer.party == f->closing.sender &&
	       f->crowd.burst && f->crowd.burst->count >= MANY && !f->path.idle_close &&
	       !facts_ran_out(f);
}

/* Sessions that a server left alone since the same moment may also run out together. */
static bool ran_out_together(const struct facts *f)
{
	return f->closing.sender == BY_SERVER && facts_may_be_timer(f) &&
	       !burst_is_mixed(f->crowd.burst);
}

static enum confidence confidence_in_goodbye(const struct facts *f)
{
	if (f->closing.code != CLOSE_GOING_AWAY || was_asked_to_stop(f) || server_is_going(f))
		return CONFIDENCE_HIGH;
	return says_goodbye_to_all(f) && !ran_out_together(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence service_restart(const struct facts *f, struct evidence *ev)
{
	const struct closing_story *closing = &f->closing;
	const struct process *p = sender_process(f);
	const struct fatal_signal *stop;

	if (!closing->frame || closing->sender == BY_CLIENT ||
	    (closing->code != 1012 && !was_asked_to_stop(f) && !says_goodbye_to_all(f) &&
	     !proxy_says_goodbye(f) && !(closing->code == CLOSE_GOING_AWAY && server_is_going(f))))
		return CONFIDENCE_NONE;
	evidence_closing(ev, f);
	evidence_process(ev, f);
	stop = facts_stop_signal(p, closing->frame->ts_ns);
	if (stop && stop != f->closer.stop)
		evidence_signal(ev, stop, &(struct wst_task){ .tgid = p->tgid });
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
		.flags = RULE_QUOTES,
		.codes = { 1012, 1001 },
		.summary = "the {sender} is restarting and said so with Close {code}{reason}",
		.user_message = "The chat service is being updated. You will be connected again in a moment.",
		.steps = {
			"Nothing is broken. Let clients reconnect after a short random pause (`1000 + 4000 * Math.random()` ms), so that they do not all come at once.",
		},
	},
};

const struct rule_table rules_session_goodbye = RULE_TABLE(rules);
