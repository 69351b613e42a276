#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The command line: help, bad input, missing privileges, signals, and that nothing is left behind.
#
#   WSTRACE=build/wstrace tests/cli/run.sh [PATTERN]
#
# A test is a function test_* in one of the files beside this one. It runs in a shell and a folder
# of its own; what it prints is shown when it fails. `skip REASON` ends it without a verdict.
set -euo pipefail
cd "$(dirname "$0")"

export WSTRACE=${WSTRACE:-$PWD/../../build/wstrace}
export WSTRACE_STATIC=${WSTRACE_STATIC:-$PWD/../../build/static/wstrace}
export PATH=$PATH:/usr/sbin:/sbin

for file in lib.sh test_*.sh; do
	# shellcheck source=/dev/null
	. "./$file"
done

[ "$(id -u)" -eq 0 ] || { echo "run.sh: these tests need root" >&2; exit 1; }
[ -x "$WSTRACE" ] || { echo "run.sh: no $WSTRACE: build it first" >&2; exit 1; }

WORK=$(mktemp -d /tmp/wstrace-cli.XXXXXX)
chmod 755 "$WORK" # unprivileged users run copies from here
export WORK
trap 'rm -rf "$WORK"' EXIT

passed=0 failed=0 skipped=0
for name in $(declare -F | awk '$3 ~ /^test_/ { print $3 }'); do
	[[ $name == *"${1:-}"* ]] || continue
	mkdir "$WORK/$name"
	status=0
	# Not in a condition: set -e would have no effect inside.
	set +e
	(
		set -e
		cd "$WORK/$name"
		trap end_of_test EXIT
		"$name"
		nothing_is_left
	) >"$WORK/$name.log" 2>&1 </dev/null
	status=$?
	set -e
	case $status in
	0) passed=$((passed + 1)) ;;
	77)
		skipped=$((skipped + 1))
		echo "skip $name: $(tail -n 1 "$WORK/$name.log")"
		;;
	*)
		failed=$((failed + 1))
		echo "FAIL $name (status $status)"
		sed 's/^/    /' "$WORK/$name.log"
		;;
	esac
done
echo "cli: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
