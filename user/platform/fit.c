/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/fit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "platform/btf.h"
#include "platform/loader.h"
#include "wstrace.skel.h"

#define TRACEPOINT_PREFIX "tp_btf/"
#define ITERATOR_PREFIX "iter/"

static bool has_map(int type)
{
	return libbpf_probe_bpf_map_type((enum bpf_map_type)type, NULL) != 0;
}

static bool has_program(int type)
{
	return libbpf_probe_bpf_prog_type((enum bpf_prog_type)type, NULL) != 0;
}

/*
 * Whether a tracing program may call a helper with (buffer on the stack, 8 bytes, NULL). Unlike
 * libbpf_probe_bpf_helper() of libbpf 1.1 it does not depend on the words of the verifier's log.
 */
static bool has_read_helper(int helper)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = helper },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, "GPL", program,
			       sizeof(program) / sizeof(program[0]), NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static const struct kernel_feature {
	const char *name;
	bool (*has)(int number); /* NULL: the function has to be in the kernel's BTF */
	int number;
	const char *function;
} features[] = {
	{ "BPF ring buffers (Linux 5.8)", has_map, BPF_MAP_TYPE_RINGBUF, NULL },
	{ "BPF socket storage (Linux 5.2)", has_map, BPF_MAP_TYPE_SK_STORAGE, NULL },
	{ "cgroup_skb programs (CONFIG_CGROUP_BPF)", has_program, BPF_PROG_TYPE_CGROUP_SKB, NULL },
	{ "bpf_skc_to_tcp_sock() for BPF programs (Linux 5.9)", NULL, 0, "bpf_skc_to_tcp_sock" },
	/* Older (Linux 5.5) than the ring buffer: taken away by LOCKDOWN_BPF_READ_KERNEL. */
	{ "BPF programs that may read its memory: it is locked down (confidentiality, see "
	  "kernel_lockdown(7)), and has to be booted without lockdown=confidentiality",
	  has_read_helper, BPF_FUNC_probe_read_kernel, NULL },
};

static bool has(const struct kernel_btf *btf, const struct kernel_feature *f)
{
	return f->has ? f->has(f->number) : kernel_btf_has_function(btf, f->function);
}

const char *fit_missing_feature(const struct kernel_btf *btf)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (!has(btf, &features[i]))
			return features[i].name;
	return NULL;
}

/* The name after the prefix, or NULL. */
static const char *after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}

/* Leaves out the programs whose hook the running kernel does not have. */
static int select_programs(struct wstrace_bpf *skel, const struct kernel_btf *btf,
			   const struct loader_config *config, struct failure *f)
{
	struct bpf_program *program;
	const char *name;

	bpf_object__for_each_program(program, skel->obj) {
		const char *section = bpf_program__section_name(program);

		name = after(section, TRACEPOINT_PREFIX);
		if (name && kernel_btf_tracepoint_arguments(btf, name) < 0)
			bpf_program__set_autoload(program, false);
		name = after(section, ITERATOR_PREFIX);
		if (name && !kernel_btf_has_iterator(btf, name))
			bpf_program__set_autoload(program, false);
	}
	if (bpf_program__autoload(skel->progs.handle_inet_sock_set_state))
		return 0;
	return failure_set(f, ENOTSUP,
			   "%s has no tracepoint inet_sock_set_state (Linux 5.8 or later has it): "
			   "it does not belong to a kernel that can be traced",
			   config->btf_path);
}

static void set_ports(struct wstrace_bpf__rodata *rodata, const struct loader_config *config)
{
	const uint8_t *bits = config->chat_ports;
	uint32_t low = 65535, high = 0;

	for (uint32_t port = 0; port < 65536; port++) {
		if (!(bits[port >> 3] >> (port & 7) & 1))
			continue;
		low = port < low ? port : low;
		high = port;
	}
	memcpy((void *)rodata->targ_ports, bits, sizeof(rodata->targ_ports));
	rodata->targ_port_min = low;
	rodata->targ_port_max = high;
}

static void set_rodata(struct wstrace_bpf *skel, const struct kernel_btf *btf,
		       const struct loader_config *config)
{
	struct wstrace_bpf__rodata *rodata = skel->rodata;

	set_ports(rodata, config);
	rodata->targ_only_chat_ports = config->only_chat_ports;
	rodata->targ_self_tgid = config->self_tgid;
	/* mark_victim(int pid) until Linux 6.8, then mark_victim(struct task_struct *, uid_t). */
	rodata->targ_mark_victim_task = kernel_btf_argument_points_to(btf, "mark_victim", 0,
								      "task_struct");
	/* tcp_send_reset(sk, skb, reason) since Linux 6.10. */
	rodata->targ_reset_reason = kernel_btf_tracepoint_arguments(btf, "tcp_send_reset") >= 3;
	/* inet_sk_error_report(sk) since Linux 5.14. */
	rodata->targ_error_report = kernel_btf_tracepoint_arguments(btf, "inet_sk_error_report") >=
				    0;
	/* kfree_skb(skb, location, reason) since Linux 5.17. */
	rodata->targ_drop_reason = kernel_btf_tracepoint_arguments(btf, "kfree_skb") >= 3;
}

/*
 * bpf_get_socket_cookie() for tracing programs came with Linux 5.12, socket storage for them with
 * 5.11. Where both are missing, the facts of sockets are in maps by address.
 */
static void select_storage(struct wstrace_bpf *skel, const struct kernel_btf *btf)
{
	bool helpers = kernel_btf_has_function(btf, "bpf_get_socket_ptr_cookie");

	skel->rodata->targ_sock_helpers = helpers;
	bpf_map__set_autocreate(skel->maps.notes, helpers);
	bpf_map__set_autocreate(skel->maps.streams, helpers);
	bpf_map__set_autocreate(skel->maps.notes_by_address, !helpers);
	bpf_map__set_autocreate(skel->maps.streams_by_address, !helpers);
	bpf_map__set_autocreate(skel->maps.listeners_by_port, !helpers);
}

int fit_to_kernel(struct wstrace_bpf *skel, const struct kernel_btf *btf,
		  const struct loader_config *config, struct failure *ret_failure)
{
	int err = select_programs(skel, btf, config, ret_failure);

	if (err)
		return err;
	set_rodata(skel, btf, config);
	select_storage(skel, btf);
	err = bpf_map__set_max_entries(skel->maps.events, config->buffer_mib << 20);
	return err ? failure_set(ret_failure, -err, "cannot size the ring buffer: %s",
				 strerror(-err)) :
		     0;
}
