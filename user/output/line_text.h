/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The same for people: one line for what is fine, an aligned block for a bad end. Pure; see line.h.
 */
#ifndef OUTPUT_LINE_TEXT_H
#define OUTPUT_LINE_TEXT_H

#include "output/line.h"

char *line_text_open(const struct line_context *ctx, const struct session *s);
char *line_text_end(const struct line_context *ctx, const struct session *s,
		    const struct verdict *v);
char *line_text_incident(const struct line_context *ctx, const struct incident *i,
			 const struct verdict *v);
char *line_text_agent(const struct line_context *ctx, const char *level, const char *message,
		      uint64_t ts_ns);

#endif
