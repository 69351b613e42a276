// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every packet passes here, so each step asks the cheapest question first: is it ours at all? These
 * programs always let the packet pass.
 */
#include "frames.bpf.h"
#include "packet.bpf.h"

#define PASS 1
#define SCAN_CALLS 256 /* 16 KiB of head in 64-byte pieces */
#define CHUNK_CALLS 32
#define WALK_CALLS 256 /* x 128 steps: more than 64 KiB of the smallest frames */

#define TLS_ALERT 21 /* RFC 8446, 5.1 */
#define TLS_HANDSHAKE 22
#define TLS_DATA 23

static __always_inline struct sock *kernel_sock(struct bpf_sock *sk)
{
	return (struct sock *)bpf_skc_to_tcp_sock(sk);
}

static __always_inline bool is_prefix(const u8 *bytes, u32 n, const char *word, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (i < n && bytes[i] != word[i])
			return false;
	return true;
}

/*
 * The request is whole and asks for a WebSocket: from here on the socket has a stream, and its
 * client's frames start behind the head.
 */
static __always_inline void request_complete(struct __sk_buff *skb, struct bpf_sock *sk,
					     struct note *note)
{
	struct stream *stream = bpf_sk_storage_get(&streams, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct sock *ksk = kernel_sock(sk);
	u8 direction = note->scan.direction;

	if (!stream || !ksk) {
		count_loss(WST_LOSS_STORAGE);
		return;
	}
	if (direction == WST_OUT)
		ws_walk_start(&stream->walk[WST_OUT], note->scan.next_seq, 1, 0);
	else
		ws_walk_start(&stream->walk[WST_IN], note->scan.next_seq, 1, 0);
	note->flags |= NOTE_WS_REQUEST;
	announce(ksk, note, bpf_get_socket_cookie(skb));
}

/* The answer is whole. 101 starts the server's frames; any other final answer ends the attempt. */
static __always_inline void response_complete(struct bpf_sock *sk, struct note *note)
{
	struct stream *stream = bpf_sk_storage_get(&streams, sk, NULL, 0);
	int deflate = note->scan.marks & HTTP_MARK_DEFLATE;
	u16 status = note->scan.status;

	if (!stream || (status >= 100 && status < 200 && status != 101))
		return; /* an interim answer (RFC 9110, 15.2): the final one follows */
	note->flags &= ~NOTE_WS_REQUEST;
	if (note->scan.direction == WST_OUT) {
		if (status == 101)
			ws_walk_start(&stream->walk[WST_OUT], note->scan.next_seq, 0, deflate);
		stream->walk[WST_IN].phase = status == 101 ? stream->walk[WST_IN].phase :
							     WS_WALK_OFF;
		stream->walk[WST_IN].options |= deflate ? WS_DEFLATE : 0;
	} else {
		if (status == 101)
			ws_walk_start(&stream->walk[WST_IN], note->scan.next_seq, 0, deflate);
		stream->walk[WST_OUT].phase = status == 101 ? stream->walk[WST_OUT].phase :
							      WS_WALK_OFF;
		stream->walk[WST_OUT].options |= deflate ? WS_DEFLATE : 0;
	}
}

static __always_inline bool is_interim(const struct http_scan *scan)
{
	return scan->status >= 100 && scan->status < 200 && scan->status != 101;
}

static __always_inline void emit_head(struct __sk_buff *skb, u32 offset, u32 n, u32 head_offset,
				      u32 flags)
{
	u32 i, done = 0, part;

	for (i = 0; i < CHUNK_CALLS; i++) {
		if (done >= n)
			break;
		part = n - done > WST_HTTP_CHUNK_BYTES ? WST_HTTP_CHUNK_BYTES : n - done;
		if (emit_chunk(skb, offset + done, part, head_offset + done,
			       done + part < n ? flags & ~(u32)(WST_HTTP_LAST | WST_HTTP_CUT) : flags))
			break;
		done += part;
	}
}

/*
 * Scans what this segment has of the head, sends it on if it is or may be a handshake, and acts on
 * a whole one.
 */
static __always_inline void scan_segment(struct __sk_buff *skb, struct bpf_sock *sk,
					 struct note *note, const struct packet *p, bool request)
{
	u32 start = note->scan.next_seq - p->seq, head_offset = note->scan.total, at = start, i;
	u32 flags = request ? WST_HTTP_REQUEST : WST_HTTP_RESPONSE;
	bool end;
	int n;

	for (i = 0; i < SCAN_CALLS; i++) {
		if (at >= p->len)
			break;
		n = scan_head(skb, p->payload_offset + at, p->len - at);
		if (n <= 0)
			break;
		at += n;
		if (note->scan.marks & HTTP_MARK_END || note->scan.total >= WST_HTTP_HEAD_BYTES)
			break;
	}
	end = note->scan.marks & HTTP_MARK_END;
	if (!end && note->scan.total >= WST_HTTP_HEAD_BYTES) {
		flags |= WST_HTTP_CUT;
		note->scan.active = 0;
	}
	if (end) {
		flags |= WST_HTTP_LAST;
		note->scan.active = 0;
	}
	flags |= (u32)note->scan.direction << 8;
	if (request && end && note->scan.marks & HTTP_MARK_WEBSOCKET)
		request_complete(skb, sk, note);
	if (!request && end)
		response_complete(sk, note);
	/* An ordinary request that came whole wakes nobody. */
	if (request && end && !(note->scan.marks & HTTP_MARK_WEBSOCKET) && !note->scan.emitted)
		return;
	if (!request && is_interim(&note->scan) && !note->scan.emitted)
		return;
	note->scan.emitted = 1;
	emit_head(skb, p->payload_offset + start, at - start, head_offset, flags);
}

/* The next segment of a head that began in an earlier one. */
static __always_inline void continue_head(struct __sk_buff *skb, struct bpf_sock *sk,
					  struct note *note, const struct packet *p)
{
	if (!ws_seq_before(note->scan.next_seq, p->seq + p->len))
		return; /* retransmission */
	if (ws_seq_before(note->scan.next_seq, p->seq)) {
		note->scan.active = 0; /* a hole: bytes of the head overtook each other */
		count_loss(WST_LOSS_SYNC);
		return;
	}
	scan_segment(skb, sk, note, p, !(note->flags & NOTE_WS_REQUEST));
}

/* TLS hides the rest; alerts before application data are in the clear or at least countable. */
static __always_inline void note_tls(struct note *note, const struct packet *p, const u8 *bytes)
{
	if (bytes[0] == TLS_HANDSHAKE)
		note->flags |= NOTE_TLS;
	if (!(note->flags & NOTE_TLS))
		return;
	if (bytes[0] == TLS_DATA)
		note->flags |= NOTE_TLS_DATA | NOTE_NOT_HTTP;
	/* type, version, length 2, level, description */
	if (bytes[0] == TLS_ALERT && p->len == 7 && bytes[3] == 0 && bytes[4] == 2)
		note->tls_alert[p->direction & 1] = bytes[6];
}

/* The first bytes of a segment on a socket that has no head under way. */
static __always_inline void begin_head(struct __sk_buff *skb, struct bpf_sock *sk,
				       struct note *note, const struct packet *p)
{
	bool answer = note->flags & NOTE_WS_REQUEST;
	u8 bytes[16] = {};
	u32 n = p->len > 7 ? 7 : p->len;

	if (answer && p->direction == note->scan.direction && !is_interim(&note->scan))
		return; /* the client talks on before the answer */
	if (!packet_load(skb, p->payload_offset, bytes, n))
		return;
	if (answer ? is_prefix(bytes, n, "HTTP/1.", 7) : is_prefix(bytes, n, "GET ", 4)) {
		http_scan_start(&note->scan, p->seq, p->direction);
		scan_segment(skb, sk, note, p, !answer);
		return;
	}
	if (answer)
		return;
	if (n >= 7 && bytes[1] == 3 && bytes[0] >= TLS_ALERT && bytes[0] <= TLS_DATA)
		note_tls(note, p, bytes);
	else if (bytes[0] < 'A' || bytes[0] > 'Z' ||
		 (bytes[0] == 'P' && bytes[1] == 'R' && bytes[2] == 'I'))
		/*
		 * bodies of requests and answers start with anything, so only the very first bytes
		 * of a connection decide
		 */
		note->flags |= note->flags & NOTE_HTTP_SEEN ? 0 : NOTE_NOT_HTTP;
	else
		note->flags |= NOTE_HTTP_SEEN;
}

static __always_inline void on_head(struct __sk_buff *skb, struct bpf_sock *sk,
				    const struct packet *p)
{
	struct note *note = bpf_sk_storage_get(&notes, sk, NULL, 0);

	if (!note || note->flags & NOTE_NOT_HTTP)
		return;
	if (note->scan.active && note->scan.direction == p->direction)
		continue_head(skb, sk, note, p);
	else
		begin_head(skb, sk, note, p);
}

/*
 * A SYN that meets a full accept queue is dropped without a word (tcp_conn_request): the one place
 * where it can be seen.
 */
static __always_inline void on_syn(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct sock *ksk = kernel_sock(sk);
	struct wst_backlog_event *event;
	struct note *note;
	u32 queued, limit;

	if (!ksk || !is_chat_port(sk->src_port))
		return;
	queued = BPF_CORE_READ(ksk, sk_ack_backlog);
	limit = BPF_CORE_READ(ksk, sk_max_ack_backlog);
	if (queued <= limit)
		return;
	event = reserve_event(WST_EV_BACKLOG, sizeof(*event), bpf_get_socket_cookie(skb), 0);
	if (!event)
		return;
	packet_tuple(skb, ksk, &event->tuple);
	event->queued = queued;
	event->limit = limit;
	note = bpf_sk_storage_get(&notes, sk, NULL, 0);
	if (note) {
		event->owner = note->owner;
		event->h.tgid = note->owner.tgid;
	}
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void on_frames(struct __sk_buff *skb, struct stream *stream,
				      const struct packet *p)
{
	struct ws_walk *w = p->direction == WST_OUT ? &stream->walk[WST_OUT] :
						      &stream->walk[WST_IN];
	u32 i;

	w->facts.last_payload_ns = stream->last_segment_ns[p->direction & 1];
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

static __always_inline int on_packet(struct __sk_buff *skb, u8 direction)
{
	struct bpf_sock *sk = skb->sk;
	struct packet p = { .direction = direction };
	struct stream *stream;

	if (!sk)
		return PASS;
	sk = bpf_sk_fullsock(sk);
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
	stream = bpf_sk_storage_get(&streams, sk, NULL, 0);
	if (stream)
		stream->last_segment_ns[direction] = bpf_ktime_get_boot_ns();
	if (!p.len)
		return PASS;
	if (!stream || wants_head(stream, direction)) {
		on_head(skb, sk, &p);
		/* the head may have been followed by frames in this very segment */
		stream = bpf_sk_storage_get(&streams, sk, NULL, 0);
		if (!stream)
			return PASS;
		stream->last_segment_ns[direction] = bpf_ktime_get_boot_ns();
	}
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
