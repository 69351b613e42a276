/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the two ends of each scenario do. 0, or -errno when it did not go as the scenario says. */
#ifndef DEMO_ACTS_H
#define DEMO_ACTS_H

#include "demo/peer.h"

/* Opens a session, greets, and then does what a well-behaved client does until the end. */
int client_behaves(struct peer *p);
int server_answers_close(struct peer *p);

/* acts_close.c: Close frames and frames that ask for one */
int client_closes_normally(struct peer *p);
int client_goes_away(struct peer *p);
int client_closes_in_vain(struct peer *p);
int client_sends_big_message(struct peer *p);
int client_sends_rsv_bit(struct peer *p);
int server_ignores_close(struct peer *p);
int server_fails_internally(struct peer *p);
int server_refuses_big_message(struct peer *p);
int server_enforces_policy(struct peer *p);
int server_restarts(struct peer *p);
int server_finds_protocol_error(struct peer *p);
int server_writes_http(struct peer *p);

/* acts_process.c: sockets and processes that end without a word */
int client_floods(struct peer *p);
int server_terminates_socket(struct peer *p);
int server_leaves_data_unread(struct peer *p);
int server_aborts(struct peer *p);
int server_exits(struct peer *p);
int server_waits(struct peer *p);
int server_crashes(struct peer *p);

/* acts_handshake.c: no session at all */
int client_is_refused(struct peer *p);
int client_is_denied(struct peer *p);
int client_comes_from_elsewhere(struct peer *p);
int client_gets_no_answer(struct peer *p);
int client_finds_wrong_accept(struct peer *p);
int client_meets_full_backlog(struct peer *p);
int server_denies(struct peer *p);
int server_forbids(struct peer *p);
int server_hangs_up_on_request(struct peer *p);
int server_sends_wrong_accept(struct peer *p);
int server_accepts_too_late(struct peer *p);

/* acts_network.c: in a private network */
int client_calls_nobody(struct peer *p);
int client_loses_server(struct peer *p);
int client_probes_lost_server(struct peer *p);
int server_vanishes(struct peer *p);

#endif
