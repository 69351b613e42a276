/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records that travel from the kernel side to user space, and into recordings.
 *
 * Every record starts with struct wst_event. Numbers are in host byte order (a recording names it),
 * times are nanoseconds of CLOCK_BOOTTIME, addresses are 16 bytes in network order with IPv4 as
 * ::ffff:a.b.c.d, ports are in host order. Layouts are append-only within a version: recordings
 * outlive builds.
 */
#ifndef WSTRACE_EVENT_H
#define WSTRACE_EVENT_H

#include "wstrace/limits.h"
#include "wstrace/types.h"

#define WST_EVENT_VERSION 3

enum wst_event_type {
	/* from the kernel side */
	WST_EV_OPEN = 1, /* a socket is worth following: a handshake, or a failure on a chat port */
	WST_EV_HTTP = 2, /* bytes of an opening handshake */
	/* a frame worth telling: Close, an illegal header, HTTP text where a header belongs */
	WST_EV_FRAME = 3,
	WST_EV_STATE = 4, /* TCP state change of a followed socket */
	WST_EV_RESET = 5, /* RST sent or received */
	WST_EV_ERROR = 6, /* sk_err reported to the socket */
	WST_EV_END = 7, /* the socket reached TCP_CLOSE: everything known about it */
	WST_EV_EXIT = 8, /* a process that owned followed sockets ended */
	WST_EV_SIGNAL = 9, /* a fatal signal was sent to such a process */
	WST_EV_OOM = 10, /* the OOM killer chose a process */
	WST_EV_DROP = 11, /* the kernel dropped a packet of a chat port or of a followed socket */
	WST_EV_BACKLOG = 12, /* a SYN met a full accept queue */
	/*
	 * the local side begins to close: what WST_EV_END tells, as it is now. The end itself may be
	 * minutes away when the peer is gone
	 */
	WST_EV_CLOSING = 13,
	/* a port that served followed sockets, or a chat port: a process listens, or none does now */
	WST_EV_LISTEN = 14,
	/*
	 * the process of a WebSocket client's socket had read from a TLS connection that it had
	 * accepted right before it connected: a proxy that ends TLS, likely for that connection
	 */
	WST_EV_FRONT = 15,
	/*
	 * a process that ends, or is sent a signal that may end or halt it, serves Unix-socket
	 * connections that the owner of followed sockets had opened: it is a backend behind that proxy
	 */
	WST_EV_UNIX = 16,
	/* made by user space, so that a recording holds all that a verdict needs */
	WST_EV_HOST = 32, /* host name, clock offset, version: the first record */
	/* what /proc said of a process: cgroup path, descriptors in use and allowed */
	WST_EV_PROCESS = 33,
	WST_EV_NAME = 34, /* name of a reset or drop reason in the running kernel */
	WST_EV_LOSS = 35, /* events that were lost, by site */
	WST_EV_TICK = 36, /* time passes: lets timers run in a replay as they did live */
	WST_EV_GONE = 37, /* the socket came to its end, and the WST_EV_END that told of it was lost */
};

struct wst_event {
	__u16 type; /* enum wst_event_type */
	__u16 size; /* of the whole record in bytes */
	__u32 tgid; /* process that the record is about or that caused it, 0 if none */
	__u64 ts_ns;
	__u64 cookie; /* socket cookie, 0 for records about no socket */
};

enum wst_direction { WST_IN = 0, WST_OUT = 1 }; /* as seen from the local socket */

struct wst_tuple {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns; /* inode number of the network namespace */
};

struct wst_task {
	__u32 tgid;
	__u32 pid; /* thread */
	/* start of the thread group leader, CLOCK_BOOTTIME: tells a reused pid from the old one */
	__u64 start_ns;
	__u64 cgroup_id; /* in the cgroup v2 hierarchy */
	char comm[WST_COMM_LEN]; /* of the thread group leader */
};

enum wst_open_flag {
	WST_OPEN_PASSIVE = 1 << 0, /* accepted, as against connected */
	WST_OPEN_MIDSTREAM = 1 << 1, /* was open before the tracer started */
	/* owner is the process that listens; nobody has read from the socket yet */
	WST_OPEN_OWNER_INHERITED = 1 << 2,
	WST_OPEN_CHAT_PORT = 1 << 3, /* local or remote port is one where WebSockets are expected */
	/*
	 * never connected, to a port where no WebSocket was seen, but by a process that has some:
	 * told as the reason of what befalls those, or not at all
	 */
	WST_OPEN_ASIDE = 1 << 4,
};

struct wst_open_event {
	struct wst_event h;
	struct wst_tuple tuple;
	struct wst_task owner; /* tgid 0: unknown */
	/* when connect() was called (active) or the SYN arrived (passive); 0 unknown */
	__u64 connect_ns;
	__u64 established_ns; /* 0: never, or before the tracer started */
	__u32 flags; /* enum wst_open_flag */
	__u32 syn_retransmits; /* SYN (active) or SYN-ACK (passive) sent again */
};

enum wst_http_flag {
	WST_HTTP_REQUEST = 1 << 0,
	WST_HTTP_RESPONSE = 1 << 1,
	WST_HTTP_LAST = 1 << 2, /* this chunk holds the end of the head (CR LF CR LF) */
	/*
	 * the head is longer than WST_HTTP_HEAD_BYTES or its bytes were missed; no more will come
	 */
	WST_HTTP_CUT = 1 << 3,
	/*
	 * set by user space, which does not keep the query string: it has a parameter sid, by
	 * which Socket.IO names the session that the handshake belongs to
	 */
	WST_HTTP_SID = 1 << 4,
	/*
	 * with the last chunk of an answer 400: the body, which is not kept, begins with words
	 * about a session. Engine.IO says so to a sid that it does not know
	 */
	WST_HTTP_SESSION_BODY = 1 << 5,
};

struct wst_http_event {
	struct wst_event h;
	/*
	 * TCP sequence number of the first byte of this head: equal on both ends of one connection
	 */
	__u32 head_seq;
	__u32 offset; /* of data[0] within the head; 0 starts a new head */
	__u16 len; /* bytes of data in use, never past the end of the head */
	__u8 direction; /* enum wst_direction */
	__u8 flags; /* enum wst_http_flag */
	__u32 pad;
	__u8 data[WST_HTTP_CHUNK_BYTES];
};

enum wst_frame_kind {
	/* data: payload bytes [offset, offset + len) as on the wire (masked if header says so) */
	WST_FRAME_CLOSE = 1,
	WST_FRAME_ILLEGAL = 2, /* header breaks RFC 6455; faults says how */
	/* "HTTP/1." where a frame header belongs; data holds the first line's first bytes */
	WST_FRAME_HTTP_TEXT = 3,
};

/* Why a header is illegal; RFC 6455 sections in ws_frame.h */
enum wst_frame_fault {
	WST_FAULT_RSV = 1 << 0, /* RSV bit without a negotiated extension */
	WST_FAULT_OPCODE = 1 << 1, /* reserved opcode */
	WST_FAULT_UNMASKED = 1 << 2, /* from the client, mask bit clear */
	WST_FAULT_MASKED = 1 << 3, /* from the server, mask bit set */
	WST_FAULT_CONTROL_LENGTH = 1 << 4, /* control frame longer than 125 */
	WST_FAULT_CONTROL_FRAGMENT = 1 << 5, /* control frame without FIN */
	WST_FAULT_CONTINUATION = 1 << 6, /* continuation with nothing to continue */
	WST_FAULT_INTERLEAVED = 1 << 7, /* data frame inside a fragmented message */
	/* 64-bit length with the top bit set, or not the shortest encoding */
	WST_FAULT_LENGTH = 1 << 8,
	WST_FAULT_CLOSE_LENGTH = 1 << 9, /* Close payload of one byte */
};

struct wst_frame_event {
	struct wst_event h;
	__u64 payload_len; /* as the header announces it */
	__u32 seq; /* TCP sequence number of data[0]; without data, of the byte behind the header */
	__u16 faults; /* enum wst_frame_fault */
	__u8 direction;
	__u8 kind; /* enum wst_frame_kind */
	__u8 header[14]; /* as on the wire */
	__u8 header_len;
	__u8 offset; /* of data[0] within the payload */
	__u8 len; /* bytes of data in use */
	__u8 pad[3];
	__u8 data[128];
};

enum wst_state_flag {
	/* a process changed it by a call; task says which. Clear: a packet or a timer did */
	WST_STATE_BY_PROCESS = 1 << 0,
	/* that process was exiting (PF_EXITING): the kernel closes its files */
	WST_STATE_EXITING = 1 << 1,
	/* the peer closed a socket that no process has accepted; task is the listener's */
	WST_STATE_UNACCEPTED = 1 << 2,
	/* the peer closed while bytes that it had sent before were not read by the process */
	WST_STATE_UNREAD = 1 << 3,
};

struct wst_state_event {
	struct wst_event h;
	struct wst_task task; /* valid with WST_STATE_BY_PROCESS */
	/* wait status of the exiting task, as in WST_EV_EXIT; valid with WST_STATE_EXITING */
	__u32 exit_code;
	__u8 old_state; /* include/net/tcp_states.h */
	__u8 new_state;
	__u16 flags; /* enum wst_state_flag */
};

#define WST_REASON_NONE 0xffffffffu

struct wst_reset_event {
	struct wst_event h;
	/*
	 * enum sk_rst_reason of the running kernel (WST_EV_NAME has names); WST_REASON_NONE if it
	 * has none
	 */
	__u32 reason;
	__u8 direction;
	__u8 active; /* sent by our own decision (abort, timeout), not in answer to a packet */
	__u8 state; /* TCP state at that moment */
	__u8 by_process; /* sent from a call of the process h.tgid */
};

struct wst_error_event {
	struct wst_event h;
	__u32 error; /* errno */
	__u32 state;
};

/* Facts of the TCP socket, from struct tcp_sock when it reached TCP_CLOSE. */
enum wst_tcp_flag {
	WST_TCP_NEVER_ACCEPTED = 1 << 0, /* passive, and no process ever accepted it */
	WST_TCP_KEEPALIVE = 1 << 1, /* SO_KEEPALIVE was on */
	WST_TCP_LINGER0 = 1 << 2, /* SO_LINGER with 0 seconds */
	WST_TCP_NO_LOCAL_PORT = 1 << 3, /* connect() found no free local port: no SYN was sent */
	WST_TCP_TLS = 1 << 4, /* the first payload byte was a TLS handshake record */
	WST_TCP_TLS_DATA = 1 << 5, /* TLS application data was seen */
	WST_TCP_USER_TIMEOUT = 1 << 6, /* TCP_USER_TIMEOUT was set */
	WST_TCP_NO_ROUTE = 1 << 7, /* connect() failed before it chose a port or sent a SYN */
	/* one side spoke TLS, the other did not: HTTP answered a handshake, or an alert a request */
	WST_TCP_NO_TLS = 1 << 8,
};

struct wst_tcp_facts {
	__u64 bytes_in; /* payload received in order */
	/* payload sent, each byte once; unacked_bytes of them may not have arrived */
	__u64 bytes_out;
	__u64 last_segment_in_ns; /* any segment, ACKs and keepalives too; 0: none seen */
	__u64 last_segment_out_ns;
	__u32 flags; /* enum wst_tcp_flag */
	__u32 srtt_us;
	__u32 missing_bytes; /* of a hole in what was received: bytes behind it arrived; 0: none */
	__u32 unacked_bytes; /* sent, not acknowledged */
	__u32 unsent_bytes; /* written by the application, not sent yet */
	__u32 unread_bytes; /* received, not read by the application */
	__u32 send_window; /* the peer's, 0 = it could not take more */
	__u32 receive_window;
	__u32 retransmits; /* segments sent again, whole life */
	__u32 timeouts; /* consecutive retransmission timeouts at the end (icsk_retransmits) */
	__u32 backoff;
	__u32 probes; /* unanswered keepalive or zero-window probes */
	__u32 mss;
	__u32 error; /* sk_err, else the last soft error */
	__u32 drops; /* packets of this socket that this host dropped */
	__u32 drop_reason; /* of the last of them */
	/* description of a TLS alert seen before application data, 255: none (RFC 8446, 6) */
	__u8 tls_alert_in;
	__u8 tls_alert_out;
	__u8 state_count;
	__u8 states[WST_STATE_HISTORY]; /* oldest first */
	__u8 pad[5];
	__u64 zero_window_since_ns; /* the peer's window became zero; 0: it is open */
	__u64 zero_window_ns; /* for how long it had been zero before that, whole life */
	/* since when some data has been waiting for its ACK without a pause; 0: none is */
	__u64 busy_since_ns;
	__u32 largest_acked_segment; /* payload bytes of the largest segment that was ACKed */
	__u32 resent_segment; /* payload bytes of the segment that was sent again last; 0: none */
	__u32 sacked_segments; /* sent behind a lost one, and arrived nevertheless */
	__u32 soft_error; /* what ICMP or routing said while the socket still lived, errno */
};

enum wst_walk_flag {
	/* frames were followed from the handshake on, or since WST_WALK_JOINED */
	WST_WALK_ON = 1 << 0,
	WST_WALK_LOST = 1 << 1, /* sync was lost and not regained: counts are a lower bound */
	WST_WALK_REGAINED = 1 << 2, /* sync was lost for a time: counts are a lower bound */
	WST_WALK_JOINED = 1 << 3, /* synchronised on a connection that was open before */
	/* nothing to follow any more: after Close, after an illegal header */
	WST_WALK_STOPPED = 1 << 4,
	/*
	 * The last ping, pong or data frame had not arrived for good: sent and not acknowledged, or
	 * received and not read by the process.
	 */
	WST_WALK_PING_PENDING = 1 << 6,
	WST_WALK_PONG_PENDING = 1 << 7,
	WST_WALK_DATA_PENDING = 1 << 8,
};

/* Facts of the frames of one direction. */
struct wst_walk_facts {
	/* what data frames change comes first (see struct ws_walk) */
	__u64 payload_bytes; /* as announced by the headers */
	__u64 largest_frame_bytes;
	__u64 last_payload_ns; /* last TCP payload of any kind, in a burst up to a tick (10 ms) early; 0: none */
	__u64 last_data_ns; /* last header of a data frame, as early */
	__u32 last_data_bytes; /* payload of the last data frame */
	/*
	 * longest silence of both directions that payload of this one ended, of those that the
	 * other direction has not answered with payload since; 0: none
	 */
	__u32 silence_ms;
	__u32 frames[6]; /* continuation, text, binary, close, ping, pong */
	__u32 flags; /* enum wst_walk_flag */
	__u32 losses; /* times sync was lost */
	__u32 ping_rtt_us; /* last ping of this direction answered by a pong; 0: none */
	__u32 unanswered_pings; /* after the other direction's last pong */
	__u64 unanswered_since_ns; /* the first of them; 0: none */
	__u64 last_ping_ns;
	__u64 last_pong_ns;
	/*
	 * Longest silences, whole life, that new payload of this direction ended and that were
	 * outlived (what was sent was acknowledged): of both directions, and of this one alone.
	 */
	__u32 longest_silence_ms;
	__u32 longest_pause_ms;
};

struct wst_end_event {
	struct wst_event h;
	struct wst_tuple tuple;
	struct wst_task owner; /* last process that read, connected or listened */
	struct wst_tcp_facts tcp;
	struct wst_walk_facts walk[2]; /* by enum wst_direction */
	__u64 established_ns;
	__u32 open_flags; /* enum wst_open_flag */
	__u32 syn_retransmits;
};

struct wst_exit_event {
	struct wst_event h; /* tgid */
	__u64 start_ns;
	__u32 exit_code; /* wait status: code << 8 | signal | 0x80 if core was dumped */
	__u32 parent_tgid;
	char comm[WST_COMM_LEN];
};

struct wst_signal_event {
	struct wst_event h; /* tgid of the target */
	__u32 signal;
	__s32 code; /* si_code: SI_USER 0, SI_KERNEL 128, faults > 0 */
	struct wst_task sender; /* tgid 0: the kernel */
	__u32 sender_parent_tgid;
	__u32 target_parent_tgid;
};

struct wst_oom_event {
	struct wst_event h; /* tgid of the victim */
	char comm[WST_COMM_LEN]; /* empty if the kernel does not say */
};

struct wst_drop_event {
	struct wst_event h; /* cookie 0 if the packet belonged to no socket */
	/* local = source of the packet, remote = its destination; netns 0 if unknown */
	struct wst_tuple tuple;
	__u32 reason; /* enum skb_drop_reason of the running kernel */
	__u8 tcp_flags;
	__u8 pad[3];
};

struct wst_backlog_event {
	struct wst_event h;
	struct wst_tuple tuple; /* of the SYN, local = the listener */
	struct wst_task owner; /* of the listener */
	__u32 queued;
	__u32 limit;
};

struct wst_front_event {
	struct wst_event h; /* cookie: of the client's socket, behind the proxy */
	__u64 front_cookie; /* of the TLS connection */
	struct wst_tuple tuple; /* of it */
	__u64 established_ns; /* of it */
	__u64 read_ns; /* when it was read last before the process connected */
};

enum wst_unix_flag {
	/* the process is ending: these are what it leaves open. Clear: a signal was sent to it */
	WST_UNIX_EXITING = 1 << 0,
	WST_UNIX_MORE = 1 << 1, /* it has more descriptors than were looked at */
};

struct wst_unix_event {
	struct wst_event h; /* tgid of the process */
	struct wst_task task; /* the process, which had accepted them or was given them */
	__u64 peer_start_ns; /* of the process that had connected (SO_PEERCRED) */
	__u32 peer_tgid;
	__u32 connections; /* between the two; those of records of one ts_ns add up */
	__u32 flags; /* enum wst_unix_flag */
	__u32 pad;
};

enum wst_listen_flag {
	WST_LISTEN_STOPPED = 1 << 0, /* the socket was closed; clear: it listens */
};

struct wst_listen_event {
	struct wst_event h; /* no cookie: nothing follows a socket that listens */
	struct wst_tuple tuple; /* local: as bound, all zero or ::ffff:0.0.0.0 for any; remote: zero */
	struct wst_task task; /* who called listen() or closed the socket; at the start: who has it */
	/* sockets that listen on that port in that namespace after this, as far as they were counted */
	__u32 listeners;
	__u32 flags; /* enum wst_listen_flag */
};

struct wst_host_event {
	struct wst_event h;
	__u64 realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	__u32 version; /* WST_EVENT_VERSION */
	__u32 flags; /* enum wst_host_flag */
	char hostname[WST_HOSTNAME_BYTES];
};

enum wst_host_flag {
	WST_HOST_RESET_REASONS = 1 << 0, /* the kernel tells why it sends a reset */
	WST_HOST_DROP_REASONS = 1 << 1,
};

struct wst_process_event {
	struct wst_event h; /* tgid */
	__u64 start_ns;
	__u32 fds_used; /* 0: not read */
	__u32 fds_limit;
	char comm[WST_COMM_LEN];
	char cgroup[WST_CGROUP_PATH_BYTES]; /* NUL-terminated; empty if it could not be read */
	/* appended: older recordings have shorter records (event_least_size()) */
	__u32 parent_tgid; /* 0: not read */
	__u32 unused; /* zero */
};

enum wst_name_kind { WST_NAME_RESET = 1, WST_NAME_DROP = 2 };

struct wst_name_event {
	struct wst_event h;
	__u32 kind; /* enum wst_name_kind */
	__u32 value;
	/* without the enum's prefix, e.g. TCP_ABORT_ON_CLOSE, NETFILTER_DROP */
	char name[WST_REASON_NAME_BYTES];
};

/* Where the kernel side may fail; wst_loss_event counts them. */
enum wst_loss_site {
	WST_LOSS_RING = 0, /* ring buffer full */
	WST_LOSS_STORAGE = 1, /* socket storage could not be allocated */
	WST_LOSS_SYNC = 2, /* a stream went out of sync */
	WST_LOSS_LOAD = 3, /* packet bytes could not be read */
	WST_LOSS_LOOP = 4, /* more frames or chunks in one segment than are walked */
	WST_LOSS_DROP_EVENTS = 5, /* drops not reported, above the rate limit */
	WST_LOSS_OWNERS = 6, /* process table full */
	/*
	 * runs that the kernel skipped: the program was busy on that CPU (recursion_misses). Without
	 * those for drops, and for TCP states, which their socket tells
	 */
	WST_LOSS_SKIPPED = 7,
	WST_LOSS_SITES = 8,
};

struct wst_loss_event {
	struct wst_event h;
	__u64 total[8]; /* by enum wst_loss_site, since the start */
};

/* WST_EV_TICK and WST_EV_GONE are a bare struct wst_event. */

#define WST_ASSERT_SIZE(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), #type " changed size")
WST_ASSERT_SIZE(wst_event, 24);
WST_ASSERT_SIZE(wst_tuple, 40);
WST_ASSERT_SIZE(wst_task, 40);
WST_ASSERT_SIZE(wst_open_event, 128);
WST_ASSERT_SIZE(wst_http_event, 552);
WST_ASSERT_SIZE(wst_frame_event, 192);
WST_ASSERT_SIZE(wst_state_event, 72);
WST_ASSERT_SIZE(wst_reset_event, 32);
WST_ASSERT_SIZE(wst_error_event, 32);
WST_ASSERT_SIZE(wst_tcp_facts, 152);
WST_ASSERT_SIZE(wst_walk_facts, 112);
WST_ASSERT_SIZE(wst_end_event, 496);
WST_ASSERT_SIZE(wst_exit_event, 56);
WST_ASSERT_SIZE(wst_signal_event, 80);
WST_ASSERT_SIZE(wst_oom_event, 40);
WST_ASSERT_SIZE(wst_drop_event, 72);
WST_ASSERT_SIZE(wst_backlog_event, 112);
WST_ASSERT_SIZE(wst_front_event, 88);
WST_ASSERT_SIZE(wst_unix_event, 88);
WST_ASSERT_SIZE(wst_listen_event, 112);
WST_ASSERT_SIZE(wst_host_event, 104);
WST_ASSERT_SIZE(wst_process_event, 320);
WST_ASSERT_SIZE(wst_name_event, 80);
WST_ASSERT_SIZE(wst_loss_event, 88);

#endif
