/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The catalogue of causes and close codes: `wstrace causes` and `wstrace explain`. Pure; strings
 * are freed by the caller.
 */
#ifndef OUTPUT_EXPLAIN_H
#define OUTPUT_EXPLAIN_H

#include <stdbool.h>

/*
 * {"schema":"wstrace.causes.v1","causes":[...],"close_codes":[...]}, one line. NULL: memory is
 * short.
 */
char *catalogue_json(void);
/* One line for each cause. NULL: memory is short. */
char *catalogue_text(bool colour);
/*
 * What a cause ("session.peer_reset", "peer_reset") or a close code ("1006") means, why it happens
 * and what to do; several lines. NULL if there is no such cause or code; catalogue_suggest() then
 * has what may have been meant.
 */
char *catalogue_explain(const char *code_or_cause, bool colour);
/*
 * Ids that are spelled alike or contain the word, one in a line; "" if there are none. NULL: memory
 * is short.
 */
char *catalogue_suggest(const char *word);

#endif
