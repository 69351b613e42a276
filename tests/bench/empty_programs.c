// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs that only return, attached where those of wstrace see every packet and every read: the
 * least that anything costs there, whatever it does.
 *
 *     empty_programs CGROUP packets|reads|both
 *
 * packets: cgroup_skb, both directions of CGROUP. reads: tp_btf on tcp_rcv_space_adjust. Says
 * "attached" on standard error, and is there until a signal ends it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSNS 2

static int fail(const char *what)
{
	fprintf(stderr, "empty_programs: %s: %s\n", what, strerror(errno));
	return -1;
}

/* r0 = value; exit */
static void returns(int value, struct bpf_insn ret[INSNS])
{
	memset(ret, 0, INSNS * sizeof(*ret));
	ret[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
	ret[0].imm = value;
	ret[1].code = BPF_JMP | BPF_EXIT;
}

static int attach_packets(const char *cgroup)
{
	const enum bpf_attach_type types[2] = { BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS };
	int cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct bpf_insn pass[INSNS];

	if (cgroup_fd < 0)
		return fail(cgroup);
	returns(1, pass);
	for (int i = 0; i < 2; i++) {
		LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = types[i]);

		fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", pass, INSNS, &options);
		if (fd < 0)
			return fail("cannot load a program");
		/* closed with the process */
		if (bpf_link_create(fd, cgroup_fd, types[i], NULL) < 0)
			return fail("cannot attach a program");
	}
	return 0;
}

static int attach_reads(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
	struct bpf_insn nothing[INSNS];
	int fd, type = libbpf_find_vmlinux_btf_id("tcp_rcv_space_adjust", BPF_TRACE_RAW_TP);

	if (type < 0)
		return fail("tcp_rcv_space_adjust");
	options.attach_btf_id = (__u32)type;
	returns(0, nothing);
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", nothing, INSNS, &options);
	if (fd < 0)
		return fail("cannot load a program");
	return bpf_raw_tracepoint_open(NULL, fd) < 0 ? fail("cannot attach a program") : 0;
}

int main(int argc, char **argv)
{
	bool packets, reads;

	if (argc != 3) {
		fprintf(stderr, "usage: empty_programs CGROUP packets|reads|both\n");
		return 2;
	}
	packets = strcmp(argv[2], "reads") != 0;
	reads = strcmp(argv[2], "packets") != 0;
	if ((packets && attach_packets(argv[1])) || (reads && attach_reads()))
		return 1;
	fprintf(stderr, "attached\n");
	pause();
	return 0;
}
