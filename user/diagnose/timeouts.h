/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Timeouts of well-known software and services, as they are by default: what a regular silence or
 * age may come from. Defaults change, so each row says as of when it was read. Pure data.
 */
#ifndef DIAGNOSE_TIMEOUTS_H
#define DIAGNOSE_TIMEOUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "track/pattern.h"

/* Where the product stands, as seen from the host that traces. */
enum timeout_place {
	TIMEOUT_PROXY = 1 << 0, /* a proxy, here or between the client and this host */
	TIMEOUT_NETWORK = 1 << 1, /* load balancers and networks: never a process of this host */
	TIMEOUT_SERVER = 1 << 2, /* the server's framework */
};

enum timeout_close {
	TIMEOUT_FIN,
	TIMEOUT_CLOSE_FRAME,
	TIMEOUT_SILENT, /* nothing until the next packet, which is lost or answered by RST */
};

struct known_timeout {
	const char *product, *knob;
	uint32_t seconds;
	bool age; /* of the connection, whatever its traffic; otherwise a silence */
	const char *reset_by; /* what starts it anew; NULL: nothing does */
	unsigned int place; /* enum timeout_place */
	enum timeout_close close;
	const char *source; /* where it was read */
	const char *as_of; /* YYYY-MM */
};

/* The next row that fits after the given one, NULL: the first. NULL when there is no more. */
const struct known_timeout *timeout_next(const struct known_timeout *after, uint64_t value_ns,
					 bool age, unsigned int place, enum timeout_close close);

/*
 * What a proxy, known by the name of its process, calls its timers. Their values stand in its
 * configuration, which is out of reach: /proc/PID/root asks for ptrace access, and of that nothing
 * is left when the capabilities are dropped (EACCES for a master of root, which keeps its own, and for
 * workers of another user). So only repetition confirms a timer, and the advice names the directive.
 */
struct known_proxy {
	const char *comm; /* the name of its process begins with it */
	const char *product;
	const char *idle_knob; /* how to set the idle timeout; a sentence's object */
	const char *shutdown_knob; /* how long old workers may live after a reload */
	/* it limits silences only, and no age of less than a day (client_lifetime of Squid) */
	bool no_lifetime;
	/* its own 503 is a limit that was met: backends that fail are a 502 or 504 to it */
	bool limits_with_503;
	/* with a module it is a WebSocket server itself (Nchan, Lua, mod_websocket) */
	bool serves;
};

/* NULL: no proxy that is known. */
const struct known_proxy *known_proxy_find(const char *comm);

/* A number of seconds that people set, met as timers meet it: a little early, hardly late. */
bool timeout_is_round(uint64_t value_ns);

#endif
