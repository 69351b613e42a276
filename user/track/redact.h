/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Replaces, in place, the query string and every header value that wstrace does not need by '*'
 * (same length), and what looks like a token in the reason of a Close frame, so that a record can be
 * stored and shown. State per socket and direction is kept inside. Call on every record before
 * anything else sees it; those of other types than WST_EV_HTTP and WST_EV_FRAME are left alone.
 */
#ifndef TRACK_REDACT_H
#define TRACK_REDACT_H

#include <stddef.h>

struct redactor;

struct redactor *redactor_new(void); /* NULL: out of memory */
void redactor_free(struct redactor *r);
void redact_record(struct redactor *r, void *record, size_t len);

#endif
