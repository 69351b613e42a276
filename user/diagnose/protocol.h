/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Protocols spoken over WebSocket, and what their private close codes mean. A code from 3000 on
 * means nothing until the protocol is recognised: by subprotocol, path or host. Pure.
 */
#ifndef DIAGNOSE_PROTOCOL_H
#define DIAGNOSE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "diagnose/rule.h"
#include "track/handshake.h"

enum code_kind {
	CODE_PLAIN,
	CODE_NORMAL, /* an orderly end */
	CODE_SLOW, /* the other side did not take its messages fast enough */
	CODE_NO_PONG, /* the other side did not answer a ping */
};

struct protocol_code {
	uint16_t from, to; /* the first range that holds the code counts */
	enum code_kind kind;
	enum category category;
	enum retry retry;
	const char *meaning; /* one clause, no full stop */
};

struct protocol {
	const char *name;
	/*
	 * Any of them recognises it; NULL ends the lists. Subprotocols as a whole; paths from their
	 * start or, with a '*' in front, up to their end; hosts by their end.
	 */
	const char *subprotocols[5], *paths[4], *hosts[3];
	/* the path itself, for shapes that a prefix cannot tell; may be NULL */
	int (*path_is)(const char *path);
	const struct protocol_code *codes;
	size_t count;
	const char *note; /* where else the reason is said; may be NULL */
};

/* The protocol that was agreed on, else the one of this path or host; NULL: not recognised. */
const struct protocol *protocol_recognise(const struct handshake *request,
					  const struct handshake *answer);
/* What that protocol makes of a code; NULL: nothing of its own. p may be NULL. */
const struct protocol_code *protocol_code_find(const struct protocol *p, uint16_t code);
/* All of them, for `explain`. */
const struct protocol *protocol_list(size_t *ret_count);

#endif
