/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Just the kernel fields that are read, so that no vmlinux.h is generated or committed. Offsets
 * here mean nothing: libbpf relocates every access to the running kernel (CO-RE). Sizes do: a field
 * is declared as wide as the kernel has it.
 */
#ifndef KERNEL_TYPES_BPF_H
#define KERNEL_TYPES_BPF_H

#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

/* ___wst: a flavour, ignored by CO-RE; linux/in6.h has the plain name */
struct in6_addr___wst {
	union {
		u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	possible_net_t skc_net;
	struct in6_addr___wst skc_v6_daddr;
	struct in6_addr___wst skc_v6_rcv_saddr;
};

typedef struct {
	int owned;
} socket_lock_t;

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1]; /* [0]: in the first pid namespace */
};

struct socket;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	u16 sk_type;
	u16 sk_protocol;
	unsigned long sk_lingertime;
	int sk_err;
	int sk_err_soft;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	u8 sk_shutdown;
	struct pid *sk_peer_pid;
	struct socket *sk_socket;
};

struct unix_address;

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	u32 icsk_user_timeout;
	u8 icsk_retransmits;
	u8 icsk_backoff;
	u8 icsk_probes_out;
};

struct tcp_options_received {
	u8 num_sacks;
};

struct tcp_sack_block {
	u32 start_seq;
	u32 end_seq;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	struct tcp_sack_block selective_acks[4]; /* what is received behind holes: num_sacks of them */
	u64 bytes_received;
	u64 bytes_sent; /* payload, retransmissions included */
	u64 bytes_retrans;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 snd_una;
	u32 snd_nxt;
	u32 write_seq;
	u32 srtt_us; /* smoothed, << 3 */
	u32 snd_wnd;
	u32 rcv_wnd;
	u32 total_retrans;
	u32 rcv_ooopack;
	u32 mss_cache;
	u32 sacked_out;
};

enum sock_flags {
	SOCK_LINGER = 5,
	SOCK_KEEPOPEN = 9,
};

struct sk_buff {
	struct sock *sk;
	unsigned int len;
	unsigned char *head;
	u16 transport_header;
	u16 network_header;
	__be16 protocol;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct signal_struct {
	atomic_t live;
};

struct file;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *open_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	int exit_code;
	u64 start_boottime;
	char comm[16];
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct files_struct *files;
	struct css_set *cgroups;
};

struct kernel_siginfo {
	int si_code;
};

struct inode {
	u16 i_mode;
};

struct file_operations;

struct file {
	const struct file_operations *f_op;
	struct inode *f_inode;
	void *private_data;
};

/* Since 6.13, and before; flavours of struct file. */
typedef struct {
	atomic64_t refcnt;
} file_ref_t;

struct file___with_ref {
	file_ref_t f_ref;
};

struct file___with_count {
	atomic64_t f_count;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct bpf_iter_meta;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop

/* include/uapi/linux/tcp.h, include/net/tcp_states.h: uapi, never change */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

#define S_IFMT 00170000 /* include/uapi/linux/stat.h */
#define S_IFSOCK 0140000
#define SOCK_STREAM 1
#define SHUTDOWN_MASK 3 /* include/net/sock.h: both directions */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

#endif
