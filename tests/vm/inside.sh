#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What tests/vm/run.sh runs under each kernel. Prints, a line each:
#
#   line JSON               what wstrace said of the demo
#   cost PROGRAM NUMBERS    verifier cost, see verifier_cost.c
#   has FEATURE yes|no      what wstrace gets from this kernel
#   ok|skip|FAIL TEST       and below it, indented, why
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/bpf/lib.sh
. tests/bpf/test_frames.sh
. tests/bpf/test_owner.sh
. tests/bpf/test_connect.sh
. tests/bpf/test_end.sh
. tests/bpf/test_unix.sh
. tests/vm/test_kernel.sh
. tests/vm/test_netem.sh

# Of tests/bpf, those that lean on what differs between kernels: the BPF helpers for sockets, the
# iterator, the arguments of tracepoints. The rest of them is the demo's.
TESTS=(
	ipv6
	connect_no_route
	upgrade_tried_again
	header_in_many_segments
	out_of_order_header
	owner_is_the_worker_that_accepts
	open_before_the_tracer_and_cut_off
	end_by_oom_killer
	unix_backend_of_several_sessions
	unix_backend_whose_child_inherits
	unix_backend_that_stops
)

# Quicker than the seconds that READY_SECONDS in lib.sh allows for, but everything is emulated here.
READY_SECONDS=60

# ok or FAIL for the test whose result is the last to be counted; its output follows.
report() {
	local name=$1 before=$failed skips=$skipped output=$ALL_WORK/output start=$SECONDS
	shift
	"$@" >"$output" 2>&1
	if [ "$failed" -gt "$before" ]; then
		echo "FAIL $name"
	elif [ "$skipped" -gt "$skips" ]; then
		echo "skip $name"
	else
		echo "ok $name ($((SECONDS - start)) s)"
	fi
	sed -e 's/^/     /' "$output"
}

run_listed() {
	if ! declare -F "test_$1" >/dev/null; then
		echo "no such test"
		failed=$((failed + 1))
		return
	fi
	run_test "$1"
}

# The 25 ways to break a connection; wstrace itself compares its verdicts with what is right.
demo() {
	if "$WSTRACE" demo --format json >"$ALL_WORK/demo" 2>"$ALL_WORK/demo.err"; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	cat "$ALL_WORK/demo.err"
	NO_COLOR=1 "$WSTRACE" demo 2>&1 | grep -vE '^(ok|$)'
}

has() {
	local name=$1
	shift
	if "$@" >/dev/null; then echo "has $name yes"; else echo "has $name no"; fi
}

ALL_WORK=$(mktemp -d)
echo "kernel $(uname -r)"
report demo demo
sed 's/^/line /' "$ALL_WORK/demo"
if [ -x build/tests/vm/verifier_cost ]; then build/tests/vm/verifier_cost | sed 's/^/cost /'; fi
for name in "${TESTS[@]}" $(declare -F | sed -nE 's/^declare -f test_((kernel|netem)_.*)$/\1/p'); do
	report "$name" run_listed "$name"
done
has reset_reasons kernel_knows sk_rst_reason
has drop_reasons kernel_knows skb_drop_reason
has error_reports kernel_knows btf_trace_inet_sk_error_report
has storage_in_tracing kernel_knows bpf_get_socket_ptr_cookie
echo "end"
[ "$failed" -eq 0 ]
