# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Whose socket is it? And connections that were open before the tracer.

test_owner_of_both_ends() {
	tracing && talk listen connect handshake c.text=5 "${BYE[@]}" &&
		expect session_end ".legs | map(.process) ==
			[{pid: $(pid client), comm: \"peer-client\"}, {pid: $(pid server), comm: \"peer-server\"}]"
}

# The parent listens, a child accepts.
test_owner_is_the_worker_that_accepts() {
	tracing && talk listen s.worker connect handshake c.text=5 "${BYE[@]}" &&
		expect session_end ".legs[1].process == {pid: $(pid worker), comm: \"peer-worker\"}"
}

test_owner_is_the_process_that_got_the_socket() {
	tracing && talk listen connect handshake s.pass c.text=5 s.drain s.end c.eof c.end &&
		expect_cause session.closed_without_close_frame \
			".legs[1].process == {pid: $(pid helper), comm: \"peer-helper\"}"
}

test_parent_lives_on_after_its_worker_is_killed() {
	tracing && talk listen s.worker connect handshake c.text=5 s.drain kill=9 c.eof c.end &&
		expect_cause session.process_killed ".legs[1].process.pid == $(pid worker)"
}

CHAT=(c.text=5 s.drain s.text=6 c.drain)

test_open_before_the_tracer() {
	talk_until_sync listen connect handshake sync "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" \
		"${CHAT[@]}" s.close=1011,oops c.close=1011 s.drain s.end c.eof c.end &&
		tracing && talk_on &&
		expect_cause session.internal_error ".close.from_server == {code: 1011, reason: \"oops\"} and
			(.legs | map(.process.pid)) == [$(pid client), $(pid server)]"
}

# No more than to trace at all: the iterator over descriptors asks for nothing else.
test_open_before_a_tracer_with_three_capabilities() {
	printf '#!/bin/sh\nexec setpriv --bounding-set=-all,+bpf,+perfmon,+net_admin %q "$@"\n' "$WSTRACE" >"$WORK/least"
	chmod +x "$WORK/least"
	talk_until_sync listen connect handshake sync "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" \
		"${CHAT[@]}" s.close=1011,oops c.close=1011 s.drain s.end c.eof c.end || return
	WSTRACE=$WORK/least tracing || return
	grep -q "^CapBnd:.*000000c000001000$" "/proc/$tracer/status" || { grep Cap "/proc/$tracer/status"; return 1; }
	talk_on && expect_cause session.internal_error "(.legs | map(.process.pid)) == [$(pid client), $(pid server)]"
}

test_open_before_the_tracer_and_cut_off() {
	talk_until_sync listen connect handshake sync "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" \
		"${CHAT[@]}" s.end c.eof c.end &&
		tracing && talk_on &&
		expect_cause session.closed_without_close_frame '.cause.confidence != "high"'
}

# Nothing but its end is seen: whether it was a WebSocket at all cannot be known.
test_open_before_the_tracer_and_idle() {
	talk_until_sync listen connect handshake c.text=5 s.drain sync s.end c.eof c.end &&
		tracing && talk_on && expect_none
}

test_tracer_killed_disturbs_nobody() {
	local programs program
	tracing && talk_until_sync listen connect handshake sync c.text=5 s.drain "${BYE[@]}" || return
	programs=$(sed -n 's/^prog_id:[[:space:]]*//p' /proc/"$tracer"/fdinfo/* | sort -un)
	kill -9 "$tracer" && wait "$tracer"
	talk_on || return
	[ "$(wc -w <<<"$programs")" -gt 5 ] || { echo "its programs are not known: $programs"; return 1; }
	sleep 0.5 # the kernel frees programs after a grace period
	for program in $programs; do
		if bpftool prog show id "$program" 2>/dev/null; then return 1; fi
	done
}
