/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second reading of RFC 6455, section 5, over a whole stream at once: what the walker is compared with. It shares no code
 * with ws_frame.h on purpose.
 */
#ifndef FUZZ_FRAME_REFERENCE_H
#define FUZZ_FRAME_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_MAX 2048

struct reference_frame {
	uint32_t offset;
	uint32_t faults; /* enum wst_frame_fault */
	uint64_t payload_len;
	uint8_t opcode;
};

struct reference {
	struct reference_frame frames[REFERENCE_MAX];
	uint32_t count;
	bool http; /* stopped at "HTTP/1." where a header belongs, or frames is full */
	uint8_t close[125];
	uint32_t close_len;
};

/* Reads until a Close frame, a header after which nothing can be read, or the end. */
void reference_parse(struct reference *ret, const uint8_t *stream, uint32_t len, bool from_client,
		     bool deflate);
/* Continuation, text, binary, close, ping, pong are 0 to 5; -1 for reserved opcodes. */
int reference_index(uint8_t opcode);

#endif
