/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sleeps until something happens: a descriptor, a signal that ends the run, a time. */
#ifndef PLATFORM_LOOP_H
#define PLATFORM_LOOP_H

#include <stdint.h>

#include "config/failure.h"

enum loop_wake {
	LOOP_READABLE = 1 << 0, /* the descriptor of loop_watch() */
	LOOP_HANGUP = 1 << 1, /* the reader of loop_watch_hangup() went away */
	LOOP_SIGNAL = 1 << 2, /* SIGINT, SIGTERM or SIGHUP */
	LOOP_TIMER = 1 << 3,
};

struct loop;

/* Blocks the signals that end a run until loop_free(). 0 or -errno. */
int loop_new(struct loop **ret_loop, struct failure *ret_failure);
void loop_free(struct loop *l);
int loop_watch(struct loop *l, int fd);
/* For a descriptor that is written to. Regular files have no reader and are not watched. */
void loop_watch_hangup(struct loop *l, int fd);
/* Wakes at this time of CLOCK_BOOTTIME, 0: never; or once before, if that was asked for earlier. */
int loop_set_timer(struct loop *l, uint64_t at_ns);
/* Waits for timeout_ms at most (-1: no limit). Returns enum loop_wake bits, or -errno. */
int loop_wait(struct loop *l, int timeout_ms);
/* Waits for that long whatever comes, except for a signal that ends the run. */
void loop_pause(const struct loop *l, int ms);
/* Readable when a signal that ends the run waits. */
int loop_signal_fd(const struct loop *l);

uint64_t clock_boottime_ns(void);

#endif
