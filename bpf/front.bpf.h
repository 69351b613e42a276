/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A proxy that ends TLS: the key of the handshake is seen behind it only. Who reads a request from a
 * TLS connection and connects right after it does so for that connection.
 */
#ifndef FRONT_BPF_H
#define FRONT_BPF_H

#include "compat.bpf.h"
#include "sock.bpf.h"

/* A request comes early; who has been read from for longer transfers something else. */
#define FRONT_BYTES_MAX 65536
/* From the request to the connect(), name resolution included. */
#define FRONT_NS 100000000ull

/* A process reads from the socket. */
static __always_inline void note_tls_read(struct sock *sk, const struct note *note)
{
	struct front front = {};
	u32 thread, process;
	u64 pid_tgid;

	/* every read of every socket passes here */
	if (!(note->seen & SEEN_TLS) || !(note->flags & NOTE_PASSIVE) ||
	    BPF_CORE_READ((struct tcp_sock *)sk, bytes_received) > FRONT_BYTES_MAX)
		return;
	pid_tgid = bpf_get_current_pid_tgid();
	thread = pid_tgid;
	process = pid_tgid >> 32;
	front.cookie = sock_cookie(sk, note);
	front.read_ns = bpf_ktime_get_boot_ns();
	front.established_ns = note->established_ns;
	sock_tuple(sk, &front.tuple);
	bpf_map_update_elem(&tls_reads, &thread, &front, BPF_ANY);
	if (process != thread)
		bpf_map_update_elem(&tls_reads, &process, &front, BPF_ANY);
}

/* The connection for which `current` connects; 0: none. */
static __always_inline u64 front_of_caller(void)
{
	u64 pid_tgid = bpf_get_current_pid_tgid(), now_ns = bpf_ktime_get_boot_ns();
	u32 thread = pid_tgid, process = pid_tgid >> 32;
	struct front *front = bpf_map_lookup_elem(&tls_reads, &thread);
	u64 cookie;

	if (!front || now_ns - front->read_ns > FRONT_NS)
		front = bpf_map_lookup_elem(&tls_reads, &process);
	if (!front || now_ns - front->read_ns > FRONT_NS)
		return 0;
	cookie = front->cookie;
	bpf_map_update_elem(&fronts, &cookie, front, BPF_NOEXIST);
	return cookie;
}

/*
 * The first request of a connection asks for a WebSocket: a later one may be for somebody else
 * (upstream keepalive).
 */
static __always_inline void emit_front(const struct sock *sk, const struct note *note, u64 cookie)
{
	struct wst_front_event *event;
	struct front *front;
	u64 key = note->front;

	if (!key || BPF_CORE_READ((struct tcp_sock *)sk, bytes_received))
		return;
	front = bpf_map_lookup_elem(&fronts, &key);
	if (!front || front->followed)
		return;
	event = reserve_event(WST_EV_FRONT, sizeof(*event), cookie, note->owner.tgid);
	if (!event)
		return;
	front->followed = 1;
	event->front_cookie = key;
	event->tuple = front->tuple;
	event->established_ns = front->established_ns;
	event->read_ns = front->read_ns;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline bool is_followed_front(const struct note *note, u64 cookie)
{
	const struct front *front;

	if (!(note->seen & SEEN_TLS) || !(note->flags & NOTE_PASSIVE))
		return false;
	front = bpf_map_lookup_elem(&fronts, &cookie);
	return front && front->followed;
}

#endif
