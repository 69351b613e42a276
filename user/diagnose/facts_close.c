/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the Close frames said, and what the client's API makes of them. */
#include "diagnose/facts.h"

#include "diagnose/close_code.h"
#include "track/backend.h"

/* What one socket sends, another one of this host has by then, give or take. */
#define PASSING_NS 50000ull

static uint16_t code_of(const struct close_frame *frame)
{
	return frame->has_code ? frame->code : CLOSE_NO_STATUS;
}

static const struct close_frame *frame_on(const struct conn *c, bool from_client)
{
	int direction = from_client ? conn_from_client(c) : conn_from_server(c);

	return c->frames->close[direction].seen ? &c->frames->close[direction] : NULL;
}

/* The sighting nearest to the client. */
static const struct close_frame *find_frame(const struct session *s, bool from_client)
{
	for (unsigned int i = 0; i < s->leg_count; i++) {
		const struct close_frame *frame = frame_on(s->legs[i], from_client);

		if (frame)
			return frame;
	}
	return NULL;
}

static uint64_t first_sighting_ns(const struct session *s, bool from_client)
{
	uint64_t first_ns = UINT64_MAX;

	for (unsigned int i = 0; i < s->leg_count; i++) {
		const struct close_frame *frame = frame_on(s->legs[i], from_client);

		if (frame && frame->ts_ns < first_ns)
			first_ns = frame->ts_ns;
	}
	return first_ns;
}

/* Can we say that no Close frame of that sender passed this socket? */
static bool surely_absent(const struct conn *c, bool from_client)
{
	int direction = from_client ? conn_from_client(c) : conn_from_server(c);
	uint32_t flags = c->end->walk[direction].flags;

	return c->has_end && !c->frames->close[direction].seen && (flags & WST_WALK_ON) &&
	       !(flags & (WST_WALK_LOST | WST_WALK_STOPPED)) &&
	       !(c->end->tcp.flags & WST_TCP_TLS_DATA);
}

/*
 * A proxy that died or was reset with the frame in its hands never passed it on: the client saw
 * nothing.
 */
static bool reached_client(const struct facts *f)
{
	return f->close.from_server && !surely_absent(f->client, false);
}

/* Both ends fail the connection over such a code and report 1006. */
static bool is_unreportable(uint16_t code)
{
	return !close_code_is_legal(code) && !(code >= 1016 && code <= 2999);
}

/*
 * A client that fails the connection (RFC 6455, 7.1.7) says why in a Close frame and stops reading,
 * so it reports 1006 whatever the server answers. Libraries send these codes, applications do not.
 */
static bool failed_by_client(const struct facts *f)
{
	const struct close_frame *frame = f->close.from_client, *other = f->close.from_server;
	uint16_t code = frame && frame->has_code ? frame->code : 0;

	if (code != CLOSE_PROTOCOL_ERROR && code != 1003 && code != 1007 && code != 1009 &&
	    code != 1010)
		return false;
	return !other || frame->ts_ns <= other->ts_ns;
}

static uint16_t reported_code(const struct facts *f)
{
	const struct close_view *close = &f->close;

	if (failed_by_client(f))
		return CLOSE_ABNORMAL;
	if (reached_client(f))
		return close->from_server->has_code && is_unreportable(close->from_server->code) ?
			       CLOSE_ABNORMAL :
			       code_of(close->from_server);
	/* The tab is gone: nobody is left to report anything else. */
	if (close->from_client && !close->from_server &&
	    code_of(close->from_client) == CLOSE_GOING_AWAY)
		return CLOSE_GOING_AWAY;
	return CLOSE_ABNORMAL;
}

/*
 * A server's Close frame on the client's side of a proxy that never came out of the server was made
 * by the proxy.
 */
static bool made_by_proxy(const struct facts *f)
{
	return f->session->hop_count > 1 && f->close.from_server && !frame_on(f->server, false) &&
	       surely_absent(f->server, false);
}

/* The same towards the server: the client sent none, and the proxy ends the session in its name. */
static bool made_for_client(const struct facts *f)
{
	return f->session->hop_count > 1 && f->close.from_client && !frame_on(f->client, true) &&
	       surely_absent(f->client, true);
}

/* Of one direction: it left the proxy before anything like it had come in. */
static bool left_before_it_came(const struct close_frame *out, const struct close_frame *in)
{
	return out && in && out->ts_ns + PASSING_NS < in->ts_ns;
}

/* A proxy that ends a session may say so to both sides; what comes back are the answers. */
static bool injected_by_proxy(const struct facts *f)
{
	return f->session->hop_count > 1 &&
	       (left_before_it_came(frame_on(f->server, true), frame_on(f->client, true)) ||
		left_before_it_came(frame_on(f->client, false), frame_on(f->server, false)));
}

/* The proxy's socket by which a Close frame first left any; NULL: one may have come in before. */
static const struct conn *leg_of_proxy(const struct facts *f)
{
	const struct conn *first = NULL;
	uint64_t first_in_ns = UINT64_MAX;

	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];
		const struct close_frame *out = &c->frames->close[WST_OUT];
		const struct close_frame *in = &c->frames->close[WST_IN];

		if (facts_owner(f->session, i) != BY_PROXY)
			continue;
		if (in->seen && in->ts_ns < first_in_ns)
			first_in_ns = in->ts_ns;
		if (out->seen && (!first || out->ts_ns < first->frames->close[WST_OUT].ts_ns))
			first = c;
	}
	if (!first || first_in_ns + PASSING_NS < first->frames->close[WST_OUT].ts_ns)
		return NULL;
	return first;
}

const struct conn *facts_closing_leg(const struct facts *f)
{
	if (f->closing.sender == BY_PROXY)
		return leg_of_proxy(f);
	return f->closing.sender == BY_SERVER && conn_is_server_side(f->server) ? f->server : NULL;
}

const struct process *facts_closing_process(const struct facts *f)
{
	const struct wst_task *proxy = f->backend.proxy, *task;
	const struct conn *c = facts_closing_leg(f);

	if (!c)
		return NULL;
	task = proxy && proxy->tgid == c->owner->tgid ? &f->backend.backend->task : c->owner;
	return process_find(track_processes(f->track), task->tgid, task->start_ns);
}

static enum initiator server_sender(const struct facts *f)
{
	return made_by_proxy(f) || injected_by_proxy(f) ? BY_PROXY : BY_SERVER;
}

static enum initiator client_sender(const struct facts *f)
{
	return made_for_client(f) ? BY_PROXY : BY_CLIENT;
}

/* The first frame says why, unless it is harmless and the answer to it is not. */
static bool client_decides(const struct facts *f)
{
	const struct close_view *close = &f->close;
	bool client_first;

	if (!close->from_client || !close->from_server)
		return close->from_client != NULL;
	client_first = first_sighting_ns(f->session, true) <= first_sighting_ns(f->session, false);
	if (!close_code_is_benign(code_of(client_first ? close->from_client : close->from_server)))
		return client_first;
	if (close_code_is_benign(code_of(client_first ? close->from_server : close->from_client)))
		return client_first;
	return !client_first;
}

/*
 * A Close frame sent after the other side had already ended the connection is a reaction, and so is
 * a proxy's after the network had. One's own FIN comes after one's own frames whatever the clock
 * says: a frame may wait in the send queue while close() has long been called.
 */
static bool came_before_end(const struct facts *f, enum initiator sender, bool from_client)
{
	return f->end.leg < 0 || sender == f->end.by ||
	       (f->end.by == BY_NETWORK && sender != BY_PROXY) ||
	       first_sighting_ns(f->session, from_client) <= f->end.ts_ns;
}

static enum initiator other_sender(const struct facts *f)
{
	return f->closing.to_server ? server_sender(f) : client_sender(f);
}

/* Whoever wrote HTTP text into the stream; BY_UNKNOWN: nobody did. */
static enum initiator writer_of_text(const struct facts *f)
{
	const struct session *s = f->session;
	const struct conn *c;
	const struct bad_frame *bad = facts_bad_frame(f, WST_FRAME_HTTP_TEXT, &c);

	for (unsigned int i = 0; bad && i < s->leg_count; i++)
		if (s->legs[i] == c)
			return bad->direction == WST_OUT ? facts_owner(s, i) :
							   facts_far_party(s, i);
	return BY_UNKNOWN;
}

static enum initiator final_initiator(const struct facts *f)
{
	if (f->stage == STAGE_UPGRADE && f->answer.conn)
		return f->answer.by;
	/* It had ended the session for itself, whoever closes first then. */
	if (f->stage == STAGE_SESSION && writer_of_text(f) != BY_UNKNOWN)
		return writer_of_text(f);
	/*
	 * A frame with a code that no frame may carry is no start of a Close handshake: who objects
	 * ends the session.
	 */
	if (f->closing.frame && !close_code_is_legal(f->closing.code) && f->closing.frame->has_code)
		return f->closing.answered ? other_sender(f) : f->end.by;
	if (f->closing.frame && f->closing.explains_end)
		return f->closing.sender;
	if (f->end.leg >= 0)
		return f->end.by;
	return f->closing.frame ? f->closing.sender : BY_UNKNOWN;
}

/* A tab that is gone waits for nothing, and an error is one whether or not it is answered. */
static bool closing_needs_no_answer(const struct closing_story *closing)
{
	return !close_code_is_benign(closing->code) ||
	       (closing->sender == BY_CLIENT && closing->code == CLOSE_GOING_AWAY);
}

static bool asked_to_stop_right_before(const struct facts *f, const struct process *p)
{
	const struct fatal_signal *stop = facts_stop_signal(p, f->closing.frame->ts_ns);

	if (!stop && f->closer.process == p)
		stop = f->closer.stop;
	return stop && stop->ts_ns + FACTS_STOP_REACTION_NS >= f->closing.frame->ts_ns;
}

/* With status 0, and the socket closed before: it had nothing else to do. */
static bool ended_right_after(const struct facts *f, const struct process *p)
{
	return p->exited && p->exit_ns <= f->closing.frame->ts_ns + FACTS_STOP_REACTION_NS &&
	       (p->exit_code || (f->closer.exiting && f->closer.process == p)) &&
	       !facts_made_for_it(f, facts_closing_leg(f)->owner);
}

/*
 * Tomcat says 1002 of an I/O error, and of a connector that is shut down under it. An illegal frame
 * would have been seen.
 */
static void find_excuse(struct facts *f)
{
	struct closing_story *closing = &f->closing;
	const struct process *p;

	if (closing->code != CLOSE_PROTOCOL_ERROR || facts_bad_frame(f, WST_FRAME_ILLEGAL, NULL) ||
	    facts_bad_frame(f, WST_FRAME_HTTP_TEXT, NULL) || !facts_frames_followed(f, true) ||
	    !facts_frames_followed(f, false))
		return;
	p = facts_closing_process(f);
	if (!p)
		return;
	closing->excuse = asked_to_stop_right_before(f, p);
	if (!closing->excuse && ended_right_after(f, p)) {
		closing->excuse = true;
		closing->explains_end = false;
	}
}

/*
 * A proxy that ends a session writes its frame into one leg first, and may pass on to the other what
 * comes back: what it said itself is why.
 */
static bool fill_from_proxy(struct facts *f)
{
	const struct conn *c = f->close.from_server && injected_by_proxy(f) ? leg_of_proxy(f) :
									      NULL;
	struct closing_story *closing = &f->closing;

	if (!c)
		return false;
	closing->frame = &c->frames->close[WST_OUT];
	closing->to_server = !conn_is_server_side(c);
	if (c->frames->close[WST_IN].seen)
		closing->answer = &c->frames->close[WST_IN];
	else
		closing->answer = closing->to_server ? f->close.from_server : f->close.from_client;
	closing->sender = BY_PROXY;
	return true;
}

static void fill_from_ends(struct facts *f)
{
	bool from_client = client_decides(f) && !(f->close.from_server && injected_by_proxy(f));
	struct closing_story *closing = &f->closing;

	closing->frame = from_client ? f->close.from_client : f->close.from_server;
	closing->answer = from_client ? f->close.from_server : f->close.from_client;
	closing->to_server = from_client;
	closing->sender = from_client ? client_sender(f) : server_sender(f);
}

static void fill_closing(struct facts *f)
{
	struct closing_story *closing = &f->closing;

	if (!fill_from_proxy(f))
		fill_from_ends(f);
	if (!closing->frame || !came_before_end(f, closing->sender, closing->to_server)) {
		*closing = (struct closing_story){ 0 };
		return;
	}
	closing->code = code_of(closing->frame);
	closing->answered = closing->answer != NULL;
	closing->explains_end = closing->answered || f->end.leg < 0 ||
				closing->sender == f->end.by || !f->closer.exiting ||
				closing_needs_no_answer(closing);
	find_excuse(f);
}

void facts_collect_closing(struct facts *f)
{
	f->close.from_client = find_frame(f->session, true);
	f->close.from_server = find_frame(f->session, false);
	f->close.code = reported_code(f);
	f->close.clean = f->close.from_client && reached_client(f) &&
			 f->close.code != CLOSE_ABNORMAL;
	fill_closing(f);
	f->close.initiator = final_initiator(f);
}
