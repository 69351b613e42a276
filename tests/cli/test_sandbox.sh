# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2015,SC2016,SC2154
# The seccomp filter: it is there, it refuses what an intruder would want, and nothing that wstrace needs.

REFUSED_CALLS=${WSTRACE_BUILD:-$PWD/../../build}/tests/cli/refused_calls

needs_seccomp() {
	grep -qw errno /proc/sys/kernel/seccomp/actions_avail 2>/dev/null || skip "this kernel has no seccomp"
}

test_sandbox_of_a_tracer() {
	needs_seccomp
	start sandbox "$WSTRACE" trace
	grep -qP '^Seccomp:\t2$' "/proc/$pid/status" || fail "$(grep Seccomp "/proc/$pid/status")"
	grep -qP '^NoNewPrivs:\t1$' "/proc/$pid/status" || fail "no_new_privs is not set"
	stop "$pid" INT
}

# It waits for more of its recording, with no capability left.
test_sandbox_of_a_replay() {
	needs_seccomp
	make_recording recording.wst
	mkfifo pipe
	"$WSTRACE" replay pipe >lines &
	pid=$!
	started+=("$pid")
	exec 3>pipe
	cat recording.wst >&3
	until_true 10 test -s lines
	grep -qP '^Seccomp:\t2$' "/proc/$pid/status" || fail "$(grep Seccomp "/proc/$pid/status")"
	grep -qP '^CapPrm:\t0+$' "/proc/$pid/status" || fail "$(grep Cap "/proc/$pid/status")"
	exec 3>&-
	wait "$pid" || fail "status $?"
}

test_sandbox_refuses() {
	needs_seccomp
	run 0 "$REFUSED_CALLS" offline
	echo read | diff - out || fail "let through"
	run 0 "$REFUSED_CALLS" trace
	printf '%s\n' read "open for reading" "read a map" | diff - out || fail "let through"
}

# without_refusals COMMAND...: no system call of it is refused, once it is in its sandbox.
without_refusals() {
	strace -f -o calls "$@" >out 2>err || fail "status $?: $(cat err)"
	grep -qE 'SECCOMP_SET_MODE_FILTER, [^,]*, \{len=[0-9]+' calls || fail "no filter: $(tail calls)"
	if sed '1,/SECCOMP_SET_MODE_FILTER.*{len=/d' calls | grep ENOSYS; then fail "refused: $*"; fi
}

# What a traced process makes wstrace look up: one that is gone by its cgroup, others in /proc.
ask_for_a_socket() {
	sleep 1
	refuse $(($1 + 1))
	curl -s -o /dev/null -H 'Upgrade: websocket' -H 'Connection: upgrade' -H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' "http://127.0.0.1:$1/"
}

test_sandbox_refuses_nothing_needed() {
	local port format
	needs_seccomp
	command -v strace >/dev/null || skip "no strace"
	port=$(free_port)
	python3 -m http.server -b 127.0.0.1 "$port" >server 2>&1 &
	started+=($!)
	for format in json text; do
		ask_for_a_socket "$port" &
		without_refusals "$WSTRACE" trace --all --format $format --duration 4 --port "$port,$((port + 1))"
		wait $!
		says out ECONNREFUSED "HTTP 200"
	done
	without_refusals "$WSTRACE" record --verbose --duration 0.5 recording.wst
	without_refusals "$WSTRACE" replay recording.wst
	without_refusals "$WSTRACE" explain 1006
	without_refusals "$WSTRACE" causes --format json
	without_refusals "$WSTRACE" --help
}
