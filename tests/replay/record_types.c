/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The fields of every record, in the order in which they are printed; all of them: see notation_is_whole(). */
#include "notation.h"

#define COMMON(type, member) \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define NUMBERS(type, member, count, kind_, words_)                                      \
	{                                                                                \
		.name = #member, .kind = kind_, COMMON(type, member),                    \
		.element = sizeof(((struct type *)0)->member) / (count), .words = words_ \
	}
#define NUMBER(type, member) NUMBERS(type, member, 1, FIELD_NUMBER, NULL)
#define WORDS(type, member, words_) NUMBERS(type, member, 1, FIELD_NUMBER, words_)
#define FLAGS(type, member, words_) NUMBERS(type, member, 1, FIELD_FLAGS, words_)
#define HEX(type, member) NUMBERS(type, member, 1, FIELD_HEX, NULL)
#define TIME(type, member) NUMBERS(type, member, 1, FIELD_TIME, NULL)
#define PLAIN(type, member, kind_)                                   \
	{                                                            \
		.name = #member, .kind = kind_, COMMON(type, member) \
	}
#define ADDRESS(type, member) PLAIN(type, member, FIELD_ADDRESS)
#define TEXT(type, member) PLAIN(type, member, FIELD_TEXT)
#define PAD(type, member) PLAIN(type, member, FIELD_PAD)
#define SIZED(type, member, len_member, kind_)                        \
	{                                                             \
		.name = #member, .kind = kind_, COMMON(type, member), \
		.len_offset = offsetof(struct type, len_member),      \
		.len_size = sizeof(((struct type *)0)->len_member)    \
	}
#define STRUCT(type, member, name_, fields_)                                                 \
	{                                                                                    \
		.name = name_, .kind = FIELD_STRUCT, COMMON(type, member), .fields = fields_ \
	}
#define END                       \
	{                         \
		.kind = FIELD_END \
	}

static const struct word directions[] = { { "IN", WST_IN }, { "OUT", WST_OUT }, { 0 } };

static const struct word states[] = {
	{ "ESTABLISHED", 1 },
	{ "SYN_SENT", 2 },
	{ "SYN_RECV", 3 },
	{ "FIN_WAIT1", 4 },
	{ "FIN_WAIT2", 5 },
	{ "TIME_WAIT", 6 },
	{ "CLOSE", 7 },
	{ "CLOSE_WAIT", 8 },
	{ "LAST_ACK", 9 },
	{ "LISTEN", 10 },
	{ "CLOSING", 11 },
	{ "NEW_SYN_RECV", 12 },
	{ 0 },
};

static const struct word open_flags[] = {
	{ "PASSIVE", WST_OPEN_PASSIVE },
	{ "MIDSTREAM", WST_OPEN_MIDSTREAM },
	{ "OWNER_INHERITED", WST_OPEN_OWNER_INHERITED },
	{ "CHAT_PORT", WST_OPEN_CHAT_PORT },
	{ "ASIDE", WST_OPEN_ASIDE },
	{ 0 },
};

static const struct word http_flags[] = {
	{ "REQUEST", WST_HTTP_REQUEST },
	{ "RESPONSE", WST_HTTP_RESPONSE },
	{ "LAST", WST_HTTP_LAST },
	{ "CUT", WST_HTTP_CUT },
	{ "SID", WST_HTTP_SID },
	{ "SESSION_BODY", WST_HTTP_SESSION_BODY },
	{ 0 },
};

static const struct word frame_kinds[] = {
	{ "CLOSE", WST_FRAME_CLOSE },
	{ "ILLEGAL", WST_FRAME_ILLEGAL },
	{ "HTTP_TEXT", WST_FRAME_HTTP_TEXT },
	{ 0 },
};

static const struct word frame_faults[] = {
	{ "RSV", WST_FAULT_RSV },
	{ "OPCODE", WST_FAULT_OPCODE },
	{ "UNMASKED", WST_FAULT_UNMASKED },
	{ "MASKED", WST_FAULT_MASKED },
	{ "CONTROL_LENGTH", WST_FAULT_CONTROL_LENGTH },
	{ "CONTROL_FRAGMENT", WST_FAULT_CONTROL_FRAGMENT },
	{ "CONTINUATION", WST_FAULT_CONTINUATION },
	{ "INTERLEAVED", WST_FAULT_INTERLEAVED },
	{ "LENGTH", WST_FAULT_LENGTH },
	{ "CLOSE_LENGTH", WST_FAULT_CLOSE_LENGTH },
	{ 0 },
};

static const struct word listen_flags[] = { { "STOPPED", WST_LISTEN_STOPPED }, { 0 } };

static const struct word unix_flags[] = {
	{ "EXITING", WST_UNIX_EXITING },
	{ "MORE", WST_UNIX_MORE },
	{ 0 },
};

static const struct word state_flags[] = {
	{ "BY_PROCESS", WST_STATE_BY_PROCESS },
	{ "EXITING", WST_STATE_EXITING },
	{ "UNACCEPTED", WST_STATE_UNACCEPTED },
	{ "UNREAD", WST_STATE_UNREAD },
	{ 0 },
};

static const struct word reasons[] = { { "NONE", WST_REASON_NONE }, { 0 } };

static const struct word tcp_flags[] = {
	{ "NEVER_ACCEPTED", WST_TCP_NEVER_ACCEPTED },
	{ "KEEPALIVE", WST_TCP_KEEPALIVE },
	{ "LINGER0", WST_TCP_LINGER0 },
	{ "NO_LOCAL_PORT", WST_TCP_NO_LOCAL_PORT },
	{ "TLS", WST_TCP_TLS },
	{ "TLS_DATA", WST_TCP_TLS_DATA },
	{ "USER_TIMEOUT", WST_TCP_USER_TIMEOUT },
	{ "NO_ROUTE", WST_TCP_NO_ROUTE },
	{ 0 },
};

static const struct word walk_flags[] = {
	{ "ON", WST_WALK_ON },
	{ "LOST", WST_WALK_LOST },
	{ "REGAINED", WST_WALK_REGAINED },
	{ "JOINED", WST_WALK_JOINED },
	{ "STOPPED", WST_WALK_STOPPED },
	{ "PING_PENDING", WST_WALK_PING_PENDING },
	{ "PONG_PENDING", WST_WALK_PONG_PENDING },
	{ "DATA_PENDING", WST_WALK_DATA_PENDING },
	{ 0 },
};

static const struct word host_flags[] = {
	{ "RESET_REASONS", WST_HOST_RESET_REASONS },
	{ "DROP_REASONS", WST_HOST_DROP_REASONS },
	{ 0 },
};

static const struct word name_kinds[] = {
	{ "RESET", WST_NAME_RESET },
	{ "DROP", WST_NAME_DROP },
	{ 0 },
};

const struct field header_fields[] = {
	HEX(wst_event, cookie),
	NUMBER(wst_event, tgid),
	END,
};

static const struct field tuple_fields[] = {
	ADDRESS(wst_tuple, local),	NUMBER(wst_tuple, local_port), ADDRESS(wst_tuple, remote),
	NUMBER(wst_tuple, remote_port), NUMBER(wst_tuple, netns),      END,
};

static const struct field task_fields[] = {
	NUMBER(wst_task, tgid),	     NUMBER(wst_task, pid), TIME(wst_task, start_ns),
	NUMBER(wst_task, cgroup_id), TEXT(wst_task, comm),  END,
};

static const struct field open_fields[] = {
	STRUCT(wst_open_event, tuple, "tuple", tuple_fields),
	STRUCT(wst_open_event, owner, "owner", task_fields),
	TIME(wst_open_event, connect_ns),
	TIME(wst_open_event, established_ns),
	FLAGS(wst_open_event, flags, open_flags),
	NUMBER(wst_open_event, syn_retransmits),
	END,
};

static const struct field http_fields[] = {
	WORDS(wst_http_event, direction, directions),
	FLAGS(wst_http_event, flags, http_flags),
	NUMBER(wst_http_event, head_seq),
	NUMBER(wst_http_event, offset),
	SIZED(wst_http_event, data, len, FIELD_BYTES),
	PAD(wst_http_event, pad),
	END,
};

static const struct field frame_fields[] = {
	WORDS(wst_frame_event, direction, directions),
	WORDS(wst_frame_event, kind, frame_kinds),
	FLAGS(wst_frame_event, faults, frame_faults),
	NUMBER(wst_frame_event, seq),
	NUMBER(wst_frame_event, payload_len),
	SIZED(wst_frame_event, header, header_len, FIELD_HEX_BYTES),
	NUMBER(wst_frame_event, offset),
	SIZED(wst_frame_event, data, len, FIELD_BYTES),
	PAD(wst_frame_event, pad),
	END,
};

static const struct field state_fields[] = {
	WORDS(wst_state_event, old_state, states),
	WORDS(wst_state_event, new_state, states),
	FLAGS(wst_state_event, flags, state_flags),
	HEX(wst_state_event, exit_code),
	STRUCT(wst_state_event, task, "task", task_fields),
	END,
};

static const struct field reset_fields[] = {
	WORDS(wst_reset_event, direction, directions),
	WORDS(wst_reset_event, reason, reasons),
	NUMBER(wst_reset_event, active),
	WORDS(wst_reset_event, state, states),
	NUMBER(wst_reset_event, by_process),
	END,
};

static const struct field error_fields[] = {
	NUMBER(wst_error_event, error),
	WORDS(wst_error_event, state, states),
	END,
};

static const struct field tcp_fields[] = {
	NUMBER(wst_tcp_facts, bytes_in),
	NUMBER(wst_tcp_facts, bytes_out),
	TIME(wst_tcp_facts, last_segment_in_ns),
	TIME(wst_tcp_facts, last_segment_out_ns),
	FLAGS(wst_tcp_facts, flags, tcp_flags),
	NUMBER(wst_tcp_facts, srtt_us),
	NUMBER(wst_tcp_facts, missing_bytes),
	NUMBER(wst_tcp_facts, unacked_bytes),
	NUMBER(wst_tcp_facts, unsent_bytes),
	NUMBER(wst_tcp_facts, unread_bytes),
	NUMBER(wst_tcp_facts, send_window),
	NUMBER(wst_tcp_facts, receive_window),
	NUMBER(wst_tcp_facts, retransmits),
	NUMBER(wst_tcp_facts, timeouts),
	NUMBER(wst_tcp_facts, backoff),
	NUMBER(wst_tcp_facts, probes),
	NUMBER(wst_tcp_facts, mss),
	NUMBER(wst_tcp_facts, error),
	NUMBER(wst_tcp_facts, drops),
	NUMBER(wst_tcp_facts, drop_reason),
	NUMBER(wst_tcp_facts, tls_alert_in),
	NUMBER(wst_tcp_facts, tls_alert_out),
	NUMBER(wst_tcp_facts, state_count),
	NUMBERS(wst_tcp_facts, states, WST_STATE_HISTORY, FIELD_NUMBER, states),
	TIME(wst_tcp_facts, zero_window_since_ns),
	NUMBER(wst_tcp_facts, zero_window_ns),
	TIME(wst_tcp_facts, busy_since_ns),
	NUMBER(wst_tcp_facts, largest_acked_segment),
	NUMBER(wst_tcp_facts, resent_segment),
	NUMBER(wst_tcp_facts, sacked_segments),
	NUMBER(wst_tcp_facts, soft_error),
	PAD(wst_tcp_facts, pad),
	END,
};

static const struct field walk_fields[] = {
	FLAGS(wst_walk_facts, flags, walk_flags),
	NUMBERS(wst_walk_facts, frames, 6, FIELD_NUMBER, NULL),
	NUMBER(wst_walk_facts, payload_bytes),
	NUMBER(wst_walk_facts, largest_frame_bytes),
	TIME(wst_walk_facts, last_payload_ns),
	TIME(wst_walk_facts, last_data_ns),
	TIME(wst_walk_facts, last_ping_ns),
	TIME(wst_walk_facts, last_pong_ns),
	NUMBER(wst_walk_facts, losses),
	NUMBER(wst_walk_facts, ping_rtt_us),
	NUMBER(wst_walk_facts, unanswered_pings),
	TIME(wst_walk_facts, unanswered_since_ns),
	NUMBER(wst_walk_facts, last_data_bytes),
	NUMBER(wst_walk_facts, longest_silence_ms),
	NUMBER(wst_walk_facts, longest_pause_ms),
	NUMBER(wst_walk_facts, silence_ms),
	END,
};

static const struct field end_fields[] = {
	STRUCT(wst_end_event, tuple, "tuple", tuple_fields),
	STRUCT(wst_end_event, owner, "owner", task_fields),
	TIME(wst_end_event, established_ns),
	FLAGS(wst_end_event, open_flags, open_flags),
	NUMBER(wst_end_event, syn_retransmits),
	STRUCT(wst_end_event, tcp, "tcp", tcp_fields),
	STRUCT(wst_end_event, walk[WST_IN], "in", walk_fields),
	STRUCT(wst_end_event, walk[WST_OUT], "out", walk_fields),
	END,
};

static const struct field exit_fields[] = {
	HEX(wst_exit_event, exit_code),
	TIME(wst_exit_event, start_ns),
	NUMBER(wst_exit_event, parent_tgid),
	TEXT(wst_exit_event, comm),
	END,
};

static const struct field signal_fields[] = {
	NUMBER(wst_signal_event, signal),
	NUMBERS(wst_signal_event, code, 1, FIELD_SIGNED, NULL),
	STRUCT(wst_signal_event, sender, "sender", task_fields),
	NUMBER(wst_signal_event, sender_parent_tgid),
	NUMBER(wst_signal_event, target_parent_tgid),
	END,
};

static const struct field oom_fields[] = { TEXT(wst_oom_event, comm), END };

static const struct field drop_fields[] = {
	STRUCT(wst_drop_event, tuple, "tuple", tuple_fields),
	NUMBER(wst_drop_event, reason),
	HEX(wst_drop_event, tcp_flags),
	PAD(wst_drop_event, pad),
	END,
};

static const struct field backlog_fields[] = {
	STRUCT(wst_backlog_event, tuple, "tuple", tuple_fields),
	STRUCT(wst_backlog_event, owner, "owner", task_fields),
	NUMBER(wst_backlog_event, queued),
	NUMBER(wst_backlog_event, limit),
	END,
};

static const struct field listen_fields[] = {
	STRUCT(wst_listen_event, tuple, "tuple", tuple_fields),
	STRUCT(wst_listen_event, task, "task", task_fields),
	NUMBER(wst_listen_event, listeners),
	FLAGS(wst_listen_event, flags, listen_flags),
	END,
};

static const struct field unix_fields[] = {
	STRUCT(wst_unix_event, task, "task", task_fields),
	TIME(wst_unix_event, peer_start_ns),
	NUMBER(wst_unix_event, peer_tgid),
	NUMBER(wst_unix_event, connections),
	FLAGS(wst_unix_event, flags, unix_flags),
	PAD(wst_unix_event, pad),
	END,
};

static const struct field front_fields[] = {
	NUMBER(wst_front_event, front_cookie),
	STRUCT(wst_front_event, tuple, "tuple", tuple_fields),
	TIME(wst_front_event, established_ns),
	TIME(wst_front_event, read_ns),
	END,
};

static const struct field host_fields[] = {
	TIME(wst_host_event, realtime_offset_ns),
	NUMBER(wst_host_event, version),
	FLAGS(wst_host_event, flags, host_flags),
	TEXT(wst_host_event, hostname),
	END,
};

static const struct field process_fields[] = {
	TIME(wst_process_event, start_ns),
	NUMBER(wst_process_event, fds_used),
	NUMBER(wst_process_event, fds_limit),
	TEXT(wst_process_event, comm),
	TEXT(wst_process_event, cgroup),
	NUMBER(wst_process_event, parent_tgid),
	END,
};

static const struct field name_fields[] = {
	WORDS(wst_name_event, kind, name_kinds),
	NUMBER(wst_name_event, value),
	TEXT(wst_name_event, name),
	END,
};

static const struct field loss_fields[] = {
	NUMBERS(wst_loss_event, total, 8, FIELD_NUMBER, NULL),
	END,
};

static const struct field no_fields[] = { END };

const struct record_type record_types[] = {
	{ "open", WST_EV_OPEN, sizeof(struct wst_open_event), open_fields },
	{ "http", WST_EV_HTTP, sizeof(struct wst_http_event), http_fields },
	{ "frame", WST_EV_FRAME, sizeof(struct wst_frame_event), frame_fields },
	{ "state", WST_EV_STATE, sizeof(struct wst_state_event), state_fields },
	{ "reset", WST_EV_RESET, sizeof(struct wst_reset_event), reset_fields },
	{ "error", WST_EV_ERROR, sizeof(struct wst_error_event), error_fields },
	{ "end", WST_EV_END, sizeof(struct wst_end_event), end_fields },
	{ "closing", WST_EV_CLOSING, sizeof(struct wst_end_event), end_fields },
	{ "exit", WST_EV_EXIT, sizeof(struct wst_exit_event), exit_fields },
	{ "signal", WST_EV_SIGNAL, sizeof(struct wst_signal_event), signal_fields },
	{ "oom", WST_EV_OOM, sizeof(struct wst_oom_event), oom_fields },
	{ "drop", WST_EV_DROP, sizeof(struct wst_drop_event), drop_fields },
	{ "backlog", WST_EV_BACKLOG, sizeof(struct wst_backlog_event), backlog_fields },
	{ "listen", WST_EV_LISTEN, sizeof(struct wst_listen_event), listen_fields },
	{ "unix", WST_EV_UNIX, sizeof(struct wst_unix_event), unix_fields },
	{ "front", WST_EV_FRONT, sizeof(struct wst_front_event), front_fields },
	{ "host", WST_EV_HOST, sizeof(struct wst_host_event), host_fields },
	{ "process", WST_EV_PROCESS, sizeof(struct wst_process_event), process_fields },
	{ "name", WST_EV_NAME, sizeof(struct wst_name_event), name_fields },
	{ "loss", WST_EV_LOSS, sizeof(struct wst_loss_event), loss_fields },
	{ "tick", WST_EV_TICK, sizeof(struct wst_event), no_fields },
	{ "gone", WST_EV_GONE, sizeof(struct wst_event), no_fields },
	{ 0 },
};

static size_t bytes_named(const struct field *f)
{
	size_t sum = 0;

	for (; f->kind != FIELD_END; f++)
		sum += f->len_size + (f->kind == FIELD_STRUCT ? bytes_named(f->fields) : f->size);
	return sum;
}

const char *notation_is_whole(void)
{
	for (const struct record_type *t = record_types; t->name; t++)
		/* the compiler ends a record at a multiple of its largest field */
		if ((sizeof(struct wst_event) + bytes_named(t->fields) + 7) / 8 * 8 != t->size)
			return t->name;
	return NULL;
}
