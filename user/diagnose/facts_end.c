/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who ended the session, and what became of that process. */
#include "diagnose/facts.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* A runtime that catches SIGABRT says where it was stuck, and exits. */
#define ABORT_TO_EXIT_NS 1000000000ull
/* A shutdown closes the listener and then, at once or after a short grace, the sessions. */
#define SHUT_WITH_NS 500000000ull

bool facts_timed_out(const struct conn *c)
{
	/*
	 * The keepalive and retransmission timers reset the connection first and report ETIMEDOUT
	 * right after.
	 */
	return facts_errno(c) == ETIMEDOUT && !c->end->rst_in_ns && !c->end->reset_by_process;
}

static bool is_received(enum ended_by how)
{
	return how == ENDED_FIN_RECEIVED || how == ENDED_RST_RECEIVED;
}

/*
 * A leg that a proxy gave up for another one says nothing about the end of the session that then
 * opened.
 */
static bool is_refused_try(const struct facts *f, const struct conn *c)
{
	return f->stage == STAGE_SESSION && c->handshake.response_seen && c->handshake.status != 101;
}

static void set_root(struct end_story *end, const struct session *s, int leg)
{
	end->leg = leg;
	end->conn = s->legs[leg];
	end->how = conn_ended_by(end->conn, &end->ts_ns);
	if (facts_timed_out(end->conn) && !is_received(end->how) && end->how != ENDED_FIN_SENT &&
	    end->how != ENDED_CONNECT_FAILED)
		end->how = ENDED_TIMEOUT;
	/* The record of the RST may be lost; what the socket reported is not. */
	if (end->how == ENDED_ERROR &&
	    (facts_errno(end->conn) == ECONNRESET || facts_errno(end->conn) == EPIPE))
		end->how = ENDED_RST_RECEIVED;
}

static void find_earliest(struct facts *f)
{
	const struct session *s = f->session;

	for (unsigned int i = 0; i < s->leg_count; i++) {
		uint64_t ts_ns = 0;
		enum ended_by how = conn_ended_by(s->legs[i], &ts_ns);

		if (how == ENDED_NOT || how == ENDED_UNSEEN || is_refused_try(f, s->legs[i]))
			continue;
		if (f->end.leg < 0 || ts_ns < f->end.ts_ns)
			set_root(&f->end, s, (int)i);
	}
}

/* What it did would have been seen. */
static bool is_followed(const struct session *s, const struct conn *c)
{
	bool opened = c->established_ns || c->open_flags & WST_OPEN_MIDSTREAM;

	return c->has_end || (opened && s->losses_at_end == s->losses_at_start);
}

/*
 * What was received by one socket of this host was sent by another one, unless something in between
 * made it.
 */
static void follow_to_sender(struct facts *f)
{
	const struct session *s = f->session;
	const struct conn *peer = session_peer_leg(s, (unsigned int)f->end.leg);
	enum ended_by peer_how = peer ? conn_ended_by(peer, NULL) : ENDED_NOT;

	f->end.outside = !peer;
	f->end.forged = peer && is_followed(s, peer) &&
			(peer_how == ENDED_NOT || is_received(peer_how));
	if (f->end.outside || f->end.forged || peer_how == ENDED_NOT || is_received(peer_how))
		return;
	for (unsigned int i = 0; i < s->leg_count; i++)
		if (s->legs[i] == peer)
			set_root(&f->end, s, (int)i);
}

static enum initiator connect_initiator(const struct conn *c)
{
	switch (facts_errno(c)) {
	case ECONNREFUSED:
		return BY_SERVER;
	case EADDRNOTAVAIL:
		return BY_KERNEL;
	case 0:
		if (c->has_end && (c->end->tcp.flags & WST_TCP_NO_LOCAL_PORT))
			return BY_KERNEL;
		/* Who stops waiting for an answer that never comes did not cause it. */
		return c->syn_retransmits ? BY_NETWORK : BY_CLIENT;
	default:
		return BY_NETWORK;
	}
}

static enum initiator initiator_of(const struct facts *f)
{
	const struct end_story *end = &f->end;
	unsigned int leg = (unsigned int)end->leg;

	if (end->leg >= 0 && f->stage == STAGE_CONNECT && !end->conn->established_ns)
		return connect_initiator(end->conn);
	switch (end->how) {
	case ENDED_NOT:
	case ENDED_UNSEEN:
		return BY_UNKNOWN;
	case ENDED_FIN_RECEIVED:
	case ENDED_RST_RECEIVED:
		return end->forged ? BY_NETWORK : facts_far_party(f->session, leg);
	case ENDED_TIMEOUT:
	case ENDED_ERROR:
		return BY_NETWORK;
	case ENDED_CONNECT_FAILED:
		return connect_initiator(end->conn);
	case ENDED_RST_SENT:
		if (!end->conn->end->reset_by_process && !end->conn->end->closed_by_process)
			return BY_KERNEL;
		return facts_owner(f->session, leg);
	default:
		return facts_owner(f->session, leg);
	}
}

void facts_collect_end(struct facts *f)
{
	f->end.leg = -1;
	f->end.conn = &no_conn;
	find_earliest(f);
	if (is_received(f->end.how))
		follow_to_sender(f);
	f->end.by = initiator_of(f);
}

const struct fatal_signal *facts_stop_signal(const struct process *p, uint64_t ts_ns)
{
	const struct fatal_signal *s = p ? &p->stop_signal : NULL;

	if (!s || !s->signal || s->ts_ns > ts_ns)
		return NULL;
	/* Java and others tell what their threads do, and live on. */
	if (s->signal == SIGQUIT && !p->exited)
		return NULL;
	return ts_ns - s->ts_ns <= PROCESS_STOP_GRACE_NS ? s : NULL;
}

bool facts_made_for_it(const struct facts *f, const struct wst_task *task)
{
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (c->owner->tgid == task->tgid && conn_is_server_side(c) && c->established_ns &&
		    c->owner->start_ns > c->established_ns)
			return true;
	}
	return false;
}

const struct fatal_signal *facts_halt_signal(const struct process *p, uint64_t ts_ns)
{
	const struct fatal_signal *s = p ? &p->halt_signal : NULL;

	if (!s || !s->signal || s->ts_ns > ts_ns)
		return NULL;
	return !p->continued_ns || p->continued_ns > ts_ns ? s : NULL;
}

const struct process *facts_server_process(const struct facts *f)
{
	const struct wst_task *owner = f->server->owner;

	if (!owner->tgid || !conn_is_server_side(f->server))
		return NULL;
	return process_find(track_processes(f->track), owner->tgid, owner->start_ns);
}

static const struct wst_task *closing_task(const struct conn *c)
{
	if (c->end->closed_by_process && c->end->closer.tgid)
		return &c->end->closer;
	return c->owner->tgid ? c->owner : NULL;
}

static void fill_exit(struct closer_story *closer, const struct conn *c)
{
	const struct process *p = closer->process;

	closer->exiting = c->end->closed_by_process && c->end->closer_exiting;
	closer->exited = closer->exiting || (p && p->exited);
	if (!closer->exited)
		return;
	closer->exit_code = p && p->exited ? p->exit_code : c->end->closer_exit_code;
	closer->exit_ns = p && p->exited ? p->exit_ns : c->end->closer_ns;
	closer->died_of = closer->exit_code & 0x7f;
}

/*
 * Children inherit the descriptors that are not closed on exec: the last one to close its copy is
 * not the one that served the connection, unless it wrote to it.
 */
static bool died_before(const struct facts *f, const struct conn *c, const struct process *owner)
{
	return owner && owner->exited && owner->exit_ns < c->end->closer_ns &&
	       owner->exit_ns < f->end.ts_ns &&
	       c->end->walk[WST_OUT].last_payload_ns <= owner->exit_ns;
}

static void find_owner(struct facts *f, const struct conn *c)
{
	struct closer_story *closer = &f->closer;
	const struct process *owner;

	if (!c->end->closed_by_process || c->owner->tgid == closer->task->tgid)
		return;
	owner = process_find(track_processes(f->track), c->owner->tgid, c->owner->start_ns);
	if (!died_before(f, c, owner))
		return;
	closer->holder = closer->task;
	closer->task = c->owner;
	closer->process = owner;
	closer->exiting = closer->exited = true;
	closer->exit_code = owner->exit_code;
	closer->exit_ns = owner->exit_ns;
	closer->died_of = owner->exit_code & 0x7f;
}

/* Go prints its stacks and exits with 2. */
static bool left_over_abort(const struct closer_story *closer, const struct fatal_signal *s)
{
	return s->signal == SIGABRT && !closer->died_of && closer->exit_code &&
	       closer->exit_ns >= s->ts_ns && closer->exit_ns - s->ts_ns <= ABORT_TO_EXIT_NS;
}

/*
 * What else somebody sent it and it died of, or left over with the status that shells and Java make
 * of a signal: SIGHUP, SIGUSR1. What it does with such a signal is its own affair until it ends.
 */
static const struct fatal_signal *signal_that_ended(const struct closer_story *closer,
						    uint64_t end_ns)
{
	const struct fatal_signal *s = closer->process ? &closer->process->last_signal : NULL;
	uint32_t status = closer->exit_code >> 8 & 0xff;

	if (!s || !s->signal || s->signal == SIGKILL || !closer->exited || s->ts_ns > end_ns ||
	    !s->sender.tgid || s->sender.tgid == closer->task->tgid)
		return NULL;
	return closer->died_of == s->signal || left_over_abort(closer, s) ||
			       (!closer->died_of && status == 128 + s->signal) ?
		       s :
		       NULL;
}

const struct process *facts_parent_of_worker(const struct facts *f, const struct process *p)
{
	const struct process *parent;

	if (!p || !p->parent_tgid)
		return NULL;
	parent = process_find(track_processes(f->track), p->parent_tgid, 0);
	return parent && strcmp(parent->comm, p->comm) == 0 ? parent : NULL;
}

/*
 * Workers of nginx and Apache are told by their parent through a pipe, too: then only the parent,
 * which listens for them and has their name, got the signal.
 */
static void find_parents_stop(struct facts *f)
{
	struct closer_story *closer = &f->closer;
	const struct process *parent;
	const struct fatal_signal *stop;

	if (closer->stop || closer->party == BY_CLIENT)
		return;
	parent = facts_parent_of_worker(f, closer->process);
	if (!parent || !parent->accepts)
		return;
	stop = facts_stop_signal(parent, f->end.ts_ns);
	if (!stop || f->end.ts_ns - stop->ts_ns > FACTS_STOP_REACTION_NS)
		return;
	closer->stop = stop;
	closer->parent = parent;
}

/*
 * A server that shuts down, or executes itself anew (descriptors are closed on exec), closes its
 * listener along with its sessions.
 */
static bool shut_with_listener(const struct facts *f)
{
	const struct conn *c = f->end.conn;
	uint64_t ts_ns;

	if (!conn_is_server_side(c) || !c->tuple_known)
		return false;
	ts_ns = listeners_stopped_ns(&track_groups(f->track)->listeners, c->tuple.netns,
				     c->tuple.local_port);
	return ts_ns && ts_ns + SHUT_WITH_NS >= f->end.ts_ns && ts_ns <= f->end.ts_ns + SHUT_WITH_NS;
}

void facts_collect_closer(struct facts *f)
{
	const struct end_story *end = &f->end;
	bool local = end->how == ENDED_FIN_SENT || end->how == ENDED_RST_SENT ||
		     end->how == ENDED_ABORTED || end->how == ENDED_CONNECT_FAILED;

	if (!local || end->by != facts_owner(f->session, (unsigned int)end->leg))
		return;
	f->closer.task = closing_task(end->conn);
	if (!f->closer.task)
		return;
	f->closer.party = facts_owner(f->session, (unsigned int)end->leg);
	f->closer.process = process_find(track_processes(f->track), f->closer.task->tgid,
					 f->closer.task->start_ns);
	fill_exit(&f->closer, end->conn);
	find_owner(f, end->conn);
	f->closer.shut = shut_with_listener(f);
	f->closer.stop = facts_stop_signal(f->closer.process, end->ts_ns);
	if (!f->closer.stop)
		f->closer.stop = signal_that_ended(&f->closer, end->ts_ns);
	find_parents_stop(f);
}
