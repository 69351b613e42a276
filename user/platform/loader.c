/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/btf.h"
#include "platform/capabilities.h"
#include "platform/cgroup.h"
#include "platform/fit.h"
#include "platform/libbpf_log.h"
#include "wstrace.skel.h"
#include "wstrace/event.h"

#define LINKS_MAX 64
#define ITERATOR_PREFIX "iter/"
#define PACKET_LINKS 2 /* of the program that sees packets: ingress, egress */

struct loader {
	struct wstrace_bpf *skel;
	struct kernel_btf *btf;
	struct bpf_link *links[LINKS_MAX];
	int packet_links[PACKET_LINKS]; /* descriptors, -1: none */
	unsigned int link_count;
	int cgroup_fd;
	int cpu_count;
};

/* The name after the prefix, or NULL. */
static const char *after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}

static int say_refused(const struct loader *l, int err, const struct loader_config *config,
		       struct failure *f)
{
	const char *program = libbpf_log_refused_program(), *missing;
	const char *hint = config->verbose ? "" : "; --verbose shows the kernel's log";

	if (err == ENOMEM)
		return failure_set(f, err,
				   "the kernel has no memory for a ring buffer of %u MiB and the "
				   "maps; try a smaller one: --buffer-mib N",
				   config->buffer_mib);
	/* Probing needs the same privileges, so without them it finds nothing. */
	missing = err == EPERM ? NULL : fit_missing_feature(l->btf);
	if (missing)
		return failure_set(f, err, "this kernel lacks %s", missing);
	if (err == EPERM && !program)
		return failure_set(f, err,
				   "the kernel refuses bpf() (EPERM) although the capabilities are "
				   "there: look for a seccomp filter, kernel lockdown or a user "
				   "namespace%s",
				   hint);
	if (program)
		return failure_set(f, err, "the kernel refuses the program %s: %s%s", program,
				   strerror(err), hint);
	return failure_set(f, err,
			   "cannot load the kernel side with the type information of %s: "
			   "%s%s",
			   config->btf_path, strerror(err), hint);
}

static int load(struct loader *l, const struct loader_config *config, struct failure *f)
{
	/*
	 * Naming the file keeps libbpf from searching the kernel's modules for types that do not
	 * exist, which needs CAP_SYS_ADMIN (BPF_BTF_GET_NEXT_ID).
	 */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = config->btf_path);
	int err;

	l->skel = wstrace_bpf__open_opts(&options);
	if (!l->skel)
		return failure_set(f, errno, "cannot open the BPF object: %s", strerror(errno));
	err = fit_to_kernel(l->skel, l->btf, config, f);
	if (err)
		return err;
	err = wstrace_bpf__load(l->skel);
	return err ? say_refused(l, -err, config, f) : 0;
}

static int say_not_attached(const struct bpf_program *program, int err, struct failure *f)
{
	return failure_set(f, err, "cannot attach the program %s to %s: %s",
			   bpf_program__name(program), bpf_program__section_name(program),
			   strerror(err));
}

/* One program for both directions, which libbpf's own links do not know. */
static int attach_to_packets(struct loader *l, const struct bpf_program *program, struct failure *f)
{
	const enum bpf_attach_type types[PACKET_LINKS] = { BPF_CGROUP_INET_INGRESS,
							   BPF_CGROUP_INET_EGRESS };

	for (int i = 0; i < PACKET_LINKS; i++) {
		l->packet_links[i] = bpf_link_create(bpf_program__fd(program), l->cgroup_fd,
						     types[i], NULL);
		if (l->packet_links[i] < 0)
			return say_not_attached(program, errno, f);
	}
	return 0;
}

static int attach_program(struct loader *l, struct bpf_program *program, struct failure *f)
{
	struct bpf_link *link;

	if (bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_SKB)
		return attach_to_packets(l, program, f);
	if (l->link_count == LINKS_MAX)
		return failure_set(f, E2BIG, "more than %d programs", LINKS_MAX);
	if (bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_SOCK_ADDR)
		link = bpf_program__attach_cgroup(program, l->cgroup_fd);
	else
		link = bpf_program__attach(program);
	if (!link)
		return say_not_attached(program, errno, f);
	l->links[l->link_count++] = link;
	return 0;
}

/* All but iterators, which run when asked to. */
static int attach(struct loader *l, struct failure *f)
{
	struct bpf_program *program;
	int err = 0;

	bpf_object__for_each_program(program, l->skel->obj) {
		if (!bpf_program__autoload(program) ||
		    after(bpf_program__section_name(program), ITERATOR_PREFIX))
			continue;
		err = attach_program(l, program, f);
		if (err)
			break;
	}
	return err;
}

int loader_open(const struct loader_config *config, struct loader **ret_loader,
		struct failure *ret_failure)
{
	struct loader *l;
	int err = capabilities_check(ret_failure);

	if (err)
		return err;
	l = calloc(1, sizeof(*l));
	if (!l)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	l->cgroup_fd = -1;
	for (int i = 0; i < PACKET_LINKS; i++)
		l->packet_links[i] = -1;
	l->cpu_count = libbpf_num_possible_cpus();
	libbpf_log_setup(config->verbose);
	err = kernel_btf_open(config->btf_path, &l->btf, ret_failure);
	if (err)
		goto cleanup;
	err = cgroup_open(config->cgroup_path, &l->cgroup_fd, ret_failure);
	if (err)
		goto cleanup;
	err = load(l, config, ret_failure);
	if (err)
		goto cleanup;
	err = attach(l, ret_failure);
cleanup:
	if (err)
		loader_close(l);
	else
		*ret_loader = l;
	return err;
}

void loader_detach(struct loader *l)
{
	for (int i = 0; i < PACKET_LINKS; i++) {
		if (l->packet_links[i] >= 0)
			close(l->packet_links[i]);
		l->packet_links[i] = -1;
	}
	while (l->link_count > 0)
		bpf_link__destroy(l->links[--l->link_count]);
}

void loader_close(struct loader *l)
{
	if (!l)
		return;
	loader_detach(l);
	wstrace_bpf__destroy(l->skel);
	kernel_btf_free(l->btf);
	if (l->cgroup_fd >= 0)
		close(l->cgroup_fd);
	free(l);
}

/*
 * The program writes no text, so a read says how far the walk got: 0 at its end, EAGAIN when the
 * kernel pauses after many objects (MAX_ITER_OBJECTS of bpf_seq_read()).
 */
static int read_iterator(int fd, int (*drain)(void *arg), void *arg)
{
	char text[4096];
	ssize_t n;
	int err;

	do {
		n = read(fd, text, sizeof(text));
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		err = drain(arg);
	} while (!err && n != 0);
	return err;
}

int loader_walk_open_sockets(struct loader *l, int (*drain)(void *arg), void *arg)
{
	struct bpf_program *program = l->skel->progs.handle_open_sockets;
	struct bpf_link *link;
	int fd, err;

	if (!bpf_program__autoload(program))
		return -EOPNOTSUPP;
	link = bpf_program__attach_iter(program, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	err = fd < 0 ? fd : read_iterator(fd, drain, arg);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return err;
}

int loader_events_fd(const struct loader *l)
{
	return bpf_map__fd(l->skel->maps.events);
}

static uint64_t skipped_runs(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_program__fd(program);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) ? info.recursion_misses : 0;
}

/*
 * A tracing program that interrupts itself on a CPU is not run; the kernel counts since 5.12. Not
 * the changes of TCP states: their socket tells at the next one, or at its end, that one is missing.
 */
static void count_skipped_runs(const struct loader *l, uint64_t total[LOADER_LOSS_SITES])
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, l->skel->obj) {
		if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING)
			continue;
		if (program == l->skel->progs.handle_kfree_skb)
			total[WST_LOSS_DROP_EVENTS] += skipped_runs(program);
		else if (program != l->skel->progs.handle_inet_sock_set_state)
			total[WST_LOSS_SKIPPED] += skipped_runs(program);
	}
}

_Static_assert(LOADER_LOSS_SITES == WST_LOSS_SITES, "the value of the map losses");

int loader_read_losses(const struct loader *l, uint64_t ret_total[LOADER_LOSS_SITES])
{
	uint64_t(*per_cpu)[LOADER_LOSS_SITES] = calloc((size_t)l->cpu_count, sizeof(*per_cpu));
	uint32_t key = 0;
	int err = per_cpu ? 0 : -ENOMEM;

	memset(ret_total, 0, LOADER_LOSS_SITES * sizeof(*ret_total));
	if (!err)
		err = bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.losses), &key, per_cpu);
	for (int cpu = 0; !err && cpu < l->cpu_count; cpu++)
		for (unsigned int site = 0; site < LOADER_LOSS_SITES; site++)
			ret_total[site] += per_cpu[cpu][site];
	free(per_cpu);
	if (!err)
		count_skipped_runs(l, ret_total);
	return err;
}

bool loader_end_was_lost(const struct loader *l, uint64_t cookie, uint64_t *ret_ns)
{
	return !bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.lost_ends), &cookie, ret_ns);
}

uint32_t loader_host_flags(const struct loader *l)
{
	return (l->skel->rodata->targ_reset_reason ? WST_HOST_RESET_REASONS : 0) |
	       (l->skel->rodata->targ_drop_reason ? WST_HOST_DROP_REASONS : 0);
}

struct reason_walk {
	int (*fn)(void *arg, uint32_t kind, uint32_t value, const char *name);
	void *arg;
	uint32_t kind;
	const char *prefix;
};

static int pass_reason(void *arg, const char *name, uint32_t value)
{
	const struct reason_walk *walk = arg;
	const char *rest = after(name, walk->prefix);

	return walk->fn(walk->arg, walk->kind, value, rest ? rest : name);
}

int loader_each_reason(const struct loader *l,
		       int (*fn)(void *arg, uint32_t kind, uint32_t value, const char *name),
		       void *arg)
{
	struct reason_walk reset = { fn, arg, WST_NAME_RESET, "SK_RST_REASON_" };
	struct reason_walk drop = { fn, arg, WST_NAME_DROP, "SKB_DROP_REASON_" };
	int ret = kernel_btf_each_value(l->btf, "sk_rst_reason", pass_reason, &reset);

	return ret ? ret : kernel_btf_each_value(l->btf, "skb_drop_reason", pass_reason, &drop);
}

void loader_forget_types(struct loader *l)
{
	kernel_btf_free(l->btf);
	l->btf = NULL;
}

int loader_cgroup_fd(const struct loader *l)
{
	return l->cgroup_fd;
}
