/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/libbpf_log.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

static bool log_verbose;
static char refused_program[64];

/* libbpf: "prog 'NAME': BPF program load failed: REASON" */
static void note_refused_program(const char *line)
{
	char name[sizeof(refused_program)];

	if (refused_program[0] || !strstr(line, "program load failed"))
		return;
	if (sscanf(line, "libbpf: prog '%63[^']'", name) == 1)
		memcpy(refused_program, name, sizeof(name));
}

__attribute__((format(printf, 2, 0))) static int print_log(enum libbpf_print_level level,
							   const char *format, va_list ap)
{
	char line[256];
	va_list again;

	if (level == LIBBPF_WARN) {
		va_copy(again, ap);
		vsnprintf(line, sizeof(line), format, again);
		va_end(again);
		note_refused_program(line);
	}
	/* The debug level is thousands of lines of relocations: of use to libbpf's authors only. */
	if (!log_verbose || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, ap);
}

void libbpf_log_setup(bool verbose)
{
	log_verbose = verbose;
	refused_program[0] = '\0';
	libbpf_set_print(print_log);
}

const char *libbpf_log_refused_program(void)
{
	return refused_program[0] ? refused_program : NULL;
}
