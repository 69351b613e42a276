/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The subcommands, one file each. They print their own messages and return the exit status. */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "config/config.h"

enum exit_status { STATUS_OK = 0, STATUS_FAILURE = 1, STATUS_USAGE = 2 };

int command_trace(const struct config *config);
int command_record(const struct config *config);
int command_replay(const struct config *config);
int command_explain(const struct config *config);
int command_causes(const struct config *config);
int command_demo(const struct config *config);

#endif
