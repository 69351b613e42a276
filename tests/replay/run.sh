#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Recorded streams (cases/NAME.txt, in the notation of notation.h) and the lines they have to give (cases/NAME.jsonl).
#
#   tests/replay/run.sh [NAME]           runs the cases whose name contains NAME
#   tests/replay/run.sh --update [NAME]  writes the lines as they are now; look at the difference before you keep it
#   tests/replay/run.sh --add NAME FILE  makes a case of a recording by `wstrace record FILE`
#
# Besides, every line has to follow the JSON Schema, every rule needs a case, and the fuzzers' seeds are made of the cases.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

BUILD=${WSTRACE_BUILD:-$PWD/build}
WSTRACE=${WSTRACE:-$BUILD/wstrace}
TOOL=$BUILD/tests/replay/recording_text
CASES=tests/replay/cases
SCHEMA=user/output/wstrace.v1.schema.json

passed=0 failed=0
fail() {
	failed=$((failed + 1))
	echo "FAIL $1"
	[ -z "${2:-}" ] || echo "     ${2//$'\n'/$'\n     '}"
}

# One line a JSON object, keys in order: what a difference shows is a difference.
lines_of() {
	"$TOOL" pack "$1" "$work/case.rec" && "$WSTRACE" replay --all "$work/case.rec" >"$work/lines" || return
	jq -S -c . "$work/lines"
}

# Reading and printing the notation must lose nothing: otherwise a case is not what was recorded.
keeps_notation() {
	"$TOOL" dump "$work/case.rec" >"$work/again.txt" && "$TOOL" pack "$work/again.txt" "$work/again.rec" &&
		cmp "$work/case.rec" "$work/again.rec"
}

run_case() {
	local name=$1 difference
	if ! lines_of "$CASES/$name.txt" >"$work/$name.jsonl" 2>"$work/error"; then
		fail "$name" "$(cat "$work/error")"
	elif ! difference=$(diff <(jq -S . "$CASES/$name.jsonl") <(jq -S . "$work/$name.jsonl") 2>&1); then
		fail "$name" "$difference"
	elif ! difference=$(keeps_notation 2>&1); then
		fail "$name: notation" "$difference"
	else
		passed=$((passed + 1))
	fi
}

check_schema() {
	local errors
	if errors=$(/usr/bin/python3 tests/replay/validate.py "$SCHEMA" "$work"/*.jsonl 2>&1); then
		passed=$((passed + 1))
	else
		fail "lines against $SCHEMA" "$errors"
	fi
}

check_every_rule_has_a_case() {
	local missing
	missing=$(comm -23 <("$WSTRACE" causes --format json | jq -r '.causes[].id' | sort -u) \
		<(jq -r '.cause.id // empty' "$CASES"/*.jsonl | sort -u))
	if [ -z "$missing" ]; then
		passed=$((passed + 1))
	else
		fail "rules without a case in $CASES" "$missing"
	fi
}

# The fuzzers' seeds hold records as they were when the seeds were made.
check_seeds() {
	local difference
	if difference=$(/usr/bin/python3 tests/fuzz/make_seeds.py "$TOOL" "$work/corpus" 2>&1 &&
		diff -qr tests/fuzz/corpus "$work/corpus" | grep -v '^Only in tests/fuzz/corpus/.*: found-'); then
		fail "seeds are not as tests/fuzz/make_seeds.py makes them: run it" "$difference"
	else
		passed=$((passed + 1))
	fi
}

add_case() {
	"$TOOL" dump "$2" >"$CASES/$1.txt" && lines_of "$CASES/$1.txt" >"$CASES/$1.jsonl" && cat "$CASES/$1.jsonl"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

case ${1:-} in
--add) add_case "$2" "$3" && exit ;;
--update)
	for case in "$CASES"/*"${2:-}"*.txt; do
		lines_of "$case" >"$work/new" && cp "$work/new" "${case%.txt}.jsonl" || exit 1
	done
	exit
	;;
esac

for case in "$CASES"/*"${1:-}"*.txt; do
	[ ! -e "$case" ] || run_case "$(basename "$case" .txt)"
done
check_schema
if [ -z "${1:-}" ]; then
	check_every_rule_has_a_case
	check_seeds
fi
echo "replay: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
