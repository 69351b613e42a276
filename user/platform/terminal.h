/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PLATFORM_TERMINAL_H
#define PLATFORM_TERMINAL_H

#include <stdbool.h>

/* True when a person reads it and wants colours: a terminal, not TERM=dumb, no NO_COLOR. */
bool terminal_wants_colour(int fd);

#endif
