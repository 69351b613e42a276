/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/catalogue.h"

#include <string.h>

/*
 * What happened to a process beats everything but a Close frame that came first; a frame beats
 * every guess from TCP. Within a table the order is that of its rows.
 */
static const struct rule_table *const tables[] = {
	&rules_connect,		&rules_upgrade_refused, &rules_upgrade_status,
	&rules_upgrade_silence, &rules_session_goodbye, &rules_session_process,
	&rules_session_http,	&rules_session_path,	&rules_session_heartbeat,
	&rules_session_timer,	&rules_session_code,	&rules_session_close,
	&rules_session_tcp,	&rules_unknown,		&rules_incident,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

const struct rule *catalogue_search(const struct rule *after, rule_fits_fn fits, void *arg)
{
	const struct rule *r = after;

	for (size_t i = 0; i < TABLES; i++) {
		const struct rule *begin = tables[i]->rules, *end = begin + tables[i]->count;

		if (r && (r < begin || r >= end))
			continue;
		for (r = r ? r + 1 : begin; r < end; r++)
			if (fits(r, arg))
				return r;
		r = NULL;
	}
	return NULL;
}

static bool any_rule(const struct rule *rule, void *arg)
{
	(void)rule;
	(void)arg;
	return true;
}

const struct rule *catalogue_next(const struct rule *rule)
{
	return catalogue_search(rule, any_rule, NULL);
}

enum session_stage catalogue_stage(const struct rule *rule)
{
	if (strncmp(rule->id, "connect.", 8) == 0)
		return STAGE_CONNECT;
	return strncmp(rule->id, "upgrade.", 8) == 0 ? STAGE_UPGRADE : STAGE_SESSION;
}

const struct rule *catalogue_find(const char *id)
{
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		if (strcmp(r->id, id) == 0)
			return r;
	return NULL;
}
