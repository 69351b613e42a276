/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All rules, in the order in which they are tried. Pure. */
#ifndef DIAGNOSE_CATALOGUE_H
#define DIAGNOSE_CATALOGUE_H

#include "diagnose/rule.h"

typedef bool (*rule_fits_fn)(const struct rule *rule, void *arg);

/* The first rule that fits() takes, behind the given one or, after NULL, of all; NULL: none. */
const struct rule *catalogue_search(const struct rule *after, rule_fits_fn fits, void *arg);
/* The rule after the given one, the first after NULL; NULL at the end. */
const struct rule *catalogue_next(const struct rule *rule);
/* The stage that the id begins with: connect, upgrade; session for the rest. */
enum session_stage catalogue_stage(const struct rule *rule);
/* By id, or NULL. */
const struct rule *catalogue_find(const char *id);

#endif
