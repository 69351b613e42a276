#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the kernel's verifier makes of each BPF program, beside what is recorded in
# bpf/verifier-cost.txt, so that growth is seen before a kernel refuses to go along.
#
#   tools/veristat.sh [update] [RELEASE FILE]
#
# Measures on the running kernel, or takes FILE, which tests/vm/verifier_cost printed under the
# kernel RELEASE. Exit status 1: a program costs more than recorded, past the tolerance, or was
# never recorded. A kernel with no record is shown alone. update records what was measured.
set -euo pipefail
cd "$(dirname "$0")/.."

TABLE=bpf/verifier-cost.txt
MEASURE=${WSTRACE_BUILD:-build}/tests/vm/verifier_cost
# Compilers and stable releases differ a little; the verifier gives up at 1,000,000.
TOLERANCE_PERCENT=20 TOLERANCE_INSTRUCTIONS=200 MOST_INSTRUCTIONS=500000

update=
if [ "${1:-}" = update ]; then
	update=1
	shift
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $# in
0)
	release=$(uname -r)
	"$MEASURE" >"$work/now"
	;;
2)
	release=$1
	cp "$2" "$work/now"
	;;
*)
	echo "usage: tools/veristat.sh [update] [RELEASE FILE]" >&2
	exit 2
	;;
esac
kernel=$(grep -oE '^[0-9]+\.[0-9]+' <<<"$release")
[ -s "$work/now" ] || { echo "veristat: nothing measured" >&2; exit 1; }

# The time is this machine's, and is shown only.
compare() {
	awk -v kernel="$kernel" -v release="$release" -v percent=$TOLERANCE_PERCENT \
		-v slack=$TOLERANCE_INSTRUCTIONS -v most=$MOST_INSTRUCTIONS '
		NR == FNR { if ($1 == kernel) { was[$2] = $3; known = 1 } next }
		FNR == 1 { printf "%-30s %12s %10s %10s\n", "Linux " release, "instructions", "recorded", "time" }
		{
			why = ""
			if ($2 > most)
				why = "more than half of what the verifier allows"
			else if (known && !($1 in was))
				why = "not recorded"
			else if (known && $2 > was[$1] * (100 + percent) / 100 + slack)
				why = "has grown"
			printf "%-30s %12d %10s %7.1f ms%s\n", $1, $2, ($1 in was) ? was[$1] : "-", $3 / 1000, why == "" ? "" : "  " why
			bad += why != ""
			instructions += $2
			recorded += was[$1]
			time += $3
		}
		END {
			printf "%-30s %12d %10s %7.1f ms\n", "all", instructions, known ? recorded : "-", time / 1000
			exit bad > 0
		}' "$TABLE" "$work/now"
}

record() {
	{
		grep '^#' "$TABLE"
		{
			awk -v kernel="$kernel" '!/^#/ && $1 != kernel' "$TABLE"
			awk -v kernel="$kernel" '{ print kernel, $1, $2 }' "$work/now"
		} | sort -k1,1V -k2,2 | awk '{ printf "%-5s %-30s %7d\n", $1, $2, $3 }'
	} >"$work/table"
	cp "$work/table" "$TABLE"
}

status=0
compare || status=1
if [ -n "$update" ]; then
	record
	status=0
elif [ $status -ne 0 ]; then
	echo "veristat: if that is meant, record it: make veristat UPDATE=1 (make test-vm UPDATE=1 for the other kernels)" >&2
fi
exit $status
