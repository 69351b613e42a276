// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Looks for opening handshakes: scans heads byte by byte, sends those of WebSockets to user space,
 * and starts the walk over the frames behind them. Each loop stands in a function of its own around
 * a global one that keeps its state in the note, because the verifier follows all paths of all
 * rounds where a round leaves something behind in registers.
 */
#include "frames.bpf.h"
#include "front.bpf.h"
#include "held.bpf.h"

#define PIECE_BYTES 64 /* short, because the verifier follows every byte */
#define PIECES_MAX (WST_HTTP_HEAD_BYTES / PIECE_BYTES)
#define CHUNKS_MAX (WST_HTTP_HEAD_BYTES / WST_HTTP_CHUNK_BYTES)

#define TLS_ALERT 21 /* RFC 8446, 5.1 */
#define TLS_HANDSHAKE 22
#define TLS_DATA 23

/*
 * Scans the next bytes of the head in the segment [seq, seq + len) whose payload starts at
 * `offset`. Returns 1 when there is more to scan.
 */
__noinline int scan_piece(struct __sk_buff *skb, u32 offset, u32 seq, u32 len)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	struct http_scan scan;
	u8 bytes[PIECE_BYTES];
	u32 i, n, at;

	if (!note)
		return 0;
	scan = note->scan;
	at = scan.next_seq - seq;
	if (at >= len || scan.marks & HTTP_MARK_END || scan.total >= WST_HTTP_HEAD_BYTES)
		return 0;
	n = len - at > PIECE_BYTES ? PIECE_BYTES : len - at;
	barrier_var(n); /* the verifier has to see the bounds, not clang */
	n = ((n - 1) & (PIECE_BYTES - 1)) + 1;
	if (!load_bytes(skb, further(offset, at), held_way(scan.direction, 0), scan.next_seq, bytes,
			n))
		return 0;
	for (i = 0; i < PIECE_BYTES; i++) {
		/* clang would test for i != n alone, which older verifiers do not take for a bound */
		barrier_var(i);
		if (i >= n || i >= PIECE_BYTES)
			break;
		if (http_scan_byte(&scan, bytes[i])) {
			i++;
			break;
		}
	}
	scan.next_seq += i;
	note->scan = scan;
	return 1;
}

/*
 * Do the first words of a body of len bytes at `offset` speak of a session? That is all that is
 * ever learned of it.
 */
__noinline int body_names_session(struct __sk_buff *skb, u32 offset, u32 len)
{
	u8 bytes[PIECE_BYTES] = {};
	u64 window = 0;
	u32 i, n = len > PIECE_BYTES ? PIECE_BYTES : len;

	if (!n)
		return 0;
	barrier_var(n);
	n = ((n - 1) & (PIECE_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(skb, offset, bytes, n))
		return 0;
	for (i = 0; i < PIECE_BYTES; i++) {
		barrier_var(i);
		if (i >= n || i >= PIECE_BYTES)
			break;
		window = window << 8 | bytes[i];
		if (http_scan_is_session(window))
			return 1;
	}
	return 0;
}

/*
 * Sends a chunk of the n bytes of a head that lie at `offset` of the packet. flags: enum
 * wst_http_flag, the direction in bit 8, which chunk from bit 16 on. Returns 1 when there are more.
 */
__noinline int emit_chunk(struct __sk_buff *skb, u32 offset, u32 n, u32 head_offset, u32 flags)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	u32 done = (flags >> 16) * WST_HTTP_CHUNK_BYTES;
	struct wst_http_event *event;
	bool more;

	if (!note || done >= n)
		return 0;
	event = reserve_event(WST_EV_HTTP, sizeof(*event), packet_cookie(skb, sk), note->owner.tgid);
	if (!event)
		return 0;
	n -= done;
	more = n > WST_HTTP_CHUNK_BYTES;
	if (more)
		n = WST_HTTP_CHUNK_BYTES;
	event->head_seq = note->scan.head_seq;
	event->offset = head_offset + done;
	event->direction = flags >> 8 & 1;
	event->flags = more ? flags & ~(u32)(WST_HTTP_LAST | WST_HTTP_CUT | WST_HTTP_SESSION_BODY) :
			      flags;
	event->len = n;
	barrier_var(n);
	n = ((n - 1) & (WST_HTTP_CHUNK_BYTES - 1)) + 1;
	if (!load_bytes(skb, further(offset, done), held_way(flags >> 8, 0),
			note->scan.head_seq + event->offset, event->data, n)) {
		event->len = 0;
		event->flags |= WST_HTTP_CUT;
	}
	bpf_ringbuf_submit(event, 0);
	return more;
}

static __always_inline bool is_prefix(const u8 *bytes, u32 n, const char *word, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (i < n && bytes[i] != word[i])
			return false;
	return true;
}

/* The frames behind the head begin; some of them may have overtaken a part of it. */
static __always_inline void start_walk(struct ws_walk *w, struct note *note, int from_client,
				       int deflate)
{
	ws_walk_start(w, note->scan.next_seq, from_client, deflate);
	if (note->flags & NOTE_HELD)
		ws_walk_expect_held(w, note->held_end);
	note->flags &= ~NOTE_HELD;
}

/*
 * The request is whole and asks for a WebSocket: from here on the socket has a stream, and its
 * client's frames start behind the head.
 */
static __always_inline void request_complete(struct __sk_buff *skb, struct bpf_sock *sk,
					     struct note *note)
{
	struct stream *stream = packet_stream_create(sk);
	struct sock *ksk = packet_kernel_sock(sk);
	u8 direction = note->scan.direction;

	if (!stream || !ksk) {
		count_loss(WST_LOSS_STORAGE);
		return;
	}
	if (direction == WST_OUT)
		start_walk(&stream->walk[WST_OUT], note, 1, 0);
	else
		start_walk(&stream->walk[WST_IN], note, 1, 0);
	if (direction == WST_IN && !note->established_ns)
		note->established_ns = bpf_ktime_get_boot_ns(); /* it came with the SYN (RFC 7413) */
	note->flags &= ~NOTE_ASKED_OUT;
	note->flags |= NOTE_WS_REQUEST | (direction == WST_OUT ? NOTE_ASKED_OUT : 0);
	announce(ksk, note, packet_cookie(skb, sk));
	emit_front(ksk, note, packet_cookie(skb, sk));
}

/* The answer is whole. 101 starts the server's frames; any other final answer ends the attempt. */
static __always_inline void response_complete(struct bpf_sock *sk, struct note *note)
{
	struct stream *stream = packet_stream(sk);
	int deflate = note->scan.marks & HTTP_MARK_DEFLATE;
	u16 status = note->scan.status;

	if (!stream || (status >= 100 && status < 200 && status != 101))
		return; /* an interim answer (RFC 9110, 15.2): the final one follows */
	note->flags &= ~NOTE_WS_REQUEST;
	if (note->scan.direction == WST_OUT) {
		if (status == 101)
			start_walk(&stream->walk[WST_OUT], note, 0, deflate);
		stream->walk[WST_IN].phase = status == 101 ? stream->walk[WST_IN].phase :
							     WS_WALK_OFF;
		stream->walk[WST_IN].options |= deflate ? WS_DEFLATE : 0;
	} else {
		if (status == 101)
			start_walk(&stream->walk[WST_IN], note, 0, deflate);
		stream->walk[WST_OUT].phase = status == 101 ? stream->walk[WST_OUT].phase :
							      WS_WALK_OFF;
		stream->walk[WST_OUT].options |= deflate ? WS_DEFLATE : 0;
	}
}

static __always_inline bool is_interim(const struct http_scan *scan)
{
	return scan->status >= 100 && scan->status < 200 && scan->status != 101;
}

/*
 * Scans what this segment has of the head, sends it on if it is or may be a handshake, and acts on
 * a whole one.
 */
static __always_inline void scan_segment(struct __sk_buff *skb, struct bpf_sock *sk,
					 struct note *note, const struct packet *p, bool request)
{
	u32 start = note->scan.next_seq - p->seq, head_offset = note->scan.total, i;
	u32 flags = request ? WST_HTTP_REQUEST : WST_HTTP_RESPONSE;
	bool end;

	for (i = 0; i < PIECES_MAX; i++)
		if (!scan_piece(skb, p->payload_offset, p->seq, p->len))
			break;
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
	if (!request && end && note->scan.status == 400 &&
	    body_names_session(skb, p->payload_offset + (note->scan.next_seq - p->seq),
			       p->len - (note->scan.next_seq - p->seq)))
		flags |= WST_HTTP_SESSION_BODY;
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
	for (i = 0; i < CHUNKS_MAX; i++)
		if (!emit_chunk(skb, further(p->payload_offset, start),
				note->scan.next_seq - p->seq - start, head_offset, flags | i << 16))
			break;
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
	n = ((n - 1) & 15) + 1;
	if (!load_bytes(skb, p->payload_offset, held_way(p->direction, 0), p->seq, bytes, n))
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

/* A proxy may end TLS here: what it connects to for this client, and the end, are still to come. */
static __always_inline bool may_be_front(const struct note *note)
{
	return note->flags & NOTE_TLS && note->flags & NOTE_PASSIVE;
}

/* Without its note the socket costs nothing but the question for it. */
static __always_inline bool is_of_no_interest(const struct note *note)
{
	return (note->established_ns || note->flags & NOTE_MIDSTREAM) &&
	       note->flags & NOTE_NOT_HTTP && !may_be_front(note) &&
	       !(note->flags & (NOTE_CHAT_PORT | NOTE_ANNOUNCED | NOTE_LISTENER));
}

__noinline int read_segment(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	struct packet p = {
		.seq = seq, .payload_offset = offset, .len = len, .direction = direction & 1
	};
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;

	if (!note)
		return 0;
	if (note->scan.active && note->scan.direction == p.direction)
		continue_head(skb, sk, note, &p);
	else
		begin_head(skb, sk, note, &p);
	if (is_of_no_interest(note))
		packet_forget(sk);
	return 0;
}
