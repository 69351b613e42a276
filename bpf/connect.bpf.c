// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* TCP states: who listens, connects and closes, and the end of a socket. */
#include "compat.bpf.h"
#include "end.bpf.h"
#include "front.bpf.h"
#include "held.bpf.h"
#include "listen.bpf.h"
#include "note.bpf.h"
#include <bpf/bpf_tracing.h>

#define SECOND_NS 1000000000ull

/*
 * A socket with no handshake that closes this young without an answer was not served; older ones
 * are idle keep-alive connections.
 */
#define UNSERVED_AGE_NS (2 * SECOND_NS)
/*
 * Not accepted for this long: the acceptor is stuck or out of descriptors. Younger ones are port
 * scans.
 */
#define UNACCEPTED_AGE_NS SECOND_NS

/* listen() and connect() run in the caller's context: the owner is `current`. */
static __always_inline struct note *note_from_caller(struct sock *sk, u32 flags)
{
	struct note *note = sock_note_create(sk);

	if (!note) {
		count_loss(WST_LOSS_STORAGE);
		return NULL;
	}
	note_reset(note, flags);
	task_record(current_task(), &note->owner);
	return note;
}

static __always_inline void on_listen(struct sock *sk)
{
	struct note *note = note_from_caller(sk, NOTE_LISTENER);

	if (note)
		compat_keep_listener(sk, note);
	tell_listener(sk, current_task(), false);
}

static __always_inline void on_connect(struct sock *sk)
{
	struct note *note = note_from_caller(sk, 0);

	if (!note)
		return;
	note->connect_ns = bpf_ktime_get_boot_ns();
	note->front = front_of_caller();
	note_state(note, TCP_SYN_SENT);
}

/* A copy of the listener that is to become an accepted socket: what it knows is the listener's. */
static __always_inline void on_accepting(struct sock *sk)
{
	struct note *note = sock_note_of_accepted(sk);

	if (note)
		note_reset(note, NOTE_PASSIVE | NOTE_INHERITED);
}

static __always_inline void on_established(struct sock *sk, struct note *note, int old_state)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (old_state == TCP_SYN_RECV) {
		/* normally on_accepting() has; since then there may have been data (RFC 7413) */
		if (!(note->flags & NOTE_PASSIVE))
			note_reset(note, NOTE_PASSIVE | NOTE_INHERITED);
		/* what the SYN-ACK's answer measured: tcp_synack_rtt_meas() has run */
		note->connect_ns = bpf_ktime_get_boot_ns() -
				   (u64)(BPF_CORE_READ(tp, srtt_us) >> 3) * 1000;
		note->syn_retransmits = BPF_CORE_READ(tp, total_retrans);
		note_state(note, TCP_SYN_RECV);
	}
	note->established_ns = bpf_ktime_get_boot_ns();
	if (sock_has_websocket_port(sk))
		note->flags |= NOTE_CHAT_PORT;
}

/*
 * Worth a report although there was no handshake: only where WebSockets are expected, and never for
 * plain traffic.
 */
static __always_inline bool failed_without_handshake(struct sock *sk, struct note *note,
						     int old_state)
{
	u64 age_ns = bpf_ktime_get_boot_ns() - note->established_ns;
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (old_state == TCP_SYN_SENT)
		return is_websocket_port(sock_remote_port(sk)) || failed_aside(note);
	if (!(note->flags & NOTE_CHAT_PORT) || !note->established_ns)
		return false;
	if (note->tls_alert[WST_IN] != 255 || note->tls_alert[WST_OUT] != 255)
		return !(note->seen & SEEN_TLS_DATA);
	if (note->seen & SEEN_NO_TLS)
		return true;
	if (!(note->flags & NOTE_PASSIVE)) /* the kernel counts the FIN as a byte */
		return note->seen & SEEN_TLS && note->flags & NOTE_FIN_IN &&
		       BPF_CORE_READ(tp, bytes_received) <= 1;
	if (BPF_CORE_READ(tp, bytes_sent))
		return false;
	if (!sk->sk_socket && !(note->flags & NOTE_FIN_OUT))
		return age_ns > UNACCEPTED_AGE_NS;
	return note->flags & NOTE_FIN_OUT_FIRST && age_ns < UNSERVED_AGE_NS &&
	       (note->seen & SEEN_TLS || !BPF_CORE_READ(tp, bytes_received));
}

static __always_inline void emit_state(const struct sock *sk, const struct note *note, u64 cookie,
				       int old_state, int new_state, bool by_process)
{
	struct wst_state_event *event = reserve_event(WST_EV_STATE, sizeof(*event), cookie, 0);
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct task_struct *task = current_task();

	if (!event)
		return;
	event->old_state = old_state;
	event->new_state = new_state;
	if (by_process) {
		event->flags = WST_STATE_BY_PROCESS;
		task_record(task, &event->task);
		event->h.tgid = event->task.tgid;
		if (BPF_CORE_READ(task, flags) & PF_EXITING) {
			event->flags |= WST_STATE_EXITING;
			event->exit_code = BPF_CORE_READ(task, exit_code);
		}
	} else if (new_state == TCP_CLOSE_WAIT && note->flags & NOTE_PASSIVE && !sk->sk_socket) {
		event->flags = WST_STATE_UNACCEPTED;
		event->task = note->owner;
		event->h.tgid = note->owner.tgid;
	}
	/* the FIN that makes the change takes a sequence number itself */
	if (new_state == TCP_CLOSE_WAIT &&
	    BPF_CORE_READ(tp, rcv_nxt) - BPF_CORE_READ(tp, copied_seq) > 1)
		event->flags |= WST_STATE_UNREAD;
	bpf_ringbuf_submit(event, 0);
}

/*
 * Remembers the order of FINs. Returns whether a process's call, not a packet or a timer, made the
 * change.
 */
static __always_inline bool note_close(struct sock *sk, struct note *note, int old_state,
				       int new_state)
{
	bool local = new_state == TCP_FIN_WAIT1 || new_state == TCP_LAST_ACK;
	bool remote = new_state == TCP_CLOSE_WAIT || new_state == TCP_CLOSING ||
		      (new_state == TCP_CLOSE && old_state == TCP_FIN_WAIT2);

	/* a socket without a process, never accepted, is closed with its listener */
	if (local || (new_state == TCP_CLOSE && old_state == TCP_ESTABLISHED && sk->sk_socket &&
		      !sk->sk_err)) {
		if (!(note->flags & NOTE_FIN_IN))
			note->flags |= NOTE_FIN_OUT_FIRST;
		note->flags |= NOTE_FIN_OUT;
		return sock_in_process(sk);
	}
	if (remote)
		note->flags |= NOTE_FIN_IN;
	/*
	 * close() with unread data or SO_LINGER 0: no error, straight to CLOSE. CLOSE_WAIT: the
	 * peer closed first.
	 */
	if (new_state == TCP_CLOSE && (old_state == TCP_CLOSE_WAIT || old_state == TCP_SYN_SENT) &&
	    !sk->sk_err)
		return sock_in_process(sk);
	return false;
}

/*
 * Closing now, and the end may be long in coming: the peer has to close as well or, where segments
 * get lost, the FIN of the one that closes second has to be sent more than once.
 */
static __always_inline bool may_linger(const struct sock *sk, int new_state)
{
	const struct tcp_sock *tp = (const void *)sk;

	return new_state == TCP_FIN_WAIT1 ||
	       (new_state == TCP_LAST_ACK &&
		(BPF_CORE_READ(tp, total_retrans) || BPF_CORE_READ(tp, rcv_ooopack)));
}

static __always_inline void on_change(struct sock *sk, int old_state, int new_state)
{
	struct note *note = sock_note(sk);
	struct stream *stream;
	bool by_process;
	u64 cookie;

	if (!note || note->flags & NOTE_LISTENER)
		return;
	cookie = sock_cookie(sk, note);
	stream = sock_stream(sk);
	if (stream && note->announced && may_linger(sk, new_state))
		emit_closing(sk, note, stream, cookie);
	by_process = note_close(sk, note, old_state, new_state);
	note_state(note, new_state);
	if (!note->announced &&
	    (is_followed_front(note, cookie) ||
	     (new_state == TCP_CLOSE && failed_without_handshake(sk, note, old_state))))
		announce(sk, note, cookie);
	if (!note->announced)
		return;
	if (new_state == TCP_CLOSE)
		compat_tell_error(sk, note, cookie);
	emit_state(sk, note, cookie, old_state, new_state, by_process);
	if (new_state == TCP_CLOSE)
		emit_end(sk, note, stream, cookie);
}

SEC("tp_btf/inet_sock_set_state")
int handle_inet_sock_set_state(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int old_state = ctx[1], new_state = ctx[2];
	struct note *note;

	if (sk->sk_protocol != IPPROTO_TCP || sock_is_left_out(sk))
		return 0;
	if (old_state == TCP_LISTEN && new_state == TCP_CLOSE)
		tell_listener(sk, current_task(), true);
	if (new_state == TCP_LISTEN) {
		on_listen((void *)ctx[0]);
	} else if (new_state == TCP_SYN_SENT) {
		on_connect((void *)ctx[0]);
	} else if (old_state == TCP_LISTEN && new_state == TCP_SYN_RECV) {
		on_accepting((void *)ctx[0]);
	} else if (new_state == TCP_ESTABLISHED) {
		note = sock_note((void *)ctx[0]);
		if (!note && old_state == TCP_SYN_RECV)
			note = sock_note_of_accepted((void *)ctx[0]);
		if (!note)
			return 0;
		on_established(sk, note, old_state);
		note_state(note, new_state);
	} else {
		on_change((void *)ctx[0], old_state, new_state);
	}
	return 0;
}

/*
 * A timer that interrupts a program on its CPU finds it busy, and the kernel skips the second run
 * (recursion): so the end of a connection that was never answered may have gone unseen.
 */
static __always_inline bool missed_failure(const struct sock *sk, const struct note *note)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (note->flags & (NOTE_PASSIVE | NOTE_LISTENER) || note->announced ||
	    note->established_ns || !note->connect_ns)
		return false;
	return is_websocket_port(sock_remote_port(sk)) && BPF_CORE_READ(tp, total_retrans) &&
	       !BPF_CORE_READ(tp, bytes_received);
}

/*
 * A connect() that got no further than the search for a route; and a safety net for a socket whose
 * END found the ring buffer full.
 */
SEC("tp_btf/tcp_destroy_sock")
int handle_tcp_destroy_sock(u64 *ctx)
{
	struct note *note = sock_note((void *)ctx[0]);
	struct sock *sk = (struct sock *)ctx[0];
	struct stream *stream;
	u64 cookie;

	if (!note)
		return 0;
	stream = sock_stream((void *)ctx[0]);
	cookie = sock_cookie((void *)ctx[0], note);
	if (note->flags & NOTE_ATTEMPT || missed_failure(sk, note))
		announce(sk, note, cookie);
	if (note->announced) {
		compat_tell_error(sk, note, cookie);
		emit_last_end(sk, note, stream, cookie);
	}
	forget_all_held(note, stream);
	sock_forget((void *)ctx[0], note);
	return 0;
}

/*
 * SYN sent again. Retransmits of data are counted by the kernel itself (total_retrans): what it does
 * not keep is how large they were. It has cut them to the MSS by now.
 */
SEC("tp_btf/tcp_retransmit_skb")
int handle_tcp_retransmit_skb(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct stream *stream;
	struct note *note;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_SYN_SENT) {
		stream = sock_stream((void *)ctx[0]);
		if (stream)
			stream->path.resent_len = BPF_CORE_READ((struct sk_buff *)ctx[1], len);
		return 0;
	}
	note = sock_note((void *)ctx[0]);
	if (note)
		note->syn_retransmits++;
	return 0;
}

/*
 * A process reads: the one hook in process context that every accepted socket passes. Corrects the
 * owner where the listener's process is not the one that accepted (prefork servers, nginx workers,
 * passed descriptors).
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int handle_tcp_rcv_space_adjust(u64 *ctx)
{
	struct note *note = sock_note((void *)ctx[0]);
	struct sock *sk = (struct sock *)ctx[0];
	u32 tgid;

	if (!note)
		return 0;
	note_tls_read((void *)ctx[0], note);
	tgid = bpf_get_current_pid_tgid() >> 32;
	if ((note->owner.tgid == tgid && !(note->flags & NOTE_INHERITED)) || !sock_in_process(sk))
		return 0;
	note->flags &= ~NOTE_INHERITED;
	if (note->owner.tgid == tgid)
		return 0;
	task_record(current_task(), &note->owner);
	if (note->announced)
		tell_open(sk, note, sock_cookie((void *)ctx[0], note));
	return 0;
}
