/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* struct sock and struct task_struct -> the records of event.h. */
#ifndef SOCK_BPF_H
#define SOCK_BPF_H

#include "emit.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

static __always_inline bool is_chat_port(u16 port)
{
	u32 at = port >> 3;

	/* constants to the verifier: most ports need no look at the bitmap */
	if (port < targ_port_min || port > targ_port_max)
		return false;
	/* verifiers before 6.x know no bound of what bpf_ntohs() returns, and clang knows one */
	barrier_var(at);
	return targ_ports[at & (sizeof(targ_ports) - 1)] & (1 << (port & 7));
}

static __always_inline u8 port_use(u32 port)
{
	const u8 *use = bpf_map_lookup_elem(&served_ports, &port);

	return use ? *use : 0;
}

static __always_inline void note_port_use(u32 port, u8 use)
{
	u8 *known = bpf_map_lookup_elem(&served_ports, &port);

	if (known && (*known & use) != use)
		*known |= use;
}

/* A chat port, or one on which a WebSocket was opened. */
static __always_inline bool is_websocket_port(u16 port)
{
	return is_chat_port(port) || port_use(port) & PORT_WEBSOCKET;
}

static __always_inline u16 sock_local_port(const struct sock *sk)
{
	/* not skc_num: it is 0 again when a socket becomes TCP_CLOSE */
	return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static __always_inline u16 sock_remote_port(const struct sock *sk)
{
	return bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* One port of one network namespace. */
static __always_inline u64 sock_port_key(const struct sock *sk)
{
	return (u64)BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) << 16 |
	       BPF_CORE_READ((struct inet_sock *)sk, inet_sport);
}

static __always_inline bool sock_has_chat_port(const struct sock *sk)
{
	return is_chat_port(sock_local_port(sk)) || is_chat_port(sock_remote_port(sk));
}

/* Only chat ports are followed, and this is none: its socket needs no note. */
static __always_inline bool sock_is_left_out(const struct sock *sk)
{
	return targ_only_chat_ports && !sock_has_chat_port(sk);
}

static __always_inline bool sock_has_websocket_port(const struct sock *sk)
{
	return is_websocket_port(sock_local_port(sk)) || is_websocket_port(sock_remote_port(sk));
}

static __always_inline void map_ipv4(u8 address[16], __be32 ipv4)
{
	address[10] = 0xff;
	address[11] = 0xff;
	__builtin_memcpy(address + 12, &ipv4, 4);
}

/* tuple has to be zeroed. */
static __always_inline void sock_tuple(const struct sock *sk, struct wst_tuple *ret)
{
	ret->local_port = sock_local_port(sk);
	ret->remote_port = sock_remote_port(sk);
	ret->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		map_ipv4(ret->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(ret->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
		return;
	}
	BPF_CORE_READ_INTO(&ret->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
	BPF_CORE_READ_INTO(&ret->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
}

/* The same, or what connect() was asked for. */
static __always_inline void note_tuple(const struct sock *sk, const struct note *note,
				       struct wst_tuple *ret)
{
	sock_tuple(sk, ret);
	if (!(note->flags & NOTE_ATTEMPT))
		return;
	__builtin_memcpy(ret->remote, note->attempt.remote, sizeof(ret->remote));
	ret->remote_port = note->attempt.port;
}

static __always_inline void task_record(struct task_struct *task, struct wst_task *ret)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	ret->tgid = BPF_CORE_READ(task, tgid);
	ret->pid = BPF_CORE_READ(task, pid);
	ret->start_ns = BPF_CORE_READ(leader, start_boottime);
	ret->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_STR_INTO(&ret->comm, leader, comm);
}

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/*
 * True when the socket is held by a process in a system call, so that `current` is its user. In
 * softirq the lock is not owned and `current` is an innocent bystander; kernel threads (kTLS,
 * strparser) own sockets of others.
 */
static __always_inline bool sock_in_process(const struct sock *sk)
{
	if (!BPF_CORE_READ(sk, sk_lock.owned))
		return false;
	return !(BPF_CORE_READ(current_task(), flags) & PF_KTHREAD);
}

/*
 * The socket of a file that is no more than an address, or NULL: nothing but sockets has an inode of
 * this kind and a struct socket that points back to the file.
 */
static __always_inline struct sock *file_sock(struct file *file)
{
	struct socket *socket;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return socket && BPF_CORE_READ(socket, file) == file ? BPF_CORE_READ(socket, sk) : NULL;
}

static __always_inline void follow_owner(const struct wst_task *owner)
{
	u32 tgid = owner->tgid;
	u64 start_ns = owner->start_ns;

	if (!tgid)
		return;
	if (bpf_map_update_elem(&owners, &tgid, &start_ns, BPF_ANY))
		count_loss(WST_LOSS_OWNERS);
	if (!anybody_followed)
		anybody_followed = true;
}

/*
 * A failed connect() to a port where no WebSocket was seen, worth a record: a proxy's backend may be
 * anywhere, and what becomes of its clients may come from there.
 */
static __always_inline bool failed_aside(struct note *note)
{
	u32 tgid = note->owner.tgid;

	if (targ_only_chat_ports || !tgid || !bpf_map_lookup_elem(&owners, &tgid))
		return false;
	note->flags |= NOTE_ASIDE;
	return true;
}

static __always_inline u32 note_open_flags(const struct note *note)
{
	return (note->flags & NOTE_PASSIVE ? WST_OPEN_PASSIVE : 0) |
	       (note->flags & NOTE_MIDSTREAM ? WST_OPEN_MIDSTREAM : 0) |
	       (note->flags & NOTE_INHERITED ? WST_OPEN_OWNER_INHERITED : 0) |
	       (note->flags & NOTE_CHAT_PORT ? WST_OPEN_CHAT_PORT : 0) |
	       (note->flags & NOTE_ASIDE ? WST_OPEN_ASIDE : 0);
}

/*
 * Tells user space of the socket, or that its owner is another one. sk may be any struct sock that
 * CO-RE reads can follow. When there is no room for the record, what comes later is told all the
 * same, and the last one has all that this one has.
 */
static __always_inline void tell_open(const struct sock *sk, struct note *note, u64 cookie)
{
	struct wst_open_event *event;

	note->announced = 1;
	follow_owner(&note->owner);
	if (note->flags & NOTE_PASSIVE)
		note_port_use(sock_local_port(sk), PORT_ACCEPTED);
	event = reserve_event(WST_EV_OPEN, sizeof(*event), cookie, note->owner.tgid);
	if (!event)
		return;
	note_tuple(sk, note, &event->tuple);
	event->owner = note->owner;
	event->connect_ns = note->connect_ns;
	event->established_ns = note->established_ns;
	event->flags = note_open_flags(note);
	event->syn_retransmits = note->syn_retransmits;
	bpf_ringbuf_submit(event, 0);
}

/* Once: from here on the socket is followed. */
static __always_inline void announce(const struct sock *sk, struct note *note, u64 cookie)
{
	if (!note->announced && !(targ_self_tgid && note->owner.tgid == targ_self_tgid))
		tell_open(sk, note, cookie);
}

#endif
