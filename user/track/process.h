/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What happened to the processes that own sockets. Bounded: the least recently used entry goes
 * first.
 */
#ifndef TRACK_PROCESS_H
#define TRACK_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wstrace/event.h"

/*
 * Longer than the grace that Docker (10 s), Kubernetes (30 s) and systemd (90 s) give a process to
 * stop.
 */
#define PROCESS_STOP_GRACE_NS (120ull * 1000000000)

struct fatal_signal {
	uint32_t signal; /* 0: none */
	int32_t code; /* si_code */
	uint64_t ts_ns;
	struct wst_task sender; /* tgid 0: the kernel */
	uint32_t sender_parent_tgid;
	bool from_parent; /* the sender is the target's parent */
};

struct process {
	uint32_t tgid;
	uint64_t start_ns; /* 0: not known */
	char comm[WST_COMM_LEN + 1];
	uint32_t parent_tgid;
	bool exited;
	uint32_t exit_code; /* wait status */
	uint64_t exit_ns;
	bool accepts; /* connections were accepted in its name */
	uint64_t oom_ns; /* 0: not chosen by the OOM killer */
	/* first fatal one; the SIGKILL if there was one */
	struct fatal_signal first_signal, kill_signal;
	/* it may have survived the first one by hours, as a proxy does a SIGHUP */
	struct fatal_signal last_signal;
	struct fatal_signal stop_signal; /* first of the latest series: SIGTERM, SIGINT, SIGQUIT */
	struct fatal_signal halt_signal; /* the latest SIGSTOP that it had not been halted before */
	uint64_t continued_ns; /* SIGCONT after that; 0: none, it is halted */
	uint32_t fds_used, fds_limit; /* 0: not read */
	/* sockets closed one after another with input that had lain unread, and the last of them */
	uint32_t stalled_sockets;
	uint64_t stalled_ns;
	char cgroup[WST_CGROUP_PATH_BYTES];
	char container_id[65]; /* 64 hex digits from the cgroup path; empty: none */
	uint64_t used; /* for eviction: number of the use, the highest is the latest */
	struct process *next; /* hash chain */
	struct process *older, *newer; /* by use */
};

struct process_table;

/* With it a process is asked to end: SIGTERM, SIGINT, SIGQUIT. */
bool process_signal_stops(uint32_t signal);

struct process_table *process_table_new(uint32_t capacity); /* NULL: out of memory */
void process_table_free(struct process_table *t);
/*
 * The process, or NULL. start_ns 0 matches any; otherwise a reused pid is told apart (a difference
 * of 10 ms is tolerated).
 */
struct process *process_find(struct process_table *t, uint32_t tgid, uint64_t start_ns);
size_t process_count(const struct process_table *t);
/*
 * Feed WST_EV_EXIT, _SIGNAL, _OOM, _PROCESS, and the owners that sockets name. 0, -EINVAL, -ENOMEM.
 */
int process_apply(struct process_table *t, const struct wst_event *event);
/* A socket of that process was closed at ts_ns with input that had lain unread for long. */
void process_note_stall(struct process_table *t, const struct wst_task *task, uint64_t ts_ns);
int process_note_task(struct process_table *t, const struct wst_task *task);
/* It serves connections: what it opens itself, it may open for others. */
void process_note_accept(struct process_table *t, const struct wst_task *task);
/*
 * Container id (64 lowercase hex digits) inside a cgroup path, as Docker, containerd, Podman and
 * Kubernetes write it.
 */
bool container_id_from_cgroup(const char *path, char ret_id[65]);

#endif
