/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who listens on the ports that matter, and when nobody does any more. */
#ifndef LISTEN_BPF_H
#define LISTEN_BPF_H

#include "compat.bpf.h"
#include "sock.bpf.h"

/* How many sockets listen there once this one has begun (change 1) or stopped (-1). */
static __always_inline u32 count_listener(const struct sock *sk, int change)
{
	u64 key = sock_port_key(sk);
	u32 *count = bpf_map_lookup_elem(&listener_counts, &key), one = 1;

	if (count) {
		__sync_fetch_and_add(count, change);
		return *count;
	}
	if (change > 0)
		bpf_map_update_elem(&listener_counts, &key, &one, BPF_NOEXIST);
	return change > 0;
}

static __always_inline bool is_port_of_interest(const struct sock *sk)
{
	u16 port = sock_local_port(sk);

	return is_chat_port(port) || port_use(port);
}

/*
 * task: who did it. listen() and the close() of the last descriptor run in a process; at the start
 * it is who holds the socket.
 */
static __always_inline void tell_listener(const struct sock *sk, struct task_struct *task,
					  bool stopped)
{
	u32 listeners = count_listener(sk, stopped ? -1 : 1);
	struct wst_listen_event *event;

	if (!is_port_of_interest(sk))
		return;
	event = reserve_event(WST_EV_LISTEN, sizeof(*event), 0, 0);
	if (!event)
		return;
	sock_tuple(sk, &event->tuple);
	task_record(task, &event->task);
	event->h.tgid = event->task.tgid;
	event->listeners = listeners;
	event->flags = stopped ? WST_LISTEN_STOPPED : 0;
	bpf_ringbuf_submit(event, 0);
}

#endif
