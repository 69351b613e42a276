// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the verifier of the running kernel makes of each program. Prints a line for each:
 *
 *     PROGRAM INSTRUCTIONS MICROSECONDS
 *
 * the instructions that it looked at, and how long that took.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/btf.h"
#include "platform/fit.h"
#include "platform/loader.h"
#include "wstrace.skel.h"

#define PROGRAMS_MAX 64
/* Older verifiers mention each call of a global function, and refuse where that finds no room. */
#define LOG_BYTES (2 << 20)
#define LOG_STATS 4 /* BPF_LOG_STATS of the kernel: the sums alone */

static char logs[PROGRAMS_MAX][LOG_BYTES];

static int listen_to_verifier(struct bpf_object *object)
{
	struct bpf_program *program;
	unsigned int i = 0;
	int err = 0;

	bpf_object__for_each_program(program, object) {
		if (i == PROGRAMS_MAX)
			return -E2BIG;
		err = err ? err : bpf_program__set_log_buf(program, logs[i++], LOG_BYTES);
		err = err ? err : bpf_program__set_log_level(program, LOG_STATS);
	}
	return err;
}

/* The number behind the words, or 0. */
static unsigned long number_after(const char *log, const char *words)
{
	const char *at = strstr(log, words);

	return at ? strtoul(at + strlen(words), NULL, 10) : 0;
}

static void print_costs(struct bpf_object *object)
{
	struct bpf_program *program;
	unsigned int i = 0;

	bpf_object__for_each_program(program, object) {
		const char *log = logs[i++];

		if (bpf_program__autoload(program))
			printf("%s %lu %lu\n", bpf_program__name(program),
			       number_after(log, "processed "),
			       number_after(log, "verification time "));
	}
}

static int load(const struct loader_config *config, struct wstrace_bpf *skel, struct failure *f)
{
	struct kernel_btf *btf;
	int err = kernel_btf_open(config->btf_path, &btf, f);

	if (err)
		return err;
	err = fit_to_kernel(skel, btf, config, f);
	kernel_btf_free(btf);
	if (err)
		return err;
	err = listen_to_verifier(skel->obj);
	err = err ? err : wstrace_bpf__load(skel);
	return err ? failure_set(f, -err, "cannot load: %s", strerror(-err)) : 0;
}

int main(void)
{
	/* without any, the verifier would leave out all that is about ports */
	static const uint8_t ports[8192] = { [80 / 8] = 1 << 80 % 8, [8080 / 8] = 1 << 8080 % 8 };
	const struct loader_config config = {
		.chat_ports = ports,
		.buffer_mib = 1,
		.btf_path = "/sys/kernel/btf/vmlinux",
	};
	struct wstrace_bpf *skel = wstrace_bpf__open();
	struct failure failure;
	int err;

	libbpf_set_print(NULL); /* silent */
	if (!skel) {
		perror("verifier_cost: open");
		return 1;
	}
	err = load(&config, skel, &failure);
	if (err)
		fprintf(stderr, "verifier_cost: %s\n", failure.text);
	else
		print_costs(skel->obj);
	wstrace_bpf__destroy(skel);
	return err != 0;
}
