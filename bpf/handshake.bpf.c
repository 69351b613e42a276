// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Scans heads for the opening handshake and sends their bytes to user space. Global functions:
 * verified once each.
 */
#include "frames.bpf.h"
#include "packet.bpf.h"

/* Short, because the verifier follows every byte. */
#define SCAN_BYTES 64

static __always_inline struct note *packet_note(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return NULL;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return NULL;
	return bpf_sk_storage_get(&notes, sk, NULL, 0);
}

__noinline int scan_head(struct __sk_buff *skb, u32 offset, u32 n)
{
	struct note *note = packet_note(skb);
	struct http_scan scan;
	u8 bytes[SCAN_BYTES];
	u32 i;

	if (!note)
		return -1;
	if (n > SCAN_BYTES)
		n = SCAN_BYTES;
	n = ((n - 1) & (SCAN_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(skb, offset, bytes, n)) {
		count_loss(WST_LOSS_LOAD);
		return -1;
	}
	scan = note->scan;
	for (i = 0; i < SCAN_BYTES; i++) {
		if (i >= n)
			break;
		if (http_scan_byte(&scan, bytes[i])) {
			i++;
			break;
		}
	}
	scan.next_seq += i;
	note->scan = scan;
	return i;
}

__noinline int emit_chunk(struct __sk_buff *skb, u32 offset, u32 n, u32 head_offset, u32 flags)
{
	struct note *note = packet_note(skb);
	struct wst_http_event *event;

	if (!note)
		return -1;
	event = reserve_event(WST_EV_HTTP, sizeof(*event), bpf_get_socket_cookie(skb),
			      note->owner.tgid);
	if (!event)
		return -1;
	event->head_seq = note->scan.head_seq;
	event->offset = head_offset;
	event->direction = flags >> 8 & 1;
	event->flags = flags;
	if (n > WST_HTTP_CHUNK_BYTES)
		n = WST_HTTP_CHUNK_BYTES;
	event->len = n;
	n = ((n - 1) & (WST_HTTP_CHUNK_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(skb, offset, event->data, n)) {
		count_loss(WST_LOSS_LOAD);
		event->len = 0;
		event->flags |= WST_HTTP_CUT;
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}
