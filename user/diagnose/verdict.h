/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What wstrace says of one session: a cause, its evidence, and how sure it is. Pure. */
#ifndef DIAGNOSE_VERDICT_H
#define DIAGNOSE_VERDICT_H

#include "track/incident.h"
#include "track/track.h"

enum confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };
enum category { CATEGORY_NONE, CATEGORY_NETWORK, CATEGORY_AUTH, CATEGORY_SERVER, CATEGORY_CONFIG };
enum retry { RETRY_NOT_NEEDED, RETRY_YES, RETRY_RECURS, RETRY_BACKOFF, RETRY_NO };
enum initiator { BY_UNKNOWN, BY_CLIENT, BY_PROXY, BY_SERVER, BY_NETWORK, BY_KERNEL };

enum strategy {
	STRATEGY_NONE, /* nothing to recover from */
	STRATEGY_IMMEDIATE_RETRY,
	STRATEGY_EXPONENTIAL_BACKOFF,
	/* another transport, or without live updates, until the cause is removed */
	STRATEGY_FALLBACK,
	STRATEGY_MANUAL, /* retrying repeats the failure: somebody has to act first */
};

/* Whose business it is, and whether to try again: of the rule, or better known for this case. */
struct advice {
	enum category category;
	enum retry retry;
	enum strategy strategy;
};

#define EVIDENCE_MAX 16
#define EVIDENCE_DETAIL_BYTES 224
#define ALTERNATIVES_MAX 4
#define VERDICT_STEPS_MAX 4
#define VERDICT_STEP_BYTES 320

struct evidence_item {
	const char *fact; /* snake_case name, static */
	/* one sentence, may hold bytes from the wire: sanitised when printed */
	char detail[EVIDENCE_DETAIL_BYTES];
	uint64_t ts_ns; /* 0: not tied to a moment */
};

struct evidence {
	struct evidence_item items[EVIDENCE_MAX];
	unsigned int count;
	unsigned int reserved; /* room that rules leave for the reasons of a lower confidence */
	bool muted; /* nobody reads it: rules are asked whether they apply, and no more */
};

struct close_view {
	uint16_t code; /* what the client's API reports: 1006 no Close frame, 1005 an empty one */
	bool clean; /* Close frames in both directions */
	enum initiator initiator;
	const struct close_frame *from_client, *from_server; /* NULL: none seen */
};

struct rule; /* rule.h: id, texts, predicate */

struct verdict {
	const struct rule *rule;
	/*
	 * What failed, as the cause's id says it: a 101 that the client does not take is a failed
	 * handshake, a connection that nobody accepts a failed connect.
	 */
	enum session_stage stage;
	enum confidence confidence;
	struct advice advice;
	struct close_view close;
	struct evidence evidence;
	/* cause ids that the evidence does not exclude */
	const char *alternatives[ALTERNATIVES_MAX];
	unsigned int alternative_count;
	char summary[320]; /* "backend chat-server (pid 812) was killed by the OOM killer" */
	char user_message[320];
	/* what to do, with the values that were seen */
	char steps[VERDICT_STEPS_MAX][VERDICT_STEP_BYTES];
	unsigned int step_count;
	struct client_habit habit; /* how the client was seen coming back */
};

/*
 * Always finds a rule (the last of each stage is its "unknown"). Remembers the end among those that
 * later ones are compared with, so it is called once for each session.
 */
void diagnose_session(const struct session *s, struct track *t, struct verdict *ret);
/* The same, but where nothing went wrong there are no texts and no evidence. */
void diagnose_troubled(const struct session *s, struct track *t, struct verdict *ret);
/* A session has opened: remembered as well. */
void diagnose_open(const struct session *s, struct track *t);
void diagnose_incident(const struct incident *i, struct track *t, struct verdict *ret);

/* Nothing went wrong: printed only with --all. */
bool verdict_is_clean(const struct verdict *v);
/* "session.process_oom_killed" */
const char *verdict_cause_id(const struct verdict *v);

#endif
