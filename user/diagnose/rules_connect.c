/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No TCP connection, or one that nobody served. */
#include "diagnose/rule.h"

#include <errno.h>
#include <string.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/names.h"

/* A process close to its limit may free a descriptor between the failure and the moment we look. */
#define FD_MARGIN 8

static uint64_t tried_for_ns(const struct facts *f)
{
	const struct conn *c = f->client;

	return c->connect_ns && f->end.ts_ns > c->connect_ns ? f->end.ts_ns - c->connect_ns : 0;
}

static void add_syns(struct evidence *ev, const struct facts *f)
{
	uint32_t times = f->client->syn_retransmits;
	char duration[FORMAT_DURATION], syns[FORMAT_COUNT];

	if (times)
		evidence_add(ev, "syn_retransmits", 0, "%s %s sent again in %s",
			     format_count(syns, times, "SYN"), times == 1 ? "was" : "were",
			     format_duration(duration, tried_for_ns(f)));
}

/* Failures like this one that were counted instead of told: health checks of a dead backend. */
static void add_repeats(struct evidence *ev, const struct facts *f)
{
	const struct failing_check *check = groups_failing_check(track_groups(f->track), f->client);
	char count[FORMAT_COUNT], gap[FORMAT_DURATION];

	if (check && check->told_with)
		evidence_add(ev, "repeated", 0,
			     "%s like it since the last line about them, one every %s",
			     format_count(count, check->told_with, "failure"),
			     format_duration(gap, check->gap_ns));
}

static enum confidence ports_exhausted(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->client;

	if (!c->has_end || !(c->end->tcp.flags & WST_TCP_NO_LOCAL_PORT))
		return CONFIDENCE_NONE;
	evidence_add(ev, "no_local_port", f->end.ts_ns,
		     "connect() found no free local port: no SYN was sent");
	return CONFIDENCE_HIGH;
}

static bool is_tls_failure(uint8_t alert)
{
	/* close_notify and user_canceled are farewells; 255 says that there was no alert. */
	return alert != 0 && alert != 90 && alert != 255;
}

/* The handshake began; whoever accepted read that and hung up with no byte of an answer. */
static bool tls_unanswered(const struct facts *f)
{
	const struct wst_tcp_facts *tcp = &f->client->end->tcp;
	bool answered = conn_is_server_side(f->client) ? tcp->bytes_out : tcp->bytes_in;
	bool unread = conn_is_server_side(f->server) && f->server->has_end &&
		      f->server->end->tcp.unread_bytes >= f->server->end->tcp.bytes_in;

	return tcp->flags & WST_TCP_TLS && !answered && !unread &&
	       (f->end.how == ENDED_FIN_SENT || f->end.how == ENDED_FIN_RECEIVED ||
		f->end.how == ENDED_ABORTED) &&
	       (f->end.by == BY_SERVER || f->end.by == BY_PROXY || f->end.outside);
}

/* One side speaks TLS, and the other one does not. */
static enum confidence tls_mixed_up(const struct facts *f, struct evidence *ev)
{
	bool began = f->client->end->tcp.flags & WST_TCP_TLS;
	const struct wst_tuple *tuple = &f->client->tuple;
	uint16_t port = conn_is_server_side(f->client) ? tuple->local_port : tuple->remote_port;

	if (f->answer.status)
		return CONFIDENCE_NONE;
	if (!(f->client->end->tcp.flags & WST_TCP_NO_TLS)) {
		if (f->stage != STAGE_CONNECT || !tls_unanswered(f))
			return CONFIDENCE_NONE;
		evidence_end(ev, f);
		evidence_add(ev, "tls_unanswered", 0,
			     "the client began a TLS handshake on port %u and got no answer at all",
			     port);
		return CONFIDENCE_MEDIUM;
	}
	evidence_add(
		ev, "tls_mixed_up", 0,
		began ? "the client began a TLS handshake on port %u, which was answered by HTTP in clear" :
			"the request came in clear, and port %u answered it with a TLS alert",
		port);
	return CONFIDENCE_HIGH;
}

static enum confidence tls_failed(const struct facts *f, struct evidence *ev)
{
	const struct wst_tcp_facts *tcp = &f->client->end->tcp;
	bool sent = is_tls_failure(tcp->tls_alert_out);
	uint8_t alert = sent ? tcp->tls_alert_out : tcp->tls_alert_in;
	bool both = !(tcp->flags & WST_TCP_NO_TLS);
	enum confidence ret = CONFIDENCE_NONE;

	if (!f->client->has_end || (tcp->flags & WST_TCP_TLS_DATA))
		return CONFIDENCE_NONE;
	if (!both || !is_tls_failure(alert))
		ret = tls_mixed_up(f, ev);
	else if (f->stage == STAGE_CONNECT && tcp->flags & WST_TCP_TLS)
		ret = CONFIDENCE_HIGH;
	if (ret && is_tls_failure(alert))
		evidence_add(ev, "tls_alert", 0, "the %s sent the TLS alert %s (%u)%s",
			     sent == conn_is_server_side(f->client) ? "server" : "client",
			     name_of_tls_alert(alert), alert, both ? " during the handshake" : "");
	return ret;
}

static enum confidence firewall_dropped(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->client;
	const char *reason = track_reason_name(f->track, WST_NAME_DROP, c->end->drop_reason);
	char packets[FORMAT_COUNT];

	if (c->established_ns || !c->end->drops || !reason || !strstr(reason, "NETFILTER"))
		return CONFIDENCE_NONE;
	evidence_add(ev, "packet_drop", c->end->drop_ns,
		     "this host dropped %s of the connection, reason %s",
		     format_count(packets, c->end->drops, "packet"), reason);
	add_syns(ev, f);
	return CONFIDENCE_HIGH;
}

/* Out of the accept queue. */
static bool never_taken_out(const struct conn *c)
{
	return c->end->never_accepted || (c->has_end && c->end->tcp.flags & WST_TCP_NEVER_ACCEPTED);
}

static enum confidence backlog_overflow(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->client;
	bool let_in = f->server->established_ns && !never_taken_out(f->server);
	char waiting[FORMAT_COUNT];

	/* once it was let in, it failed for another reason */
	if (!c->end->backlog_overflow || let_in)
		return CONFIDENCE_NONE;
	evidence_add(ev, "accept_queue_full", 0,
		     "a SYN met %s waiting in an accept queue of %u, of %.*s (pid %u)",
		     format_count(waiting, c->end->backlog_queued, "connection"),
		     c->end->backlog_limit, WST_COMM_LEN, c->end->listener.comm,
		     c->end->listener.tgid);
	add_syns(ev, f);
	return CONFIDENCE_HIGH;
}

static bool is_this_host(const struct wst_tuple *tuple)
{
	static const uint8_t v4_loopback[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };
	static const uint8_t v6_loopback[16] = { [15] = 1 };

	return memcmp(tuple->remote, v4_loopback, sizeof(v4_loopback)) == 0 ||
	       memcmp(tuple->remote, v6_loopback, sizeof(v6_loopback)) == 0 ||
	       memcmp(tuple->remote, tuple->local, sizeof(tuple->local)) == 0;
}

/* Without a RST it was an ICMP error (port unreachable), as firewalls send that reject. */
static enum confidence refused(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->client;
	bool reset = c->end->rst_in_ns != 0;
	char target[FORMAT_ENDPOINT], duration[FORMAT_DURATION];

	if (c->established_ns || facts_errno(c) != ECONNREFUSED)
		return CONFIDENCE_NONE;
	evidence_add(ev, "connection_refused", f->end.ts_ns, "%s %s after %s (ECONNREFUSED)",
		     format_endpoint(target, c->tuple.remote, c->tuple.remote_port),
		     reset ? "answered the SYN with RST" :
			     "was reported to refuse the SYN, no RST was seen,",
		     format_duration(duration, tried_for_ns(f)));
	if (reset && is_this_host(&c->tuple))
		evidence_add(
			ev, "no_listener", 0,
			"the address is of this host: nothing listens on port %u in network namespace %u",
			c->tuple.remote_port, c->tuple.netns);
	add_repeats(ev, f);
	return reset ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* The errno is not seen; nothing but the search for a route comes between the call and the SYN. */
static enum confidence no_route(const struct facts *f, struct evidence *ev)
{
	if (!f->client->has_end || !(f->client->end->tcp.flags & WST_TCP_NO_ROUTE))
		return CONFIDENCE_NONE;
	evidence_add(ev, "no_syn", f->client->connect_ns,
		     "connect() failed before a SYN was sent, and the socket was closed");
	return CONFIDENCE_MEDIUM;
}

static enum confidence unreachable(const struct facts *f, struct evidence *ev)
{
	uint32_t error = facts_errno(f->client);

	if (!error && no_route(f, ev))
		return CONFIDENCE_MEDIUM;
	if (f->client->established_ns || (error != EHOSTUNREACH && error != ENETUNREACH &&
					  error != ENETDOWN && error != EHOSTDOWN))
		return CONFIDENCE_NONE;
	evidence_errno(ev, f->client);
	add_syns(ev, f);
	add_repeats(ev, f);
	return CONFIDENCE_HIGH;
}

static enum confidence timed_out(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->client;
	bool silent = c->has_end && c->end->tcp.last_segment_in_ns == 0;
	bool gave_up = facts_errno(c) == ETIMEDOUT;

	if (f->end.leg < 0 || c->established_ns || conn_is_server_side(c) ||
	    (facts_errno(c) && !gave_up))
		return CONFIDENCE_NONE;
	add_syns(ev, f);
	evidence_add(ev, "syn_unanswered", f->end.ts_ns, "%s; %s",
		     silent ? "nothing came back" : "no SYN-ACK was seen",
		     gave_up ? "the kernel gave up (ETIMEDOUT)" : "the client stopped waiting");
	add_repeats(ev, f);
	if (c->syn_retransmits && (gave_up || silent))
		return CONFIDENCE_HIGH;
	return gave_up ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

static enum confidence fd_exhausted(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->server;
	const struct process *p = facts_server_process(f);

	if (!never_taken_out(c) || !p || !p->fds_limit || p->fds_used + FD_MARGIN < p->fds_limit)
		return CONFIDENCE_NONE;
	evidence_add(
		ev, "never_accepted", 0,
		"the connection waited in the accept queue of %s (pid %u) and was never taken out",
		p->comm, p->tgid);
	evidence_add(ev, "descriptors", 0, "that process had %u of at most %u descriptors in use",
		     p->fds_used, p->fds_limit);
	return p->fds_used >= p->fds_limit ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* The acceptor's own socket: closed by its process with nothing sent and nothing read. */
static bool acceptor_closed(const struct conn *c)
{
	return c->has_end && conn_is_server_side(c) &&
	       !(c->end->tcp.flags & WST_TCP_NEVER_ACCEPTED) && c->end->tcp.bytes_out == 0 &&
	       c->end->tcp.unsent_bytes == 0 && c->end->tcp.unacked_bytes == 0 &&
	       c->end->tcp.unread_bytes == c->end->tcp.bytes_in;
}

static enum confidence closed_unserved(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->end.conn;
	bool passes_on = c->end->tcp.bytes_out == 0 && conn_is_server_side(c) && c->has_end &&
			 facts_failed_upstream(f);
	bool from_far = f->end.outside && !conn_is_server_side(c) && c->end->tcp.bytes_in == 0 &&
			c->end->tcp.bytes_out == 0 && c->has_end;

	if (!c->established_ns || f->end.by == BY_CLIENT || f->end.by == BY_NETWORK ||
	    f->end.by == BY_KERNEL || !(acceptor_closed(c) || passes_on || from_far))
		return CONFIDENCE_NONE;
	evidence_end(ev, f);
	evidence_failed_upstream(ev, f);
	if (!from_far)
		evidence_process(ev, f);
	return from_far ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
}

static const struct rule rules[] = {
	{
		.id = "connect.ports_exhausted",
		.when = ports_exhausted,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT,
		.summary = "the connecting host has no free local port left towards {target} (EADDRNOTAVAIL)",
		.user_message = "The chat service has too many connections at the moment. Please try again in a moment.",
		.steps = {
			"Count the connections towards {target}: `ss -tan dst {target} | wc -l`; about 28000 is the default limit for one address and port.",
			"Widen net.ipv4.ip_local_port_range, or give the service more than one address (several `server` lines of an nginx upstream, proxy_bind).",
			"Look for connections that are opened and never closed, and reuse connections where that is possible.",
		},
	},
	{
		.id = "connect.tls_failed",
		.when = tls_failed,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_CONNECT | AT_UPGRADE,
		.summary = "the TLS handshake with {target} failed",
		.user_message = "A secure connection to the chat service could not be made. Trying again will not help; please tell the support.",
		.steps = {
			"The alert in the evidence names the side that refused: unknown_ca, certificate_expired or bad_certificate blame the certificate, protocol_version or handshake_failure the settings.",
			"If one side spoke TLS and the other did not: wss:// needs a port with TLS (nginx `listen 443 ssl`, HAProxy `bind ... ssl crt`), ws:// one without, and so does proxy_pass http://.",
			"See what the server offers: `openssl s_client -connect {target} -servername NAME`.",
		},
	},
	{
		.id = "connect.firewall_dropped",
		.when = firewall_dropped,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_FALLBACK,
		.at = AT_CONNECT,
		.initiator = BY_KERNEL,
		.summary = "a firewall rule of this host drops the connection to {target}",
		.user_message = "The chat service cannot be reached from here. Please tell the support.",
		.steps = {
			"List the rules with their counters: `nft list ruleset` or `iptables-save -c`, and look for the one that drops {target}.",
			"If this began after a restart of the firewall or of Docker, restart Docker so that it puts its rules back.",
		},
	},
	{
		.id = "connect.backlog_overflow",
		.when = backlog_overflow,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT,
		.initiator = BY_SERVER,
		.summary = "the accept queue of the listener on {target} is full, so new connections are dropped",
		.user_message = "The chat service is overloaded. Please try again in a moment.",
		.steps = {
			"Raise the backlog that the server gives to listen() (nginx: `listen ... backlog=4096`) and net.core.somaxconn; the smaller one counts.",
			"See why the process does not accept: a blocked event loop, or more connections per second than it can take.",
			"Let clients reconnect after a random pause, so that they do not all come at once.",
		},
	},
	{
		.id = "connect.refused",
		.when = refused,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT,
		.alternatives = { "connect.firewall_dropped" },
		.summary = "nothing accepts connections on {target} (ECONNREFUSED)",
		.user_message = "The chat service is not running at the moment. Please try again in a moment.",
		.steps = {
			"Is the server running, and on that port? `ss -ltnp` in its network namespace shows who listens where.",
			"A server in a container has to listen on 0.0.0.0, not on 127.0.0.1; check the order in `ports: host:container` too.",
			"If no RST was seen, a firewall rejects with ICMP (iptables `-j REJECT`): look at its rules on the server and before it.",
			"Start clients and proxies after the server is ready: a health check, `depends_on: condition: service_healthy`.",
		},
	},
	{
		.id = "connect.unreachable",
		.when = unreachable,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_NO,
		.strategy = STRATEGY_FALLBACK,
		.at = AT_CONNECT,
		.summary = "{target} cannot be reached: there is no route or no such host",
		.user_message = "The chat service cannot be reached. Check your internet connection.",
		.steps = {
			"`ip route get ADDRESS` on this host, in the right network namespace: is there a route, and does the neighbour answer (`ip neigh`)?",
			"If a proxy connects here, its address may be that of a container that is gone: reload the proxy, or let it resolve the name again (nginx: `resolver`, and a variable in proxy_pass).",
		},
	},
	{
		.id = "connect.fd_exhausted",
		.when = fd_exhausted,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT | AT_UPGRADE,
		.initiator = BY_SERVER,
		.summary = "{server} is out of file descriptors and cannot accept the connection",
		.user_message = "The chat service has too many connections at the moment. Please try again in a moment.",
		.steps = {
			"Raise the limit of descriptors of {server}: LimitNOFILE= (systemd), `ulimits: nofile` (Compose), worker_rlimit_nofile (nginx).",
			"Look for descriptors that leak: `ls -l /proc/PID/fd`.",
		},
	},
	{
		.id = "connect.closed_unserved",
		.when = closed_unserved,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT | AT_UPGRADE,
		.summary = "{who} accepted the connection to {target} and closed it without a byte of an answer",
		.user_message = "The chat service does not answer at the moment. Please try again in a moment.",
		.steps = {
			"docker-proxy does this when nothing listens on the port inside of the container: check `ports: host:container`, and that the server listens on 0.0.0.0 there.",
			"nginx does it when worker_connections are used up: its error log says so; each WebSocket takes two.",
			"Otherwise look into the log of {server} for a limit on connections.",
		},
	},
	{
		.id = "connect.timeout",
		.when = timed_out,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT,
		.alternatives = { "connect.firewall_dropped", "connect.backlog_overflow" },
		.summary = "{target} does not answer at all: every SYN got lost",
		.user_message = "The chat service does not answer. Check your internet connection and try again.",
		.steps = {
			"A firewall or security group on the way, or on the server, drops the packets silently: check that the port is open.",
			"Is the address right and the server up? Look at the same moment on the server with `tcpdump port PORT`.",
		},
	},
};

const struct rule_table rules_connect = RULE_TABLE(rules);
