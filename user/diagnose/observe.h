/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one session adds to the facts over many. Pure. */
#ifndef DIAGNOSE_OBSERVE_H
#define DIAGNOSE_OBSERVE_H

#include "diagnose/facts.h"
#include "diagnose/rule.h"

void observe_open(const struct facts *f);
/* Before the rules are asked, so that they count this end among the others. */
void observe_end(const struct facts *f);
/* After it: services, clients, incidents. Fills the habit of the verdict. */
void observe_verdict(const struct facts *f, struct verdict *v);

/* Clients whose absence shows at now_ns become incidents. */
void observe_absences(struct track *t, uint64_t now_ns);

#endif
