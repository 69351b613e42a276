#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# One tracer for a long time, with sessions that come and go and end in every way: does anything grow?
#
#   tests/bpf/soak.sh [SECONDS]       30 minutes unless told otherwise; `make soak`
#
# Every minute a row of what the tracer holds. In the end every session has to be accounted for, and
# the last rows are compared with those after the first third.
# shellcheck disable=SC2013,SC2031
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/bpf/lib.sh

SOAK_SECONDS=${1:-1800}
ROW_SECONDS=${ROW_SECONDS:-60}
ROUND=400 # connections of one client; five of eight are sessions
GROWTH_MAX_KIB=1024

map_entries() {
	local id
	for id in $(sed -n 's/^map_id:\t//p' /proc/"$tracer"/fdinfo/* | sort -un); do
		bpftool -j map show id "$id"
	done | jq -r 'select(.type | test("hash")) | "\(.name) \(.id)"' | while read -r name id; do
		printf ' %s %d' "$name" "$(bpftool -j map dump id "$id" 2>/dev/null | jq length)"
	done
}

# VmRSS of file pages holds the ring buffer, which fills up once: RssAnon is what is allocated.
memory_kib() {
	sed -n "s/^$1:[\t ]*\([0-9]*\) kB/\1/p" "/proc/$tracer/status"
}

row() {
	printf '%5d s  %6d sessions  RSS %6d KiB (anonymous %6d)  %2d fds  %5d CPU ticks ' $((SECONDS - began)) $sessions \
		"$(memory_kib VmRSS)" "$(memory_kib RssAnon)" "$(find "/proc/$tracer/fd" -mindepth 1 | wc -l)" \
		$(($(cut -d ' ' -f 14,15 "/proc/$tracer/stat" | tr ' ' +)))
	map_entries
	echo
	anonymous+=("$(memory_kib RssAnon)")
}

soak() {
	local next=0
	while [ $((SECONDS - began)) -lt "$SOAK_SECONDS" ]; do
		if [ $SECONDS -ge $next ]; then
			row
			next=$((SECONDS + ROW_SECONDS))
		fi
		timeout 120 tests/bpf/hostile.py "$CLIENT" "$SERVER" "$PORT" mixed $ROUND || return
		sessions=$((sessions + ROUND * 5 / 8))
	done
	sleep 2
	row
}

# Of the lines that $WORK/counts counts.
told() {
	awk -v name="$1" '$2 == name { print $1 }' "$WORK/counts"
}

judge() {
	local rows=${#anonymous[@]} third grown
	third=$((rows / 3))
	grown=$((anonymous[rows - 1] - anonymous[third]))
	echo "$sessions sessions made, $(told session_open) told open, $(told session_end) told ended; anonymous memory grew" \
		"by $grown KiB in the last two thirds"
	sed 's/^/tracer: /' "$WORK/pipe.err"
	[ "$(told session_open)" -eq "$sessions" ] && [ "$(told session_end)" -eq "$sessions" ] &&
		grep -q ' 0 still open' "$WORK/pipe.err" && [ $grown -le $GROWTH_MAX_KIB ] && ! grep -q 'lost: .* ring buffer full' "$WORK/pipe.err"
}

[ "$(id -u)" -eq 0 ] || { echo "soak.sh: needs root" >&2; exit 1; }
sweep
WORK=$(mktemp -d) tracers=() anonymous=() sessions=0 began=$SECONDS memory_cgroup=''
trap 'end_test; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM HUP
make_netns && mkfifo "$WORK/pipe" || exit
# Another run of these tests may have the same port.
jq --unbuffered -r 'select(.session.path | . == null or startswith("/mixed")) | .event.name' <"$WORK/pipe" | sort | uniq -c >"$WORK/counts" &
counter=$!
start_tracer "$WORK/pipe" || exit
tracer=$started
soak || exit
kill -INT "$tracer"
wait "$tracer" "$counter"
judge
