/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/opinion.h"
#include "demo/show.h"
#include "platform/sink.h"

/*
 * A verdict comes within a second of the end: wstrace waits that long for other sockets of a
 * session.
 */
#define SETTLE_NS 1500000000ULL
#define ROW_BYTES 1024

enum mark { MARK_NONE, MARK_RIGHT, MARK_WRONG, MARK_NOT_PLAYED };

struct act {
	struct opinion opinion;
	uint64_t over_ns; /* when it was first seen to be over; 0: not yet */
	enum mark mark; /* as shown */
};

struct show {
	struct director *director;
	struct sink *sink;
	bool json, colour;
	unsigned int shown; /* rows */
	struct act acts[SCENARIOS_MAX];
};

struct show *show_new(struct director *d, struct sink *sink, bool json)
{
	struct show *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->director = d;
	s->sink = sink;
	s->json = json;
	s->colour = sink_wants_colour(sink);
	return s;
}

void show_free(struct show *s)
{
	free(s);
}

int show_line(void *arg, const char *line, size_t len)
{
	struct show *s = arg;
	struct opinion o;

	if (opinion_read(line, len, &o))
		return 0;
	for (unsigned int i = 0; i < demo_scenario_count; i++) {
		struct act *act = &s->acts[i];

		if (director_port(s->director, i) != o.server_port)
			continue;
		if (!act->opinion.lines++)
			act->opinion = o;
		return s->json ? sink_line(s->sink, line, len) : 0;
	}
	return 0;
}

/* -------------------------------------------------------------------------- rows */

static const char *colour(const struct show *s, const char *sequence)
{
	return s->colour ? sequence : "";
}

static enum mark judge(const struct show *s, unsigned int i, char *ret_why, size_t size)
{
	const struct scene_result *result = director_result(s->director, i);

	if (!result || result->problem[0]) {
		snprintf(ret_why, size, "%s", result ? result->problem : "the scenario did not end");
		return result && result->impossible ? MARK_NOT_PLAYED : MARK_WRONG;
	}
	if (result->close_code != demo_scenarios[i].close_code) {
		snprintf(ret_why, size, "the client itself saw %u, not %u", result->close_code,
			 demo_scenarios[i].close_code);
		return MARK_WRONG;
	}
	return opinion_is_right(&s->acts[i].opinion, &demo_scenarios[i], ret_why, size) ?
		       MARK_RIGHT :
		       MARK_WRONG;
}

static int print(struct show *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int print(struct show *s, const char *format, ...)
{
	char row[ROW_BYTES];
	va_list args;
	int n;

	if (s->json)
		return 0;
	va_start(args, format);
	n = vsnprintf(row, sizeof(row), format, args);
	va_end(args);
	if (n < 0)
		return -EINVAL;
	return sink_line(s->sink, row, n < ROW_BYTES ? n : ROW_BYTES - 1);
}

static int print_row(struct show *s, unsigned int i)
{
	static const char *const words[] = { "?", "ok", "WRONG", "--" };
	static const char *const colours[] = { "", "\033[32m", "\033[1;31m", "\033[33m" };
	const struct opinion *o = &s->acts[i].opinion;
	char why[256] = "";
	enum mark mark = judge(s, i, why, sizeof(why));
	int err;

	s->acts[i].mark = mark;
	err = print(s, "%s%-5s%s  %s%-18s%s  %s", colour(s, colours[mark]), words[mark],
		    colour(s, "\033[0m"), colour(s, "\033[1m"), demo_scenarios[i].name,
		    colour(s, "\033[0m"), demo_scenarios[i].story);
	if (!err && o->lines)
		err = print(s, "       %4u  %s%s%s (%s): %s", o->close_code, colour(s, "\033[36m"),
			    o->cause, colour(s, "\033[0m"), o->confidence, o->summary);
	if (!err && mark != MARK_RIGHT)
		err = print(s, "       %s%s%s", colour(s, colours[mark]), why, colour(s, "\033[0m"));
	return err ? err : print(s, "%s", "");
}

int show_update(struct show *s, uint64_t now_ns)
{
	int err = 0;

	for (unsigned int i = 0; i < demo_scenario_count; i++)
		if (!s->acts[i].over_ns && director_result(s->director, i))
			s->acts[i].over_ns = now_ns;
	while (!err && s->shown < demo_scenario_count) {
		const struct act *act = &s->acts[s->shown];

		if (!act->over_ns || (!act->opinion.lines && now_ns - act->over_ns < SETTLE_NS))
			break;
		err = print_row(s, s->shown++);
	}
	return err;
}

bool show_is_over(struct show *s, uint64_t now_ns)
{
	if (!director_is_done(s->director))
		return false;
	for (unsigned int i = 0; i < demo_scenario_count; i++)
		if (s->acts[i].over_ns && now_ns - s->acts[i].over_ns < SETTLE_NS)
			return false;
	return true;
}

int show_finish(struct show *s)
{
	char why[256];
	int err = 0;

	while (!err && s->shown < demo_scenario_count)
		err = print_row(s, s->shown++);
	/* What looked right when it was shown may have been told a second time since. */
	for (unsigned int i = 0; !err && i < demo_scenario_count; i++) {
		if (s->acts[i].mark != MARK_RIGHT || judge(s, i, why, sizeof(why)) == MARK_RIGHT)
			continue;
		err = print_row(s, i);
	}
	return err;
}

bool show_count(const struct show *s, char *ret_text, size_t size)
{
	unsigned int right = 0, not_played = 0;
	int n;

	for (unsigned int i = 0; i < demo_scenario_count; i++) {
		right += s->acts[i].mark == MARK_RIGHT;
		not_played += s->acts[i].mark == MARK_NOT_PLAYED;
	}
	n = snprintf(ret_text, size, "demo: %u of %u verdicts right", right,
		     demo_scenario_count - not_played);
	if (not_played && n > 0 && (size_t)n < size)
		snprintf(ret_text + n, size - n, ", %u not played", not_played);
	return right && right + not_played == demo_scenario_count;
}
