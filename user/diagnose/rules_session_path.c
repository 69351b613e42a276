/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of the path when the session ended: what was dropped here, what was too large to pass,
 * what nobody took. The rows about heartbeats are in rules_session_heartbeat.c.
 */
#include "diagnose/rule.h"

#include <errno.h>
#include <string.h>

#include "diagnose/close_code.h"
#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"

#define SECOND_NS 1000000000ull
/*
 * A window that is closed for less is a busy reader, not one that has stopped; one that opens now
 * and then has to have been closed for longer in all.
 */
#define SHUT_NS SECOND_NS
#define FULL_NS (2 * SECOND_NS)
/* A RST that answers a packet which this host has just dropped. */
#define RESET_AFTER_DROP_NS 50000000ull
/* Smaller segments than this pass everywhere (RFC 879, RFC 8200: 576, 1280). */
#define SMALL_SEGMENT 500
/* By then a lost segment was sent again some four times (RFC 6298). */
#define HOLE_NS (3 * SECOND_NS)
/* Retransmissions in vain: one alone may be an accident. */
#define STUCK_TIMEOUTS 2

static const char *drop_reason(const struct facts *f, const struct conn *c)
{
	return c->end->drops ? track_reason_name(f->track, WST_NAME_DROP, c->end->drop_reason) :
			       NULL;
}

static bool by_netfilter(const struct facts *f, const struct conn *c)
{
	const char *name = drop_reason(f, c);

	return name && strstr(name, "NETFILTER");
}

/* IP_OUTNOROUTES, IP_INNOROUTES, NEIGH_FAILED */
static bool by_routing(const struct facts *f, const struct conn *c)
{
	const char *name = drop_reason(f, c);

	return name && (strstr(name, "NOROUTES") || strstr(name, "NEIGH_"));
}

static void add_drops(struct evidence *ev, const struct facts *f, const struct conn *c)
{
	char packets[FORMAT_COUNT];

	evidence_add(ev, "packet_drop", c->end->drop_ns,
		     "this host dropped %s of the connection, the last one for the reason %s",
		     format_count(packets, c->end->drops, "packet"), drop_reason(f, c));
}

/* The drops are what broke it: nothing has come in since, or what is sent does not arrive. */
static bool drops_broke(const struct facts *f, const struct conn *c)
{
	const struct path_story *p = &f->path;
	struct conn_snapshot at;
	bool stuck;

	/* still open: what its peer sent in vain may have been dropped on the way to it */
	if (!conn_at_close(c, &at))
		return p->stuck >= 0 && c->end->drop_ns > p->at_stuck.tcp.busy_since_ns;
	stuck = (at.tcp.unacked_bytes || at.tcp.unsent_bytes) && (at.tcp.timeouts || at.tcp.probes);
	return c->end->drop_ns > at.tcp.last_segment_in_ns ||
	       (stuck && c->end->drop_ns > at.tcp.busy_since_ns);
}

static const struct conn *find_dropped(const struct facts *f,
				       bool (*by)(const struct facts *f, const struct conn *c))
{
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (by(f, c) && c->end->drops >= 2 && drops_broke(f, c))
			return c;
	}
	return NULL;
}

static enum confidence firewall_dropped(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->path.unexplained ? find_dropped(f, by_netfilter) : NULL;

	if (!c || f->end.how == ENDED_RST_RECEIVED)
		return CONFIDENCE_NONE;
	add_drops(ev, f, c);
	evidence_path(ev, f->path.stuck >= 0 ? f->session->legs[f->path.stuck] : c);
	evidence_heartbeat(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	return CONFIDENCE_HIGH;
}

/* Both sockets are on this host, or the RST is the echo of a packet that this host rejected. */
static enum confidence firewall_reset(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->end.conn;
	bool echo = by_netfilter(f, c) && f->end.ts_ns >= c->end->drop_ns &&
		    f->end.ts_ns - c->end->drop_ns <= RESET_AFTER_DROP_NS;

	if (f->closing.frame || f->end.how != ENDED_RST_RECEIVED || !(f->end.forged || echo))
		return CONFIDENCE_NONE;
	if (echo)
		add_drops(ev, f, c);
	evidence_end(ev, f);
	evidence_no_close_frame(ev, f);
	evidence_path(ev, c);
	return CONFIDENCE_HIGH;
}

static bool is_unreachable(uint32_t error)
{
	return error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN ||
	       error == EHOSTDOWN;
}

static enum confidence unreachable(const struct facts *f, struct evidence *ev)
{
	bool given_up = f->end.how == ENDED_ERROR || f->end.how == ENDED_TIMEOUT;
	const struct conn *c = f->end.conn,
			  *dropped = given_up ? find_dropped(f, by_routing) : NULL;

	if (!given_up || (!is_unreachable(facts_errno(c)) && !dropped))
		return CONFIDENCE_NONE;
	if (dropped)
		add_drops(ev, f, dropped);
	evidence_errno(ev, c);
	evidence_end(ev, f);
	evidence_path(ev, c);
	return c->established_ns || c->open_flags & WST_OPEN_MIDSTREAM ? CONFIDENCE_HIGH :
									 CONFIDENCE_MEDIUM;
}

static bool large_is_stuck(const struct wst_tcp_facts *tcp)
{
	return tcp->unacked_bytes && tcp->timeouts >= STUCK_TIMEOUTS && tcp->send_window &&
	       tcp->resent_segment >= SMALL_SEGMENT;
}

/* The one segment that does not get through is larger than any that did. */
static bool is_largest(const struct wst_tcp_facts *tcp)
{
	return tcp->resent_segment > tcp->largest_acked_segment;
}

/*
 * As large ones got through before, when the way may have been another one. It was sent again and
 * again, and what was sent behind it arrived: that is no chance.
 */
static bool full_one_is_stuck(const struct wst_tcp_facts *tcp)
{
	return tcp->sacked_segments && tcp->resent_segment >= tcp->mss / 10 * 9;
}

/* Small segments pass: later ones were acknowledged out of order, or the peer talks on. */
static bool small_ones_pass(const struct conn_snapshot *at)
{
	const struct wst_tcp_facts *tcp = &at->tcp;

	return tcp->sacked_segments ||
	       (tcp->busy_since_ns && tcp->last_segment_in_ns > tcp->busy_since_ns + SECOND_NS);
}

static void add_large(struct evidence *ev, const struct conn_snapshot *at)
{
	const struct wst_tcp_facts *tcp = &at->tcp;
	char count[FORMAT_COUNT];

	evidence_add(
		ev, "large_segments_lost", tcp->busy_since_ns,
		"a segment of %u bytes was sent %s and never acknowledged; the largest that was ever acknowledged had %u",
		tcp->resent_segment, format_count(count, tcp->timeouts + 1, "time"),
		tcp->largest_acked_segment);
	if (tcp->sacked_segments)
		evidence_add(ev, "small_segments_pass", 0, "%s behind it arrived (selective ACKs)",
			     format_count(count, tcp->sacked_segments, "segment"));
	else
		evidence_add(ev, "small_segments_pass", tcp->last_segment_in_ns,
			     "the peer's segments kept coming meanwhile");
}

/*
 * The same, seen by the receiver: a hole of at least a large segment stays open although the giver's
 * pings are acknowledged all the time. Mere loss would have been repaired; but how large the segments
 * were, and how often they were sent, is known to their sender alone.
 */
static bool hole_stays(const struct path_story *p)
{
	return p->stuck < 0 && p->own && p->has_near && p->unexplained &&
	       (p->pings || p->by_data) && !p->ping_pending && p->waited_ns >= HOLE_NS &&
	       p->at_near.tcp.missing_bytes >= SMALL_SEGMENT;
}

static enum confidence hole_in_stream(const struct facts *f, struct evidence *ev)
{
	const struct path_story *p = &f->path;
	char bytes[FORMAT_BYTES];

	if (!hole_stays(p))
		return CONFIDENCE_NONE;
	evidence_add(ev, "hole", 0,
		     "%s of the peer's never arrived, although later ones did, and acknowledgements",
		     format_bytes(bytes, p->at_near.tcp.missing_bytes));
	evidence_heartbeat(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	return CONFIDENCE_MEDIUM;
}

static enum confidence mtu_blackhole(const struct facts *f, struct evidence *ev)
{
	const struct path_story *p = &f->path;
	const struct wst_tcp_facts *tcp = &p->at_stuck.tcp;

	if (p->stuck < 0 || !p->unexplained || !large_is_stuck(tcp) ||
	    !(is_largest(tcp) ? small_ones_pass(&p->at_stuck) : full_one_is_stuck(tcp)))
		return hole_in_stream(f, ev);
	add_large(ev, &p->at_stuck);
	evidence_path(ev, f->session->legs[p->stuck]);
	evidence_heartbeat(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	return is_largest(tcp) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static void add_full(struct evidence *ev, const struct facts *f)
{
	const struct path_story *p = &f->path;
	const struct wst_tcp_facts *tcp = &p->at_full.tcp;
	char time[FORMAT_DURATION], bytes[FORMAT_BYTES];
	const char *reader = name_of_initiator(facts_far_party(f->session, (unsigned int)p->full));

	if (p->zero_ns)
		evidence_add(ev, "window_closed", tcp->zero_window_since_ns,
			     "the receive window of the %s was zero for %s%s", reader,
			     format_duration(time, p->zero_ns),
			     tcp->zero_window_since_ns ? " and stayed so" : " in all");
	if (tcp->unsent_bytes)
		evidence_add(ev, "send_queue", 0, "%s waited to be sent to the %s",
			     format_bytes(bytes, tcp->unsent_bytes), reader);
}

static enum confidence zero_window_timeout(const struct facts *f, struct evidence *ev)
{
	const struct wst_tcp_facts *tcp = &f->end.conn->end->tcp;

	if (f->end.how != ENDED_TIMEOUT || !f->end.conn->has_facts || tcp->send_window ||
	    !(tcp->unsent_bytes || tcp->unacked_bytes))
		return CONFIDENCE_NONE;
	if (f->path.full >= 0)
		add_full(ev, f);
	evidence_end(ev, f);
	evidence_path(ev, f->end.conn);
	return tcp->zero_window_since_ns ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* ACKs still come, so the path is fine: it is the peer, or its line, that takes too little. */
static bool queue_is_stuck(const struct conn_snapshot *at)
{
	const struct wst_tcp_facts *tcp = &at->tcp;

	return tcp->unsent_bytes && !tcp->timeouts && tcp->busy_since_ns &&
	       at->ts_ns > tcp->busy_since_ns + FULL_NS &&
	       at->ts_ns < tcp->last_segment_in_ns + SECOND_NS;
}

static bool is_shut(const struct path_story *p)
{
	const struct wst_tcp_facts *tcp = &p->at_full.tcp;

	if (tcp->zero_window_since_ns && p->at_full.ts_ns >= tcp->zero_window_since_ns + SHUT_NS)
		return true;
	return p->zero_ns >= FULL_NS && tcp->unsent_bytes;
}

static enum confidence slow_consumer(const struct facts *f, struct evidence *ev)
{
	const struct path_story *p = &f->path;
	bool closed = is_shut(p);

	if (p->full < 0 || !p->unexplained || f->end.how == ENDED_TIMEOUT ||
	    p->giver == facts_far_party(f->session, (unsigned int)p->full) ||
	    !(closed || queue_is_stuck(&p->at_full)))
		return CONFIDENCE_NONE;
	add_full(ev, f);
	evidence_closing(ev, f);
	evidence_end(ev, f);
	evidence_path(ev, f->session->legs[p->full]);
	return closed || p->slow_close ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static const struct rule rules[] = {
	{
		.id = "session.firewall_dropped",
		.when = firewall_dropped,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_FALLBACK,
		.at = AT_SESSION,
		.initiator = BY_KERNEL,
		.codes = { 1006, 1011 },
		.summary = "a firewall rule of this host drops the packets of the open session",
		.user_message = "The connection to the chat is being blocked. Please tell the support.",
		.steps = {
			"List the rules with their counters: `nft list ruleset` or `iptables-save -c`, and look for the one whose counter grows while {target} is used.",
			"A rule that only lets established connections pass drops them when the firewall or Docker is reloaded and forgets its connections (`conntrack -L`): restart Docker after the firewall, and accept the port in both directions.",
			"nf_conntrack's own timeout (`sysctl net.netfilter.nf_conntrack_tcp_timeout_established`) makes an idle connection unknown: send WebSocket pings more often.",
		},
	},
	{
		.id = "session.firewall_reset",
		.when = firewall_reset,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_RECURS,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES,
		.initiator = BY_KERNEL,
		.summary = "something on this host reset the connection: no peer sent that RST",
		.user_message = "The connection to the chat is being blocked. Please tell the support.",
		.steps = {
			"Look for `reject with tcp reset` (nft) or `REJECT --reject-with tcp-reset` (iptables) whose counter grows: `nft list ruleset`, `iptables-save -c`.",
			"With Docker or Kubernetes: packets that conntrack calls INVALID reach the host's own stack, which answers RST. Drop them instead (`iptables -I INPUT -m conntrack --ctstate INVALID -j DROP`) or set net.netfilter.nf_conntrack_tcp_be_liberal=1.",
			"`ss -K` and tcpkill do this, too.",
		},
	},
	{
		.id = "session.unreachable",
		.when = unreachable,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.summary = "the {peer} became unreachable in the middle of the session ({errno})",
		.user_message = "The connection to the chat was lost. Check your internet connection and try again.",
		.steps = {
			"The network itself said so: a route or an interface went away (`ip route get`, `ip monitor`), a router answered with ICMP unreachable, or nobody answered ARP for the address.",
			"On the host of a container: the container was disconnected from its network, or stopped; `docker network inspect` shows who is on it.",
		},
	},
	{
		.id = "session.mtu_blackhole",
		.when = mtu_blackhole,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.initiator = BY_NETWORK,
		.alternatives = { "session.network_timeout" },
		.codes = { 1006, 1011 },
		.summary = "{large_lost}, small ones pass",
		.user_message = "Large messages do not get through on this network. Please try another network or tell the support.",
		.steps = {
			"Some link on the way (VPN, overlay, tunnel) has a smaller MTU, and the ICMP message that says so is filtered: `tracepath` or `ping -M do -s 1472` to the {stuck} finds the limit.",
			"Let ICMP type 3 code 4 (IPv6: type 2) pass, or clamp the MSS: `nft add rule ... tcp option maxseg size set rt mtu`, `iptables -t mangle ... -j TCPMSS --clamp-mss-to-pmtu`.",
			"For Docker set com.docker.network.driver.mtu to the MTU of the host's link; net.ipv4.tcp_mtu_probing=1 lets the sender find out by itself.",
		},
	},
	{
		.id = "session.zero_window_timeout",
		.when = zero_window_timeout,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.alternatives = { "session.network_timeout" },
		.summary = "the {peer} kept its receive window closed until the kernel gave up (ETIMEDOUT)",
		.user_message = "The connection to the chat was lost because data was not taken fast enough. Please try again.",
		.steps = {
			"The {peer} stopped reading from its socket: a blocked event loop, a paused tab, a stopped process. See what it does with each message.",
			"Bound the send queue of each client and close with 1013 when it is full, instead of leaving it to the kernel's timers.",
		},
	},
	{
		.id = "session.slow_consumer",
		.when = slow_consumer,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.codes = { 1006, 1013, 3008, 4500 },
		.summary = "the {reader} did not take its messages fast enough, and {giver} gave it up",
		.user_message = "Your device or connection could not keep up with the messages. Please try again in a moment.",
		.steps = {
			"{queued} to the {reader} when {giver} closed. Drop or merge messages for slow clients (watch bufferedAmount, getBufferedAmount, the channel of each client) instead of queueing all of them.",
			"See why the {reader} does not read: work on the thread that should read, a tab in the background, a slow line.",
			"Let the client ask for what it missed after reconnecting, so that the backlog is not sent again at once.",
		},
	},
};

const struct rule_table rules_session_path = RULE_TABLE(rules);
