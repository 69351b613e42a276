/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What many sockets have in common is kept once, and counted: hosts, paths, origins, user agents,
 * owners. Pure.
 */
#ifndef TRACK_INTERN_H
#define TRACK_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interns;

/* The empty text: belongs to no table and is never released. */
extern const char intern_no_text[];

/* max_bytes: of all that is kept, with its overhead. NULL: out of memory. */
struct interns *interns_new(size_t max_bytes);
/* Everything has to be released before. */
void interns_free(struct interns *t);
/*
 * The kept copy of these bytes, aligned for any type, until intern_release(). NULL: no room or out
 * of memory, which is counted.
 */
const void *intern_bytes(struct interns *t, const void *bytes, size_t len);
/* The same for a text with its NUL; the empty one when there is no room. */
const char *intern_text(struct interns *t, const char *text);
/* Takes the same copy once more. NULL is let through. */
const void *intern_again(const void *kept);
void intern_release(const void *kept);
/* The same for texts, of which the empty one belongs to nobody. */
const char *intern_text_again(const char *text);
void intern_text_release(const char *text);

/*
 * Memory that texts wait in until they are complete: bounded like the texts themselves, and counted
 * with them when there is no room.
 */
bool interns_lend(struct interns *t, size_t bytes);
void interns_return(struct interns *t, size_t bytes);

size_t interns_used_bytes(const struct interns *t);
/* How often there was no room. */
uint64_t interns_refused(const struct interns *t);

#endif
