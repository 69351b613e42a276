/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "parts.h"

#include <stdlib.h>

void conn_parts_give(struct conn_parts *parts, struct conn *c)
{
	conn_init(c);
	parts->end = *c->end;
	parts->frames = *c->frames;
	parts->owner = *c->owner;
	c->end = &parts->end;
	c->frames = &parts->frames;
	c->owner = &parts->owner;
}

struct conn *lone_conn(void)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	conn_init(c);
	return c;
}

void lone_conn_free(struct conn *c)
{
	conn_release(c);
	free(c);
}

struct interns *parts_interns(void)
{
	static struct interns *table;

	if (!table)
		table = interns_new(1 << 20);
	if (!table)
		abort();
	return table;
}

struct handshake no_handshake(void)
{
	struct handshake hs = { 0 };

	handshake_init(&hs);
	return hs;
}
