// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What happens to the processes that own followed sockets: exit, fatal signals with their sender,
 * SIGSTOP and SIGCONT, the OOM killer.
 */
#include "sock.bpf.h"
#include "compat.bpf.h"
#include "unix_peers.bpf.h"

#define SEND_SIG_PRIV \
	1 /* include/linux/sched/signal.h: info of a signal that the kernel itself sends */
#define SI_USER 0
#define SI_KERNEL 0x80

/*
 * HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM XCPU XFSZ SYS: signals
 * whose default action ends a process
 */
#define FATAL_SIGNALS                                                                            \
	((1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 |        \
	  1u << 9 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15 | 1u << 24 | \
	  1u << 25 | 1u << 31))
/*
 * HUP INT QUIT ABRT KILL TERM STOP: those that are sent to end or halt a process. Others come in great
 * numbers to some (USR1 in PostgreSQL, SEGV in Java).
 */
#define STOPPING_SIGNALS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9 | 1u << 15 | 1u << 19)
/* CONT STOP: in between a process does nothing, which others take for a silence */
#define HALTING_SIGNALS (1u << 18 | 1u << 19)

static __always_inline bool owns_followed(u32 tgid)
{
	return bpf_map_lookup_elem(&owners, &tgid) != NULL;
}

/* Backends behind Unix sockets are not known before that. */
static __always_inline bool serves_followed(u64 *ctx, struct task_struct *target, u32 signal)
{
	struct wst_task task = {};
	u64 address = 0;

	if (!anybody_followed || !(STOPPING_SIGNALS & (1u << signal)))
		return false;
	/* a typed pointer is not passed to a global function as a number */
	bpf_probe_read_kernel(&address, sizeof(address), &ctx[2]);
	if (!tell_unix_peers(UNIX_AT_SIGNAL, address))
		return false;
	task_record(target, &task);
	follow_owner(&task);
	return true;
}

/*
 * Runs before the kernel closes the dying process's files, so this record precedes the ends of its
 * sockets.
 */
SEC("tp_btf/sched_process_exit")
int handle_sched_process_exit(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct wst_exit_event *event;
	u32 tgid;

	/* the last thread */
	if (!anybody_followed || task->signal->live.counter)
		return 0;
	tgid = task->tgid;
	if (!tell_unix_peers(UNIX_AT_EXIT, (u64)current_task()) && !owns_followed(tgid))
		return 0;
	event = reserve_event(WST_EV_EXIT, sizeof(*event), 0, tgid);
	if (!event)
		return 0;
	event->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	event->exit_code = BPF_CORE_READ(task, exit_code);
	event->parent_tgid = BPF_CORE_READ(task, group_leader, real_parent, tgid);
	BPF_CORE_READ_STR_INTO(&event->comm, task, group_leader, comm);
	bpf_ringbuf_submit(event, 0);
	bpf_map_delete_elem(&owners, &tgid);
	return 0;
}

static __always_inline s32 signal_code(u64 info)
{
	if (info <= SEND_SIG_PRIV)
		return info == SEND_SIG_PRIV ? SI_KERNEL : SI_USER;
	return BPF_CORE_READ((struct kernel_siginfo *)info, si_code);
}

/* signal_generate(sig, info, task, group, result): runs in the sender's context. */
SEC("tp_btf/signal_generate")
int handle_signal_generate(u64 *ctx)
{
	struct task_struct *target = (struct task_struct *)ctx[2];
	struct task_struct *sender = current_task();
	struct wst_signal_event *event;
	u32 signal = ctx[0], tgid;

	if (signal > 31 || !((FATAL_SIGNALS | HALTING_SIGNALS) & (1u << signal)))
		return 0;
	tgid = BPF_CORE_READ(target, tgid);
	if (!serves_followed(ctx, target, signal) && !owns_followed(tgid))
		return 0;
	event = reserve_event(WST_EV_SIGNAL, sizeof(*event), 0, tgid);
	if (!event)
		return 0;
	event->signal = signal;
	event->code = signal_code(ctx[1]);
	/* SI_KERNEL and faults are the kernel's doing, whoever is on the CPU */
	if (event->code <= 0) {
		task_record(sender, &event->sender);
		event->sender_parent_tgid = BPF_CORE_READ(sender, real_parent, tgid);
	}
	event->target_parent_tgid = BPF_CORE_READ(target, group_leader, real_parent, tgid);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp_btf/mark_victim")
int handle_mark_victim(u64 *ctx)
{
	u32 tgid = compat_victim_tgid(ctx);
	struct wst_oom_event *event;

	event = reserve_event(WST_EV_OOM, sizeof(*event), 0, tgid);
	if (!event)
		return 0;
	if (targ_mark_victim_task)
		BPF_CORE_READ_STR_INTO(&event->comm, (struct task_struct *)ctx[0], group_leader,
				       comm);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
