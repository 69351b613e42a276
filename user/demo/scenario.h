/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One way to break a WebSocket connection, and what has to be said of it. */
#ifndef DEMO_SCENARIO_H
#define DEMO_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

struct peer;

struct scenario {
	const char *name; /* the path is /demo/<name> */
	const char *story; /* what happens, one sentence */
	const char *cause; /* the right verdict */
	uint16_t close_code; /* what the client's API reports */
	int server_end; /* wait status of the server process */
	int kill_signal; /* sent to the server by a third process once the session is up; 0: none */
	bool ipv6; /* where the host has it */
	bool private_network; /* in a network namespace of its own, where a cable can be cut */
	bool slow; /* takes seconds: played together with the other slow ones */
	int (*server)(struct peer *p); /* NULL: nobody listens */
	int (*client)(struct peer *p);
};

#define SCENARIOS_MAX 32

extern const struct scenario demo_scenarios[];
extern const unsigned int demo_scenario_count;

#endif
