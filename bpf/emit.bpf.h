/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reserve, fill, submit; count what is lost. */
#ifndef EMIT_BPF_H
#define EMIT_BPF_H

#include "maps.bpf.h"
#include <bpf/bpf_core_read.h>

static __always_inline void count_loss(enum wst_loss_site site)
{
	struct losses *lost;
	u32 key = 0;

	lost = bpf_map_lookup_elem(&losses, &key);
	if (lost)
		lost->total[site]++;
}

static __always_inline void fill_header(struct wst_event *h, u16 type, u16 size, u64 cookie,
					u32 tgid)
{
	h->type = type;
	h->size = size;
	h->tgid = tgid;
	h->ts_ns = bpf_ktime_get_boot_ns();
	h->cookie = cookie;
}

/* A zeroed record of its own size, or NULL (counted). size has to be a constant. */
static __always_inline void *reserve_event(u16 type, u32 size, u64 cookie, u32 tgid)
{
	void *event = bpf_ringbuf_reserve(&events, size, 0);

	if (!event) {
		count_loss(WST_LOSS_RING);
		return NULL;
	}
	__builtin_memset(event, 0, size);
	fill_header(event, type, size, cookie, tgid);
	return event;
}

/* Sends WST_EV_ERROR: what the application will see. */
static __always_inline void emit_error(const struct sock *sk, u64 cookie)
{
	struct wst_error_event *event = reserve_event(WST_EV_ERROR, sizeof(*event), cookie, 0);

	if (!event)
		return;
	event->error = BPF_CORE_READ(sk, sk_err);
	event->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	bpf_ringbuf_submit(event, 0);
}

#endif
