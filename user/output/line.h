/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One report -> one line. Pure: returns a string that the caller frees, NULL when memory is short.
 */
#ifndef OUTPUT_LINE_H
#define OUTPUT_LINE_H

#include "diagnose/verdict.h"

enum line_format { FORMAT_JSON, FORMAT_TEXT };

struct line_context {
	enum line_format format;
	bool colour; /* text only */
	struct track *track; /* host facts, processes, names of reasons */
};

/*
 * The schema that every line follows: design contract "wstrace.v1". No newline inside or at the
 * end; at most 15 KiB.
 */
char *line_session_open(const struct line_context *ctx, const struct session *s);
/* session_end, handshake_failed or connect_failed, by the stage of the cause. */
char *line_session_end(const struct line_context *ctx, const struct session *s,
		       const struct verdict *v);
/* Something that befell many connections. */
char *line_incident(const struct line_context *ctx, const struct incident *i,
		    const struct verdict *v);
/* About the tracer itself: start, lost events. level: info, warn, error. */
char *line_agent(const struct line_context *ctx, const char *level, const char *message,
		 uint64_t ts_ns);

#endif
