/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Backends behind the Unix sockets of proxies. Nothing is known of them until they end, or are told
 * to: then the kernel side says how many connections of which proxy they hold (WST_EV_UNIX). Pure.
 */
#ifndef TRACK_BACKEND_H
#define TRACK_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "track/keyed.h"
#include "wstrace/event.h"

#define BACKENDS_MAX 256 /* proxies */
#define BACKENDS_OF_PROXY 8 /* the latest: workers that end together */

/* What a signal does to a backend, its proxy's sessions show so soon. */
#define BACKEND_REACTION_NS 2000000000ull

/* What it was seen to hold. */
struct unix_holding {
	uint64_t ts_ns; /* 0: it was not looked at */
	uint32_t connections; /* of this proxy */
	uint32_t closed; /* sessions that the proxy closed in BACKEND_REACTION_NS after that */
	bool more; /* it may have had more connections */
};

struct unix_backend {
	struct wst_task task; /* tgid 0: none */
	struct unix_holding at_signal; /* when it was sent one that may end or halt it */
	struct unix_holding at_exit; /* what it lost by its end */
};

struct unix_backends {
	struct keyed_entry entry; /* by proxy */
	struct unix_backend list[BACKENDS_OF_PROXY];
};

void backends_apply(struct keyed *backends, const struct wst_unix_event *e);
/* That proxy closed a session with whose backend it has no socket that is followed. */
void backends_note_closing(struct keyed *backends, const struct wst_task *proxy, uint64_t ts_ns);
/* NULL: none is known. */
const struct unix_backends *backends_of(const struct keyed *backends, const struct wst_task *proxy);

#endif
