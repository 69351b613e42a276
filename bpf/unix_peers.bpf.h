/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whom a process serves over Unix sockets. */
#ifndef UNIX_PEERS_BPF_H
#define UNIX_PEERS_BPF_H

#include "kernel_types.bpf.h"

enum unix_occasion { UNIX_AT_EXIT = 0, UNIX_AT_SIGNAL = 1, UNIX_OCCASIONS = 2 };

/*
 * Sends WST_EV_UNIX for each owner of followed sockets that had connected to a Unix socket which the
 * process has open. task: address of a struct task_struct whose files may go meanwhile; it is read
 * as memory. Returns how many such connections there are, of the first 1024 descriptors.
 */
int tell_unix_peers(u32 occasion, u64 task);

#endif
