/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A rule is a row: the id of a cause, a predicate over facts, and the texts. The tables are the
 * only list of causes there is: `wstrace causes`, `wstrace explain`, the verdicts and the documents
 * all come from them. To add a cause, write the predicate and the row under it, above the first
 * rule of its stage that would otherwise take the case: the first match wins.
 */
#ifndef DIAGNOSE_RULE_H
#define DIAGNOSE_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "diagnose/verdict.h"

struct facts;

/*
 * Stages at which a rule is tried: a socket that nobody accepted is a connect failure even if a
 * request was sent into it.
 */
enum rule_stage {
	AT_CONNECT = 1 << STAGE_CONNECT,
	AT_UPGRADE = 1 << STAGE_UPGRADE,
	AT_SESSION = 1 << STAGE_SESSION,
	AT_INCIDENT = 1 << 8, /* about many connections: facts hold an incident and no session */
};

enum rule_flag {
	RULE_CLEAN = 1 << 0, /* nothing is wrong */
	/* takes what the rules above it left: never an alternative to them */
	RULE_OTHERWISE = 1 << 1,
	/* the proof is a frame or an answer that is quoted: it stands whatever else was lost */
	RULE_QUOTES = 1 << 2,
	/* rests on a frame not having been sent: no better than the view of the frames */
	RULE_NEEDS_FRAMES = 1 << 3,
	/* planned: nobody needs to act where the other side was told, and answered */
	RULE_ANNOUNCED = 1 << 4,
	/* a process ended, and its other sessions ended with it */
	RULE_ENDS_PROCESS = 1 << 8,
	/* a timer: other sessions end in the same way */
	RULE_PERIODIC = 1 << 9,
};

struct rule {
	const char *id; /* stage.snake_case, never changed once released */
	/*
	 * NONE: does not apply. HIGH only with the evidence that decides; what is merely consistent
	 * is MEDIUM or LOW. Adds what it saw, with numbers. Pure.
	 */
	enum confidence (*when)(const struct facts *f, struct evidence *ev);
	enum category category;
	enum retry retry;
	enum strategy strategy;
	unsigned int at; /* enum rule_stage */
	unsigned int flags; /* enum rule_flag */
	enum initiator initiator; /* BY_UNKNOWN: whoever ended it */
	/*
	 * Causes that this evidence looks like too as long as it is not HIGH; NULL ends the list.
	 */
	const char *alternatives[ALTERNATIVES_MAX];
	uint16_t codes[4]; /* close codes that this rule explains, 0 ends the list; empty: 1006 */
	/* Changes what the row says of retrying where the case knows better; may be NULL. */
	void (*advise)(const struct facts *f, struct advice *advice);
	/* Templates, see template.h. */
	const char *summary; /* one clause, no full stop */
	const char *user_message; /* for the person in front of the browser */
	/* for the person who runs it; NULL ends the list */
	const char *steps[VERDICT_STEPS_MAX + 1];
};

struct rule_table {
	const struct rule *rules;
	size_t count;
};

#define RULE_TABLE(array)                                   \
	{                                                   \
		(array), sizeof(array) / sizeof((array)[0]) \
	}

extern const struct rule_table rules_connect;
extern const struct rule_table rules_upgrade_refused;
extern const struct rule_table rules_upgrade_status;
extern const struct rule_table rules_upgrade_silence;
extern const struct rule_table rules_session_goodbye;
extern const struct rule_table rules_session_process;
extern const struct rule_table rules_session_http;
extern const struct rule_table rules_session_timer;
extern const struct rule_table rules_incident;
extern const struct rule_table rules_session_path;
extern const struct rule_table rules_session_heartbeat;
extern const struct rule_table rules_session_code;
extern const struct rule_table rules_session_close;
extern const struct rule_table rules_session_tcp;
extern const struct rule_table rules_unknown;

#endif
