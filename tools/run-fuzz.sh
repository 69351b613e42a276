#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The fuzz targets, build/tests/fuzz_NAME, and their corpora, tests/fuzz/corpus/NAME/.
#
#   tools/run-fuzz.sh replay          runs every file of every corpus once: a test suite
#   tools/run-fuzz.sh fuzz SECONDS    looks for new inputs, that long for each target
#
# New inputs are collected in build/fuzz/NAME/, a crashing one is build/fuzz/NAME-crash-*: fix
# the bug and put the file into the corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${WSTRACE_BUILD:-$PWD/build}
CORPORA=tests/fuzz/corpus

# One input of a few hundred bytes must not take seconds or gigabytes.
LIMITS=(-timeout=10 -rss_limit_mb=1024)

replay_target() {
	local name=$1 target=$2 files file
	mapfile -t files < <(find "$CORPORA/$name" -type f 2>/dev/null | sort)
	if [ ${#files[@]} -eq 0 ]; then
		echo "FAIL $name: no corpus in $CORPORA/$name"
		failed=$((failed + 1))
		return
	fi
	if "$target" "${LIMITS[@]}" "${files[@]}" >"$log" 2>&1; then
		echo "ok   $name: ${#files[@]} inputs"
		passed=$((passed + ${#files[@]}))
		return
	fi
	# A crash ends the run: find out which inputs do it.
	for file in "${files[@]}"; do
		if "$target" "${LIMITS[@]}" "$file" >"$log" 2>&1; then
			passed=$((passed + 1))
		else
			echo "FAIL $name: $file"
			cat "$log"
			failed=$((failed + 1))
		fi
	done
}

fuzz_target() {
	local name=$1 target=$2 seconds=$3 seeds=() dictionary=()
	if [ -d "$CORPORA/$name" ]; then seeds=("$CORPORA/$name"); fi
	if [ -e "tests/fuzz/$name.dict" ]; then dictionary=("-dict=tests/fuzz/$name.dict"); fi
	mkdir -p "$BUILD/fuzz/$name"
	echo "=== $name, $seconds s"
	if "$target" "${LIMITS[@]}" "${dictionary[@]}" -max_total_time="$seconds" \
		-print_final_stats=1 -artifact_prefix="$BUILD/fuzz/$name-" \
		"$BUILD/fuzz/$name" "${seeds[@]}" >"$log" 2>&1; then
		grep -aE 'DONE|stat::(number_of_executed_units|average_exec|new_units)' "$log"
		passed=$((passed + 1))
	else
		tail -n 60 "$log"
		failed=$((failed + 1))
	fi
}

mode=${1:-} seconds=${2:-60}
case $mode in
replay | fuzz) ;;
*)
	echo "usage: tools/run-fuzz.sh replay | fuzz [SECONDS]" >&2
	exit 2
	;;
esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM HUP
passed=0 failed=0
for source in tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	"${mode}_target" "${target#fuzz_}" "$BUILD/tests/$target" "$seconds"
done
echo "fuzz: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
