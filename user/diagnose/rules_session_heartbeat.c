/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A side that pings gave up. Whose fault it was shows in what became of its pings: never
 * acknowledged, acknowledged but not answered, or answered in time and not read.
 */
#include "diagnose/rule.h"

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"

#define MS_NS 1000000ull
#define SECOND_NS (1000 * MS_NS)
/* An answer that lay there for less may just have crossed the decision to close. */
#define UNREAD_NS (500 * MS_NS)
/*
 * Slower than any path that works (a timeout of one second is measured a little shorter); and this
 * many times the last answer's time. A ping behind which nothing more was said is answered at once
 * by whoever reads.
 */
#define UNANSWERED_NS (900 * MS_NS)
#define UNANSWERED_PING_NS (400 * MS_NS)
/* In less an answer may be on its way even on a good path, from a program that is busy. */
#define OVERDUE_PING_NS (20 * MS_NS)
#define UNANSWERED_RTTS 10

/* Retransmissions in vain: one alone may be an accident. */
#define GONE_TIMEOUTS 2

static void add_unread(struct evidence *ev, const struct facts *f)
{
	const struct path_story *p = &f->path;
	char time[FORMAT_DURATION], who[FACTS_NAME_BYTES], count[FORMAT_COUNT];

	evidence_add(ev, "pong_unread", p->ts_ns - p->answered_for_ns,
		     "the answer to the last ping had arrived %s before %s gave up%s",
		     format_duration(time, p->answered_for_ns),
		     facts_name(who, f->session, p->giver, p->near->owner),
		     p->answer_read ? "" : ", and lay unread in its receive queue");
	if (p->at_near.tcp.unread_bytes)
		evidence_add(ev, "unread_data", 0, "the process had not read %s of what came",
			     format_count(count, p->at_near.tcp.unread_bytes, "byte"));
}

/* Sessions of one process that stall together stall because of it. */
static void add_siblings(struct evidence *ev, const struct facts *f)
{
	const struct wst_task *owner = f->path.near->owner;
	const struct process *p = process_find(track_processes(f->track), owner->tgid,
					       owner->start_ns);

	if (p && p->stalled_sockets > 1)
		evidence_add(ev, "stalled_together", p->stalled_ns,
			     "%u sessions of pid %u had input lying unread when they were closed",
			     p->stalled_sockets, p->tgid);
}

static enum confidence own_stall(const struct facts *f, struct evidence *ev)
{
	const struct path_story *p = &f->path;

	if (!p->unexplained || !p->own || p->answered_for_ns < UNREAD_NS)
		return CONFIDENCE_NONE;
	/* An answer that was read says nothing, unless the Close frame blames a heartbeat. */
	if (p->answer_read && !(p->heartbeat_close && p->answered_for_ns >= UNANSWERED_NS))
		return CONFIDENCE_NONE;
	add_unread(ev, f);
	add_siblings(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	return CONFIDENCE_HIGH;
}

static void add_silence(struct evidence *ev, const struct facts *f)
{
	const struct path_story *p = &f->path;
	const struct wst_tcp_facts *tcp = &p->at_stuck.tcp;
	char time[FORMAT_DURATION], bytes[FORMAT_COUNT], times[FORMAT_COUNT];

	evidence_add(ev, "unacked_data", tcp->busy_since_ns,
		     tcp->unacked_bytes ? "no ACK for %s to the %s, sent again %s in a row" :
					  "%s to the %s could not be sent, tried %s in a row",
		     format_count(bytes, tcp->unacked_bytes + tcp->unsent_bytes, "byte"),
		     name_of_initiator(facts_far_party(f->session, (unsigned int)p->stuck)),
		     format_count(times, p->vain_attempts, "time"));
	if (p->at_stuck.ts_ns > tcp->last_segment_in_ns && tcp->last_segment_in_ns)
		evidence_add(ev, "silence", tcp->last_segment_in_ns,
			     "its last segment came %s before the end",
			     format_duration(time, p->at_stuck.ts_ns - tcp->last_segment_in_ns));
	if (tcp->soft_error)
		evidence_add(ev, "soft_error", 0, "the network reported %s meanwhile",
			     name_of_errno(tcp->soft_error));
}

static bool is_silent(const struct conn_snapshot *at)
{
	return at->ts_ns > at->tcp.last_segment_in_ns + UNANSWERED_NS;
}

static bool waited_long(const struct path_story *p)
{
	return p->waited_ns >= (p->ping_last ? UNANSWERED_PING_NS : UNANSWERED_NS);
}

/*
 * Pings of the giver wait for an answer: that they were what it gave up for is as sure as it can be
 * without a Close frame that says so.
 */
static bool pings_wait(const struct path_story *p)
{
	return (p->pings || p->surely_heartbeat || (p->by_data && p->heartbeat_close)) &&
	       waited_long(p);
}

static uint64_t round_trip_ns(const struct path_story *p)
{
	uint32_t srtt_us = p->at_near.tcp.srtt_us;

	return 1000ull * (p->ping_rtt_us > srtt_us ? p->ping_rtt_us : srtt_us);
}

/* The pong came when nobody waited any more: whoever sent it was there. */
static bool answered_late(const struct path_story *p)
{
	return p->late_ns && p->late_ns <= p->waited_ns;
}

/* A heartbeat that gives up before an answer can have come. */
static bool is_hasty(const struct path_story *p)
{
	return p->own && p->ping_last && p->waited_ns >= UNANSWERED_PING_NS &&
	       (answered_late(p) || round_trip_ns(p) >= p->waited_ns);
}

static enum confidence peer_gone(const struct facts *f, struct evidence *ev)
{
	const struct path_story *p = &f->path;
	bool sent_in_vain;

	if (!p->unexplained || p->stuck < 0 || !is_silent(&p->at_stuck) || answered_late(p) ||
	    (f->end.how != ENDED_FIN_SENT && f->end.how != ENDED_RST_SENT &&
	     f->end.how != ENDED_ABORTED && f->end.how != ENDED_FIN_RECEIVED))
		return CONFIDENCE_NONE;
	/* whoever is gone cannot have closed */
	if (p->giver == facts_far_party(f->session, (unsigned int)p->stuck))
		return CONFIDENCE_NONE;
	/* what never left this host says nothing about the other one */
	sent_in_vain = p->vain_attempts >= GONE_TIMEOUTS && p->at_stuck.tcp.unacked_bytes;
	add_silence(ev, f);
	evidence_heartbeat(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	return sent_in_vain && pings_wait(p) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* The process that did not answer, where it is on this host. */
static void add_culprit(struct evidence *ev, const struct facts *f)
{
	const struct session *s = f->session;
	char who[FACTS_NAME_BYTES], count[FORMAT_COUNT];

	for (unsigned int i = 0; i < s->leg_count; i++) {
		const struct conn *c = s->legs[i];
		int in = f->path.giver == BY_CLIENT ? conn_from_client(c) : conn_from_server(c);
		struct conn_snapshot at;
		const struct fatal_signal *halt;

		if (in != WST_IN)
			continue;
		halt = facts_halt_signal(
			process_find(track_processes(f->track), c->owner->tgid, c->owner->start_ns),
			f->path.ts_ns);
		if (halt)
			evidence_signal(ev, halt, c->owner);
		if (!conn_at_close(c, &at) || !at.tcp.unread_bytes)
			continue;
		evidence_add(ev, "unread_data", 0,
			     "%s, at the other end, had not read %s that it had received",
			     facts_name(who, s, facts_owner(s, i), c->owner),
			     format_count(count, at.tcp.unread_bytes, "byte"));
	}
}

static bool is_overdue(const struct path_story *p)
{
	return p->waited_ns >= (p->ping_last ? OVERDUE_PING_NS : UNANSWERED_NS) &&
	       p->waited_ns >= round_trip_ns(p) * UNANSWERED_RTTS;
}

static void add_round_trip(struct evidence *ev, const struct path_story *p)
{
	char rtt[FORMAT_DURATION];

	evidence_add(ev, "hasty_ping", 0, "a round trip took %s: the heartbeat may wait for less",
		     format_duration(rtt, answered_late(p) ? p->waited_ns + p->late_ns :
							     round_trip_ns(p)));
}

static enum confidence peer_unresponsive(const struct facts *f, struct evidence *ev)
{
	const struct path_story *p = &f->path;

	bool overdue = is_overdue(p) && (p->stuck < 0 || answered_late(p));
	bool hasty = !overdue && is_hasty(p);

	if (!p->unexplained || !p->has_near || !(p->pings || p->by_data) || !(overdue || hasty))
		return CONFIDENCE_NONE;
	evidence_heartbeat(ev, f);
	if (hasty)
		add_round_trip(ev, p);
	add_culprit(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	if (hasty || (p->own && p->ping_pending))
		return CONFIDENCE_MEDIUM; /* no ACK: too early to say that it is gone */
	if (p->own && p->at_near.tcp.missing_bytes) {
		evidence_add(
			ev, "hole", 0,
			"%u bytes of the peer's were lost on the way, and later ones arrived: the answer may be among them",
			p->at_near.tcp.missing_bytes);
		return CONFIDENCE_MEDIUM;
	}
	return pings_wait(p) && (p->pings || p->surely_heartbeat || p->heartbeat_close) ?
		       CONFIDENCE_HIGH :
		       CONFIDENCE_MEDIUM;
}

static const struct rule rules[] = {
	{
		.id = "session.ping_timeout_own_stall",
		.when = own_stall,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.codes = { 1006, 1011, 1005 },
		.summary = "{giver} gave the connection up for a missing pong that it had already received: it was stalled itself",
		.user_message = "The chat {giver_role} was too busy for a moment. Please try again.",
		.steps = {
			"Something blocks the thread that reads: synchronous work on the event loop (move it to worker_threads, asyncio.to_thread, a queue), a long garbage collection, a handler that waits.",
			"A CPU limit does the same: compare nr_throttled in cpu.stat of the process's cgroup before and after.",
			"Until then give the pong more time: it was on the spot for {answered} unread.",
		},
	},
	{
		.id = "session.ping_timeout_peer_gone",
		.when = peer_gone,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.codes = { 1006, 1011, 1005 },
		.alternatives = { "session.closed_without_close_frame", "session.unreachable",
				  "session.firewall_dropped" },
		.summary = "the {other} vanished without a word: {giver} got no ACK for {waited} and closed",
		.user_message = "The connection to the chat was lost. Check your internet connection and try again.",
		.steps = {
			"A laptop that sleeps, a phone that changed networks, a link that is down: the ping did its work. Only if bytes could not be sent at all, look at this host: `ip -s link`, `ip route get ADDRESS`, its rules for what goes out.",
			"Let the client reconnect when it is back: on the events `online` and `visibilitychange`, with jitter.",
			"If many clients vanish at one moment, look at what they share: a proxy, a network, a firewall that forgot its connections.",
		},
	},
	{
		.id = "session.ping_timeout_peer_unresponsive",
		.when = peer_unresponsive,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.codes = { 1006, 1011, 1005 },
		.alternatives = { "session.closed_without_close_frame" },
		.summary = "the {other} {unanswered} for {waited}, so {giver} closed",
		.user_message = "The connection to the chat was interrupted. Please try again.",
		.steps = {
			"If the kernel of the {other} acknowledged, its host was alive and its program was not: a tab that the browser throttles or froze, a stopped process, a blocked event loop.",
			"Ping with WebSocket ping frames, which browsers answer even in the background, rather than with messages and timers of the page.",
			"Give it time: several round trips on a slow path, more than 60 s for a throttled tab (Socket.IO: pingTimeout); or let the page reconnect on `visibilitychange`.",
		},
	},
};

const struct rule_table rules_session_heartbeat = RULE_TABLE(rules);
