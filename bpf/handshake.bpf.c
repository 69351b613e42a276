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

#define PIECES_MAX (WST_HTTP_HEAD_BYTES / HEAD_PIECE_BYTES)
#define CHUNKS_MAX (WST_HTTP_HEAD_BYTES / WST_HTTP_CHUNK_BYTES)

/* Segments before the first answer, or what begins so unlike HTTP is no preamble. */
#define ODD_MAX 4

#define TLS_ALERT 21 /* RFC 8446, 5.1 */
#define TLS_HANDSHAKE 22
#define TLS_DATA 23

/* The frames behind the head begin; some of them may have overtaken a part of it. */
static __always_inline void start_walk(struct ws_walk *w, struct note *note, int from_client,
				       int deflate)
{
	ws_walk_start(w, note->scan.next_seq, from_client, deflate);
	if (note->seen & SEEN_HELD)
		ws_walk_expect_held(w, note->held_end);
	note->seen &= ~SEEN_HELD;
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
	note->seen &= ~SEEN_ASKED_OUT;
	note->seen |= SEEN_WS_REQUEST | (direction == WST_OUT ? SEEN_ASKED_OUT : 0);
	announce(ksk, note, packet_cookie(skb, sk));
	emit_front(ksk, note, packet_cookie(skb, sk));
}

/*
 * An answer to a WebSocket request that was not recognised: clients wait for it before they send
 * frames.
 */
__noinline int request_missed(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	struct stream *stream = note ? packet_stream_create(sk) : NULL;
	struct sock *ksk = note ? packet_kernel_sock(sk) : NULL;
	struct bpf_tcp_sock *tp = note ? bpf_tcp_sock(sk) : NULL;
	u32 received, sent;

	if (!stream || !ksk || !tp) {
		count_loss(WST_LOSS_STORAGE);
		return 0;
	}
	received = tp->rcv_nxt;
	sent = tp->snd_nxt;
	barrier_var(received); /* else clang chooses between two addresses in tp */
	barrier_var(sent);
	if (note->scan.direction == WST_OUT)
		ws_walk_start(&stream->walk[WST_IN], received, 1, 0);
	else
		ws_walk_start(&stream->walk[WST_OUT], sent, 1, 0);
	note->seen &= ~SEEN_ASKED_OUT;
	note->seen |= SEEN_WS_REQUEST | (note->scan.direction == WST_IN ? SEEN_ASKED_OUT : 0);
	announce(ksk, note, packet_cookie(skb, sk));
	return 0;
}

/* To a request that was sent before the one for a WebSocket, or not the last one to that. */
static __always_inline bool is_other_answer(const struct note *note)
{
	u16 status = note->scan.status;

	return status != 101 && (note->answers_ahead || (status >= 100 && status < 200));
}

/*
 * The answer is whole. 101 starts the server's frames; any other final answer ends the attempt.
 * False: it is the answer to something else.
 */
static __always_inline bool response_complete(struct bpf_sock *sk, struct note *note)
{
	struct stream *stream = packet_stream(sk);
	int deflate = note->scan.marks & HTTP_MARK_DEFLATE;
	u16 status = note->scan.status;

	if (!stream)
		return false;
	if (is_other_answer(note)) {
		if (status >= 200)
			note->answers_ahead--;
		return false;
	}
	note->seen &= ~SEEN_WS_REQUEST;
	if (status == 101)
		note_websocket_port(sk, note);
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
	return true;
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
	bool end, ours;

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
	ours = note->scan.marks & HTTP_MARK_WEBSOCKET;
	if (request && end && ours)
		request_complete(skb, sk, note);
	if (!request && end && ours && note->scan.status == 101 && !(note->seen & SEEN_WS_REQUEST))
		request_missed(skb);
	if (!request)
		ours = end ? response_complete(sk, note) : !is_other_answer(note);
	/* What is no handshake and came whole wakes nobody. */
	if (!ours && (end || !request) && !note->scan.emitted)
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
	scan_segment(skb, sk, note, p, !(note->scan.marks & HTTP_MARK_ANSWER));
}

/* type, version, length 2, level, description */
static __always_inline bool note_tls_alert(struct note *note, const struct packet *p,
					   const u8 *bytes)
{
	if (bytes[0] != TLS_ALERT || p->len != 7 || bytes[1] != 3 || bytes[3] || bytes[4] != 2)
		return false;
	note->tls_alert[p->direction & 1] = bytes[6];
	return true;
}

/* TLS hides the rest; alerts before application data are in the clear or at least countable. */
static __always_inline void note_tls(struct note *note, const struct packet *p, const u8 *bytes)
{
	if (bytes[0] == TLS_HANDSHAKE)
		note->seen |= SEEN_TLS;
	if (!(note->seen & SEEN_TLS))
		return;
	if (bytes[0] == TLS_DATA)
		note->seen |= SEEN_TLS_DATA | SEEN_NOT_HTTP;
	note_tls_alert(note, p, bytes);
}

/* "HTTP/1.1 101", of which 12 bytes have to be there. */
static __always_inline bool is_switching(const u8 *bytes, u32 n)
{
	return n >= 12 && is_prefix(bytes, n, "HTTP/1.", 7) && is_prefix(bytes + 8, n, " 101", 4);
}

static __always_inline bool is_begin_of_preamble(const u8 *bytes, u32 n)
{
	return bytes[0] == '\r' || bytes[0] == '\n' || (n > 6 && is_prefix(bytes, n, "PROXY ", 6));
}

/* What SOCKS 5 (RFC 1928, 1929) and 4 answer: the client's request is still to come. */
static __always_inline bool is_socks_answer(const u8 *bytes, u32 n)
{
	return bytes[0] == 5 || (n == 2 && bytes[0] == 1) || (n == 8 && !bytes[0]);
}

/*
 * Bodies of requests and answers start with anything, so only the very first bytes of a connection
 * decide. What is not known here may still come before a request: the answer tells.
 */
static __always_inline void note_first_bytes(struct note *note, u8 direction, const u8 *bytes, u32 n)
{
	bool odd = bytes[0] < 'A' || bytes[0] > 'Z' || (n > 2 && is_prefix(bytes, n, "PRI", 3));
	bool request = direction == (note->flags & NOTE_PASSIVE ? WST_IN : WST_OUT);

	if (note->seen & SEEN_HTTP || (note->odd && !request && is_socks_answer(bytes, n)))
		return;
	if (!request && note->seen & SEEN_TLS && is_prefix(bytes, n, "HTTP/1.", 7))
		note->seen |= SEEN_NO_TLS;
	if (note->odd && !request)
		odd = !is_prefix(bytes, n, "HTTP/1.", 7);
	if (!odd)
		note->seen |= SEEN_HTTP;
	else if (request && note->odd < ODD_MAX)
		note->odd++;
	else
		note->seen |= SEEN_NOT_HTTP;
}

/*
 * The first bytes of a segment on a socket that has no head under way. An answer that switches
 * protocols makes up for a request that was not recognised. Returns how many bytes come before a
 * request.
 */
static __always_inline int begin_head(struct __sk_buff *skb, struct bpf_sock *sk, struct note *note,
				      const struct packet *p)
{
	bool answer = note->seen & SEEN_WS_REQUEST, head;
	u8 bytes[16] = {};
	u32 n = p->len > 12 ? 12 : p->len;

	if (answer && p->direction == note->scan.direction && !(note->scan.marks & HTTP_MARK_ANSWER))
		return 0; /* the client talks on before the answer */
	n = ((n - 1) & 15) + 1;
	if (!load_bytes(skb, p->payload_offset, held_way(p->direction, 0), p->seq, bytes, n))
		return 0;
	head = answer ? is_prefix(bytes, n, "HTTP/1.", 7) : is_prefix(bytes, n, "GET ", 4);
	if (!head && !answer)
		head = answer = is_switching(bytes, n);
	if (head) {
		note->seen |= SEEN_HTTP;
		http_scan_start(&note->scan, p->seq, p->direction);
		note->scan.marks = answer ? HTTP_MARK_ANSWER : 0;
		scan_segment(skb, sk, note, p, !answer);
		return 0;
	}
	if (answer) {
		if (n >= 7 && note_tls_alert(note, p, bytes))
			note->seen |= SEEN_NO_TLS;
		return 0;
	}
	if (is_begin_of_preamble(bytes, n)) {
		int ahead = preamble(skb, p->direction, p->payload_offset, p->seq, p->len);

		if (ahead > 0)
			return ahead;
	}
	if (n >= 7 && bytes[1] == 3 && bytes[0] >= TLS_ALERT && bytes[0] <= TLS_DATA)
		note_tls(note, p, bytes);
	else
		note_first_bytes(note, p->direction, bytes, n);
	return 0;
}

/* Another request may lie behind one that asks for no WebSocket. */
static __always_inline u32 plain_request_bytes(struct note *note, const struct packet *p)
{
	const struct http_scan *scan = &note->scan;

	if (scan->active || scan->direction != p->direction || !(scan->marks & HTTP_MARK_END) ||
	    scan->marks & (HTTP_MARK_WEBSOCKET | HTTP_MARK_ANSWER) ||
	    !ws_seq_before(p->seq, scan->next_seq) ||
	    !ws_seq_before(scan->next_seq, p->seq + p->len))
		return 0;
	note->answers_ahead++;
	return scan->next_seq - p->seq;
}

/* A proxy may end TLS here: what it connects to for this client, and the end, are still to come. */
static __always_inline bool may_be_front(const struct note *note)
{
	return note->seen & SEEN_TLS && note->flags & NOTE_PASSIVE;
}

/* Without its note the socket costs nothing but the question for it. */
static __always_inline bool is_of_no_interest(const struct note *note)
{
	return (note->established_ns || note->flags & NOTE_MIDSTREAM) &&
	       note->seen & SEEN_NOT_HTTP && !may_be_front(note) &&
	       !(note->flags & (NOTE_CHAT_PORT | NOTE_LISTENER)) && !note->announced;
}

__noinline int read_segment(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	struct packet p = {
		.seq = seq, .payload_offset = offset, .len = len, .direction = direction & 1
	};
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	u32 used = 0;

	if (!note)
		return 0;
	if (note->scan.active && note->scan.direction == p.direction)
		continue_head(skb, sk, note, &p);
	else
		used = begin_head(skb, sk, note, &p);
	if (!used)
		used = plain_request_bytes(note, &p);
	if (is_of_no_interest(note)) {
		forget_all_held(note, NULL);
		packet_forget(sk);
	}
	return used;
}
