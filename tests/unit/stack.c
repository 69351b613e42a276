/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "stack.h"

#include <stdio.h>
#include <string.h>

const struct stack STACK = {
	.legs = {
		[BROWSER] = { .cookie = 0x10,
			      .local = "198.18.0.2",
			      .local_port = 40000,
			      .remote = "198.18.0.1",
			      .remote_port = 80,
			      .tgid = 100,
			      .comm = "browser",
			      .netns = 1 },
		[ACCEPTED] = { .cookie = 0x20,
			       .local = "198.18.0.1",
			       .local_port = 80,
			       .remote = "198.18.0.2",
			       .remote_port = 40000,
			       .server = true,
			       .tgid = 200,
			       .comm = "nginx",
			       .netns = 2 },
		[UPSTREAM] = { .cookie = 0x30,
			       .local = "198.18.1.1",
			       .local_port = 50000,
			       .remote = "198.18.1.2",
			       .remote_port = 8080,
			       .tgid = 200,
			       .comm = "nginx",
			       .netns = 2 },
		[BACKEND] = { .cookie = 0x40,
			      .local = "198.18.1.2",
			      .local_port = 8080,
			      .remote = "198.18.1.1",
			      .remote_port = 50000,
			      .server = true,
			      .tgid = 300,
			      .comm = "backend",
			      .netns = 3 },
	},
	.seq = { 1000, 2000 },
};

struct stack stack_number(uint16_t n)
{
	struct stack s = STACK;

	for (int i = 0; i < STACK_LEGS; i++)
		s.legs[i].cookie += 0x100 * (uint64_t)n;
	s.legs[BROWSER].local_port += n;
	s.legs[ACCEPTED].remote_port += n;
	s.legs[UPSTREAM].local_port += n;
	s.legs[BACKEND].remote_port += n;
	s.seq[0] += 10000u * n;
	s.seq[1] += 10000u * n;
	return s;
}

void stack_request(struct events *e, const struct stack *s, const char *key_header)
{
	char head[512];

	snprintf(head, sizeof(head), REQUEST_HEAD "%s\r\n", key_header);
	for (int i = 0; i < STACK_LEGS; i++) {
		ev_open(e, &s->legs[i]);
		ev_request(e, &s->legs[i], head)->head_seq = s->seq[i / 2];
		e->now_ns += 50000;
	}
}

void stack_answer(struct events *e, const struct stack *s, const char *head)
{
	for (int i = STACK_LEGS - 1; i >= 0; i--) {
		ev_response(e, &s->legs[i], head)->head_seq = s->seq[i / 2] + 5;
		e->now_ns += 50000;
	}
}

void stack_open(struct events *e, const struct stack *s, const char *key_header)
{
	stack_request(e, s, key_header);
	stack_answer(e, s, "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: " EVENTS_ACCEPT "\r\n\r\n");
}

void stack_close(struct events *e, const struct stack *s)
{
	ev_fin_both(e, &s->legs[BACKEND], true);
	ev_fin_both(e, &s->legs[UPSTREAM], false);
	ev_fin_both(e, &s->legs[ACCEPTED], true);
	ev_fin_both(e, &s->legs[BROWSER], false);
}

void stack_midstream(struct events *e, const struct stack *s)
{
	for (int i = 0; i < STACK_LEGS; i++) {
		struct wst_open_event *o = ev_open(e, &s->legs[i]);

		o->flags |= WST_OPEN_MIDSTREAM;
		o->connect_ns = o->established_ns = 0;
	}
}

struct wst_end_event *midstream_end(struct events *e, const struct side *s)
{
	struct wst_end_event *end = ev_end(e, s);

	end->open_flags |= WST_OPEN_MIDSTREAM;
	end->established_ns = 0;
	return end;
}

struct wst_end_event *no_frames(struct wst_end_event *end)
{
	memset(end->walk, 0, sizeof(end->walk));
	return end;
}
