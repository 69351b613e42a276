# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What a test in run.sh is written with. Each test has two namespaces of its own, $CLIENT (198.18.0.2) and
# $SERVER (198.18.0.1), joined by one link and with no route to anywhere else.

WSTRACE=${WSTRACE:-$PWD/build/wstrace}
PEER=$PWD/tests/bpf/peer.py
# A port of our own: the tracer sees every namespace of this machine, also those of another run of these tests.
PORT=$((10000 + $$ % 10000))
NAMES=wst-$$
CLIENT=$NAMES-client SERVER=$NAMES-server
READY_SECONDS=30

passed=0 failed=0 skipped=0

make_netns() {
	ip netns add "$CLIENT" && ip netns add "$SERVER" || return 1
	ip -n "$CLIENT" link add veth0 type veth peer name veth0 netns "$SERVER"
	ip -n "$CLIENT" addr add 198.18.0.2/24 dev veth0
	ip -n "$SERVER" addr add 198.18.0.1/24 dev veth0
	local netns
	for netns in "$CLIENT" "$SERVER"; do
		ip -n "$netns" link set lo up
		ip -n "$netns" link set veth0 up
	done
}

remove_netns() {
	local netns pid
	for netns in "$NAMES-client" "$NAMES-server"; do
		[ -e "/run/netns/$netns" ] || continue
		for pid in $(ip netns pids "$netns"); do kill -9 "$pid" 2>/dev/null || true; done
		ip netns del "$netns"
	done
}

# What a run that was killed left behind: its pid is in the name.
sweep() {
	local netns pid
	for netns in $(ip netns list | sed -nE 's/^(wst-[0-9]+-(client|server))( .*)?$/\1/p'); do
		pid=${netns#wst-}
		[ -e "/proc/${pid%%-*}" ] || ip netns del "$netns"
	done
}

# tracing [OPTION...]: starts a tracer and waits until it is attached. Its lines go to $LINES.
tracing() {
	start_tracer "$LINES" "$@" || return
	tracer=$started
}

# start_tracer OUTPUT [OPTION...]: sets $started.
start_tracer() {
	local output=$1 deadline=$((SECONDS + READY_SECONDS))
	shift
	: >"$output.err"
	"$WSTRACE" trace --all --port "$PORT" "$@" >"$output" 2>"$output.err" &
	started=$!
	tracers+=("$started")
	until grep -q tracing "$output.err"; do
		if ! kill -0 "$started" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
			echo "the tracer did not start:"
			cat "$output.err"
			return 1
		fi
		sleep 0.02
	done
}

# Ends the tracer: after this $LINES holds all that it has to say.
traced() {
	[ -n "$tracer" ] || return 0
	kill -INT "$tracer"
	wait "$tracer" || { echo "the tracer's exit status is $?"; cat "$LINES.err"; return 1; }
	tracer=
}

# talk STEP...: plays a conversation, see peer.py.
talk() {
	timeout 120 "$PEER" "$CLIENT" "$SERVER" "$PORT" "$@" >"$WORK/peer" 2>&1 && return 0
	echo "the peer failed: $*"
	cat "$WORK/peer"
	return 1
}

# talk_until_sync STEP... sync STEP...: returns when the peer has come to its step "sync".
talk_until_sync() {
	talk "${@/#sync/sync=$WORK/sync}" &
	talking=$!
	until [ -e "$WORK/sync" ]; do
		kill -0 "$talking" 2>/dev/null || return 1
		sleep 0.02
	done
}

# Lets that peer go on to its end.
talk_on() {
	rm "$WORK/sync"
	wait "$talking"
}

# entries_of MAP: sets $entries to how many entries that map of the tracer has.
entries_of() {
	local id
	sed -n 's/^map_id:[[:space:]]*//p' "/proc/$tracer"/fdinfo/* | sort -un >"$WORK/maps"
	while read -r id; do
		if [ "$(bpftool -j map show id "$id" | jq -r .name)" = "$1" ]; then
			entries=$(bpftool -j map dump id "$id" | jq length)
			echo "$1: $entries entries"
			return
		fi
	done <"$WORK/maps"
	return 1
}

# pid ROLE: of a process that the peer named (client, server, worker, helper).
pid() {
	sed -n "s/^$1=//p" "$WORK/peer" | tail -n 1
}

peer_said() {
	grep -q "$1" "$WORK/peer" && return 0
	echo "the peer did not say \"$1\", but:"
	cat "$WORK/peer"
	return 1
}

# The one line whose event name matches, for a filter to look at.
ONE='map(select(.event.name | test($event))) | if length == 1 then .[0] else error("\(length) lines") end'

# expect EVENT FILTER: there is just one line of that kind (a regular expression), and the jq filter holds for it.
expect() {
	traced || return
	jq -e -s --arg event "$1" "$ONE | $2" "$LINES" >/dev/null && return 0
	echo "not true of one line of $1: $2"
	jq . "$LINES"
	return 1
}

# expect_cause CAUSE [FILTER]: the one end of this test.
expect_cause() {
	expect '_end$|_failed$' ".cause.id == \"$1\" and (${2:-true})"
}

# expect_some FILTER: it holds for at least one line.
expect_some() {
	traced || return
	jq -e -s "any(.[]; $1)" "$LINES" >/dev/null && return 0
	echo "true of no line: $1"
	jq . "$LINES"
	return 1
}

# expect_none: the tracer has nothing to say about any connection.
expect_none() {
	traced || return
	jq -e -s 'map(select(.event.name != "agent")) == []' "$LINES" >/dev/null && return 0
	echo "expected no line:"
	jq -c . "$LINES"
	return 1
}

# skip REASON: for what this machine cannot do.
skip() {
	echo "$1" >"$WORK/skip"
	exit 77
}

end_test() {
	local each
	for each in "${tracers[@]}"; do
		if kill -9 "$each" 2>/dev/null; then wait "$each" 2>/dev/null || true; fi
	done
	remove_netns
	[ -z "$memory_cgroup" ] || rmdir "$memory_cgroup"
}

# Sets $memory_cgroup: a new cgroup whose processes may use 64 MiB together.
make_memory_cgroup() {
	local root=/sys/fs/cgroup/memory limit=memory.limit_in_bytes
	if [ ! -e $root/$limit ]; then
		root=/sys/fs/cgroup limit=memory.max
		grep -qw memory $root/cgroup.subtree_control 2>/dev/null || skip "no memory cgroups here"
	fi
	mkdir "$root/$NAMES" || return
	memory_cgroup=$root/$NAMES
	echo $((64 << 20)) >"$memory_cgroup/$limit"
}

# In a subshell: what a test changes is its own affair, and it leaves nothing behind however it ends.
run_test_body() (
	tracer='' tracers=() memory_cgroup=''
	trap end_test EXIT
	trap 'exit 130' INT TERM HUP
	# set -e has no effect in a condition: a test chains its steps itself
	make_netns && "test_$1"
)

# Prints only what failed and why.
run_test() {
	local name=$1 status=0 start=$SECONDS
	WORK=$ALL_WORK/$name LINES=$ALL_WORK/$name/lines
	mkdir -p "$WORK"
	run_test_body "$name" >"$WORK/log" 2>&1 || status=$?
	case $status in
	0) passed=$((passed + 1)) ;;
	77)
		skipped=$((skipped + 1))
		echo "skip $name: $(cat "$WORK/skip")"
		;;
	*)
		failed=$((failed + 1))
		echo "FAIL $name ($((SECONDS - start)) s)"
		sed 's/^/     /' "$WORK/log"
		;;
	esac
}
