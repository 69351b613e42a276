// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sockets that were open before the tracer: walks the files of all processes, so it sees every
 * network namespace and knows the owner. Runs once.
 */
#include "listen.bpf.h"

static __always_inline void join_stream(struct sock *sk, struct note *note)
{
	struct stream *stream = sock_stream_create(sk);
	bool passive = note->flags & NOTE_PASSIVE;

	if (!stream) {
		count_loss(WST_LOSS_STORAGE);
		return;
	}
	ws_walk_join(&stream->walk[WST_IN], passive);
	ws_walk_join(&stream->walk[WST_OUT], !passive);
}

static __always_inline bool was_met_by_packet(const struct note *note)
{
	return note->flags & NOTE_MIDSTREAM && note->flags & NOTE_CHAT_PORT && !note->announced;
}

SEC("iter/task_file")
int handle_open_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct note *note;
	struct sock *sk;
	u8 state;

	if (!task || !file)
		return 0;
	sk = compat_file_sock(file);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP ||
	    BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return 0;
	if (sock_is_left_out(sk))
		return 0;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state != TCP_LISTEN && state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return 0;
	/*
	 * A socket that the other programs know already was opened after they were attached, or a
	 * packet of it passed before it was found here. Shared listeners: the first holder stays.
	 */
	note = sock_note(sk);
	if (note && !was_met_by_packet(note))
		return 0;
	note = sock_note_create(sk);
	if (!note) {
		count_loss(WST_LOSS_STORAGE);
		return 0;
	}
	task_record(task, &note->owner);
	note->tls_alert[WST_IN] = 255;
	note->tls_alert[WST_OUT] = 255;
	if (state == TCP_LISTEN) {
		note->flags = NOTE_LISTENER;
		compat_keep_listener(sk, note);
		tell_listener(sk, task, false);
		return 0;
	}
	note->flags = NOTE_MIDSTREAM;
	/* Which side connected is not kept by the kernel; the chat port says which side serves. */
	if (is_chat_port(sock_local_port(sk)))
		note->flags |= NOTE_PASSIVE;
	if (!sock_has_chat_port(sk))
		return 0;
	note->flags |= NOTE_CHAT_PORT;
	join_stream(sk, note);
	announce(sk, note, sock_cookie(sk, note));
	return 0;
}
