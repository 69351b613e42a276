#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The same traffic, captured and dissected by tshark and traced by wstrace:
# both must have counted the same frames. --no-tracer checks tshark alone.
exec node "$(dirname "$0")/run.js" "$@"
