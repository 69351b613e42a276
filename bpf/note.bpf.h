/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the note of a socket begins. */
#ifndef NOTE_BPF_H
#define NOTE_BPF_H

#include "maps.bpf.h"

static __always_inline void note_reset(struct note *note, u32 flags)
{
	note->flags = flags;
	note->seen = 0;
	note->announced = 0;
	note->ended = 0;
	note->connect_ns = 0;
	note->established_ns = 0;
	note->syn_retransmits = 0;
	note->state_count = 0;
	note->scan.active = 0;
	note->odd = 0;
	note->answers_ahead = 0;
	note->flow = 0;
	note->front = 0;
	note->tls_alert[WST_IN] = 255;
	note->tls_alert[WST_OUT] = 255;
}

static __always_inline void note_state(struct note *note, u8 state)
{
	u32 i;

	if (note->state_count >= WST_STATE_HISTORY) {
		for (i = 1; i < WST_STATE_HISTORY; i++)
			note->states[i - 1] = note->states[i];
		note->state_count = WST_STATE_HISTORY - 1;
	}
	/* masked for the verifier of older kernels */
	note->states[note->state_count & (WST_STATE_HISTORY - 1)] = state;
	note->state_count++;
}

#endif
