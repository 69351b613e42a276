#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# wstrace under other kernels, each in an emulated machine (tools/run-in-vm.sh). tests/vm/inside.sh
# runs there; here its results are put together, what wstrace said of the demo is compared with what
# it says under the running kernel, and the verifier's cost with what is recorded.
#
#   tests/vm/run.sh [KERNEL...]      5.10, 6.1, ... or newest (tools/fetch-kernel.sh)
#
# Kernels that wstrace cannot run under have to be refused in one line that says why: see refusals.sh.
#
# The first two kernels always run; the others as long as VM_SECONDS allow for them, which is ample
# on an idle machine. Those that no archive gives are skipped. With UPDATE set, the verifier's cost is
# recorded instead of compared.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

BUILD=${WSTRACE_BUILD:-$PWD/build}
WSTRACE=${WSTRACE:-$BUILD/wstrace}
VM_SECONDS=${VM_SECONDS:-330}
MACHINE_SECONDS=900 # no machine takes so long, however busy the host is
AT_ONCE=2
KERNELS=("$@")
[ $# -gt 0 ] || KERNELS=(5.10 newest 6.1 6.12)

# shellcheck source=tests/vm/refusals.sh
. tests/vm/refusals.sh

passed=0 failed=0 skipped=0
declare -A machines=() started_at=() release=() seconds_of=() cell=()
rows=() alone=

work=$(mktemp -d)
finish() {
	trap - EXIT
	trap '' INT TERM HUP
	for pid in "${machines[@]}" $alone; do kill -TERM "$pid" 2>/dev/null; done
	wait
	rm -rf "$work"
	exit "${1:-130}"
}
trap 'finish 130' INT TERM HUP
trap 'finish $?' EXIT

# result ok|FAIL|skip KERNEL TEST [WHY]: counts it, prints it, and puts it into the table.
result() {
	case $1 in
	ok) passed=$((passed + 1)) ;;
	FAIL) failed=$((failed + 1)) ;;
	skip) skipped=$((skipped + 1)) ;;
	esac
	[ -n "${cell[_,$3]:-}" ] || rows+=("$3")
	cell[_,$3]=1
	cell[$2,$3]=$1
	echo "$1 $2 $3${4:+: $4}"
}

start() {
	local kernel=$1
	started_at[$kernel]=$SECONDS
	tools/run-in-vm.sh -t "$MACHINE_SECONDS" "$kernel" bash tests/vm/inside.sh >"$work/$kernel" 2>"$work/$kernel.err" &
	machines[$kernel]=$!
}

# What must not depend on the kernel, of each line, in an order of its own. Reset reasons are newer
# than some kernels, and one cause is less certain without them. Which FIN is the first where both
# ends close, what is known of an end that is cut off, and whether a timeout shows as its error or as
# its RST, is a matter of microseconds. So is whether a timer of the kernel interrupts a tracing program,
# which then skips its change of state: the verdict says that it is less certain for that.
comparable() {
	jq -r --argjson reasons "$1" '[.session.path, .event.name, .cause.id,
		if ($reasons | not) and .cause.id == "session.aborted_with_unread_data" then "medium"
		elif any(.cause.evidence[]; .fact == "state_missed" or .fact == "end_lost") then "high" else .cause.confidence end,
		.close, .error.type,
		.recovery.strategy, (.legs | map(select(.tcp.ended_by != "open") | [.role, .side, .process.comm, .tcp.errno,
			if .tcp.errno == "ETIMEDOUT" then "timeout" else .tcp.ended_by | sub("^fin_.*"; "fin") end, if $reasons then .tcp.reset_reason else null end,
			.websocket.opcodes_in, .websocket.opcodes_out, .websocket.synchronised]))] | tostring' | LC_ALL=C sort
}

compare_demo() {
	local kernel=$1 reasons=false
	if grep -q '^has reset_reasons yes' "$work/$kernel"; then reasons=true; fi
	if sed -n 's/^line //p' "$work/$kernel" | comparable $reasons >"$work/theirs" && [ -s "$work/theirs" ] &&
		comparable $reasons <"$work/demo" | diff - "$work/theirs" >"$work/difference"; then
		result ok "$kernel" demo_as_here
	else
		result FAIL "$kernel" demo_as_here "not what is said under $(uname -r) (<)"
		sed 's/^/     /' "$work/difference"
	fi
}

compare_cost() {
	local kernel=$1
	sed -n 's/^cost //p' "$work/$kernel" >"$work/cost"
	if tools/veristat.sh ${UPDATE:+update} "${release[$kernel]}" "$work/cost" >"$work/costs" 2>&1; then
		result ok "$kernel" verifier_cost
	else
		result FAIL "$kernel" verifier_cost
		sed 's/^/     /' "$work/costs"
	fi
}

# Reads what inside.sh printed under this kernel.
collect() {
	local kernel=$1 status=$2 line kind name rest
	seconds_of[$kernel]=$((SECONDS - started_at[$kernel]))
	release[$kernel]=$(sed -n 's/^kernel //p' "$work/$kernel")
	while IFS= read -r line; do
		read -r kind name rest <<<"$line"
		case $line in
		'ok '* | 'FAIL '* | 'skip '*) result "$kind" "$kernel" "$name" ;;
		'has '*) cell[$kernel,$name]=$rest ;;
		' '*) echo "$line" ;;
		esac
	done <"$work/$kernel"
	if ! grep -qx end "$work/$kernel"; then
		result FAIL "$kernel" run "came to no end after ${seconds_of[$kernel]} s (status $status)"
		sed 's/^/     /' "$work/$kernel.err"
		return
	fi
	compare_demo "$kernel"
	compare_cost "$kernel"
}

# Waits until one machine is done.
wait_one() {
	local kernel status=0 done_pid=
	wait -n -p done_pid "${machines[@]}" || status=$?
	for kernel in "${!machines[@]}"; do
		if [ "${machines[$kernel]}" = "$done_pid" ]; then
			unset "machines[$kernel]"
			collect "$kernel" $status
		fi
	done
}

# Whether there is time for one more, going by the slowest so far.
is_time() {
	local kernel slowest=0
	for kernel in "${!seconds_of[@]}"; do
		[ "${seconds_of[$kernel]}" -le "$slowest" ] || slowest=${seconds_of[$kernel]}
	done
	[ $((VM_SECONDS - SECONDS)) -gt $((slowest + slowest / 4)) ]
}

print_table() {
	local kernel row
	printf '\n%-40s' ''
	for kernel in "${KERNELS[@]}"; do printf '%-28s' "${release[$kernel]:-$kernel}"; done
	echo
	for row in "${rows[@]}" reset_reasons drop_reasons error_reports storage_in_tracing; do
		printf '%-40s' "$row"
		for kernel in "${KERNELS[@]}"; do printf '%-28s' "${cell[$kernel,$row]:--}"; done
		echo
	done
	printf '%-40s' seconds
	for kernel in "${KERNELS[@]}"; do printf '%-28s' "${seconds_of[$kernel]:--}"; done
	echo
	echo
}

tools/fetch-kernel.sh "$BUILD/vm/kernels" "${KERNELS[@]}" 2>"$work/fetch" || true
count=0
for kernel in "${KERNELS[@]}"; do
	if [ ! -e "$BUILD/vm/kernels/$kernel/release" ]; then
		result skip "$kernel" run "$(sed -nE "s/^fetch-kernel: (no source|.* $kernel\b)/\1/p" "$work/fetch")"
		continue
	fi
	while [ ${#machines[@]} -ge $AT_ONCE ]; do wait_one; done
	if [ $count -ge 2 ] && ! is_time; then
		result skip "$kernel" run "no time left"
		continue
	fi
	count=$((count + 1))
	# while nothing else keeps the machine busy
	if [ $count -eq 1 ] && ! "$WSTRACE" demo --format json >"$work/demo" 2>"$work/demo.err"; then
		result FAIL here demo
		cat "$work/demo.err"
	fi
	start "$kernel"
done
while [ ${#machines[@]} -gt 0 ]; do wait_one; done
refuse_kernels
# Without an archive there is nothing to judge, and what was skipped says so.
if [ $count -eq 0 ]; then sed 's/^/     /' "$work/fetch"; fi
print_table
echo "vm: $passed passed, $failed failed, $skipped skipped"
finish $((failed > 0 || (passed == 0 && skipped == 0)))
