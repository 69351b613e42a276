# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# How open sessions end.

OPEN=(listen connect handshake c.text=5 s.drain)
WIRE_OPEN=(wire request response c.read_head c.text=5 s.drain)

test_end_in_order() {
	tracing && talk "${OPEN[@]}" c.close=1001 s.drain s.close=1001 s.end c.eof c.end &&
		expect_cause session.normal '.close.clean and .close.initiator == "client"'
}

test_end_clean_lines_only_with_all() {
	start_tracer "$LINES" && tracer=$started && talk "${OPEN[@]}" "${BYE[@]}" && traced &&
		[ "$(jq -s length "$LINES")" -eq 2 ] || return
	"$WSTRACE" trace --port "$PORT" --duration 3 >"$LINES" 2>"$LINES.err" &
	tracer=$! tracers+=($!)
	until grep -q tracing "$LINES.err"; do sleep 0.02; done
	talk "${OPEN[@]}" "${BYE[@]}" && expect_none
}

test_end_without_close_frame() {
	tracing && talk "${OPEN[@]}" s.end c.eof c.end &&
		expect_cause session.closed_without_close_frame ".close.code == 1006 and
			.close.initiator == \"server\" and .legs[1].process.pid == $(pid server)"
}

test_end_with_unread_data() {
	tracing && talk "${OPEN[@]}" c.text=5 pause=50 s.end c.eof c.end &&
		expect_cause session.aborted_with_unread_data '.legs[1].tcp.ended_by == "rst_sent"'
}

test_end_by_linger_0() {
	tracing && talk "${OPEN[@]}" s.reset c.eof c.end &&
		expect_cause session.aborted_by_application '.close.initiator == "server"'
}

test_end_by_exit() {
	tracing && talk "${OPEN[@]}" s.exit=3 c.eof c.end &&
		expect_cause session.process_exited '.cause.evidence | tostring | contains("3")'
}

test_end_by_crash() {
	tracing && talk "${OPEN[@]}" s.kill_self=11 c.eof c.end && expect_cause session.process_crashed
}

test_end_by_sigkill() {
	tracing && talk "${OPEN[@]}" kill=9 c.eof c.end &&
		expect_cause session.process_killed ".cause.confidence == \"high\" and
			(.cause.evidence | tostring | contains(\"pid $(pid client)\"))"
}

test_end_by_sigterm() {
	tracing && talk "${OPEN[@]}" kill=15 c.eof c.end && expect_cause session.process_terminated
}

test_end_by_oom_killer() {
	make_memory_cgroup && tracing &&
		talk "${OPEN[@]}" "s.enter_cgroup=$memory_cgroup" s.eat_memory c.eof c.end &&
		expect_cause session.process_oom_killed
}

# From here on the client is outside: what it did is not known, what it sent is.

test_end_by_reset_from_outside() {
	tracing && talk "${WIRE_OPEN[@]}" c.reset s.eof s.end &&
		expect_cause session.peer_reset '.close.initiator == "client" and (.legs | length) == 1'
}

test_end_by_fin_from_outside() {
	tracing && talk "${WIRE_OPEN[@]}" c.fin s.eof s.end c.drain &&
		expect_cause session.peer_closed_without_close_frame '.close.initiator == "client"'
}

test_end_by_network_timeout() {
	tracing && talk "${WIRE_OPEN[@]}" s.option=user_timeout=1000 c.silence s.text=50 s.eof s.end &&
		expect_cause session.network_timeout '.cause.confidence == "high" and
			.legs[0].tcp.unacked_bytes == 52'
}

test_end_by_keepalive_timeout() {
	tracing && talk "${WIRE_OPEN[@]}" s.option=keepalive=1,1,2 c.silence s.eof s.end &&
		expect_cause session.keepalive_timeout
}

test_end_close_unanswered() {
	tracing && talk "${OPEN[@]}" s.close=1000 s.end c.eof c.end &&
		expect_cause session.close_unanswered '.close.clean == false'
}

test_end_with_a_code() {
	tracing && talk "${OPEN[@]}" s.close=1009,big c.close=1009 s.drain s.end c.eof c.end &&
		expect_cause session.message_too_big '.close.code == 1009 and
			.close.from_server == {code: 1009, reason: "big"}'
}

test_end_with_an_empty_close_frame() {
	tracing && talk "${OPEN[@]}" s.close= c.close= s.drain s.end c.eof c.end &&
		expect_cause session.normal '.close.code == 1005 and .close.clean'
}

test_end_close_frame_in_pieces() {
	tracing && talk "${OPEN[@]}" s.cut=1,1,3,4 s.close=1011,oh-dear c.drain c.close=1011 s.drain s.end c.eof c.end &&
		expect_cause session.internal_error '.close.from_server.reason == "oh-dear"'
}
