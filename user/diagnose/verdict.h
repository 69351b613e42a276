/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What wstrace says of one session: a cause, its evidence, and how sure it is. Pure. */
#ifndef DIAGNOSE_VERDICT_H
#define DIAGNOSE_VERDICT_H

#include "track/track.h"

enum confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };
enum category { CATEGORY_NONE, CATEGORY_NETWORK, CATEGORY_AUTH, CATEGORY_SERVER, CATEGORY_CONFIG };
enum retry { RETRY_NOT_NEEDED, RETRY_YES, RETRY_RECURS, RETRY_BACKOFF, RETRY_NO };
enum initiator { BY_UNKNOWN, BY_CLIENT, BY_PROXY, BY_SERVER, BY_NETWORK, BY_KERNEL };

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
	enum confidence confidence;
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
};

/* Always finds a rule (the last of each stage is its "unknown"). */
void diagnose_session(const struct session *s, struct track *t, struct verdict *ret);

/* Nothing went wrong: printed only with --all. */
bool verdict_is_clean(const struct verdict *v);
/* "session.process_oom_killed" */
const char *verdict_cause_id(const struct verdict *v);

#endif
