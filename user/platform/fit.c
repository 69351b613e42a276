/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/fit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "platform/btf.h"
#include "platform/loader.h"
#include "wstrace.skel.h"

#define TRACEPOINT_PREFIX "tp_btf/"
#define ITERATOR_PREFIX "iter/"

static const struct kernel_feature {
	const char *name;
	int map_type, program_type; /* one of the three, the others 0 */
	const char *function;
} features[] = {
	{ "BPF ring buffers (Linux 5.8)", BPF_MAP_TYPE_RINGBUF, 0, NULL },
	{ "BPF socket storage (Linux 5.2)", BPF_MAP_TYPE_SK_STORAGE, 0, NULL },
	{ "cgroup_skb programs (CONFIG_CGROUP_BPF)", 0, BPF_PROG_TYPE_CGROUP_SKB, NULL },
	{ "bpf_skc_to_tcp_sock() for BPF programs (Linux 5.9)", 0, 0, "bpf_skc_to_tcp_sock" },
};

static bool lacks(const struct kernel_btf *btf, const struct kernel_feature *f)
{
	if (f->map_type)
		return libbpf_probe_bpf_map_type(f->map_type, NULL) == 0;
	if (f->program_type)
		return libbpf_probe_bpf_prog_type(f->program_type, NULL) == 0;
	return !kernel_btf_has_function(btf, f->function);
}

const char *fit_missing_feature(const struct kernel_btf *btf)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (lacks(btf, &features[i]))
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

static void set_rodata(struct wstrace_bpf *skel, const struct kernel_btf *btf,
		       const struct loader_config *config)
{
	struct wstrace_bpf__rodata *rodata = skel->rodata;

	memcpy((void *)rodata->targ_ports, config->chat_ports, sizeof(rodata->targ_ports));
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
