/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Replaces, in place, the query string and every header value that wstrace does not need by '*'
 * (same length), so that a record can be stored. State per socket and direction is kept inside.
 * Call on every WST_EV_HTTP record before anything else sees it; other records are left alone.
 */
#ifndef TRACK_REDACT_H
#define TRACK_REDACT_H

#include <stddef.h>

struct redactor;

struct redactor *redactor_new(void); /* NULL: out of memory */
void redactor_free(struct redactor *r);
void redact_record(struct redactor *r, void *record, size_t len);

#endif
