// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A backend behind a proxy's Unix socket. Nothing tells of such a connection while it lives, and it
 * needs no attention while its processes do: when a process is about to lose its files, or is told to
 * stop, its descriptors say whom it serves.
 */
#include "unix_peers.bpf.h"
#include "compat.bpf.h"

/* What is read of one process, and no more: a server with more connections is known by these. */
#define WALK_WORDS 16
#define WORD_FDS 64

/*
 * Proxies whose connections are counted at a time: a worker for each CPU. More are told in parts, which
 * are of one time.
 */
#define PEER_SLOTS 8

struct unix_peer {
	u32 tgid; /* 0: none */
	u32 connections;
	u64 start_ns;
};

struct unix_walk {
	u64 socket_ops; /* what all files of sockets have as f_op, once one was met; outlives a walk */
	u64 task; /* addresses: of the process, its array of files, its bitmap of open descriptors */
	u64 files;
	u64 open_fds;
	u64 began_ns; /* the time of all its records; 0: there was none yet */
	u32 max_fds;
	u32 flags; /* enum wst_unix_flag */
	u32 told; /* connections */
	struct unix_peer peers[PEER_SLOTS];
};

/* By enum unix_occasion: one hook may interrupt the other, never itself. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, UNIX_OCCASIONS);
	__type(key, u32);
	__type(value, struct unix_walk);
} unix_walks SEC(".maps");

static __always_inline void tell_peer(struct unix_walk *w, struct unix_peer *peer)
{
	struct task_struct *task = (struct task_struct *)w->task;
	struct wst_unix_event *event;

	if (!peer->tgid)
		return;
	event = reserve_event(WST_EV_UNIX, sizeof(*event), 0, 0);
	if (event) {
		task_record(task, &event->task);
		event->h.tgid = event->task.tgid;
		if (!w->began_ns)
			w->began_ns = event->h.ts_ns;
		event->h.ts_ns = w->began_ns;
		event->peer_tgid = peer->tgid;
		event->peer_start_ns = peer->start_ns;
		event->connections = peer->connections;
		event->flags = w->flags;
		bpf_ringbuf_submit(event, 0);
	}
	w->told += peer->connections;
	peer->tgid = 0;
	peer->connections = 0;
}

/*
 * The process that connected to this socket and has not closed its end; 0: this is no such socket.
 * What was accepted has the address of its listener, what connects has none. unix_stream_connect()
 * notes the caller's pid in the socket to be accepted.
 */
static __always_inline u32 unix_client(struct sock *sk)
{
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    BPF_CORE_READ(sk, sk_type) != SOCK_STREAM ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_ESTABLISHED ||
	    BPF_CORE_READ(sk, sk_shutdown) == SHUTDOWN_MASK ||
	    !BPF_CORE_READ((struct unix_sock *)sk, addr))
		return 0;
	return BPF_CORE_READ(sk, sk_peer_pid, numbers[0].nr);
}

/* Most files are none: then f_op alone is read of them. */
static __always_inline struct sock *walked_sock(struct unix_walk *w, struct file *file)
{
	u64 ops = (u64)BPF_CORE_READ(file, f_op);
	struct sock *sk;

	if (w->socket_ops && ops != w->socket_ops)
		return NULL;
	sk = file_sock(file);
	if (sk)
		w->socket_ops = ops;
	return sk;
}

__noinline int look_at_descriptor(u32 occasion, u32 fd)
{
	struct unix_walk *w = bpf_map_lookup_elem(&unix_walks, &occasion);
	struct unix_peer *peer;
	struct file *file = NULL;
	u64 *start_ns;
	u32 tgid;

	if (!w || fd >= w->max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), (void *)(w->files + fd * sizeof(file)));
	tgid = file ? unix_client(walked_sock(w, file)) : 0;
	/* what a child has inherited does not end with either of them */
	if (tgid && occasion == UNIX_AT_EXIT && !compat_file_is_held_once(file))
		return 0;
	start_ns = tgid ? bpf_map_lookup_elem(&owners, &tgid) : NULL;
	if (!start_ns)
		return 0;
	peer = &w->peers[tgid & (PEER_SLOTS - 1)];
	if (peer->tgid != tgid) {
		tell_peer(w, peer);
		peer->tgid = tgid;
		peer->start_ns = *start_ns;
	}
	peer->connections++;
	return 0;
}

/* 64 descriptors of the bitmap. */
__noinline int look_at_word(u32 occasion, u32 word)
{
	struct unix_walk *w = bpf_map_lookup_elem(&unix_walks, &occasion);
	u64 bits = 0;

	if (!w)
		return 0;
	bpf_probe_read_kernel(&bits, sizeof(bits), (void *)(w->open_fds + word * sizeof(bits)));
	for (u32 bit = 0; bit < WORD_FDS; bit++) {
		if (bits >> bit == 0)
			break;
		if (bits >> bit & 1)
			look_at_descriptor(occasion, word * WORD_FDS + bit);
	}
	return 0;
}

static __always_inline bool begin_walk(struct unix_walk *w, u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);

	if (!table)
		return false;
	__builtin_memset(w->peers, 0, sizeof(w->peers));
	w->flags = w->told = 0;
	w->task = address;
	w->files = (u64)BPF_CORE_READ(table, fd);
	w->open_fds = (u64)BPF_CORE_READ(table, open_fds);
	w->max_fds = BPF_CORE_READ(table, max_fds);
	w->began_ns = 0;
	return w->files && w->open_fds;
}

__noinline int tell_unix_peers(u32 occasion, u64 task)
{
	struct unix_walk *w = bpf_map_lookup_elem(&unix_walks, &occasion);

	if (!w || !begin_walk(w, task))
		return 0;
	if (occasion == UNIX_AT_EXIT)
		w->flags |= WST_UNIX_EXITING;
	if (w->max_fds > WALK_WORDS * WORD_FDS)
		w->flags |= WST_UNIX_MORE;
	for (u32 word = 0; word < WALK_WORDS; word++) {
		if (word * WORD_FDS >= w->max_fds)
			break;
		look_at_word(occasion, word);
	}
	for (u32 slot = 0; slot < PEER_SLOTS; slot++)
		tell_peer(w, &w->peers[slot]);
	return w->told;
}
