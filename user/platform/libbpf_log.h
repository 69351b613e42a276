/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What libbpf and the verifier say. libbpf hands its print function no argument, so this is the one
 * place with state of its own.
 */
#ifndef PLATFORM_LIBBPF_LOG_H
#define PLATFORM_LIBBPF_LOG_H

#include <stdbool.h>

/* Sends it to stderr from now on, or, when not verbose, nowhere. */
void libbpf_log_setup(bool verbose);
/* The program that libbpf named first as refused by the kernel, or NULL. */
const char *libbpf_log_refused_program(void);

#endif
