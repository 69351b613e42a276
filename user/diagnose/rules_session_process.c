/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What happened to the process that held the socket: it beats all that the wire shows, unless a
 * Close frame came first.
 */
#include "diagnose/rule.h"

#include <signal.h>
#include <string.h>

#include "diagnose/evidence.h"
#include "diagnose/format.h"
#include "diagnose/timeouts.h"

/*
 * A fault and the exit that a runtime makes of it (Go: status 2 after a nil dereference) are this
 * close.
 */
#define FAULT_TO_EXIT_NS 1000000000ull
#define EXIT_AFTER_CLOSE_NS 100000000ull
/* A worker that is to go has other sessions to close first. */
#define WORKER_EXIT_NS 2000000000ull

/* Did the socket close because its process went away, and not because of a Close frame? */
static bool died(const struct facts *f)
{
	return f->closer.exiting && !(f->closing.frame && f->closing.explains_end);
}

static void add_story(struct evidence *ev, const struct facts *f)
{
	evidence_process(ev, f);
	evidence_end(ev, f);
	evidence_closing(ev, f);
	evidence_no_close_frame(ev, f);
}

static enum confidence process_oom_killed(const struct facts *f, struct evidence *ev)
{
	const struct process *p = f->closer.process;

	if (!died(f) || f->closer.died_of != SIGKILL || !p || !p->oom_ns)
		return CONFIDENCE_NONE;
	add_story(ev, f);
	return CONFIDENCE_HIGH;
}

/*
 * SIGABRT comes from abort(), or from a supervisor whose watchdog ran out (gunicorn, systemd): it
 * wants to know where the process was stuck. Some leave with a status over it.
 */
static bool was_aborted_by_another(const struct facts *f)
{
	const struct fatal_signal *s = f->closer.process ? &f->closer.process->last_signal : NULL;

	if (!f->closer.died_of && f->closer.stop && f->closer.stop->signal == SIGABRT)
		return true;
	return s && f->closer.died_of == SIGABRT && s->signal == SIGABRT && s->sender.tgid &&
	       s->sender.tgid != f->closer.task->tgid;
}

static enum confidence process_killed(const struct facts *f, struct evidence *ev)
{
	const struct process *p = f->closer.process;

	if (!died(f) || (f->closer.died_of != SIGKILL && !was_aborted_by_another(f)))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	if (was_aborted_by_another(f))
		return CONFIDENCE_HIGH;
	if (p && p->kill_signal.signal && p->kill_signal.sender.tgid)
		return CONFIDENCE_HIGH;
	if (p && p->kill_signal.signal)
		evidence_add(
			ev, "kernel_sent", 0,
			"no process sent the SIGKILL: the kernel does so itself when the limit of CPU time is used up (RLIMIT_CPU), or when process 1 of a container has ended");
	else
		evidence_add(ev, "sender_unknown", 0, "who sent the SIGKILL was not seen");
	return CONFIDENCE_MEDIUM;
}

static const char *const runtimes[] = { "containerd", "runc",  "dockerd", "crun", "conmon",
					"podman",     "youki", "crio",	  NULL };
/* First processes of containers, which hand on the signals that they get. */
static const char *const inits[] = { "tini", "docker-init", "dumb-init", "catatonit", NULL };

static bool is_one_of(const struct wst_task *task, const char *const *names)
{
	for (; task->tgid && *names; names++)
		if (strncmp(task->comm, *names, strlen(*names)) == 0)
			return true;
	return false;
}

/* Did one of those send the signal that made it end? */
static bool was_stopped_by(const struct facts *f, const char *const *names)
{
	const struct process *p = f->closer.process;

	if (f->closer.stop && is_one_of(&f->closer.stop->sender, names))
		return true;
	return p && f->closer.died_of == SIGKILL && is_one_of(&p->kill_signal.sender, names);
}

/*
 * When the first process of a container ends, the kernel kills the others: nobody is the sender,
 * and it was not for want of memory.
 */
static bool went_with_its_container(const struct facts *f)
{
	const struct process *p = f->closer.process;

	return died(f) && p && p->container_id[0] && f->closer.died_of == SIGKILL && !p->oom_ns &&
	       p->kill_signal.signal && !p->kill_signal.sender.tgid;
}

static enum confidence container_stopped(const struct facts *f, struct evidence *ev)
{
	const struct process *p = f->closer.process;
	bool by_runtime = was_stopped_by(f, runtimes) && !f->closing.frame;
	bool by_init = was_stopped_by(f, inits) && !f->closing.frame && p->container_id[0];

	if (!by_runtime && !by_init && !went_with_its_container(f))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	if (p->container_id[0])
		evidence_add(ev, "container", 0, "pid %u was in container %.12s", p->tgid,
			     p->container_id);
	return by_runtime && p->container_id[0] ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static bool is_proxy_process(const struct facts *f)
{
	return f->crowd.by_proxy && f->closer.party != BY_CLIENT;
}

/* What has no leg towards a server may be the server. */
static bool is_surely_proxy(const struct facts *f)
{
	return f->closer.party == BY_PROXY || !f->crowd.proxy->serves;
}

/* It closed its sessions itself, and had ended in order soon after. */
static bool retired(const struct facts *f)
{
	const struct closer_story *closer = &f->closer;

	return closer->exited && !closer->exiting && !closer->exit_code && !f->closing.frame &&
	       closer->exit_ns >= f->end.ts_ns &&
	       closer->exit_ns - f->end.ts_ns <= WORKER_EXIT_NS &&
	       !facts_made_for_it(f, closer->task);
}

/* Asked by somebody else than the proxy itself, whose processes share a name: no reload does that. */
static bool was_stopped_from_outside(const struct facts *f)
{
	const struct fatal_signal *stop = f->closer.stop;

	return stop && f->closer.process && stop->sender.tgid &&
	       strncmp(stop->sender.comm, f->closer.process->comm, WST_COMM_LEN) != 0;
}

/* To the parent of workers SIGQUIT is an order to stop, whether or not it has yet. */
static bool was_told_to_stop(const struct process *parent, uint64_t ts_ns)
{
	const struct fatal_signal *stop = &parent->stop_signal;

	return stop->signal && stop->ts_ns <= ts_ns && ts_ns - stop->ts_ns <= PROCESS_STOP_GRACE_NS;
}

static bool whole_proxy_stops(const struct facts *f, const struct process *parent)
{
	if (parent)
		return parent->exited || was_told_to_stop(parent, f->end.ts_ns);
	return was_stopped_from_outside(f);
}

/* It closed its sessions itself and then ended in order, while the rest of the proxy lives. */
static enum confidence proxy_worker_shutdown(const struct facts *f, struct evidence *ev)
{
	char low[FORMAT_DURATION], high[FORMAT_DURATION];
	const struct process *parent = facts_parent_of_worker(f, f->closer.process);

	bool mixed = burst_is_mixed(f->crowd.burst) && !f->closer.exiting && !f->closer.stop &&
		     !f->closing.frame;

	if (!is_proxy_process(f) || !(mixed || retired(f)) || facts_ran_out(f) ||
	    whole_proxy_stops(f, parent))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	evidence_burst(ev, f->crowd.burst);
	evidence_idle(ev, f);
	if (mixed)
		evidence_add(ev, "idles_differ", 0,
			     "they had been silent for %s to %s: no idle timer ended them",
			     format_seconds(low, f->crowd.burst->idle.low_ns),
			     format_seconds(high, f->crowd.burst->idle.high_ns));
	if (parent)
		evidence_add(ev, "parent_lives", 0, "its parent %s (pid %u) lives on", parent->comm,
			     parent->tgid);
	return parent && retired(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* Its handler may still be at work when the session is reported. */
static bool stopped_at_once(const struct facts *f)
{
	return f->end.ts_ns - f->closer.stop->ts_ns <= FACTS_STOP_REACTION_NS;
}

static enum confidence proxy_exited(const struct facts *f, struct evidence *ev)
{
	bool asked = f->closer.stop && (f->closer.exited || stopped_at_once(f)) && !f->closing.frame;
	bool left_with_parent = !f->closer.parent && retired(f) && !facts_ran_out(f) &&
				facts_parent_of_worker(f, f->closer.process);

	if (!is_proxy_process(f) ||
	    !(left_with_parent || (is_surely_proxy(f) && (died(f) || asked))))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	return f->closer.process && !left_with_parent ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/*
 * A runtime that closes its sockets on its way out, or an exception that unwinds the stack, was not
 * yet exiting for the kernel.
 */
static bool ended_right_after(const struct facts *f)
{
	const struct closer_story *closer = &f->closer;

	return !closer->exiting && closer->exited && !f->closing.frame &&
	       closer->exit_ns >= f->end.ts_ns &&
	       closer->exit_ns - f->end.ts_ns <= EXIT_AFTER_CLOSE_NS;
}

static bool is_crash(uint32_t signal)
{
	return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGILL ||
	       signal == SIGFPE || signal == SIGTRAP || signal == SIGSYS;
}

/* A runtime may turn a fault into an ordinary exit with a status. */
static bool faulted_before_exit(const struct closer_story *closer)
{
	const struct fatal_signal *s = closer->process ? &closer->process->last_signal : NULL;

	return s && is_crash(s->signal) && s->code > 0 && !closer->died_of && closer->exit_code &&
	       s->ts_ns <= closer->exit_ns && closer->exit_ns - s->ts_ns <= FAULT_TO_EXIT_NS;
}

static enum confidence process_crashed(const struct facts *f, struct evidence *ev)
{
	bool crashed = is_crash(f->closer.died_of) && !was_aborted_by_another(f);

	if ((!crashed && !faulted_before_exit(&f->closer)) || (!died(f) && !ended_right_after(f)))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	return crashed && died(f) ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static enum confidence process_terminated(const struct facts *f, struct evidence *ev)
{
	const struct closer_story *closer = &f->closer;
	bool closed_when_asked = closer->stop && !f->closing.frame;

	if (!closed_when_asked && !(died(f) && (closer->died_of || closer->stop)))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	/* It may have answered SIGQUIT long before it exited for another reason. */
	if (closer->stop)
		return (closer->exited && closer->stop->signal != SIGQUIT) || stopped_at_once(f) ?
			       CONFIDENCE_HIGH :
			       CONFIDENCE_MEDIUM;
	if (!closer->process || closer->process->last_signal.signal != closer->died_of)
		evidence_add(ev, "sender_unknown", 0, "who sent the signal was not seen");
	return CONFIDENCE_MEDIUM;
}

/* On its way out it said that the other side was to blame, and closed the socket. */
static bool left_with_excuse(const struct facts *f)
{
	return f->closing.excuse && !f->closing.explains_end && f->closer.exited &&
	       f->closer.process == facts_closing_process(f);
}

static enum confidence process_exited(const struct facts *f, struct evidence *ev)
{
	bool excused = left_with_excuse(f);

	/* Status 0 may follow from the end of the session: it had nothing else to do. */
	if (f->closer.died_of ||
	    !(died(f) || excused || (ended_right_after(f) && f->closer.exit_code)))
		return CONFIDENCE_NONE;
	add_story(ev, f);
	return f->closer.exiting && !excused ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static const struct rule rules[] = {
	{
		.id = "session.process_oom_killed",
		.when = process_oom_killed,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_ENDS_PROCESS,
		.summary = "{who} was killed by the OOM killer",
		.user_message = "The chat {party} ran out of memory and is being restarted. Please try again in a moment.",
		.steps = {
			"`dmesg` or `journalctl -k` at that time says whose limit was hit: the container's (memory.max, mem_limit) or the host's.",
			"Raise the limit, or find what grows: send queues of slow clients, history, compression buffers of each connection.",
		},
	},
	{
		.id = "session.process_crashed",
		.when = process_crashed,
		.category = CATEGORY_SERVER,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_ENDS_PROCESS,
		.summary = "{who} crashed",
		.user_message = "The chat {party} had a failure and is being restarted. Please try again in a moment.",
		.steps = {
			"Get the stack: `coredumpctl info {comm}`, or the last lines of its log (panic, fatal error, abort).",
			"SIGABRT from Node or C++ is often memory: a heap limit (--max-old-space-size) or a failed assertion.",
		},
	},
	{
		.id = "session.container_stopped",
		.when = container_stopped,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_ENDS_PROCESS,
		.alternatives = { "session.process_killed", "session.process_oom_killed" },
		.summary = "the container of {who} was stopped{by}, and nobody told the client",
		.user_message = "The chat {party} is being updated. You will be connected again in a moment.",
		.steps = {
			"On SIGTERM send Close 1001 or 1012 to every client, then exit. If {comm} never gets the signal: use the exec form of CMD, or `init: true`.",
			"SIGKILL comes 10 s after SIGTERM (`docker stop -t`, `stop_grace_period`; Kubernetes: terminationGracePeriodSeconds, 30 s): raise it if saying goodbye takes longer.",
		},
	},
	{
		.id = "session.proxy_worker_shutdown",
		.when = proxy_worker_shutdown,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_YES,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_ENDS_PROCESS,
		.initiator = BY_PROXY,
		.alternatives = { "session.proxy_exited", "session.proxy_idle_timeout" },
		.summary = "an old worker of the proxy, {who}, closed its sessions and ended, as after a reload",
		.user_message = "The connection to the chat was renewed. You will be connected again in a moment.",
		.steps = {
			"After a reload old workers live until {shutdown_knob} is over and then drop what they still hold: raise it, or leave it out.",
			"Reload less often: something that rewrites the configuration at every start of a container (nginx-proxy, an ingress controller) ends every WebSocket each time.",
			"Let clients reconnect after a random pause, so that they do not all come at once.",
		},
	},
	{
		.id = "session.proxy_exited",
		.when = proxy_exited,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_ENDS_PROCESS,
		.initiator = BY_PROXY,
		.summary = "{who} ended, and its sessions with it",
		.user_message = "The connection to the chat was interrupted. You will be connected again in a moment.",
		.steps = {
			"The evidence says how the proxy ended and who sent the signal: a restart instead of a reload, a job that renews certificates, a kill.",
			"Reload the proxy where a reload is enough (`nginx -s reload`): sessions then survive it.",
		},
	},
	{
		.id = "session.process_killed",
		.when = process_killed,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_ENDS_PROCESS,
		.alternatives = { "session.process_oom_killed" },
		.summary = "{who} was killed with {signal}{by}",
		.user_message = "The chat {party} was stopped. Please try again in a moment.",
		.steps = {
			"The evidence names the sender: a container runtime sends SIGKILL when the stop grace is over (10 s after SIGTERM for Docker), a supervisor when a health check fails, SIGABRT when its worker has been stuck for too long (gunicorn `--timeout`, systemd `WatchdogSec=`).",
			"Handle SIGTERM: send Close 1001 or 1012 to every client, then exit. Raise stop_grace_period if that takes longer.",
		},
	},
	{
		.id = "session.process_terminated",
		.when = process_terminated,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_ENDS_PROCESS,
		.summary = "{who} {asked}{by} and dropped the connection without a Close frame",
		.user_message = "The chat {party} was stopped or updated. Please try again in a moment.",
		.steps = {
			"On SIGTERM send Close 1001 or 1012 to every client before exiting; net/http's Server.Shutdown and Node's server.close() do not do that for WebSocket connections.",
			"A deployment, `docker stop` or systemd sends SIGTERM: the evidence names the sender.",
			"If it was another signal: SIGHUP, SIGUSR1 and SIGUSR2 tell programs to reload or to open their logs again (logrotate sends them), and end those that have no handler for them; SIGALRM, SIGPIPE and SIGXCPU come of its own timers, writes and limits.",
		},
	},
	{
		.id = "session.process_exited",
		.when = process_exited,
		.category = CATEGORY_SERVER,
		.retry = RETRY_YES,
		.strategy = STRATEGY_IMMEDIATE_RETRY,
		.at = AT_SESSION,
		.flags = RULE_NEEDS_FRAMES | RULE_ENDS_PROCESS,
		.summary = "{who} exited by itself with the connection open",
		.user_message = "The chat {party} was stopped. Please try again in a moment.",
		.steps = {
			"A status other than 0 is an error: see the last lines of the log of {comm} (a Go panic exits with 2, an uncaught exception in Node with 1).",
			"Status 0 with open connections is a shutdown that forgets them: send Close 1001 first.",
		},
	},
};

const struct rule_table rules_session_process = RULE_TABLE(rules);
