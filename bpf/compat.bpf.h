/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each difference between kernels behind one accessor that names the change. The flags are set by
 * user space, which looks into the kernel's BTF; a branch that they switch off is never verified.
 */
#ifndef COMPAT_BPF_H
#define COMPAT_BPF_H

#include "sock.bpf.h"

/*
 * tcp_send_reset(sk, skb, reason): the third argument came with "tcp: rstreason: ..." (6.10).
 * Reading an argument that a tracepoint does not have is refused by the verifier.
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

/* The TCP socket of a file, or NULL. bpf_sock_from_file() came with 5.11. */
static __always_inline struct sock *compat_file_sock(struct file *file)
{
	struct socket *socket;

	if (!targ_sock_helpers)
		return file_sock(file);
	socket = bpf_sock_from_file(file);
	return socket ? socket->sk : NULL;
}

/*
 * Whether this descriptor is the only one of its file, so that the file goes with it. "fs: port files
 * to file_ref" (6.13) counts from 0 on.
 */
static __always_inline bool compat_file_is_held_once(struct file *file)
{
	struct file___with_ref *with_ref = (void *)file;
	struct file___with_count *with_count = (void *)file;

	if (bpf_core_field_exists(with_ref->f_ref))
		return BPF_CORE_READ(with_ref, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ(with_count, f_count.counter) == 1;
}

/*
 * inet_sk_error_report came with 5.14. Before, an error is seen where it ends the connection or, set
 * by close() itself, where the socket goes.
 */
static __always_inline void compat_tell_error(const struct sock *sk, struct note *note, u64 cookie)
{
	if (targ_error_report || note->flags & NOTE_ERROR_TOLD || !BPF_CORE_READ(sk, sk_err))
		return;
	note->flags |= NOTE_ERROR_TOLD;
	emit_error(sk, cookie);
}

/*
 * Adds, returns the sum, and keeps what stands before it in the program before it on all CPUs, and
 * what stands behind it behind it. On x86 every locked instruction does so, and nothing else is to be
 * had before Linux 5.12. Elsewhere BPF's atomic operations order nothing unless they fetch what was
 * there (BPF_FETCH; the JIT of arm64 has it since 5.18).
 */
static __always_inline u32 compat_ordered_add(u32 *number, s32 change)
{
	barrier_var(change); /* clang makes no locked instruction of an addition of 0 */
#ifdef __TARGET_ARCH_x86
	__sync_fetch_and_add(number, change);
	return *(volatile u32 *)number;
#else
	u32 sum = __sync_fetch_and_add(number, change) + change;

	barrier_var(sum); /* without a use of it clang fetches nothing */
	return sum;
#endif
}

/*
 * The facts of a socket, in tracing programs. "bpf: Allow using bpf_sk_storage in FENTRY/FEXIT/
 * RAW_TP" came with 5.11, bpf_get_socket_cookie() for them with 5.12. On older kernels the facts
 * are in hash maps by the address of the socket, from where handle_tcp_destroy_sock() removes them,
 * and the socket goes by a number of ours. All of a kernel's programs do the same.
 *
 * sk has to be an argument of the tracepoint, or what compat_file_sock() found.
 */
static __always_inline struct note *sock_note(struct sock *sk)
{
	u64 address;

	if (targ_sock_helpers)
		return bpf_sk_storage_get(&notes, sk, NULL, 0);
	address = (u64)sk;
	return bpf_map_lookup_elem(&notes_by_address, &address);
}

static __always_inline struct note *compat_add_note(u64 address)
{
	struct numbered_note fresh = {};

	/* two sockets never begin in one nanosecond on one CPU */
	fresh.number = bpf_ktime_get_boot_ns() << 8 | (bpf_get_smp_processor_id() & 0xff);
	bpf_map_update_elem(&notes_by_address, &address, &fresh, BPF_ANY);
	bpf_map_delete_elem(&streams_by_address, &address);
	return bpf_map_lookup_elem(&notes_by_address, &address);
}

/* Finds or makes it. NULL: no memory, or the map is full. */
static __always_inline struct note *sock_note_create(struct sock *sk)
{
	if (targ_sock_helpers)
		return bpf_sk_storage_get(&notes, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	return compat_add_note((u64)sk);
}

static __always_inline struct stream *sock_stream(struct sock *sk)
{
	u64 address;

	if (targ_sock_helpers)
		return bpf_sk_storage_get(&streams, sk, NULL, 0);
	address = (u64)sk;
	return bpf_map_lookup_elem(&streams_by_address, &address);
}

static __always_inline struct stream *compat_add_stream(u64 address)
{
	bpf_map_update_elem(&streams_by_address, &address, (void *)zeroes, BPF_NOEXIST);
	return bpf_map_lookup_elem(&streams_by_address, &address);
}

static __always_inline struct stream *sock_stream_create(struct sock *sk)
{
	if (targ_sock_helpers)
		return bpf_sk_storage_get(&streams, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	return compat_add_stream((u64)sk);
}

/* note has to be the socket's. */
static __always_inline u64 sock_cookie(struct sock *sk, const struct note *note)
{
	if (targ_sock_helpers)
		return bpf_get_socket_cookie(sk);
	return ((const struct numbered_note *)note)->number;
}

/* Socket storage passes the listener's note on to the sockets it accepts (BPF_F_CLONE). */
static __always_inline void compat_keep_listener(const struct sock *sk, const struct note *note)
{
	u64 key = sock_port_key(sk);

	if (!targ_sock_helpers)
		bpf_map_update_elem(&listeners_by_port, &key, &note->owner, BPF_ANY);
}

static __always_inline struct note *sock_note_of_accepted(struct sock *sk)
{
	const struct wst_task *owner;
	struct note *note;
	u64 key;

	if (targ_sock_helpers)
		return sock_note(sk);
	key = sock_port_key(sk);
	owner = bpf_map_lookup_elem(&listeners_by_port, &key);
	note = compat_add_note((u64)sk);
	if (note && owner)
		note->owner = *owner;
	return note;
}

/* The socket is about to be freed. */
static __always_inline void sock_forget(struct sock *sk, const struct note *note)
{
	u64 address, key;

	if (targ_sock_helpers)
		return; /* its storage goes with it */
	address = (u64)sk;
	key = sock_port_key(sk);
	if (note->flags & NOTE_LISTENER)
		bpf_map_delete_elem(&listeners_by_port, &key);
	bpf_map_delete_elem(&streams_by_address, &address);
	bpf_map_delete_elem(&notes_by_address, &address);
}

/* The same for programs of control groups, which had the helpers first. sk has to be whole. */
static __always_inline struct note *packet_note(struct bpf_sock *sk)
{
	u64 address;

	if (targ_sock_helpers)
		return bpf_sk_storage_get(&notes, sk, NULL, 0);
	address = (u64)bpf_skc_to_tcp_sock(sk);
	return bpf_map_lookup_elem(&notes_by_address, &address);
}

static __always_inline struct note *packet_note_create(struct bpf_sock *sk)
{
	if (targ_sock_helpers)
		return bpf_sk_storage_get(&notes, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	return compat_add_note((u64)bpf_skc_to_tcp_sock(sk));
}

/* Nothing about the socket will be told. */
static __always_inline void packet_forget(struct bpf_sock *sk)
{
	u64 address;

	if (targ_sock_helpers) {
		bpf_sk_storage_delete(&notes, sk);
		return;
	}
	address = (u64)bpf_skc_to_tcp_sock(sk);
	bpf_map_delete_elem(&notes_by_address, &address);
}

static __always_inline struct stream *packet_stream(struct bpf_sock *sk)
{
	u64 address;

	if (targ_sock_helpers)
		return bpf_sk_storage_get(&streams, sk, NULL, 0);
	address = (u64)bpf_skc_to_tcp_sock(sk);
	return bpf_map_lookup_elem(&streams_by_address, &address);
}

static __always_inline struct stream *packet_stream_create(struct bpf_sock *sk)
{
	if (targ_sock_helpers)
		return bpf_sk_storage_get(&streams, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	return compat_add_stream((u64)bpf_skc_to_tcp_sock(sk));
}

static __always_inline u64 packet_cookie(struct __sk_buff *skb, struct bpf_sock *sk)
{
	const struct note *note;

	if (targ_sock_helpers)
		return bpf_get_socket_cookie(skb);
	note = packet_note(sk);
	return note ? ((const struct numbered_note *)note)->number : 0;
}

#endif
