#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs test suites one after the other and adds up what they say.
#
#   tools/run-tests.sh SUITE...
#
# A suite is a program that prints what it likes and then one line
#     SUITE: N passed, N failed, N skipped
# Its output is shown and kept in build/test/SUITE.log. It finds the program under test in
# $WSTRACE; VM_KERNELS limits the kernels of vm. A suite without that line, with an exit status that
# contradicts it, or that takes too long counts as one more failure. The last line here is the sum.
set -euo pipefail
cd "$(dirname "$0")/.."

export WSTRACE_BUILD=${WSTRACE_BUILD:-$PWD/build}
export WSTRACE=${WSTRACE:-$WSTRACE_BUILD/wstrace}
export WSTRACE_STATIC=${WSTRACE_STATIC:-$WSTRACE_BUILD/static/wstrace}
SUITE_SECONDS=${SUITE_SECONDS:-1200}
LOGS=$WSTRACE_BUILD/test

# Sets $command. Most suites are a script in the folder of their name.
find_command() {
	case $1 in
	unit) command=("$WSTRACE_BUILD/tests/unit") ;;
	fuzz) command=(tools/run-fuzz.sh replay) ;;
	e2e) command=(node tests/e2e/run.js) ;;
	lab) command=(node tests/lab/run.js --fast) ;;
	vm) read -r -a command <<<"tests/vm/run.sh ${VM_KERNELS:-}" ;;
	*) command=("tests/$1/run.sh") ;;
	esac
	local word
	for word in "${command[@]}"; do
		if [ -e "$word" ]; then return 0; fi
	done
	echo "run-tests: no suite named $1 (no ${command[*]})" >&2
	return 1
}

# Of this process group. A zombie is none: some first process of a container does not reap what it inherits.
has_processes() {
	ps -e -o pgid=,stat= | awk -v group="$1" '$1 == group && $2 !~ /^Z/ { found = 1 } END { exit !found }'
}

# Job control gives the suite a process group of its own, which can be ended as one, and leaves
# SIGINT as it is (a plain background job ignores it, and so would every wstrace it starts).
# The log is followed instead of piped: a daemon that a suite left behind would hold a pipe open.
run_suite() {
	local log=$1 status=0
	shift
	: >"$log"
	set -m
	timeout --kill-after=30 "$SUITE_SECONDS" "$@" >"$log" 2>&1 </dev/null &
	running=$!
	set +m
	tail -n +1 -s 0.1 -f --pid="$running" "$log" &
	local tail=$!
	wait "$running" || status=$?
	wait "$tail" || true
	if has_processes "$running"; then
		remark="left processes behind"
		kill -TERM -- "-$running" 2>/dev/null || true
	fi
	running=
	return "$status"
}

stop() {
	trap - INT TERM HUP
	if [ -n "$running" ]; then
		kill -TERM -- "-$running" 2>/dev/null || true
		wait
	fi
	echo "run-tests: interrupted" >&2
	exit 130
}

# Sets $passed, $failed, $skipped from the suite's last result line, and judges the rest.
read_result() {
	local name=$1 log=$2 status=$3 line
	passed=0 failed=0 skipped=0
	line=$(grep -aE "^$name: [0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?\$" "$log" | tail -n 1) || true
	if [ -z "$line" ]; then
		failed=1
		remark="no result line, exit status $status"
		return
	fi
	read -r passed failed skipped _ < <(sed -E 's/^[^:]*: //; s/[^0-9]+/ /g; s/$/ 0/' <<<"$line")
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		failed=$((failed + 1))
		remark="stopped after $SUITE_SECONDS s"
	elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
		failed=1
		remark="exit status $status although nothing failed"
	elif [ "$status" -eq 0 ] && [ "$failed" -gt 0 ]; then
		remark="exit status 0 although something failed"
	elif [ $((passed + failed + skipped)) -eq 0 ]; then
		failed=1
		remark="ran nothing"
	fi
}

[ $# -gt 0 ] || { echo "usage: tools/run-tests.sh SUITE..." >&2; exit 2; }
for name in "$@"; do
	find_command "$name" || exit 2
done
mkdir -p "$LOGS"
running=
trap stop INT TERM HUP

all_passed=0 all_failed=0 all_skipped=0 table=()
for name in "$@"; do
	echo "=== $name"
	find_command "$name"
	start=$SECONDS status=0 remark=
	run_suite "$LOGS/$name.log" "${command[@]}" || status=$?
	read_result "$name" "$LOGS/$name.log" "$status"
	all_passed=$((all_passed + passed))
	all_failed=$((all_failed + failed))
	all_skipped=$((all_skipped + skipped))
	table+=("$(printf '%-10s %7d %7d %8d %6d s%s' "$name" "$passed" "$failed" "$skipped" \
		$((SECONDS - start)) "${remark:+  $remark}")")
done

printf '\n%-10s %7s %7s %8s %8s\n' suite passed failed skipped time
printf '%s\n' "${table[@]}"
echo
if [ "$all_skipped" -gt 0 ]; then echo "$all_skipped skipped: for each of them its suite says why"; fi
echo "$all_passed passed, $all_failed failed"
[ "$all_failed" -eq 0 ] && [ "$all_passed" -gt 0 ]
