/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What records say of the host and its kernel. */
#ifndef TRACK_HOST_FACTS_H
#define TRACK_HOST_FACTS_H

#include "track/track.h"

/* Kernels have about 120 drop reasons and 25 reset reasons. */
#define REASON_NAMES_MAX 512

struct reason_name {
	uint32_t kind, value;
	char name[WST_REASON_NAME_BYTES];
};

struct reason_names {
	struct reason_name names[REASON_NAMES_MAX]; /* sorted by kind and value */
	unsigned int count;
};

void host_apply(struct host_facts *h, const struct wst_host_event *event);
void host_apply_losses(struct host_facts *h, const struct wst_loss_event *event);
/* Lost records and bytes that may have held facts about any socket. */
uint32_t host_lost_facts(const struct host_facts *h);
/* Surely no more than had been lost at that time. */
uint32_t host_lost_facts_at(const struct host_facts *h, uint64_t ts_ns);
/* More names than there is room for are not kept. */
void reason_names_add(struct reason_names *n, const struct wst_name_event *event);
const char *reason_names_find(const struct reason_names *n, uint32_t kind, uint32_t value);

#endif
