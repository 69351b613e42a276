/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rule_cases.h"

#include <errno.h>
#include <stdio.h>

#define LEG 0

static void no_port(struct story *st)
{
	story_unconnected(st, EADDRNOTAVAIL);
	st->conns[LEG].end->tcp.flags = WST_TCP_NO_LOCAL_PORT;
}

static void no_port_blur(struct story *st)
{
	st->conns[LEG].end->tcp.flags = 0;
}

static void tls(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unconnected(st, 0);
	c->connect_failed = false;
	c->established_ns = c->connect_ns + STORY_MS;
	c->end->tcp.flags = WST_TCP_TLS;
	c->end->tcp.bytes_in = c->end->tcp.bytes_out = 500;
	c->end->tcp.tls_alert_in = 48;
	story_fin_received(st, LEG);
}

static void tls_blur(struct story *st)
{
	st->conns[LEG].end->tcp.tls_alert_in = 0; /* close_notify */
}

static void mixed_up(struct story *st)
{
	tls(st);
	st->conns[LEG].end->tcp.tls_alert_in = 255;
	st->conns[LEG].end->tcp.flags |= WST_TCP_NO_TLS;
}

static void mixed_up_blur(struct story *st)
{
	st->conns[LEG].end->tcp.flags = WST_TCP_TLS;
}

static void hung_up_on_tls(struct story *st)
{
	tls(st);
	st->conns[LEG].end->tcp.tls_alert_in = 255;
	st->conns[LEG].end->tcp.bytes_in = 0;
}

static void firewalled(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unconnected(st, ETIMEDOUT);
	c->syn_retransmits = 6;
	c->end->drops = 7;
	c->end->drop_reason = STORY_NETFILTER_DROP;
	c->end->drop_ns = STORY_OPENED_NS;
}

static void firewalled_blur(struct story *st)
{
	st->conns[LEG].end->drop_reason = 9999;
}

static void backlog(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unconnected(st, ETIMEDOUT);
	c->syn_retransmits = 6;
	c->end->backlog_overflow = true;
	c->end->backlog_queued = 2;
	c->end->backlog_limit = 1;
	c->end->listener.tgid = STORY_SERVER_PID;
	snprintf(c->end->listener.comm, sizeof(c->end->listener.comm), "chat-server");
}

static void backlog_blur(struct story *st)
{
	st->conns[LEG].end->backlog_overflow = false;
}

static void refused(struct story *st)
{
	story_unconnected(st, ECONNREFUSED);
	st->conns[LEG].end->rst_in_ns = STORY_END_NS;
}

static void no_rst(struct story *st)
{
	st->conns[LEG].end->rst_in_ns = 0;
}

static void no_errno(struct story *st)
{
	st->conns[LEG].end->error = st->conns[LEG].end->tcp.error = 0;
}

static void unreachable(struct story *st)
{
	story_unconnected(st, EHOSTUNREACH);
}

static void never_accepted(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unanswered(st);
	c->end->tcp.flags = WST_TCP_NEVER_ACCEPTED;
	c->end->tcp.unread_bytes = 100;
	story_process(st, STORY_SERVER_PID, 1024, 1024, "/");
	story_fin_received(st, LEG);
}

static void never_accepted_blur(struct story *st)
{
	story_process(st, STORY_SERVER_PID, 1020, 1024, "/");
}

static void left_in_queue(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unanswered(st);
	c->handshake.request_seen = false;
	c->end->tcp.flags = WST_TCP_NEVER_ACCEPTED | WST_TCP_TLS;
	c->end->tcp.bytes_in = c->end->tcp.unread_bytes = 300;
	story_fin_received(st, LEG);
}

static void unserved(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unanswered(st);
	c->handshake.request_seen = false;
	c->end->tcp.bytes_in = 0;
	story_fin(st, LEG);
}

static void unserved_blur(struct story *st)
{
	st->conns[LEG].end->tcp.bytes_out = 10;
}

static void timed_out(struct story *st)
{
	story_unconnected(st, ETIMEDOUT);
	st->conns[LEG].syn_retransmits = 6;
}

static void timed_out_blur(struct story *st)
{
	st->conns[LEG].syn_retransmits = 0;
}

static void nothing_known(struct story *st)
{
	struct conn *c = &st->conns[LEG];

	story_unconnected(st, 0);
	c->connect_failed = false;
	c->established_ns = c->connect_ns + STORY_MS;
	c->end->tcp.bytes_in = 10;
	story_fin_received(st, LEG);
}

static const struct rule_case cases[] = {
	{ "connect.ports_exhausted", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, no_port, no_port_blur },
	{ "connect.tls_failed", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, tls, tls_blur },
	{ "connect.tls_failed", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, mixed_up, mixed_up_blur },
	{ "connect.tls_failed", CONFIDENCE_MEDIUM, STORY_CLIENT_ONLY, hung_up_on_tls, NULL },
	{ "connect.firewall_dropped", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, firewalled,
	  firewalled_blur },
	{ "connect.backlog_overflow", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, backlog, backlog_blur },
	{ "connect.refused", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, refused, no_errno },
	{ "connect.refused", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, refused, no_rst },
	{ "connect.unreachable", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, unreachable, no_errno },
	{ "connect.fd_exhausted", CONFIDENCE_HIGH, STORY_SERVER_ONLY, never_accepted,
	  never_accepted_blur },
	{ "upgrade.no_response", CONFIDENCE_MEDIUM, STORY_SERVER_ONLY, left_in_queue, NULL },
	{ "connect.closed_unserved", CONFIDENCE_HIGH, STORY_SERVER_ONLY, unserved, unserved_blur },
	{ "connect.timeout", CONFIDENCE_HIGH, STORY_CLIENT_ONLY, timed_out, timed_out_blur },
	{ "connect.unknown", CONFIDENCE_LOW, STORY_CLIENT_ONLY, nothing_known, NULL },
};

const struct rule_cases rule_cases_connect = { cases, sizeof(cases) / sizeof(cases[0]) };
