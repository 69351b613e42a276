/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of a chain browser -> proxy -> backend on one host: four sockets of two TCP connections.
 */
#ifndef UNIT_STACK_H
#define UNIT_STACK_H

#include "events.h"

enum stack_leg { BROWSER, ACCEPTED, UPSTREAM, BACKEND, STACK_LEGS };

struct stack {
	struct side legs[STACK_LEGS];
	uint32_t seq[2]; /* of the request on each connection; its answer begins at seq + 5 */
};

extern const struct stack STACK;

#define KEY_HEADER "Sec-WebSocket-Key: " EVENTS_KEY "\r\n"
#define OTHER_KEY_HEADER "Sec-WebSocket-Key: b3RoZXIgdGVzdCBrZXkhIQ==\r\n"
#define REQUEST_HEAD "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

/* Other tuples, cookies and sequence numbers for another chain of the same processes; n > 0. */
struct stack stack_number(uint16_t n);
/* The request travels to the backend: OPEN of each socket when it is first used, and the head. */
void stack_request(struct events *e, const struct stack *s, const char *key_header);
/* The answer travels to the browser. */
void stack_answer(struct events *e, const struct stack *s, const char *head);
void stack_open(struct events *e, const struct stack *s, const char *key_header);
/* The backend closes, then the proxy closes its client. */
void stack_close(struct events *e, const struct stack *s);
/* All four sockets were open before the tracer. */
void stack_midstream(struct events *e, const struct stack *s);
struct wst_end_event *midstream_end(struct events *e, const struct side *s);
/* Takes the frames out of an END. */
struct wst_end_event *no_frames(struct wst_end_event *end);

#endif
