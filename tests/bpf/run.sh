#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The real programs on real sockets, in network namespaces of their own.
#
#   tests/bpf/run.sh [NAME]      runs the tests whose name contains NAME
#
# Each test plays one conversation (peer.py), traces it, and says what has to come out.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/bpf/lib.sh
. tests/bpf/test_frames.sh
. tests/bpf/test_owner.sh
. tests/bpf/test_connect.sh
. tests/bpf/test_end.sh
. tests/bpf/test_sockets.sh
. tests/bpf/test_unix.sh
. tests/bpf/test_hostile.sh
. tests/bpf/test_limits.sh

if [ "$(id -u)" -ne 0 ]; then
	echo "tests/bpf needs root" >&2
	echo "bpf: 0 passed, 1 failed, 0 skipped"
	exit 1
fi

sweep
ALL_WORK=$(mktemp -d)
trap 'rm -rf "$ALL_WORK"' EXIT
trap 'exit 130' INT TERM HUP
for name in $(declare -F | sed -n 's/^declare -f test_//p'); do
	case $name in *"${1:-}"*) run_test "$name" ;; esac
done
echo "bpf: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
