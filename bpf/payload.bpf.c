// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every packet passes here, so each step asks the cheapest question first: is it ours at all? These
 * programs always let the packet pass.
 */
#include "frames.bpf.h"
#include "packet.bpf.h"

#define PASS 1
#define WALK_CALLS 256 /* x 128 steps: more than 64 KiB of the smallest frames */

/*
 * A SYN that meets a full accept queue is dropped without a word (tcp_conn_request): the one place
 * where it can be seen.
 */
static __always_inline void on_syn(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct sock *ksk = packet_kernel_sock(sk);
	struct wst_backlog_event *event;
	struct note *note;
	u32 queued, limit;

	if (!ksk || !is_chat_port(sk->src_port))
		return;
	queued = BPF_CORE_READ(ksk, sk_ack_backlog);
	limit = BPF_CORE_READ(ksk, sk_max_ack_backlog);
	if (queued <= limit)
		return;
	event = reserve_event(WST_EV_BACKLOG, sizeof(*event), packet_cookie(skb, sk), 0);
	if (!event)
		return;
	packet_tuple(skb, ksk, &event->tuple);
	event->queued = queued;
	event->limit = limit;
	note = packet_note(sk);
	if (note) {
		event->owner = note->owner;
		event->h.tgid = note->owner.tgid;
	}
	bpf_ringbuf_submit(event, 0);
}

/*
 * A path that was forgotten during a silence shows in the first bytes after it: they are never
 * answered.
 */
static __always_inline void note_payload(struct ws_walk *w, struct ws_walk *other, u64 now_ns,
					 u32 end_seq)
{
	u64 last_ns = w->facts.last_payload_ns;
	u32 silence_ms;

	if (last_ns < other->facts.last_payload_ns)
		last_ns = other->facts.last_payload_ns;
	silence_ms = last_ns && now_ns > last_ns ? (now_ns - last_ns) / 1000000 : 0;
	/* what is sent again says nothing new */
	if (silence_ms > w->facts.silence_ms &&
	    (!(w->options & WS_WALK_SEEN) || ws_seq_before(w->seen_seq, end_seq)))
		w->facts.silence_ms = silence_ms;
	other->facts.silence_ms = 0;
	w->facts.last_payload_ns = now_ns;
}

static __always_inline void on_frames(struct __sk_buff *skb, struct stream *stream,
				      const struct packet *p)
{
	struct ws_walk *w = p->direction == WST_OUT ? &stream->walk[WST_OUT] :
						      &stream->walk[WST_IN];
	struct ws_walk *other = p->direction == WST_OUT ? &stream->walk[WST_IN] :
							  &stream->walk[WST_OUT];
	u32 i;

	note_payload(w, other, stream->last_segment_ns[p->direction & 1], p->seq + p->len);
	if (ws_walk_enter(w, p->seq, p->len) < 0)
		return;
	for (i = 0; i < WALK_CALLS; i++)
		if (!walk_frames(skb, p->direction, p->payload_offset, p->seq, p->len))
			break;
	if (i == WALK_CALLS)
		count_loss(WST_LOSS_LOOP);
	if (ws_walk_leave(w, p->seq + p->len))
		count_loss(WST_LOSS_SYNC);
}

/*
 * Not walking yet; or joined an open connection, which may turn out to be plain HTTP that is
 * upgraded later.
 */
static __always_inline bool wants_head(const struct stream *stream, u8 direction)
{
	const struct ws_walk *w = direction == WST_OUT ? &stream->walk[WST_OUT] :
							 &stream->walk[WST_IN];

	return w->phase == WS_WALK_OFF || (w->phase == WS_WALK_HUNT && w->options & WS_WALK_BEFORE);
}

static __always_inline bool may_hold_head(struct bpf_sock *sk)
{
	const struct note *note = packet_note(sk);

	return note && !(note->flags & NOTE_NOT_HTTP);
}

static __always_inline void note_segment(struct __sk_buff *skb, struct stream *stream,
					 const struct packet *p)
{
	u64 now_ns = bpf_ktime_get_boot_ns();
	u32 segment = skb->gso_size;

	stream->last_segment_ns[p->direction & 1] = now_ns;
	if (p->direction == WST_IN && p->acks)
		tcp_path_acked(&stream->path, p->ack, p->window, now_ns);
	if (p->direction == WST_OUT && p->len)
		tcp_path_sent(&stream->path, p->seq, p->len,
			      segment && segment < p->len ? segment : p->len, now_ns);
}

static __always_inline int on_packet(struct __sk_buff *skb, u8 direction)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct packet p = { .direction = direction };
	struct stream *stream;

	if (!sk || sk->protocol != IPPROTO_TCP)
		return PASS;
	if (targ_only_chat_ports && !is_chat_port(sk->src_port) &&
	    !is_chat_port(bpf_ntohs(sk->dst_port)))
		return PASS;
	if (!packet_parse(skb, &p))
		return PASS;
	if (direction == WST_IN && p.syn && sk->state == TCP_LISTEN) {
		on_syn(skb, sk);
		return PASS;
	}
	stream = packet_stream(sk);
	if (stream)
		note_segment(skb, stream, &p);
	if (!p.len)
		return PASS;
	if ((!stream || wants_head(stream, direction)) && may_hold_head(sk)) {
		read_head(skb, direction, p.payload_offset, p.seq, p.len);
		/* the head may have been followed by frames in this very segment */
		stream = packet_stream(sk);
		if (stream)
			note_segment(skb, stream, &p);
	}
	if (!stream)
		return PASS;
	on_frames(skb, stream, &p);
	return PASS;
}

SEC("cgroup_skb/ingress")
int handle_ingress(struct __sk_buff *skb)
{
	return on_packet(skb, WST_IN);
}

SEC("cgroup_skb/egress")
int handle_egress(struct __sk_buff *skb)
{
	return on_packet(skb, WST_OUT);
}
