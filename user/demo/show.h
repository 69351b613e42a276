/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shows each scenario with what wstrace says of it, as soon as both are known, in the order of the
 * programme.
 */
#ifndef DEMO_SHOW_H
#define DEMO_SHOW_H

#include "demo/director.h"

struct sink;
struct show;

/* json: wstrace's own lines are printed instead. NULL: out of memory. */
struct show *show_new(struct director *d, struct sink *sink, bool json);
void show_free(struct show *s);
/* A pipeline_line_fn: arg is the struct show. */
int show_line(void *arg, const char *line, size_t len);
/* Prints what is settled. 0, or what the sink returned. */
int show_update(struct show *s, uint64_t now_ns);
/*
 * Every scenario is over, has its verdict, and time enough has passed for a second one that should
 * not come.
 */
bool show_is_over(struct show *s, uint64_t now_ns);
/* Prints the rest. 0, or what the sink returned. */
int show_finish(struct show *s);
/* "demo: 3 of 4 verdicts right"; true when all are. */
bool show_count(const struct show *s, char *ret_text, size_t size);

#endif
