/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps and the settings, declared once. Every .bpf.c that includes this shares them: the linker
 * merges the weak definitions.
 */
#ifndef MAPS_BPF_H
#define MAPS_BPF_H

#include "kernel_types.bpf.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "wstrace/event.h"
#include "wstrace/http_scan.h"
#include "wstrace/tcp_path.h"
#include "wstrace/ws_held.h"
#include "wstrace/ws_walk.h"

/* Set by user space before loading. */
extern const volatile __u8 targ_ports[8192]; /* bitmap of chat ports */
extern const volatile __u32 targ_port_min, targ_port_max; /* of those in targ_ports */
extern const volatile bool targ_only_chat_ports;
extern const volatile __u32 targ_self_tgid;
extern const volatile bool targ_mark_victim_task;
extern const volatile bool targ_reset_reason;
extern const volatile bool targ_drop_reason;
extern const volatile bool targ_sock_helpers;
extern const volatile bool targ_error_report;

/* Not set by user space: some process owns a followed socket, or did. */
extern bool anybody_followed;

/*
 * Packets pass without the lock of their socket, on any CPU, and to set a bit is to write the whole
 * word: what they set and what the changes of the socket set must not share one.
 */
enum note_flag { /* set under the lock, or before there is a second CPU */
		 NOTE_LISTENER = 1 << 0,
		 NOTE_PASSIVE = 1 << 1,
		 NOTE_INHERITED = 1 << 2, /* owner is the listener's */
		 NOTE_MIDSTREAM = 1 << 3,
		 NOTE_CHAT_PORT = 1 << 4,
		 NOTE_FIN_OUT = 1 << 5, /* the local side closed */
		 NOTE_FIN_IN = 1 << 6, /* the peer closed */
		 NOTE_FIN_OUT_FIRST = 1 << 7,
		 NOTE_ATTEMPT = 1 << 8, /* connect() was called, no SYN was sent yet; attempt is valid */
		 NOTE_ERROR_TOLD = 1
				   << 9, /* only where the kernel does not report errors, see compat.bpf.h */
		 NOTE_ASIDE = 1 << 10, /* WST_OPEN_ASIDE */
};

enum seen_flag { /* set by packets */
		 SEEN_NOT_HTTP = 1 << 0, /* first bytes were something else */
		 SEEN_HTTP = 1 << 1, /* began like HTTP */
		 SEEN_TLS = 1 << 2,
		 SEEN_TLS_DATA = 1 << 3,
		 SEEN_WS_REQUEST = 1 << 4, /* a WebSocket request is complete, its answer is due */
		 SEEN_ASKED_OUT = 1 << 5, /* the WebSocket request went out */
		 SEEN_PLACED_IN = 1 << 6, /* next_seq[WST_IN] is known */
		 SEEN_PLACED_OUT = 1 << 7,
		 SEEN_HELD = 1 << 8, /* bytes up to held_end overtook a hole where a head is due */
		 SEEN_NO_TLS = 1 << 9, /* HTTP answered a TLS handshake, or a TLS alert a request */
};

/* Where a connect() under way goes. */
struct attempt {
	u8 remote[16];
	u16 port;
};

/*
 * The small tier: what is known of every TCP socket that listened, connected, was accepted or was
 * open at the start.
 */
struct note {
	struct wst_task owner;
	u64 connect_ns;
	u64 established_ns;
	union {
		struct http_scan scan; /* the request's, then the response's */
		struct attempt attempt;
	};
	u32 flags; /* enum note_flag */
	u32 seen; /* enum seen_flag */
	u32 syn_retransmits;
	u8 tls_alert[2]; /* 255: none */
	u8 state_count;
	u8 states[WST_STATE_HISTORY];
	u8 announced; /* with WST_EV_OPEN: the socket is followed */
	u8 ended; /* WST_EV_END was sent */
	u8 odd; /* segments in the direction of requests that do not begin like HTTP */
	u32 next_seq[2]; /* while heads are looked for: of the next byte, by direction */
	u32 held_end;
	u32 answers_ahead; /* due before that to the WebSocket request, which was sent behind others */
	u64 flow; /* held_key.flow, once it was needed */
	u64 front; /* cookie of the TLS connection that its process had read from; 0: none */
};

/*
 * The full record, for sockets with a WebSocket handshake and for those on chat ports that were
 * open at the start.
 */
struct stream {
	struct tcp_path path;
	/* silences that what we sent last ended; whether it arrives shows if they were outlived */
	u32 unproven_silence_ms, unproven_pause_ms;
	u32 walkers; /* CPUs that want walk[WST_IN]: one at a time has it */
	/* behind a segment that was left for another CPU: walk[].skipped */
	u32 skipped_end;
	struct ws_walk walk[2]; /* by enum wst_direction */
	u64 last_bare_ns[2]; /* segments without payload, by enum wst_direction */
};

/*
 * The kernel puts the value 8 bytes behind the start of a cache line. A data segment needs the first
 * line and two of its direction's.
 */
#define STREAM_BYTES_MAX (512 - 72) /* with the head of socket storage it takes 512 */
_Static_assert(sizeof(struct stream) <= STREAM_BYTES_MAX, "a stream takes 1 KiB");
_Static_assert(__builtin_offsetof(struct stream, walk) + 8 == 64,
	       "walks are not where cache lines begin");
_Static_assert((__builtin_offsetof(struct stream, walk[1].header) + 8) % 64 == 0,
	       "nor is the second");

/*
 * BPF_F_CLONE: an accepted socket starts with its listener's note, so its owner is known in
 * softirq.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct note);
} notes __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stream);
} streams __weak SEC(".maps");

/*
 * The two of them on kernels whose tracing programs have no helpers for sockets (compat.bpf.h), by
 * the address of the socket; elsewhere these maps are not created.
 */
#define SOCKETS_BY_ADDRESS 262144

struct numbered_note {
	struct note note;
	u64 number; /* instead of the cookie */
};

/* Value of a new stream or cell: too much for the stack. */
#define ZEROES_BYTES 1024
_Static_assert(sizeof(struct stream) <= ZEROES_BYTES && sizeof(struct ws_cell) <= ZEROES_BYTES,
	       "zeroes[] is too short");
extern const volatile __u8 zeroes[ZEROES_BYTES];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SOCKETS_BY_ADDRESS);
	__type(key, u64);
	__type(value, struct numbered_note);
} notes_by_address __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SOCKETS_BY_ADDRESS);
	__type(key, u64);
	__type(value, struct stream);
} streams_by_address __weak SEC(".maps");

/* Who listens: by network namespace << 16 | port. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct wst_task);
} listeners_by_port __weak SEC(".maps");

/* How many sockets listen there: by network namespace << 16 | port. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
} listener_counts __weak SEC(".maps");

/*
 * Ports, in any namespace, of followed sockets that were accepted: who listens there is of interest.
 * And of those on which a WebSocket was opened: what fails there is, too, as on chat ports.
 */
enum port_use { PORT_ACCEPTED = 1 << 0, PORT_WEBSOCKET = 1 << 1 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, u8);
} served_ports __weak SEC(".maps");

/*
 * Bytes that overtook a hole in their stream, for as long as it is open. Whose they are is told by
 * address and port: the socket may not exist yet.
 */
struct held_key {
	u64 flow;
	u32 cell; /* ws_cell_number() */
	u32 way; /* held.bpf.h */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct held_key);
	__type(value, struct ws_cell);
} held __weak SEC(".maps");

/* Segments that came while another CPU had the turn, see turn.bpf.c; their bytes are in held. */
struct late_key {
	u64 flow;
	u64 number;
};

struct late_segment {
	u32 seq;
	u32 len;
	u32 whole; /* all its bytes are there */
};

#define LATE_SEGMENTS 16 /* of a stream */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct late_key);
	__type(value, struct late_segment);
} late_segments __weak SEC(".maps");

/* A TLS connection that a process accepted, and when it read from it. */
struct front {
	u64 cookie;
	u64 read_ns;
	u64 established_ns;
	struct wst_tuple tuple;
	u64 followed; /* a WebSocket connection was opened for it */
};

/* The one that a thread read from last, also by the id of its process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct front);
} tls_reads __weak SEC(".maps");

/* Those that were followed by a connect(), by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct front);
} fronts __weak SEC(".maps");

/* Processes whose exit and signals matter: they own followed sockets. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u64); /* start time */
} owners __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events __weak SEC(".maps");

/* Sockets whose WST_EV_END found no room, by cookie: when they were destroyed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u64);
} lost_ends __weak SEC(".maps");

/* What this CPU has lost, as in struct wst_loss_event: one value, as user space asks for it often. */
struct losses {
	u64 total[WST_LOSS_SITES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct losses);
} losses __weak SEC(".maps");

#endif
