// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The settings that user space writes before loading. Constants for the verifier: what they switch
 * off costs nothing.
 */
#include "maps.bpf.h"

const volatile __u8 targ_ports[8192] = {};
const volatile __u32 targ_port_min = 0;
const volatile __u32 targ_port_max = 65535;
const volatile bool targ_only_chat_ports = false;
const volatile __u32 targ_self_tgid = 0;
const volatile bool targ_mark_victim_task = false;
const volatile bool targ_reset_reason = false;
const volatile bool targ_drop_reason = false;
const volatile bool targ_sock_helpers = false;
const volatile bool targ_error_report = false;

bool anybody_followed = false;

const volatile __u8 zeroes[ZEROES_BYTES] = {};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
