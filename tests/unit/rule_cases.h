/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For every rule a session that it was written for, and the fact without which it may not be sure.
 */
#ifndef UNIT_RULE_CASES_H
#define UNIT_RULE_CASES_H

#include "story.h"

struct rule_case {
	const char *id;
	enum confidence best;
	enum story_shape shape;
	void (*happen)(struct story *st);
	/* Takes the decisive fact away; NULL for rules that are never sure. */
	void (*blur)(struct story *st);
};

struct rule_cases {
	const struct rule_case *cases;
	size_t count;
};

extern const struct rule_cases rule_cases_connect, rule_cases_upgrade, rule_cases_answer;
extern const struct rule_cases rule_cases_process, rule_cases_close, rule_cases_tcp,
	rule_cases_path;
extern const struct rule_cases rule_cases_timer, rule_cases_incident;

/* Calls fn for every case of every table. */
void rule_cases_each(void (*fn)(const struct rule_case *c));

#endif
