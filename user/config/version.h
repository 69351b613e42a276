/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CONFIG_VERSION_H
#define CONFIG_VERSION_H

/* The release, and the one place where it stands. make puts the commit behind it (build/version.h). */
#ifndef WSTRACE_VERSION
#define WSTRACE_VERSION "0.1.0"
#endif

#endif
