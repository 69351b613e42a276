/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The handshake got no answer, or a 101 that the client does not accept. */
#include "diagnose/rule.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"

/* Clients that time out wait for longer, people who leave a page leave sooner. */
#define PATIENCE_NS (3ull * 1000000000)
#define LONG_WAIT_NS (10ull * 1000000000)
/* A process that has not looked at its sockets for so long is stuck, not busy. */
#define UNREAD_NS (1ull * 1000000000)

static bool is_server(enum initiator by)
{
	return by == BY_SERVER || by == BY_PROXY;
}

static uint64_t waited_ns(const struct facts *f)
{
	const struct conn *c = f->answer.request;

	return c && f->end.ts_ns > c->handshake.request_ns ?
		       f->end.ts_ns - c->handshake.request_ns :
		       0;
}

/* The request is in the hands of the server's kernel: its socket saw it, or it was acknowledged. */
static bool was_delivered(const struct conn *c)
{
	return conn_is_server_side(c) ||
	       (c->has_end && c->end->tcp.bytes_out > 0 && c->end->tcp.unacked_bytes == 0 &&
		c->end->tcp.unsent_bytes == 0);
}

static void add_waiting(struct evidence *ev, const struct facts *f)
{
	const struct conn *c = f->answer.last_request;
	char waited[FORMAT_DURATION];

	evidence_add(ev, "request", c->handshake.request_ns, "GET %.120s was %s; no answer in %s",
		     c->handshake.path,
		     was_delivered(c) ? "delivered" : "not acknowledged by the server",
		     format_duration(waited, waited_ns(f)));
	evidence_failed_upstream(ev, f);
	evidence_end(ev, f);
	evidence_path(ev, c);
	evidence_process(ev, f);
}

/* Nobody had looked at the request when whoever sent it left. */
static bool lay_unread(const struct conn *c)
{
	return conn_is_server_side(c) &&
	       (c->end->never_accepted || c->end->unread_at_fin ||
		(c->has_end &&
		 (c->end->tcp.unread_bytes || c->end->tcp.flags & WST_TCP_NEVER_ACCEPTED)));
}

static void add_unread(struct evidence *ev, const struct conn *c)
{
	if (c->end->never_accepted || c->end->tcp.flags & WST_TCP_NEVER_ACCEPTED)
		evidence_add(ev, "never_accepted", 0,
			     "%.*s (pid %u) had not even accepted the connection", WST_COMM_LEN,
			     c->owner->comm, c->owner->tgid);
	else if (lay_unread(c))
		evidence_add(ev, "request_unread", 0, "%.*s (pid %u) had not read the request",
			     WST_COMM_LEN, c->owner->comm, c->owner->tgid);
}

/* Bytes that were read by nobody, so that it is not known what they asked for: TLS, or a request. */
static enum confidence left_in_queue(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->server;

	if (f->stage != STAGE_CONNECT || !conn_is_server_side(c) || !c->has_end ||
	    !(c->end->tcp.flags & WST_TCP_NEVER_ACCEPTED) || !c->end->tcp.bytes_in ||
	    !c->established_ns || f->end.ts_ns < c->established_ns + UNREAD_NS)
		return CONFIDENCE_NONE;
	add_unread(ev, c);
	evidence_add(ev, "request_unread", c->established_ns,
		     "%" PRIu64 " bytes of the client lay unread%s", (uint64_t)c->end->tcp.bytes_in,
		     c->end->tcp.flags & WST_TCP_TLS ? ", the beginning of a TLS handshake" : "");
	evidence_end(ev, f);
	return CONFIDENCE_MEDIUM;
}

static enum confidence no_response(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->answer.last_request;
	bool unread = c && lay_unread(c) && waited_ns(f) >= UNREAD_NS;
	bool closed = is_server(f->end.by) && f->end.how != ENDED_CONNECT_FAILED;

	if (!c)
		return left_in_queue(f, ev);
	if (f->answer.conn || f->end.leg < 0 ||
	    (!closed && !unread && waited_ns(f) < PATIENCE_NS && f->end.by != BY_NETWORK))
		return CONFIDENCE_NONE;
	add_waiting(ev, f);
	add_unread(ev, c);
	if (!was_delivered(c))
		return CONFIDENCE_MEDIUM;
	return closed || unread || waited_ns(f) >= LONG_WAIT_NS ? CONFIDENCE_HIGH :
								  CONFIDENCE_MEDIUM;
}

/* Short of patience, or of an answer? A server that had not read the request may be at fault. */
static enum confidence client_gave_up(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->answer.last_request;

	if (!c || f->answer.conn || f->end.by != BY_CLIENT)
		return CONFIDENCE_NONE;
	add_waiting(ev, f);
	add_unread(ev, c);
	return waited_ns(f) < PATIENCE_NS && !lay_unread(c) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* Did the client leave before it used the connection, and how long after the 101? */
static bool client_left_at_once(const struct facts *f, uint64_t *ret_after_ns)
{
	const struct conn *c = f->answer.conn;
	uint64_t opened_ns = c ? c->handshake.response_ns : 0;
	const uint32_t *frames;

	if (!opened_ns || f->end.by != BY_CLIENT || f->end.ts_ns < opened_ns || !c->has_end)
		return false;
	frames = c->end->walk[conn_from_client(c)].frames;
	*ret_after_ns = f->end.ts_ns - opened_ns;
	return frames[0] + frames[1] + frames[2] == 0;
}

/* A round trip and the time that a busy client takes to look at the answer. */
static uint64_t round_trip_ns(const struct facts *f)
{
	return 250000000ull + 2000ull * f->answer.conn->end->tcp.srtt_us;
}

/* No header of the proof was sent, and no frame: whoever spoke here, it was not WebSocket. */
static bool proves_nothing(const struct facts *f, const struct handshake *hs)
{
	return !hs->has_key && !hs->accept_seen && !hs->request_cut &&
	       facts_frames_followed(f, true) && !facts_messages(f, true) &&
	       !facts_messages(f, false);
}

static enum confidence bad_accept(const struct facts *f, struct evidence *ev)
{
	const struct handshake *hs = f->answer.conn ? &f->answer.conn->handshake : NULL;
	uint64_t after_ns = 0;

	if (!hs || hs->status != 101 || !hs->request_seen || hs->accept_right ||
	    (!hs->has_key && !proves_nothing(f, hs)) ||
	    (f->end.leg >= 0 && !proves_nothing(f, hs) && !client_left_at_once(f, &after_ns)))
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	if (!hs->has_key)
		evidence_add(ev, "no_key", hs->request_ns, "the request has no Sec-WebSocket-Key");
	evidence_add(ev, "accept", hs->response_ns,
		     hs->accept_seen ? "Sec-WebSocket-Accept does not match the request's key" :
				       "the answer has no Sec-WebSocket-Accept");
	evidence_end(ev, f);
	return CONFIDENCE_HIGH;
}

/*
 * Is the token one of the list's, which is separated by commas and spaces? What redaction hid of it,
 * or of the list, cannot be compared.
 */
static bool list_has(const char *list, const char *token)
{
	size_t want = strlen(token), len;

	if (strchr(token, '*'))
		return true;
	for (; *list; list += len) {
		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len == want && len && strncmp(list, token, len) == 0)
			return true;
	}
	return false;
}

static enum confidence subprotocol_mismatch(const struct facts *f, struct evidence *ev)
{
	const struct handshake *hs = f->answer.conn ? &f->answer.conn->handshake : NULL;
	char after[FORMAT_DURATION], offered[80], chosen[80];
	uint64_t after_ns;

	if (!hs || hs->status != 101 || !hs->request_seen ||
	    (!hs->subprotocols[0] && !hs->subprotocol[0]) ||
	    list_has(hs->subprotocols, hs->subprotocol) || !client_left_at_once(f, &after_ns) ||
	    after_ns > 8 * round_trip_ns(f))
		return CONFIDENCE_NONE;
	evidence_add(ev, "subprotocol", hs->response_ns,
		     "the client offered \"%s\", the server chose \"%s\"",
		     format_subprotocols(offered, sizeof(offered), hs->subprotocols),
		     format_subprotocols(chosen, sizeof(chosen), hs->subprotocol));
	evidence_add(ev, "client_left", f->end.ts_ns, "the client ended it %s after the 101",
		     format_duration(after, after_ns));
	return after_ns <= round_trip_ns(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static const struct rule rules[] = {
	{
		.id = "upgrade.no_response",
		.when = no_response,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_CONNECT | AT_UPGRADE,
		.summary = "{server} never answered the handshake",
		.user_message = "The chat service does not answer at the moment. Please try again in a moment.",
		.steps = {
			"Unread bytes in the server's queue mean that it does not read: a blocked event loop, a stopped process, no free worker.",
			"If the server closed without an answer, its log has the exception or the limit; if it ended, see the exit in the evidence.",
			"A port with TLS closes like that on a client that asks for ws:// instead of wss://, or on a proxy with proxy_pass http:// instead of https://.",
		},
	},
	{
		.id = "upgrade.client_gave_up",
		.when = client_gave_up,
		.category = CATEGORY_NETWORK,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_UPGRADE,
		.alternatives = { "upgrade.no_response" },
		.summary = "{who} left before the handshake was answered",
		.user_message = "The connection was given up before it was open. Please try again.",
		.steps = {
			"Mostly harmless: the page was left or reloaded, or a component was mounted twice (React StrictMode).",
			"If it happens often, look at how long the answer takes and at the client's own timeout: `handshakeTimeout` (ws), `HandshakeTimeout` of the Dialer (gorilla), `open_timeout` (Python websockets).",
		},
	},
	{
		.id = "upgrade.bad_accept",
		.when = bad_accept,
		.category = CATEGORY_SERVER,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE | AT_SESSION,
		.flags = RULE_QUOTES,
		.summary = "{answerer} answered 101 with a wrong or missing Sec-WebSocket-Accept, which no WebSocket client takes",
		.user_message = "The chat service gives an answer that browsers reject. Please tell the support.",
		.steps = {
			"Sec-WebSocket-Accept is `base64(SHA-1(key + \"258EAFA5-E914-47DA-95CA-C5AB0DC85B11\"))` of the key in the same request: check hand-written servers and caches in between.",
		},
	},
	{
		.id = "upgrade.subprotocol_mismatch",
		.when = subprotocol_mismatch,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_SESSION,
		.summary = "the client dropped the connection because {answerer} did not choose one of the subprotocols that it offered",
		.user_message = "Live chat is not set up correctly. Trying again will not help; please tell the support.",
		.steps = {
			"The server has to answer with exactly one of the offered subprotocols: `Upgrader.Subprotocols` (gorilla), `handleProtocols` (ws), and send no empty header.",
			"Check that a proxy passes Sec-WebSocket-Protocol on in both directions.",
		},
	},
};

const struct rule_table rules_upgrade_silence = RULE_TABLE(rules);
