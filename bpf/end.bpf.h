/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last snapshot of a socket. Its fields are many: they are read directly, which the kernel allows
 * where the socket is an argument of the tracepoint: a call of bpf_probe_read_kernel() for each is what an
 * end would mostly consist of.
 */
#ifndef END_BPF_H
#define END_BPF_H

#include "sock.bpf.h"

static __always_inline bool sock_has_flag(const struct sock *sk, int flag)
{
	return sk->__sk_common.skc_flags >> flag & 1;
}

static __always_inline u32 tcp_flags(const struct tcp_sock *tp, const struct note *note)
{
	const struct sock *sk = (const struct sock *)tp;
	u32 flags = 0;

	if (note->flags & NOTE_PASSIVE && !sk->sk_socket && !(note->flags & NOTE_FIN_OUT))
		flags |= WST_TCP_NEVER_ACCEPTED;
	if (sock_has_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_KEEPOPEN)))
		flags |= WST_TCP_KEEPALIVE;
	if (sock_has_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_LINGER)) &&
	    !BPF_CORE_READ_BITFIELD(sk, sk_lingertime))
		flags |= WST_TCP_LINGER0;
	if (tp->inet_conn.icsk_user_timeout)
		flags |= WST_TCP_USER_TIMEOUT;
	/* connect() failed before a SYN was sent: inet_hash_connect() found no port */
	if (note->flags & NOTE_ATTEMPT)
		flags |= WST_TCP_NO_ROUTE;
	else if (!note->established_ns && !sock_local_port(sk))
		flags |= WST_TCP_NO_LOCAL_PORT;
	if (note->seen & SEEN_TLS)
		flags |= WST_TCP_TLS;
	if (note->seen & SEEN_TLS_DATA)
		flags |= WST_TCP_TLS_DATA;
	if (note->seen & SEEN_NO_TLS)
		flags |= WST_TCP_NO_TLS;
	return flags;
}

/* Up to the nearest of the blocks that this socket tells its peer to have received behind a hole. */
static __always_inline u32 missing_bytes(const struct tcp_sock *tp)
{
	u32 blocks = tp->rx_opt.num_sacks, least = 0, i;

#pragma unroll
	for (i = 0; i < 4; i++) {
		u32 gap = tp->selective_acks[i].start_seq - tp->rcv_nxt;

		if (i < blocks && (!least || gap < least))
			least = gap;
	}
	return least;
}

static __always_inline void tcp_numbers(const struct tcp_sock *tp, struct wst_tcp_facts *ret)
{
	const struct sock *sk = (const struct sock *)tp;

	ret->bytes_in = tp->bytes_received;
	ret->bytes_out = tp->bytes_sent - tp->bytes_retrans;
	ret->srtt_us = tp->srtt_us >> 3;
	ret->unacked_bytes = tp->snd_nxt - tp->snd_una;
	ret->unsent_bytes = tp->write_seq - tp->snd_nxt;
	ret->unread_bytes = tp->rcv_nxt - tp->copied_seq;
	ret->send_window = tp->snd_wnd;
	ret->receive_window = tp->rcv_wnd;
	ret->retransmits = tp->total_retrans;
	ret->mss = tp->mss_cache;
	ret->timeouts = tp->inet_conn.icsk_retransmits;
	ret->backoff = tp->inet_conn.icsk_backoff;
	ret->probes = tp->inet_conn.icsk_probes_out;
	ret->error = sk->sk_err;
	ret->soft_error = sk->sk_err_soft;
	if (!ret->error)
		ret->error = ret->soft_error;
	ret->missing_bytes = missing_bytes(tp);
	ret->sacked_segments = tp->sacked_out;
}

/* SYN and FIN take a sequence number each that is no byte. */
static __always_inline void drop_phantom_bytes(const struct note *note, struct wst_tcp_facts *tcp)
{
	if (note->flags & NOTE_FIN_IN && tcp->bytes_in)
		tcp->bytes_in--;
	if (note->flags & NOTE_FIN_IN && tcp->unread_bytes)
		tcp->unread_bytes--;
	if ((note->flags & NOTE_FIN_OUT || !note->established_ns) && tcp->unacked_bytes)
		tcp->unacked_bytes--;
}

static __always_inline u64 last_segment_ns(const struct stream *stream, enum wst_direction direction)
{
	u64 bare_ns = stream->last_bare_ns[direction];
	u64 payload_ns = stream->walk[direction].facts.last_payload_ns;

	return bare_ns > payload_ns ? bare_ns : payload_ns;
}

static __always_inline void stream_facts(const struct tcp_sock *tp, const struct stream *stream,
					 struct wst_end_event *event)
{
	const struct tcp_path *path = &stream->path;

	event->tcp.last_segment_in_ns = last_segment_ns(stream, WST_IN);
	event->tcp.last_segment_out_ns = last_segment_ns(stream, WST_OUT);
	event->tcp.zero_window_since_ns = path->zero_since_ns;
	event->tcp.zero_window_ns = path->zero_total_ms * 1000000ull;
	if (event->tcp.unacked_bytes)
		event->tcp.busy_since_ns = path->busy_since_ns;
	event->tcp.largest_acked_segment = path->largest_acked;
	event->tcp.resent_segment = path->resent_len;
	event->walk[WST_IN] = stream->walk[WST_IN].facts;
	event->walk[WST_OUT] = stream->walk[WST_OUT].facts;
	event->walk[WST_IN].flags |= ws_walk_pending(&stream->walk[WST_IN], tp->copied_seq);
	if (ws_walk_has_missed(&stream->walk[WST_IN], tp->rcv_nxt) || stream->walk[WST_IN].skipped)
		event->walk[WST_IN].flags |= WST_WALK_LOST;
	if (ws_walk_has_missed(&stream->walk[WST_OUT], tp->snd_una))
		event->walk[WST_OUT].flags |= WST_WALK_LOST;
	event->walk[WST_OUT].flags |= ws_walk_pending(&stream->walk[WST_OUT], tp->snd_una);
}

/* All that is known of a socket, in a zeroed record. */
static __always_inline void fill_end(struct sock *sk, const struct note *note,
				     const struct stream *stream, struct wst_end_event *event)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	note_tuple(sk, note, &event->tuple);
	event->owner = note->owner;
	event->open_flags = note_open_flags(note);
	event->established_ns = note->established_ns;
	event->syn_retransmits = note->syn_retransmits;
	event->tcp.tls_alert_in = note->tls_alert[WST_IN];
	event->tcp.tls_alert_out = note->tls_alert[WST_OUT];
	event->tcp.state_count = note->state_count;
	__builtin_memcpy(event->tcp.states, note->states, sizeof(note->states));
	if (!tp)
		return;
	tcp_numbers(tp, &event->tcp);
	drop_phantom_bytes(note, &event->tcp);
	event->tcp.flags = tcp_flags(tp, note);
	if (stream)
		stream_facts(tp, stream, event);
}

/* Sends WST_EV_END once. */
static __always_inline void emit_end(struct sock *sk, struct note *note,
				     const struct stream *stream, u64 cookie)
{
	struct wst_end_event *event;

	if (note->ended)
		return;
	event = reserve_event(WST_EV_END, sizeof(*event), cookie, note->owner.tgid);
	if (!event)
		return;
	fill_end(sk, note, stream, event);
	bpf_ringbuf_submit(event, 0);
	note->ended = 1;
}

/* The same when there will be no other chance: user space asks for those that were lost. */
static __always_inline void emit_last_end(struct sock *sk, struct note *note,
					  const struct stream *stream, u64 cookie)
{
	u64 now_ns;

	emit_end(sk, note, stream, cookie);
	if (note->ended)
		return;
	now_ns = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&lost_ends, &cookie, &now_ns, BPF_ANY);
}

/*
 * Sends WST_EV_CLOSING: the local FIN is about to be queued. Called before NOTE_FIN_OUT is set, as
 * the FIN has no sequence number yet.
 */
static __always_inline void emit_closing(struct sock *sk, const struct note *note,
					 const struct stream *stream, u64 cookie)
{
	struct wst_end_event *event = reserve_event(WST_EV_CLOSING, sizeof(*event), cookie,
						    note->owner.tgid);

	if (!event)
		return;
	fill_end(sk, note, stream, event);
	bpf_ringbuf_submit(event, 0);
}

#endif
