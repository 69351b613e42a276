/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A backend behind a Unix socket has no leg. What is known of it are its end and its signals, and how
 * many connections of the proxy it had then; that the proxy closes its clients right after is what
 * joins the two.
 */
#include "diagnose/facts.h"
#include "diagnose/timeouts.h"

/* An event loop passes an end on at once; on a busy machine, or when much memory is freed, later. */
#define AT_ONCE_NS 100000000ull
#define LATE_NS 1000000000ull

static const struct process *process_of(const struct facts *f, const struct unix_backend *b)
{
	return process_find(track_processes(f->track), b->task.tgid, b->task.start_ns);
}

static bool is_recent(const struct unix_holding *h, uint64_t ts_ns, uint64_t within_ns)
{
	return h->ts_ns && h->ts_ns <= ts_ns && ts_ns - h->ts_ns <= within_ns;
}

/* It was asked to stop while it had connections, and closes them at once or, after its grace, last. */
static bool closes_since_asked(const struct facts *f, const struct unix_backend *b,
			       const struct process *p)
{
	uint64_t end_ns = f->backend.decided_ns;

	if (!facts_stop_signal(p, end_ns) ||
	    !is_recent(&b->at_signal, end_ns, PROCESS_STOP_GRACE_NS))
		return false;
	return is_recent(&b->at_signal, end_ns, FACTS_STOP_REACTION_NS) ||
	       (p->exited && p->exit_ns + FACTS_STOP_REACTION_NS >= end_ns);
}

/* It ended with connections open; else it closes them itself. */
static const struct unix_holding *reason_to_close(const struct facts *f,
						  const struct unix_backend *b)
{
	const struct process *p = b->task.tgid ? process_of(f, b) : NULL;

	if (!p)
		return NULL;
	if (p->exited && is_recent(&b->at_exit, f->backend.decided_ns, LATE_NS))
		return &b->at_exit;
	return closes_since_asked(f, b, p) ? &b->at_signal : NULL;
}

static bool precedes(const struct unix_backend *b, const struct unix_holding *h,
		     const struct backend_story *than)
{
	bool ended = h == &b->at_exit, other_ended;

	if (!than->backend)
		return true;
	other_ended = than->holding == &than->backend->at_exit;
	return ended != other_ended ? ended : h->ts_ns > than->holding->ts_ns;
}

static void find_backend(struct facts *f, const struct wst_task *holder, uint64_t decided_ns)
{
	const struct unix_backends *of = backends_of(&track_groups(f->track)->backends, holder);
	struct backend_story *story = &f->backend;
	uint32_t closed = 0, connections = 0;
	unsigned int found = 0;
	bool more = false;

	story->decided_ns = decided_ns;
	for (unsigned int i = 0; of && i < BACKENDS_OF_PROXY; i++) {
		const struct unix_holding *h = reason_to_close(f, &of->list[i]);

		if (!h)
			continue;
		found++;
		connections += h->connections;
		closed = h->closed > closed ? h->closed : closed;
		more |= h->more;
		if (precedes(&of->list[i], h, story)) {
			story->backend = &of->list[i];
			story->holding = h;
		}
	}
	if (!found)
		return;
	story->holder = holder;
	story->others = found - 1;
	story->sure = found == 1 && story->holding == &story->backend->at_exit &&
		      is_recent(story->holding, story->decided_ns, AT_ONCE_NS) &&
		      (closed <= connections || more);
}

static void put_in_place_of_proxy(struct facts *f)
{
	struct closer_story *closer = &f->closer;
	const struct unix_backend *b = f->backend.backend;
	const struct process *p = process_of(f, b);

	f->backend.proxy = f->backend.holder;
	*closer = (struct closer_story){
		.task = &b->task,
		.process = p,
		.party = BY_SERVER,
		.exiting = f->backend.holding == &b->at_exit,
		.exited = p->exited,
		.exit_code = p->exit_code,
		.exit_ns = p->exit_ns,
		.died_of = p->exited ? p->exit_code & 0x7f : 0,
		.stop = facts_stop_signal(p, f->end.ts_ns),
	};
	f->end.by = BY_SERVER;
}

/* Whoever is no proxy by its name may have lost its database, and have crashed over it. */
static bool passes_on(const struct facts *f, const struct wst_task *task, enum initiator party)
{
	return f->backend.backend && (party == BY_PROXY || known_proxy_find(task->comm));
}

bool facts_backend_closed(const struct facts *f)
{
	const struct unix_backend *b = f->backend.backend;

	return b && f->closer.task == &b->task;
}

void facts_collect_backend(struct facts *f)
{
	const struct closer_story *closer = &f->closer;

	if (!closer->task || closer->exiting || closer->stop || f->stage != STAGE_SESSION ||
	    !conn_is_server_side(f->end.conn) || session_sockets_of(f->session, closer->task) != 1)
		return;
	find_backend(f, closer->task, f->end.ts_ns);
	if (passes_on(f, closer->task, closer->party))
		put_in_place_of_proxy(f);
}

void facts_collect_backend_of_goodbye(struct facts *f)
{
	const struct conn *c = facts_closing_leg(f);

	if (f->backend.backend || f->closing.sender != BY_SERVER || !c ||
	    session_sockets_of(f->session, c->owner) != 1 ||
	    facts_stop_signal(facts_closing_process(f), f->closing.frame->ts_ns))
		return;
	find_backend(f, c->owner, f->closing.frame->ts_ns);
	if (passes_on(f, c->owner, BY_SERVER))
		f->backend.proxy = c->owner;
	else
		f->backend = (struct backend_story){ 0 };
}

const struct unix_backend *facts_halted_backend(const struct facts *f,
						const struct fatal_signal **ret_halt)
{
	const struct unix_backends *of = backends_of(&track_groups(f->track)->backends,
						     f->server->owner);

	for (unsigned int i = 0; of && i < BACKENDS_OF_PROXY; i++) {
		const struct unix_backend *b = &of->list[i];

		*ret_halt = b->task.tgid && b->at_signal.ts_ns ?
				    facts_halt_signal(process_of(f, b), f->end.ts_ns) :
				    NULL;
		if (*ret_halt)
			return b;
	}
	return NULL;
}
