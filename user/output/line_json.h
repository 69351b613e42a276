/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines as in wstrace.v1.schema.json. Pure; see line.h. */
#ifndef OUTPUT_LINE_JSON_H
#define OUTPUT_LINE_JSON_H

#include "output/line.h"

char *line_json_open(const struct line_context *ctx, const struct session *s);
char *line_json_end(const struct line_context *ctx, const struct session *s,
		    const struct verdict *v);
char *line_json_incident(const struct line_context *ctx, const struct incident *i,
			 const struct verdict *v);
char *line_json_agent(const struct line_context *ctx, const char *level, const char *message,
		      uint64_t ts_ns);

#endif
