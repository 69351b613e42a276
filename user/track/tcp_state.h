/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * include/net/tcp_states.h of the kernel: a stable part of its interface (/proc/net/tcp prints
 * these numbers).
 */
#ifndef TRACK_TCP_STATE_H
#define TRACK_TCP_STATE_H

enum tcp_state_number {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT,
	STATE_SYN_RECV,
	STATE_FIN_WAIT1,
	STATE_FIN_WAIT2,
	STATE_TIME_WAIT,
	STATE_CLOSE,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_LISTEN,
	STATE_CLOSING,
	STATE_NEW_SYN_RECV,
};

#endif
