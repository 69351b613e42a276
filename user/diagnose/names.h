/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words for numbers. All strings are static. Pure. */
#ifndef DIAGNOSE_NAMES_H
#define DIAGNOSE_NAMES_H

#include <stdint.h>

#include "diagnose/rule.h"

const char *name_of_errno(uint32_t error); /* "ECONNRESET"; "errno" for one that is not known */
const char *name_of_signal(uint32_t signal); /* "SIGKILL"; "signal" for one that is not known */
const char *name_of_tls_alert(uint8_t description); /* RFC 8446, 6: "unknown_ca" */
const char *name_of_tcp_state(uint8_t state); /* "FIN_WAIT1" */

const char *name_of_initiator(enum initiator by); /* client, proxy, ..., unknown */
const char *name_of_category(enum category c); /* NULL for CATEGORY_NONE */
const char *name_of_confidence(enum confidence c);
const char *name_of_retry(enum retry r);
/* The same in words, for people. */
const char *retry_sentence(enum retry r);
const char *name_of_strategy(enum strategy s);

#endif
