/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of commands and options as pages. Both return a string for free(), NULL when memory is short. */
#ifndef CONFIG_HELP_H
#define CONFIG_HELP_H

#include "config/config.h"

/* COMMAND_NONE: all commands and all options. */
char *help_page(enum command_id command);
/* roff with the man macros. */
char *man_page(void);

#endif
