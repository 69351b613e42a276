/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No Close frame: how the TCP connection ended, and who did it. */
#include "diagnose/rule.h"

#include <string.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"

/* Who is there answers a ping as soon as that. */
#define SOON_NS 1000000ull
/* On a slow path the ping itself is on its way for as long as that, and the heartbeat may give up. */
#define LONG_NS 100000000ull

static bool no_close_frame(const struct facts *f)
{
	return !f->closing.frame;
}

static void add_all(struct evidence *ev, const struct facts *f)
{
	evidence_end(ev, f);
	evidence_no_close_frame(ev, f);
	evidence_unfinished(ev, f);
	evidence_path(ev, f->end.conn);
	evidence_process(ev, f);
}

static bool reason_is(const struct facts *f, const char *reason)
{
	const char *name = evidence_reset_reason(f, f->end.conn);

	return name && strcmp(name, reason) == 0;
}

/*
 * How it ended is not why. After a silence a timer may be behind it, which its repetition would
 * tell: before that these rules are not sure that none of the causes above them fits.
 */
static bool add_silence(struct evidence *ev, const struct facts *f)
{
	if (!facts_may_be_timer(f))
		return false;
	evidence_idle(ev, f);
	return true;
}

static bool ping_waits(const struct path_story *p)
{
	uint64_t rtt_ns = 1000ull * (p->ping_rtt_us ? p->ping_rtt_us : p->at_near.tcp.srtt_us);

	if (!p->own || !p->pings)
		return false;
	if (p->waited_ns >= LONG_NS)
		return true;
	return p->ping_last && p->waited_ns >= SOON_NS && p->waited_ns >= 10 * rtt_ns;
}

/*
 * Nor are they while a ping of who closed waits for its answer, and for longer than one takes: that
 * may be what it closed for.
 */
static bool add_unanswered(struct evidence *ev, const struct facts *f)
{
	if (!ping_waits(&f->path))
		return false;
	evidence_heartbeat(ev, f);
	return true;
}

/* Somebody had just sent it a signal: its handler may have closed, and its end may be yet to come. */
static bool add_signal(struct evidence *ev, const struct facts *f)
{
	const struct fatal_signal *s = f->closer.process ? &f->closer.process->last_signal : NULL;

	if (!s || !s->signal || s->ts_ns > f->end.ts_ns ||
	    f->end.ts_ns - s->ts_ns > FACTS_STOP_REACTION_NS ||
	    s->sender.tgid == f->closer.process->tgid)
		return false;
	evidence_signal(ev, s, f->closer.task);
	return true;
}

/* Any reason besides those that the wire shows. */
static bool add_doubts(struct evidence *ev, const struct facts *f)
{
	bool unanswered = add_unanswered(ev, f), signalled = add_signal(ev, f);

	return evidence_lost(ev, f) || evidence_other_side(ev, f) ||
	       (!f->closer.shut && add_silence(ev, f)) || unanswered || signalled ||
	       f->backend.backend;
}

/* A living process destroyed its socket in a way that makes the kernel send RST. */
static bool aborted(const struct facts *f)
{
	const struct conn *c = f->end.conn;

	return f->closer.task && !f->closer.exiting &&
	       (c->end->closed_by_process || c->end->reset_by_process) &&
	       (f->end.how == ENDED_RST_SENT || f->end.how == ENDED_ABORTED);
}

static enum confidence aborted_with_unread_data(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->end.conn;
	bool named = reason_is(f, "TCP_ABORT_ON_CLOSE");

	if (!aborted(f) || !no_close_frame(f) ||
	    (!named && (evidence_reset_reason(f, c) || !c->end->tcp.unread_bytes)))
		return CONFIDENCE_NONE;
	add_all(ev, f);
	return named && !add_doubts(ev, f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence aborted_by_application(const struct facts *f, struct evidence *ev)
{
	bool named = reason_is(f, "TCP_ABORT_ON_LINGER") ||
		     reason_is(f, "TCP_DISCONNECT_WITH_DATA");
	bool linger = f->end.conn->has_end && (f->end.conn->end->tcp.flags & WST_TCP_LINGER0);

	if (!aborted(f) || !no_close_frame(f))
		return CONFIDENCE_NONE;
	if (linger)
		evidence_add(ev, "linger", 0, "the socket had SO_LINGER with 0 seconds");
	add_all(ev, f);
	return (named || linger) && !add_doubts(ev, f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/*
 * Retransmissions under way when a process closes: it may just have noticed that the path is dead.
 */
static bool path_is_suspect(const struct conn *c)
{
	return c->has_facts && (c->end->tcp.timeouts > 0 || c->end->tcp.probes > 0) &&
	       (c->end->tcp.unacked_bytes > 0 || c->end->tcp.probes > 0);
}

/* As does the first silence that was too long for something on the way. */
static bool add_forgotten(struct evidence *ev, const struct facts *f)
{
	char silence[FORMAT_DURATION];

	if (!f->crowd.quiet_drop)
		return false;
	evidence_add(
		ev, "silence", 0,
		"what was not answered were the first bytes after a silence of %s, longer than any before",
		format_seconds(silence, f->end.conn->end->walk[WST_OUT].silence_ms * 1000000ull));
	return true;
}

static enum confidence closed_without_close_frame(const struct facts *f, struct evidence *ev)
{
	bool unsent;

	if (!no_close_frame(f) || !f->closer.task || f->closer.exiting ||
	    f->end.how != ENDED_FIN_SENT)
		return CONFIDENCE_NONE;
	add_all(ev, f);
	if (f->closer.shut)
		evidence_add(
			ev, "stopped_listening", 0,
			"it closed the listener on port %u as well, as when a server shuts down or executes itself anew",
			f->end.conn->tuple.local_port);
	unsent = evidence_unsent(ev, f->end.conn);
	return add_doubts(ev, f) || unsent || path_is_suspect(f->end.conn) ? CONFIDENCE_MEDIUM :
									     CONFIDENCE_HIGH;
}

static enum confidence network_timeout(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->end.conn;

	/*
	 * Unsent: this host could not even send them, and the kernel counts its attempts as probes.
	 */
	if (f->end.how != ENDED_TIMEOUT || (c->has_end && !c->end->tcp.unacked_bytes &&
					    !c->end->tcp.unsent_bytes && !c->end->tcp.timeouts))
		return CONFIDENCE_NONE;
	add_all(ev, f);
	/* The path may work, and something on it have forgotten this connection. */
	if (add_forgotten(ev, f))
		return CONFIDENCE_MEDIUM;
	/* A window of zero is a peer that does not read, not a path that is broken. */
	return c->has_end && c->end->tcp.unacked_bytes && c->end->tcp.send_window ?
		       CONFIDENCE_HIGH :
		       CONFIDENCE_MEDIUM;
}

static enum confidence keepalive_timeout(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->end.conn;
	bool probed = c->end->tcp.probes && (c->end->tcp.flags & WST_TCP_KEEPALIVE);

	if (f->end.how != ENDED_TIMEOUT || !c->has_end || c->end->tcp.unacked_bytes ||
	    c->end->tcp.unsent_bytes)
		return CONFIDENCE_NONE;
	add_all(ev, f);
	return (probed || reason_is(f, "TCP_KEEPALIVE_TIMEOUT")) && c->end->tcp.send_window ?
		       CONFIDENCE_HIGH :
		       CONFIDENCE_MEDIUM;
}

static enum confidence peer_reset(const struct facts *f, struct evidence *ev)
{
	if (!no_close_frame(f) || f->end.how != ENDED_RST_RECEIVED)
		return CONFIDENCE_NONE;
	add_all(ev, f);
	return f->end.forged || add_forgotten(ev, f) || add_silence(ev, f) ? CONFIDENCE_MEDIUM :
									     CONFIDENCE_HIGH;
}

static enum confidence peer_closed_without_close_frame(const struct facts *f, struct evidence *ev)
{
	if (!no_close_frame(f) || f->end.how != ENDED_FIN_RECEIVED)
		return CONFIDENCE_NONE;
	add_all(ev, f);
	return f->end.forged || add_silence(ev, f) ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
}

static const struct rule rules[] = {
	{
		.id = "session.network_timeout",
		.when = network_timeout,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.summary = "the {peer} stopped acknowledging data until the kernel gave up (ETIMEDOUT)",
		.user_message = "The connection to the chat was lost. Check your internet connection and try again.",
		.steps = {
			"The other host went away, or the path to it is broken in silence: a laptop that sleeps, a changed network, a firewall that forgot the connection.",
			"Ping from the application every 20 to 30 s, so that it is noticed sooner than by the kernel's timers (tcp_retries2, about 15 minutes).",
		},
	},
	{
		.id = "session.keepalive_timeout",
		.when = keepalive_timeout,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.summary = "nobody answered the TCP keepalive probes to the {peer} (ETIMEDOUT)",
		.user_message = "The connection to the chat was lost. Check your internet connection and try again.",
		.steps = {
			"The other host went away without a word while nothing was being sent; the keepalive noticed it.",
			"If the other host is fine, something in between dropped the idle connection: send WebSocket pings more often than its timeout, or lower net.ipv4.tcp_keepalive_time.",
		},
	},
	{
		.id = "session.aborted_with_unread_data",
		.when = aborted_with_unread_data,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.summary = "{who} closed its socket with received data unread, so the kernel sent RST",
		.user_message = "The {party} dropped the connection. Please try again.",
		.steps = {
			"The application destroyed the connection in the middle of incoming data (terminate(), destroy(), Conn.Close()): a limit, an error, or a timeout of its own. Its log should say which; a frame that had come only in part points at the limit of a message's size.",
			"Send a Close frame with a code first, read until the answer comes, then close.",
		},
	},
	{
		.id = "session.aborted_by_application",
		.when = aborted_by_application,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.summary = "{who} reset the connection on purpose",
		.user_message = "The {party} dropped the connection. Please try again.",
		.steps = {
			"Look for SO_LINGER with 0 seconds, SetLinger(0), resetAndDestroy() or a forced disconnect in {comm}.",
			"Send a Close frame with a code instead, so that the other side learns why.",
		},
	},
	{
		.id = "session.closed_without_close_frame",
		.when = closed_without_close_frame,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.summary = "{who}{alive} closed its socket without a Close frame",
		.user_message = "The {party} dropped the connection. Please try again.",
		.steps = {
			"Look for what closes the socket in {comm}: Conn.Close() of gorilla and terminate() of ws send no Close frame; a proxy sends none either when one of its timeouts fires.",
			"Or for a handler that failed: many frameworks drop the connection when the application raises an exception, or at a message that is too big or no UTF-8. The log of {comm} at that moment tells.",
			"Send Close with a code before closing (gorilla: WriteControl(CloseMessage, ...), ws: close(code)).",
		},
	},
	{
		.id = "session.peer_reset",
		.when = peer_reset,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.summary = "{who} reset the connection (RST received)",
		.user_message = "The connection to the chat was lost. Please try again.",
		.steps = {
			"Run `wstrace trace` on the host that the RST came from, too: a crash, an abort, or a middlebox that no longer knows the connection look the same from here.",
			"If it repeats after the same silence, a middlebox forgets idle connections: send WebSocket pings more often.",
		},
	},
	{
		.id = "session.peer_closed_without_close_frame",
		.when = peer_closed_without_close_frame,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.summary = "{who} closed the connection without a Close frame (FIN received)",
		.user_message = "The connection to the chat was lost. Please try again.",
		.steps = {
			"Run `wstrace trace` on the host that the FIN came from, too: a process that ended, a closed tab and a load balancer's timeout look the same from here.",
			"If it repeats after the same idle time, something in between has a timeout of that length: send WebSocket pings at half of it.",
		},
	},
};

const struct rule_table rules_session_tcp = RULE_TABLE(rules);
