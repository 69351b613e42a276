// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts the bytes of heads into order before handshake.bpf.c scans them, in the direction from which
 * the next head is due: what overtakes a hole is held, and read when the hole is filled. The first
 * bytes of a connection may meet its listener instead of its socket (the handshake's last ACK came
 * late or never, or they came with the SYN): they are held, too, until the socket shows up.
 */
#include "frames.bpf.h"
#include "held.bpf.h"
#include "note.bpf.h"

/*
 * How far ahead bytes are held: no head is longer than WST_HTTP_HEAD_BYTES, but behind the answer to
 * a WebSocket request there may be frames.
 */
#define BEHIND_ANSWER (1 << 20)
#define HEADS_IN_SEGMENT 4

/* Whether the next head is due in this direction: requests come from who connected. */
static __always_inline bool is_awaited(const struct note *note, u32 direction)
{
	u32 asked = note->seen & SEEN_ASKED_OUT ? WST_OUT : WST_IN;

	if (note->seen & SEEN_WS_REQUEST)
		return direction != asked;
	return direction == (note->flags & NOTE_PASSIVE ? WST_IN : WST_OUT);
}

static __always_inline bool is_placed(const struct note *note, u32 direction)
{
	return note->seen & (direction ? SEEN_PLACED_OUT : SEEN_PLACED_IN);
}

/* Where the stream begins: every byte that TCP has received came after the SYN. */
static __always_inline u32 first_seq(struct bpf_sock *sk, const struct note *note, u32 direction,
				     u32 seq)
{
	struct bpf_tcp_sock *tp = bpf_tcp_sock(sk);

	if (direction == WST_OUT || note->flags & NOTE_MIDSTREAM || !tp)
		return seq;
	return tp->rcv_nxt - (u32)tp->bytes_received;
}

static __always_inline void place(struct note *note, u32 direction, u32 seq)
{
	note->next_seq[direction & 1] = seq;
	note->seen |= direction ? SEEN_PLACED_OUT : SEEN_PLACED_IN;
}

/* A request may come behind a preamble, or behind other requests. */
static __always_inline void read_all(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq,
				     u32 len)
{
	u32 i;
	int used;

	for (i = 0; i < HEADS_IN_SEGMENT; i++) {
		used = read_segment(skb, direction, offset, seq, len);
		if (used <= 0 || (u32)used >= len)
			break;
		offset = further(offset, used);
		seq += used;
		len -= used;
	}
}

__noinline int read_held_line(struct __sk_buff *skb, u32 direction)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	struct bpf_tcp_sock *tp;
	u32 next, arrived;
	int n;

	direction &= 1;
	/* without the flag the frames have begun, and what is held is the walker's */
	if (!note || !(note->seen & SEEN_HELD))
		return 0;
	next = note->next_seq[direction];
	if (!ws_seq_before(next, note->held_end)) {
		note->seen &= ~SEEN_HELD;
		return 0;
	}
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return 0;
	arrived = tp->rcv_nxt;
	n = held_run(skb, held_way(direction, 0), next);
	if (n > 0) {
		note->next_seq[direction] = next + n;
		read_all(skb, direction, FROM_HELD, next, n);
		if (note->seen & SEEN_HELD && !ws_cell_offset(next + n))
			forget_held(note->flow, held_way(direction, 0), next, next + n);
		return 1;
	}
	if (direction == WST_OUT || !ws_seq_before(next, arrived))
		return 0; /* it will come */
	if (note->scan.active && note->scan.direction == direction)
		count_loss(WST_LOSS_SYNC);
	note->scan.active = 0;
	note->next_seq[direction] = arrived;
	return 1;
}

/*
 * The socket waited to be accepted when the programs were attached, where nobody finds it, or there
 * was no memory for its note. Who owns it shows when it is read.
 */
static __always_inline void adopt(struct bpf_sock *sk)
{
	struct bpf_tcp_sock *tp = bpf_tcp_sock(sk);
	struct note *note = tp ? packet_note_create(sk) : NULL;

	if (!note) {
		count_loss(WST_LOSS_STORAGE);
		return;
	}
	note_reset(note, NOTE_INHERITED | NOTE_CHAT_PORT |
				 (is_chat_port(sk->src_port) ? NOTE_PASSIVE : 0) |
				 (tp->bytes_received || tp->bytes_acked > 1 ? NOTE_MIDSTREAM : 0));
}

/*
 * A change of state that interrupts another one on its CPU passes unseen: the kernel skips the second
 * run of a program (recursion). What it would have noted is noted with the first bytes.
 */
__noinline int meet_socket(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note;

	if (!sk || sk->state == TCP_LISTEN)
		return 0;
	if (!packet_note(sk))
		adopt(sk);
	note = packet_note(sk);
	if (!note)
		return 0;
	if (note->flags & NOTE_LISTENER) { /* still the copy of its listener's */
		note_reset(note, NOTE_PASSIVE | NOTE_INHERITED);
		note_state(note, TCP_SYN_RECV);
	}
	if (sk->state == TCP_ESTABLISHED && !note->established_ns &&
	    !(note->flags & NOTE_MIDSTREAM)) {
		note->established_ns = bpf_ktime_get_boot_ns();
		note_state(note, TCP_ESTABLISHED);
	}
	if (has_chat_port(sk))
		note->flags |= NOTE_CHAT_PORT;
	return 0;
}

static __always_inline void expect_held(struct note *note, u32 end)
{
	if (!(note->seen & SEEN_HELD) || ws_seq_before(note->held_end, end))
		note->held_end = end;
	note->seen |= SEEN_HELD;
}

__noinline int find_early_head(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	struct bpf_tcp_sock *tp = sk ? bpf_tcp_sock(sk) : NULL;

	if (!tp || !note || !is_awaited(note, WST_IN))
		return 0;
	if (!is_placed(note, WST_IN))
		place(note, WST_IN, first_seq(sk, note, WST_IN, tp->rcv_nxt));
	if (!ws_seq_before(note->next_seq[WST_IN], tp->rcv_nxt))
		return 0;
	find_flow(skb);
	expect_held(note, tp->rcv_nxt);
	return 1;
}

__noinline int read_head(struct __sk_buff *skb, u32 direction, u32 offset, u32 seq, u32 len)
{
	struct bpf_sock *sk = packet_sock(skb);
	struct note *note = sk ? packet_note(sk) : NULL;
	u32 next, end = seq + len;

	if (!note)
		return 0;
	direction &= 1;
	if (!is_placed(note, direction))
		place(note, direction, first_seq(sk, note, direction, seq));
	next = note->next_seq[direction];
	if (!is_awaited(note, direction)) {
		if (ws_seq_before(next, end))
			place(note, direction, end);
		read_segment(skb, direction, offset, seq, len);
		return 0;
	}
	if (ws_seq_before(next, seq)) {
		if (end - next <=
		    (note->seen & SEEN_WS_REQUEST ? BEHIND_ANSWER : WST_HTTP_HEAD_BYTES))
			hold_segment(skb, held_way(direction, 0), offset, seq, len);
		expect_held(note, end);
	} else if (ws_seq_before(next, end)) {
		place(note, direction, end);
		if (!(note->seen & SEEN_WS_REQUEST))
			note->answers_ahead = 0;
		read_all(skb, direction, offset + (next - seq), next, end - next);
	}
	return note->seen & SEEN_HELD ? 1 : 0;
}
