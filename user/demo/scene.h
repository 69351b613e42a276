/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Plays one scenario: forks its server, its client and who kills the server, and sees that they do
 * as they should.
 */
#ifndef DEMO_SCENE_H
#define DEMO_SCENE_H

#include <stdint.h>
#include <sys/types.h>

#include "demo/peer.h"

/* Lives in memory that all processes of the demo share. */
struct scene_result {
	pid_t server_pid, client_pid;
	uint16_t close_code; /* what the client's API would have reported */
	char problem[128]; /* why the scenario did not come about; empty: it did */
	bool impossible; /* because this machine does not allow it */
	int over; /* set last, and atomically */
};

/*
 * Binds a port for the scenario on the loopback device. Returns the socket, which does not listen,
 * or -errno.
 */
int scene_reserve_port(const struct scenario *s, union peer_address *ret_address);
/*
 * For how a process of the demo is forked: it dies with its parent, takes signals as usual, and is
 * called name.
 */
pid_t scene_fork(const char *name);
/* Takes bound_fd over. Everything that was started has ended when this returns. */
void scene_play(const struct scenario *s, int bound_fd, const union peer_address *address,
		struct scene_result *result);

#endif
