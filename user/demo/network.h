/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A loopback device of one's own whose cable can be cut: from then on it takes every packet and
 * delivers none. Needs no tool, no netfilter and no device driver. 0 or -errno.
 */
#ifndef DEMO_NETWORK_H
#define DEMO_NETWORK_H

/*
 * Moves this process, and its children to be, into a new network namespace where the loopback
 * device is up.
 */
int network_make_private(void);
/* There is no way back: the namespace ends with its processes. */
int network_cut(void);

#endif
