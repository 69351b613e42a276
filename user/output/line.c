/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/line.h"

#include "output/line_json.h"
#include "output/line_text.h"

char *line_session_open(const struct line_context *ctx, const struct session *s)
{
	return ctx->format == FORMAT_TEXT ? line_text_open(ctx, s) : line_json_open(ctx, s);
}

char *line_session_end(const struct line_context *ctx, const struct session *s,
		       const struct verdict *v)
{
	return ctx->format == FORMAT_TEXT ? line_text_end(ctx, s, v) : line_json_end(ctx, s, v);
}

char *line_incident(const struct line_context *ctx, const struct incident *i,
		    const struct verdict *v)
{
	return ctx->format == FORMAT_TEXT ? line_text_incident(ctx, i, v) :
					    line_json_incident(ctx, i, v);
}

char *line_agent(const struct line_context *ctx, const char *level, const char *message,
		 uint64_t ts_ns)
{
	return ctx->format == FORMAT_TEXT ? line_text_agent(ctx, level, message, ts_ns) :
					    line_json_agent(ctx, level, message, ts_ns);
}
