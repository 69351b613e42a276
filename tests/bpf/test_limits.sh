# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# No room left in a table of the kernel side: what is lost is said, and nothing is made up. The tables of user space
# are filled by tests/unit.

# fill MAP: of the tracer.
fill() {
	echo "$1: $(tests/bpf/fill_map.py "$tracer" "$1" | xargs)"
}

# What was held is gone when the hole is filled.
test_limit_of_held_bytes() {
	tracing && talk_until_sync wire "${WIRE_HELLO[@]}" c.hold c.text=10 c.text=20 c.text=5 c.hole=0-10,30- sync c.fill=20 \
		c.text=4 s.drain c.reset s.eof s.end && fill held && talk_on &&
		expect_cause session.peer_reset '.legs[0].websocket.synchronised == false' &&
		grep -q "lost: .* frames of a stream lost track of" "$LINES.err"
}

# Nobody tells of the death of a process that is not among the owners; the kernel still closes its sockets.
test_limit_of_owners() {
	tracing && talk_until_sync "${OPEN[@]}" sync kill=9 c.eof c.end && fill owners && talk_on &&
		expect_cause session.process_killed ".cause.confidence == \"medium\" and .legs[1].process.pid == $(pid server) and
			(.cause.evidence | map(.fact) | index(\"sender_unknown\"))"
}

# The kernel accounts the storage of a socket like its options (net.core.optmem_max).
test_limit_of_socket_storage() {
	local small=net.core.optmem_max=300
	ip netns exec "$SERVER" test -w /proc/sys/net/core/optmem_max || skip "optmem_max is not the namespace's own"
	tracing && talk "c.sysctl=$small" "s.sysctl=$small" "${OPEN[@]}" "${BYE[@]}" &&
		expect_some '.event.name == "agent" and (.message | contains("sockets (no storage)"))' || return
	grep -q "lost: .* no memory for a socket" "$LINES.err" &&
		jq -e -s 'map(select(.event.name == "session_end")) == []' "$LINES"
}

# Which sockets ended while the ring buffer was full is forgotten: they count as open, and the losses are told.
test_limit_of_lost_ends() {
	local numbers
	tracing --buffer-mib 1 || return
	TRACER=$tracer SYNC=$WORK/sync hostile sessions 4000 &
	until [ -e "$WORK/sync" ]; do
		kill -0 $! 2>/dev/null || return
		sleep 0.05
	done
	kill -STOP "$tracer" && rm "$WORK/sync" && wait $! && fill lost_ends && kill -CONT "$tracer" && sleep 2 && traced || return
	cat "$LINES.err"
	mapfile -t numbers < <(grep -o '[0-9]* \(opened\|ended\|still open\)' "$LINES.err" | grep -o '[0-9]*')
	[ "${numbers[0]}" -eq 4000 ] && [ $((numbers[1] + numbers[2])) -eq 4000 ] && [ "${numbers[2]}" -gt 0 ] &&
		grep -q "lost: .* ring buffer full" "$LINES.err" && expect_some '.event.name == "agent" and .level == "warn"'
}

# What helps to join legs and to know listeners is missing; sessions are told as before.
test_limit_of_other_tables() {
	tracing && fill tls_reads && fill fronts && fill listener_counts && talk "${OPEN[@]}" "${BYE[@]}" &&
		expect session_end '.close.clean and .cause.confidence == "high" and (.legs | length) == 2'
}
