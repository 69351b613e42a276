/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Do sessions that end alike end after the same silence, or at the same age? A timer does that;
 * people and networks do not. Pure.
 */
#ifndef TRACK_PATTERN_H
#define TRACK_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "track/keyed.h"

/* Ends that are remembered of those that are alike. */
#define PATTERN_SAMPLES 32
/* Fewer may be chance. */
#define PATTERN_REPEATS 3

enum pattern_kind {
	PATTERN_NONE,
	PATTERN_IDLE, /* since the last payload byte of either side */
	PATTERN_IDLE_OF_CLIENT, /* since the client's, whatever the server sent */
	PATTERN_IDLE_OF_SERVER,
	PATTERN_AGE, /* since the 101 */
	PATTERN_KINDS
};

/* What one end adds. */
struct pattern_sample {
	uint64_t ended_ns; /* tells the samples apart */
	uint64_t value_ns[PATTERN_KINDS]; /* by enum pattern_kind; 0: not known */
	/* The longest silence of that kind that the session outlived; 0: none, or not known. */
	uint64_t outlived_ns[PATTERN_KINDS];
	uint32_t client_messages;
	uint32_t frames; /* of all kinds, both directions */
	bool dropped; /* ended by what came after a silence: says nothing of busy ones */
};

struct pattern {
	enum pattern_kind kind;
	uint32_t count; /* sessions with this value, the asked-for one among them */
	uint32_t total; /* sessions remembered */
	uint32_t moments; /* at which those sessions ended, at least 0.1 s apart */
	uint64_t value_ns, spread_ns; /* mean; highest minus lowest */
	uint64_t first_ns; /* when the first of them ended */
	/*
	 * They did not merely end at one moment: each had its own timer. A restart ends many
	 * sessions at once, and those that were opened together look as if they had one.
	 */
	bool independent;
	bool age_too; /* an idle that repeats, and the age does as well: nothing was said */
	bool idle_too; /* an age that repeats, and the idle does as well */
	/* Most of them ended right after something was said, as if in answer to it. */
	bool reaction;
	/*
	 * Up to a second apart, and each at the same fraction of a second: whoever ended them looks
	 * at its timers once a second.
	 */
	bool swept;
	bool blurred; /* values within a tenth of each other, not closer: a timer with jitter */
	bool client_silent; /* in none of them did the client send a message */
	/*
	 * Some of them said something in the last quarter of their lives, or outlived a longer
	 * silence than their last one: no silence ended those. A timer that is looked at once in its
	 * own period (EventMachine) ends sessions that have been silent for up to twice as long, at
	 * multiples of that period: at the same age.
	 */
	bool talked_late;
};

/* How far apart two values may be that come from one timer: 0.3 s, or 1 %. */
uint64_t pattern_tolerance_ns(uint64_t value_ns);

struct pattern_group {
	struct keyed_entry entry;
	struct pattern_sample samples[PATTERN_SAMPLES];
	uint32_t count, next;
	uint32_t opened; /* sessions that opened, counted by whoever wants to know */
	uint64_t talker_age_ns; /* oldest age of a session with messages of the client */
	uint64_t outlived_ns; /* longest silence that one of them outlived */
};

/* Remembers an end. */
void pattern_add(struct pattern_group *g, const struct pattern_sample *sample);
/* The shortest of the remembered values of that kind; 0: none. */
uint64_t pattern_shortest_ns(const struct pattern_group *g, enum pattern_kind kind);
/* Was there a session that grew older than that because it was never silent for so long? */
bool pattern_has_busy(const struct pattern_group *g, uint64_t silence_ns);
/* This session outlived a longer silence of that kind than the one that it ended with. */
bool pattern_outlived(const struct pattern_sample *sample, enum pattern_kind kind);
/* What the remembered ends have in common with this one, which is among them. */
struct pattern pattern_find(const struct pattern_group *g, const struct pattern_sample *sample);

#endif
