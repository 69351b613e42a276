/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few words that differ between the BPF compiler and the host's. The only #ifdef __bpf__ of the
 * project.
 */
#ifndef WSTRACE_TYPES_H
#define WSTRACE_TYPES_H

#include <linux/types.h>

/*
 * Hides a value from the compiler, which else leaves out a comparison where it can tell the outcome: older
 * verifiers cannot.
 */
#define wst_hide(value) asm volatile("" : "+r"(value))

#ifdef __bpf__
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
/*
 * A function that the verifier looks at once, apart from its callers, so that its branches do not
 * multiply theirs. Scalars in, scalar out: older kernels take nothing else. Weak: every object that
 * includes the header has it, the linker keeps one.
 */
#define WST_VERIFIED_ONCE __attribute__((weak, noinline))
#define wst_memcpy __builtin_memcpy
#define wst_memset __builtin_memset
#else
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define WST_VERIFIED_ONCE static inline
#define wst_memcpy memcpy
#define wst_memset memset
#endif

#endif
