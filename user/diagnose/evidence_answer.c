/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was answered to the handshake, and why the one that answered could do no better. */
#include "diagnose/evidence.h"

#include "diagnose/format.h"
#include "diagnose/names.h"

void evidence_answer(struct evidence *ev, const struct facts *f)
{
	const struct conn *c = f->answer.conn;
	char who[FACTS_NAME_BYTES];

	if (!c)
		return;
	evidence_add(ev, "http_status", c->handshake.response_ns, "%s answered HTTP %u%s%s%s",
		     facts_name_answerer(who, f), f->answer.status,
		     c->handshake.server[0] ? " (Server: " : "", c->handshake.server,
		     c->handshake.server[0] ? ")" : "");
	if (f->answer.request)
		evidence_add(ev, "http_request", f->answer.request->handshake.request_ns,
			     "to GET %.120s, Host %.60s", f->answer.request->handshake.path,
			     f->answer.request->handshake.host);
}

static const char *how_it_failed(const struct failed_connect *failed)
{
	if (failed->tcp_flags & WST_TCP_NO_LOCAL_PORT)
		return "found no free local port";
	if (failed->error)
		return name_of_errno(failed->error);
	return failed->tcp_flags & WST_TCP_NO_ROUTE ? "failed before a SYN was sent" :
						      "no answer until it stopped waiting";
}

void evidence_failed_upstream(struct evidence *ev, const struct facts *f)
{
	const struct failed_connect *failed = facts_failed_upstream(f);
	char target[FORMAT_ENDPOINT], time[FORMAT_DURATION], who[FACTS_NAME_BYTES];
	char syns[FORMAT_COUNT];

	if (!failed)
		return;
	evidence_add(ev, "backend_connect", failed->began_ns,
		     "%s tried to connect to %s: %s, after %s and %s",
		     facts_name(who, f->session, BY_PROXY, session_gateway_leg(f->session)->owner),
		     format_endpoint(target, failed->tuple.remote, failed->tuple.remote_port),
		     how_it_failed(failed),
		     format_duration(time, failed->ended_ns - failed->began_ns),
		     format_count(syns, failed->syn_retransmits, "repeated SYN"));
	if (failed->backlog_overflow)
		evidence_add(ev, "accept_queue_full", 0,
			     "its SYNs met a full accept queue of the backend");
}
