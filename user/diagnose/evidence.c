/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/evidence.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "diagnose/close_code.h"
#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/protocol.h"

void evidence_add(struct evidence *ev, const char *fact, uint64_t ts_ns, const char *format, ...)
{
	struct evidence_item *item;
	va_list args;

	if (ev->muted || ev->count + ev->reserved >= EVIDENCE_MAX)
		return;
	item = &ev->items[ev->count++];
	item->fact = fact;
	item->ts_ns = ts_ns;
	va_start(args, format);
	vsnprintf(item->detail, sizeof(item->detail), format, args);
	va_end(args);
}

const char *evidence_reset_reason(const struct facts *f, const struct conn *c)
{
	if (!c->end->rst_out_ns || c->end->reset_reason == WST_REASON_NONE)
		return NULL;
	return track_reason_name(f->track, WST_NAME_RESET, c->end->reset_reason);
}

static const char *how_sentence(enum ended_by how)
{
	switch (how) {
	case ENDED_FIN_SENT:
		return "closed its socket (FIN sent)";
	case ENDED_FIN_RECEIVED:
		return "closed the connection (FIN received)";
	case ENDED_RST_SENT:
		return "reset the connection (RST sent)";
	case ENDED_RST_RECEIVED:
		return "reset the connection (RST received)";
	case ENDED_ABORTED:
		return "destroyed its socket without FIN";
	case ENDED_CONNECT_FAILED:
		return "never got a connection";
	default:
		return "ended the connection";
	}
}

static void add_reset_reason(struct evidence *ev, const struct facts *f)
{
	const char *reason = evidence_reset_reason(f, f->end.conn);

	if (reason)
		evidence_add(ev, "reset_reason", f->end.conn->end->rst_out_ns,
			     "the kernel gives %s as the reason of the RST", reason);
}

void evidence_end(struct evidence *ev, const struct facts *f)
{
	const struct conn *c = f->end.conn;
	char who[FACTS_NAME_BYTES], in[FORMAT_BYTES], out[FORMAT_BYTES], later[FORMAT_DURATION];

	if (f->end.leg < 0)
		return;
	if (f->end.how == ENDED_TIMEOUT || f->end.how == ENDED_ERROR)
		evidence_add(ev, "tcp_end", f->end.ts_ns, "the kernel gave the connection up: %s",
			     name_of_errno(facts_errno(c)));
	else if (f->closer.holder)
		evidence_add(
			ev, "tcp_end", f->end.ts_ns,
			"%.*s (pid %u), which had inherited the socket, %s %s after that process was gone",
			WST_COMM_LEN, f->closer.holder->comm, f->closer.holder->tgid,
			how_sentence(f->end.how),
			format_duration(later, f->end.ts_ns - f->closer.exit_ns));
	else if (facts_backend_closed(f))
		evidence_add(ev, "tcp_end", f->end.ts_ns, "%.*s (pid %u) %s", WST_COMM_LEN,
			     f->backend.proxy->comm, f->backend.proxy->tgid,
			     how_sentence(f->end.how));
	else
		evidence_add(ev, "tcp_end", f->end.ts_ns, "%s %s%s", facts_name_ender(who, f),
			     how_sentence(f->end.how),
			     f->closer.exiting ? ", because the process was ending" : "");
	evidence_backend(ev, f);
	if (f->end.forged)
		evidence_add(ev, "not_sent_by_peer", 0,
			     "the socket at the other end, on this host, did not send it");
	add_reset_reason(ev, f);
	if (c->has_facts)
		evidence_add(ev, "bytes", 0, "that socket had received %s and sent %s",
			     format_bytes(in, c->end->tcp.bytes_in),
			     format_bytes(out, c->end->tcp.bytes_out));
}

void evidence_sender(char *dst, size_t cap, const struct fatal_signal *s,
		     const struct wst_task *target)
{
	const char *kin = s->from_parent ? ", its parent" : "";

	if (!s->sender.tgid)
		snprintf(dst, cap, "the kernel");
	else if (target && s->sender.tgid == target->tgid)
		snprintf(dst, cap, "itself");
	else
		snprintf(dst, cap, "%.*s (pid %u%s)", WST_COMM_LEN, s->sender.comm, s->sender.tgid,
			 kin);
}

void evidence_signal(struct evidence *ev, const struct fatal_signal *signal,
		     const struct wst_task *target)
{
	char sender[64];

	evidence_sender(sender, sizeof(sender), signal, target);
	evidence_add(ev, "signal", signal->ts_ns, "%s (%u) was sent to pid %u by %s",
		     name_of_signal(signal->signal), signal->signal, target ? target->tgid : 0,
		     sender);
}

static void add_exit(struct evidence *ev, const struct closer_story *closer)
{
	if (closer->died_of)
		evidence_add(ev, "process_exit", closer->exit_ns, "pid %u died of %s (%u)%s",
			     closer->task->tgid, name_of_signal(closer->died_of), closer->died_of,
			     closer->exit_code & 0x80 ? ", core dumped" : "");
	else
		evidence_add(ev, "process_exit", closer->exit_ns, "pid %u exited with status %u",
			     closer->task->tgid, closer->exit_code >> 8 & 0xff);
}

static void add_parents_signal(struct evidence *ev, const struct closer_story *closer)
{
	evidence_signal(ev, closer->stop, &(struct wst_task){ .tgid = closer->parent->tgid });
	evidence_add(ev, "parent", 0, "pid %u is the parent of pid %u, and listens for both",
		     closer->parent->tgid, closer->task->tgid);
}

void evidence_process(struct evidence *ev, const struct facts *f)
{
	const struct closer_story *closer = &f->closer;
	const struct process *p = closer->process;
	const struct fatal_signal *first;

	if (closer->exited)
		add_exit(ev, closer);
	if (!p)
		return;
	first = &p->first_signal;
	if (p->oom_ns)
		evidence_add(ev, "oom_kill", p->oom_ns, "the OOM killer chose pid %u (%s)", p->tgid,
			     p->comm);
	if (closer->stop && closer->parent)
		add_parents_signal(ev, closer);
	else if (closer->stop)
		evidence_signal(ev, closer->stop, closer->task);
	else if (closer->exited && first->signal && first->signal != SIGKILL &&
		 first->ts_ns + PROCESS_STOP_GRACE_NS >= closer->exit_ns)
		evidence_signal(ev, first, closer->task);
	if (p->kill_signal.signal)
		evidence_signal(ev, &p->kill_signal, closer->task);
}

void evidence_restart(struct evidence *ev, const struct restart *r, struct process_table *processes,
		      uint64_t now_ns)
{
	const struct process *p = process_find(processes, r->task.tgid, r->task.start_ns);
	char at[FORMAT_ENDPOINT], time[FORMAT_DURATION];
	bool contained = p && p->container_id[0];

	format_endpoint(at, r->at.address, r->at.port);
	if (r->state == RESTART_BACK)
		evidence_add(ev, "restart", r->back_ns, "%.*s (pid %u%s%.12s) %s %s again %s later",
			     WST_COMM_LEN, r->task.comm, r->task.tgid,
			     contained ? ", container " : "", contained ? p->container_id : "",
			     r->accepted ? "takes connections to" : "listens on", at,
			     format_duration(time, r->back_ns - r->ended_ns));
	else if (r->state == RESTART_AWAITED)
		evidence_add(ev, "not_back", 0, "nobody has listened on %s for %s since", at,
			     format_duration(time, now_ns > r->ended_ns ? now_ns - r->ended_ns : 0));
}

bool evidence_lost(struct evidence *ev, const struct facts *f)
{
	const struct lost_connections *lost = f->crowd.lost;
	char at[FORMAT_ENDPOINT];

	if (!lost)
		return false;
	evidence_add(
		ev, "lost_before", lost->first_ns,
		"a WebSocket connection that %s had %s %s had just ended or failed: it may have passed that on",
		f->crowd.lost_by->comm, lost->accepted ? "accepted on" : "opened to",
		format_endpoint(at, lost->server.address, lost->server.port));
	return true;
}

static void add_frame(struct evidence *ev, const char *fact, const struct close_frame *frame,
		      const char *sender)
{
	if (!frame->has_code)
		evidence_add(ev, fact, frame->ts_ns, "the %s sent an empty Close frame", sender);
	else if (!frame->reason_bytes)
		evidence_add(ev, fact, frame->ts_ns, "the %s sent Close %u (%s) without a reason",
			     sender, frame->code, close_code_name(frame->code));
	else
		evidence_add(ev, fact, frame->ts_ns, "the %s sent Close %u (%s): \"%s\"", sender,
			     frame->code, close_code_name(frame->code), frame->reason);
}

/* What has arrived and was not read yet is thrown away by some systems, and not asked for by some clients. */
static void add_reset_behind(struct evidence *ev, const struct facts *f)
{
	const struct conn_end *end = f->client->end;
	uint64_t rst_ns = conn_is_server_side(f->client) ? end->rst_out_ns : end->rst_in_ns;
	uint64_t frame_ns = f->closing.frame->ts_ns;
	char time[FORMAT_DURATION];

	if (f->closing.to_server || f->close.code == CLOSE_ABNORMAL || rst_ns < frame_ns)
		return;
	evidence_add(
		ev, "reset_behind_close", rst_ns,
		"a RST followed it %s later: a client that had not read the Close frame by then reports 1006",
		format_duration(time, rst_ns - frame_ns));
}

void evidence_closing(struct evidence *ev, const struct facts *f)
{
	const struct closing_story *closing = &f->closing;

	if (!closing->frame)
		return;
	add_frame(ev, "close_frame", closing->frame, name_of_initiator(closing->sender));
	if (closing->answer)
		add_frame(ev, "close_answer", closing->answer,
			  closing->to_server ? "server" : "client");
	else
		evidence_add(ev, "close_answer", 0, "no Close frame went the other way");
	if (!closing->answer)
		add_reset_behind(ev, f);
}

static uint32_t frames_of(const struct conn *c, int direction)
{
	uint32_t sum = 0;

	for (int opcode = 0; opcode < 6; opcode++)
		sum += c->end->walk[direction].frames[opcode];
	return sum;
}

void evidence_no_close_frame(struct evidence *ev, const struct facts *f)
{
	const struct conn *c = facts_witness(f);

	if (f->close.from_client || f->close.from_server)
		return;
	if (!c || !c->has_facts)
		evidence_add(ev, "no_close_frame", 0, "no Close frame was seen in either direction");
	else
		evidence_add(
			ev, "no_close_frame", 0,
			"no Close frame among the frames of the client (%u) and of the server (%u)",
			frames_of(c, conn_from_client(c)), frames_of(c, conn_from_server(c)));
}

void evidence_errno(struct evidence *ev, const struct conn *c)
{
	uint32_t error = facts_errno(c);

	if (error)
		evidence_add(ev, "errno", c->end->error_ns, "the socket reported %s (%u)",
			     name_of_errno(error), error);
}

bool evidence_unsent(struct evidence *ev, const struct conn *c)
{
	char bytes[FORMAT_COUNT];

	if (!c->has_facts || !c->end->tcp.unsent_bytes)
		return false;
	evidence_add(
		ev, "unsent_close", 0,
		"%s that %.*s (pid %u) wrote had not been sent: a Close frame may be among them",
		format_count(bytes, c->end->tcp.unsent_bytes, "byte"), WST_COMM_LEN, c->owner->comm,
		c->owner->tgid);
	return true;
}

static void add_queues(struct evidence *ev, const struct conn *c)
{
	const struct wst_tcp_facts *tcp = &c->end->tcp;
	char bytes[FORMAT_COUNT], segments[FORMAT_COUNT];

	format_count(segments, tcp->retransmits, "segment");
	if (tcp->unacked_bytes)
		evidence_add(ev, "unacked_data", 0, "%s sent and never acknowledged; %s sent again",
			     format_count(bytes, tcp->unacked_bytes, "byte"), segments);
	else if (tcp->retransmits)
		evidence_add(ev, "retransmits", 0, "%s sent again", segments);
	if (tcp->unsent_bytes)
		evidence_add(ev, "unsent_data", 0, "%s written by the process and not sent",
			     format_count(bytes, tcp->unsent_bytes, "byte"));
	if (tcp->unread_bytes)
		evidence_add(ev, "unread_data", 0, "%s received and not read by the process",
			     format_count(bytes, tcp->unread_bytes, "byte"));
	if (tcp->send_window == 0 && c->established_ns)
		evidence_add(ev, "zero_window", 0, "the peer's receive window was zero");
}

void evidence_unfinished(struct evidence *ev, const struct facts *f)
{
	const struct conn *c = f->end.conn;
	const struct wst_walk_facts *in = &c->end->walk[WST_IN];
	char announced[FORMAT_BYTES], size[FORMAT_BYTES];

	/* What came has the headers and the handshake in it besides. */
	if (!c->has_end || !c->has_facts || in->losses || !(in->flags & WST_WALK_ON) ||
	    in->flags & WST_WALK_LOST || in->payload_bytes <= c->end->tcp.bytes_in)
		return;
	evidence_add(
		ev, "unfinished_message", in->last_data_ns,
		"a frame of %s was on its way in, and only a part of it had come: the frames announced %s in all",
		format_bytes(size, in->last_data_bytes), format_bytes(announced, in->payload_bytes));
}

void evidence_path(struct evidence *ev, const struct conn *c)
{
	const struct wst_tcp_facts *tcp = &c->end->tcp;
	char silence[FORMAT_DURATION], probes[FORMAT_COUNT];
	uint64_t end_ns = 0;

	if (!c->has_facts)
		return;
	add_queues(ev, c);
	if (tcp->probes)
		evidence_add(ev, "probes", 0, "%s in a row without an answer",
			     format_count(probes, tcp->probes, "probe"));
	conn_ended_by(c, &end_ns);
	if (tcp->last_segment_in_ns && end_ns > tcp->last_segment_in_ns + 1000000000ull)
		evidence_add(ev, "silence", tcp->last_segment_in_ns,
			     "the last segment from the peer came %s before the end",
			     format_duration(silence, end_ns - tcp->last_segment_in_ns));
}

static const char *fate_of_ping(const struct path_story *p)
{
	if (p->own)
		return p->ping_pending ? ", never acknowledged" : ", acknowledged by its kernel";
	return p->ping_pending ? ", received but not read" : ", received";
}

void evidence_heartbeat(struct evidence *ev, const struct facts *f)
{
	const struct path_story *p = &f->path;
	const char *other = name_of_initiator(facts_other_party(f));
	char time[FORMAT_DURATION], rtt[FORMAT_DURATION], who[FACTS_NAME_BYTES];
	char pings[FORMAT_COUNT];

	if (p->pings)
		evidence_add(ev, "unanswered_pings", p->ts_ns - p->waited_ns,
			     "%s sent %s without a pong in %s%s",
			     facts_name(who, f->session, p->giver, p->own ? p->near->owner : NULL),
			     format_count(pings, p->pings, "ping"),
			     format_duration(time, p->waited_ns), fate_of_ping(p));
	else if (p->by_data)
		evidence_add(ev, "unanswered_data", p->ts_ns - p->waited_ns,
			     "nothing came from the %s in the %s after the last message to it%s",
			     other, format_duration(time, p->waited_ns), fate_of_ping(p));
	if (p->pings && p->ping_rtt_us)
		evidence_add(ev, "earlier_pongs", 0, "the ping before was answered in %s",
			     format_duration(rtt, p->ping_rtt_us * 1000ull));
	if (p->late_ns)
		evidence_add(ev, "late_pong", p->ts_ns + p->late_ns,
			     "the pong came %s too late: after that",
			     format_duration(time, p->late_ns));
	if ((p->pings || p->by_data) && f->protocol && f->protocol->note)
		evidence_add(ev, "protocol", 0, "%s: %s", f->protocol->name, f->protocol->note);
}
