// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Resets and errors of followed sockets. */
#include "compat.bpf.h"
#include "sock.bpf.h"

static __always_inline bool is_full_socket(const struct sock *sk)
{
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

static __always_inline void emit_reset(const struct sock *sk, u64 cookie, u8 direction, u32 reason,
				       bool active)
{
	struct wst_reset_event *event;
	bool by_process = direction == WST_OUT && active && sock_in_process(sk);

	event = reserve_event(WST_EV_RESET, sizeof(*event), cookie,
			      by_process ? bpf_get_current_pid_tgid() >> 32 : 0);
	if (!event)
		return;
	event->reason = reason;
	event->direction = direction;
	event->active = active;
	event->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	event->by_process = by_process;
	bpf_ringbuf_submit(event, 0);
}

/*
 * sk is NULL when the packet belongs to no socket, and not a full socket in TIME_WAIT; skb is NULL
 * for an active reset. The kernel sets TCP_CLOSE before it sends the reset of an abort, so this may
 * come after WST_EV_END.
 */
SEC("tp_btf/tcp_send_reset")
int handle_tcp_send_reset(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct note *note;

	if (!ctx[0] || !is_full_socket(sk))
		return 0;
	note = sock_note((void *)ctx[0]);
	if (!note || !note->announced)
		return 0;
	emit_reset(sk, sock_cookie((void *)ctx[0], note), WST_OUT, compat_reset_reason(ctx),
		   !ctx[1]);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int handle_tcp_receive_reset(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct note *note = sock_note((void *)ctx[0]);
	u64 cookie;

	if (!note)
		return 0;
	cookie = sock_cookie((void *)ctx[0], note);
	/* a refused connection */
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT &&
	    is_websocket_port(sock_remote_port(sk)))
		announce(sk, note, cookie);
	if (note->announced)
		emit_reset(sk, cookie, WST_IN, WST_REASON_NONE, false);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int handle_inet_sk_error_report(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct note *note;

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	note = sock_note((void *)ctx[0]);
	if (!note)
		return 0;
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT &&
	    is_websocket_port(sock_remote_port(sk)))
		announce(sk, note, sock_cookie((void *)ctx[0], note));
	if (note->announced && BPF_CORE_READ(sk, sk_err))
		emit_error(sk, sock_cookie((void *)ctx[0], note));
	return 0;
}
