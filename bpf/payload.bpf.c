// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every packet passes here, so each step asks the cheapest question first: is it ours at all? These
 * programs always let the packet pass.
 */
#include "clock.bpf.h"
#include "frames.bpf.h"
#include "held.bpf.h"
#include "turn.bpf.h"

#define PASS 1
#define HEAD_LINES (WST_HTTP_HEAD_BYTES / WS_LINE_BYTES)
#define MS_NS 1000000ull
#define TURN_ROUNDS 4
#define WALK_CALLS 256 /* x 128 steps: more than 64 KiB of the smallest frames */

__u64 clock_of_tick = 0;

/*
 * A SYN that meets a full accept queue is dropped without a word (tcp_conn_request): the one place
 * where it can be seen.
 */
static __always_inline void on_syn(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct sock *ksk = sk ? packet_kernel_sock(sk) : NULL;
	struct wst_backlog_event *event;
	struct note *note;
	u32 queued, limit;

	if (!ksk || !is_websocket_port(sk->src_port))
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

static __always_inline u32 silence_since(u64 last_ns, u64 now_ns)
{
	return last_ns && now_ns > last_ns ? (now_ns - last_ns) / MS_NS : 0;
}

static __always_inline void raise_to(u32 *longest, u32 value)
{
	if (value > *longest)
		*longest = value;
}

/*
 * A path that was forgotten during a silence shows in the first bytes after it: they are never
 * answered. What is sent again says nothing new.
 */
static __always_inline void note_payload(struct stream *stream, struct ws_walk *w,
					 struct ws_walk *other, const struct packet *p, u64 now_ns)
{
	struct wst_walk_facts *facts = &w->facts;
	u64 last_ns = facts->last_payload_ns;
	u32 pause_ms, silence_ms;

	if (now_ns < last_ns + MS_NS && !other->facts.silence_ms) { /* spares the divisions */
		facts->last_payload_ns = now_ns;
		return;
	}
	pause_ms = silence_since(last_ns, now_ns);
	if (last_ns < other->facts.last_payload_ns)
		last_ns = other->facts.last_payload_ns;
	silence_ms = silence_since(last_ns, now_ns);
	if (!(w->options & WS_WALK_SEEN) || ws_seq_before(w->seen_seq, p->seq + p->len)) {
		bool out = p->direction == WST_OUT;

		raise_to(&facts->silence_ms, silence_ms);
		raise_to(out ? &stream->unproven_silence_ms : &facts->longest_silence_ms,
			 silence_ms);
		raise_to(out ? &stream->unproven_pause_ms : &facts->longest_pause_ms, pause_ms);
	}
	other->facts.silence_ms = 0;
	facts->last_payload_ns = now_ns;
}

/* All that was sent has arrived. */
static __always_inline void prove_silences(struct stream *stream)
{
	struct wst_walk_facts *facts = &stream->walk[WST_OUT].facts;

	if (!stream->unproven_silence_ms && !stream->unproven_pause_ms)
		return;
	raise_to(&facts->longest_silence_ms, stream->unproven_silence_ms);
	raise_to(&facts->longest_pause_ms, stream->unproven_pause_ms);
	stream->unproven_silence_ms = stream->unproven_pause_ms = 0;
}

static __always_inline void walk_segment(struct __sk_buff *skb, struct stream *stream,
					 const struct packet *p, u64 now_ns)
{
	struct ws_walk *w = p->direction == WST_OUT ? &stream->walk[WST_OUT] :
						      &stream->walk[WST_IN];
	enum ws_entry entry;
	int more;
	u32 i;

	entry = ws_walk_enter(w, p->seq, p->len);
	if (entry == WS_ENTRY_WALK) {
		more = walk_step(skb, stream, p->direction, p->payload_offset, p->seq, p->len,
				 now_ns);
		for (i = 0; more && i < WALK_CALLS; i++)
			if (!walk_frames(skb, p->direction, p->payload_offset, p->seq, p->len))
				break;
		if (i == WALK_CALLS)
			count_loss(WST_LOSS_LOOP);
		ws_walk_leave(w, p->seq + p->len);
	}
	if (entry == WS_ENTRY_HOLD)
		hold_segment(skb, held_way(p->direction, w->hole), p->payload_offset, p->seq,
			     p->len);
	if (w->options & WS_WALK_HELD && walk_held(skb, p->direction))
		count_loss(WST_LOSS_SYNC);
}

/* Walks what others have left meanwhile, before and just after it was looked for. */
static __always_inline void end_turn(struct __sk_buff *skb, struct stream *stream)
{
	u32 i;

	for (i = 0; i < TURN_ROUNDS; i++) {
		if (is_skipped(stream) && walk_held(skb, WST_IN))
			count_loss(WST_LOSS_SYNC);
		compat_ordered_add(&stream->walkers, -1);
		if (!is_skipped(stream) || !try_turn(stream))
			return;
	}
	compat_ordered_add(&stream->walkers, -1);
}

static __always_inline void on_frames(struct __sk_buff *skb, struct stream *stream,
				      const struct packet *p, u64 now_ns)
{
	if (p->direction == WST_OUT) {
		note_payload(stream, &stream->walk[WST_OUT], &stream->walk[WST_IN], p, now_ns);
		walk_segment(skb, stream, p, now_ns);
		return;
	}
	note_payload(stream, &stream->walk[WST_IN], &stream->walk[WST_OUT], p, now_ns);
	if (take_turn(skb, stream))
		walk_segment(skb, stream, p, now_ns);
	else if (!leave_late(skb, p->payload_offset, p->seq, p->len))
		return;
	end_turn(skb, stream);
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

static __always_inline bool may_hold_head(const struct note *note)
{
	return note && !(note->seen & SEEN_NOT_HTTP);
}

static __always_inline void read_held(struct __sk_buff *skb, u32 direction)
{
	u32 i;

	for (i = 0; i < HEAD_LINES; i++)
		if (!read_held_line(skb, direction))
			break;
}

/* Which no tracepoint has told of, see head_order.bpf.c. */
static __always_inline bool is_unknown(const struct note *note)
{
	return !note || note->flags & NOTE_LISTENER ||
	       (!note->established_ns && !(note->flags & NOTE_MIDSTREAM));
}

static __always_inline void look_for_head(struct __sk_buff *skb, const struct packet *p)
{
	if (p->direction == WST_OUT && find_early_head(skb))
		read_held(skb, WST_IN);
	if (read_head(skb, p->direction, p->payload_offset, p->seq, p->len))
		read_held(skb, p->direction);
}

static __always_inline void note_segment(struct __sk_buff *skb, struct stream *stream,
					 const struct packet *p, u64 now_ns)
{
	u32 segment = skb->gso_size;

	if (!p->len)
		stream->last_bare_ns[p->direction & 1] = now_ns;
	if (p->direction == WST_IN && p->acks) {
		tcp_path_acked(&stream->path, p->ack, p->window, now_ns);
		if (!tcp_path_in_flight(&stream->path))
			prove_silences(stream);
	}
	if (p->direction == WST_OUT && p->len)
		tcp_path_sent(&stream->path, p->seq, p->len,
			      segment && segment < p->len ? segment : p->len, now_ns);
}

/*
 * The ACK of what met the listener: where that waits for data (TCP_DEFER_ACCEPT), it is always the
 * request, and the process may never answer.
 */
static __always_inline void look_for_early_head(struct __sk_buff *skb, const struct note *note)
{
	if (note && (note->flags & (NOTE_PASSIVE | NOTE_MIDSTREAM)) == NOTE_PASSIVE &&
	    !(note->seen & SEEN_PLACED_IN) && find_early_head(skb))
		read_held(skb, WST_IN);
}

/* Of a socket that has a stream or a note, or should have. */
static __always_inline void on_segment(struct __sk_buff *skb, struct bpf_sock *sk,
				       struct stream *stream, const struct packet *p)
{
	u64 now_ns;

	if (!stream && is_unknown(packet_note(sk)))
		meet_socket(skb);
	if (p->len && (!stream || wants_head(stream, p->direction)) &&
	    may_hold_head(packet_note(sk))) {
		look_for_head(skb, p);
		/* the head may have been followed by frames in this very segment */
		stream = packet_stream(sk);
	}
	if (!stream) {
		if (!p->len && p->direction == WST_OUT)
			look_for_early_head(skb, packet_note(sk));
		return;
	}
	now_ns = p->len ? payload_ns(stream) : bpf_ktime_get_boot_ns();
	note_segment(skb, stream, p, now_ns);
	if (p->len)
		on_frames(skb, stream, p, now_ns);
}

static __always_inline void on_listener(struct __sk_buff *skb, const struct packet *p)
{
	if (p->syn)
		on_syn(skb);
	/* of a connection whose socket does not exist yet: head_order.bpf.c finds it */
	if (p->len && p->len <= WST_HTTP_HEAD_BYTES)
		hold_segment(skb, held_way(WST_IN, 0), p->payload_offset, p->seq, p->len);
}

/*
 * The kernel runs these programs for whole sockets only (__cgroup_bpf_run_filter_skb), so there is
 * no need to ask bpf_sk_fullsock() here.
 */
static __always_inline int on_packet(struct __sk_buff *skb, u8 direction)
{
	struct packet p = { .direction = direction };
	struct bpf_sock *sk = skb->sk;
	bool chat;

	if (!sk)
		return PASS;
	chat = has_chat_port(sk);
	if (targ_only_chat_ports && !chat)
		return PASS;
	if (direction == WST_IN && sk->state == TCP_LISTEN) {
		if (packet_parse(skb, &p))
			on_listener(skb, &p);
		return PASS;
	}
	/* no stream is without a note: for most sockets of the machine one look-up settles it */
	if (!chat && !packet_note(sk))
		return PASS;
	if (packet_parse(skb, &p))
		on_segment(skb, sk, packet_stream(sk), &p);
	return PASS;
}

/*
 * Attached to ingress and to egress: what both call is verified once. Only what came in has an
 * interface that it came in by.
 */
SEC("cgroup/skb")
int handle_packet(struct __sk_buff *skb)
{
	return skb->ingress_ifindex ? on_packet(skb, WST_IN) : on_packet(skb, WST_OUT);
}
