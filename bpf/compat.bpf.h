/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Each difference between kernels behind one accessor that names the change. */
#ifndef COMPAT_BPF_H
#define COMPAT_BPF_H

#include "maps.bpf.h"
#include <bpf/bpf_core_read.h>

/*
 * tcp_send_reset(sk, skb, reason): the third argument came with "tcp: rstreason: ..." (6.10).
 * Reading an argument that a tracepoint does not have is refused by the verifier, so user space
 * looks into BTF and sets the flag; the dead branch is never verified.
 */
static __always_inline u32 compat_reset_reason(u64 *ctx)
{
	return targ_reset_reason ? (u32)ctx[2] : WST_REASON_NONE;
}

/* kfree_skb(skb, location, reason): the reason came with 5.17. */
static __always_inline u32 compat_drop_reason(u64 *ctx)
{
	return targ_drop_reason ? (u32)ctx[2] : WST_REASON_NONE;
}

/*
 * mark_victim(pid) until 6.8, mark_victim(task, uid) since "mm/oom_kill: pull out more information"
 * (6.9).
 */
static __always_inline u32 compat_victim_tgid(u64 *ctx)
{
	struct task_struct *task;

	if (!targ_mark_victim_task)
		return (u32)ctx[0];
	task = (struct task_struct *)ctx[0];
	return BPF_CORE_READ(task, tgid);
}

#endif
