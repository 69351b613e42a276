/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Byte streams of WebSocket frames for the walker's tests, and ways to cut them into segments. */
#ifndef UNIT_FRAMES_H
#define UNIT_FRAMES_H

#include "walk_feed.h"

#define STREAM_BYTES 140000
#define STREAM_NOW_NS 42

struct stream {
	uint32_t len;
	bool from_client; /* frames are masked */
	uint8_t bytes[STREAM_BYTES];
};

struct stream *stream_new(bool from_client);
void stream_free(struct stream *s);
/* first: FIN, RSV bits and opcode. The payload looks like frames itself, so that a walker which steps into it is caught. */
void stream_frame(struct stream *s, uint8_t first, uint64_t payload_len);
/* Its header only, for a frame whose payload is too long to be built. */
void stream_header(struct stream *s, uint8_t first, uint64_t payload_len);
void stream_close(struct stream *s, uint16_t code, const char *reason);

/* A walk over one direction. */
struct walking {
	struct ws_walk walk;
	struct walk_log log;
	uint32_t seq; /* of bytes[0] of the stream */
};

struct walking *walking_new(const struct stream *s, uint32_t seq, bool deflate);
void walking_free(struct walking *w);
/* Bytes [from, to) of the stream arrive as one segment, placed against an unreadable page. */
void walking_segment(struct walking *w, const struct stream *s, uint32_t from, uint32_t to);
/* The same, left by one CPU for another. */
void walking_late_segment(struct walking *w, const struct stream *s, uint32_t from, uint32_t to);
/* The whole stream in segments of `size` bytes. */
void walking_all(struct walking *w, const struct stream *s, uint32_t size);
/* What was found and counted is the same, whatever the segments were. */
void walking_check_same(const struct walking *a, const struct walking *b);

#endif
