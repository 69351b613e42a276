/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the peers of all scenarios have in common. Functions return 0 or -errno. */
#ifndef DEMO_PEER_H
#define DEMO_PEER_H

#include <netinet/in.h>

#include "demo/scenario.h"
#include "demo/websocket.h"

union peer_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum peer_cue { CUE_LISTENING = 'L', CUE_SESSION_UP = 'U' };

struct peer {
	const struct scenario *scenario;
	union peer_address server;
	int bound_fd; /* server: bound to that address, not listening yet */
	int cue_fd; /* enum peer_cue goes here */
	uint16_t close_code; /* client: what its API would report */
	struct websocket ws;
};

socklen_t peer_address_len(const union peer_address *a);
void peer_cue(struct peer *p, enum peer_cue cue);

/*
 * Server: listen; listen and accept; those and the opening handshake; those and one message echoed.
 */
int peer_listen(struct peer *p, int backlog);
int peer_accept(struct peer *p);
int peer_serve(struct peer *p);
int peer_serve_greeting(struct peer *p);

/*
 * Client: a socket that gives up after a while; connect; that and the request, whose Origin may be
 * NULL for the server's own.
 */
int peer_socket(struct peer *p, unsigned int give_up_ms);
int peer_connect(struct peer *p);
int peer_request(struct peer *p, const char *origin);
/* Client: those and the 101; those and one message echoed. */
int peer_open(struct peer *p);
int peer_open_and_greet(struct peer *p);

/* close(2) by a process that lives on: the end is then its own doing and nobody else's. */
int peer_hang_up(struct peer *p);
/* As that, with SO_LINGER 0: RST instead of FIN. */
int peer_abort(struct peer *p);
void peer_sleep_ms(unsigned int ms);

/*
 * 0 when the result is the one that the scenario wants; otherwise the error that it is, or -EPROTO.
 */
int peer_expect(int result, int wanted);

#endif
