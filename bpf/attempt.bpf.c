// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * connect() calls that fail before a SYN for want of a route. The socket never leaves TCP_CLOSE then, so no state change tells: the
 * destination is noted before the kernel looks for a route, forgotten when the SYN leaves, and told when the socket is destroyed with it.
 * These programs always let the call go on, unchanged.
 */
#include "compat.bpf.h"
#include "end.bpf.h"

#define PROCEED 1

static __always_inline void note_attempt(struct bpf_sock_addr *ctx, u16 port, const u8 remote[16])
{
	struct note *note;

	if (ctx->protocol != IPPROTO_TCP || !is_websocket_port(port) || !ctx->sk)
		return;
	note = packet_note_create(ctx->sk);
	if (!note) {
		count_loss(WST_LOSS_STORAGE);
		return;
	}
	__builtin_memset(note, 0, sizeof(*note));
	note->tls_alert[WST_IN] = 255;
	note->tls_alert[WST_OUT] = 255;
	note->flags = NOTE_ATTEMPT | NOTE_CHAT_PORT;
	note->connect_ns = bpf_ktime_get_boot_ns();
	task_record(current_task(), &note->owner);
	__builtin_memcpy(note->attempt.remote, remote, sizeof(note->attempt.remote));
	note->attempt.port = port;
}

SEC("cgroup/connect4")
int handle_connect4(struct bpf_sock_addr *ctx)
{
	u8 remote[16] = {};

	map_ipv4(remote, ctx->user_ip4);
	note_attempt(ctx, bpf_ntohs(ctx->user_port), remote);
	return PROCEED;
}

SEC("cgroup/connect6")
int handle_connect6(struct bpf_sock_addr *ctx)
{
	__be32 words[4];

	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
	note_attempt(ctx, bpf_ntohs(ctx->user_port), (const u8 *)words);
	return PROCEED;
}
