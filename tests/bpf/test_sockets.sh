# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Sockets that are shared, handed on, half closed or half open, and calls that few programs make.

# prefork own|shared: what prefork.py knows of each session, and what was said of it, have to be the same.
prefork() {
	tracing && timeout 60 tests/bpf/prefork.py "$CLIENT" "$SERVER" "$PORT" "$1" >"$WORK/peer" 2>&1 ||
		{ cat "$WORK/peer"; return 1; }
	traced || return
	jq -r 'select(.event.name == "session_end") | "\(.session.client.port) \(.legs[1].process.pid) \(.cause.id)
		\(.cause.confidence) \(.legs | length)" | gsub("\\s+"; " ")' "$LINES" | sort >"$WORK/said"
	sed 's/normal$/session.normal high 2/; s/killed$/session.process_killed high 2/' "$WORK/peer" | sort |
		diff - "$WORK/said"
}

test_reuseport_sessions_belong_to_their_worker() {
	prefork own
}

test_shared_listener_sessions_belong_to_their_worker() {
	prefork shared
}

PASSED=(listen connect handshake c.text=5 s.drain)

test_passed_socket_outlives_its_first_owner() {
	tracing && talk "${PASSED[@]}" s.hand_over pause=100 c.text=5 s.drain s.text=6 "${BYE[@]}" &&
		expect_cause session.normal ".legs[1].process == {pid: $(pid helper), comm: \"peer-helper\"}"
}

test_passed_socket_and_its_new_owner_is_killed() {
	tracing && talk "${PASSED[@]}" s.hand_over pause=100 c.text=5 s.drain kill=9 c.eof c.end &&
		expect_cause session.process_killed ".cause.confidence == \"high\" and .legs[1].process.pid == $(pid helper) and
			(.cause.evidence | tostring | contains(\"pid $(pid client)\"))"
}

# The new owner has not even read, so it may just as well have inherited the socket by chance.
test_passed_socket_and_its_new_owner_is_killed_at_once() {
	tracing && talk "${PASSED[@]}" s.hand_over pause=100 kill=9 c.eof c.end &&
		expect '_end$' ".cause.confidence == \"medium\" and (.cause.alternatives | index(\"session.process_killed\")) and
			(.cause.evidence | tostring | contains(\"pid $(pid helper), which had kept it open, died of a signal (9)\"))"
}

# The end is not the doing of the process that is gone.
test_passed_socket_is_closed_by_its_new_owner() {
	tracing && talk "${PASSED[@]}" s.hand_over pause=100 s.text=6 c.drain s.end c.eof c.end &&
		expect_cause session.closed_without_close_frame ".cause.summary | contains(\"pid $(pid helper)\")"
}

# One that lives on is not to blame either.
test_socket_held_by_two_processes() {
	tracing && talk "${PASSED[@]}" s.pass c.text=5 s.drain kill=9 c.eof c.end &&
		expect_cause session.process_killed ".legs[1].process.pid == $(pid helper)"
}

# The server has said all that it will; the client goes on.
test_half_closed_by_the_server() {
	tracing && talk listen connect handshake c.text=5 s.drain s.close=1000 s.fin c.drain c.text=6 c.binary=300 s.drain \
		c.close=1000 s.drain c.end s.eof s.end &&
		expect_cause session.normal '.close.clean and .close.initiator == "server" and
			.legs[0].websocket.frames_out == 4 and .legs[1].websocket.frames_in == 4'
}

test_half_closed_without_a_close_frame() {
	tracing && talk listen connect handshake c.text=5 s.drain s.fin c.drain c.text=6 c.text=7 s.drain c.end s.eof s.end &&
		expect_cause session.closed_without_close_frame '.close.initiator == "server" and .close.code == 1006 and
			(.legs[1].websocket.frames_in == 3)'
}

# A host that was restarted knows nothing of the connection, and says so to the first data that comes.
test_half_open_peer_was_restarted() {
	tracing && talk "${WIRE_OPEN[@]}" c.silence pause=300 s.text=50 c.forget s.eof s.end &&
		expect_cause session.peer_reset '.close.code == 1006 and .legs[0].tcp.ended_by == "rst_received" and
			.legs[0].websocket.frames_out == 1'
}

# The same of this host's own sockets: one goes without a segment, and the kernel answers for it later. Nobody sees why.
test_half_open_peer_vanished() {
	tracing && talk "${OPEN[@]}" pause=300 c.vanish pause=300 s.text=50 s.eof s.end &&
		expect_cause session.unknown '.close.code == 1006 and .cause.confidence == "low" and
			(.legs | map(.tcp.ended_by)) == ["error", "rst_received"]'
}

# It never comes back, and nothing is sent to it: then nothing has happened.
test_half_open_and_idle() {
	tracing && talk_until_sync "${WIRE_OPEN[@]}" c.silence sync && sleep 1 && traced && talk_on &&
		expect session_open true && jq -e -s 'map(select(.event.name == "session_end")) == []' "$LINES"
}

test_zerocopy() {
	tracing && talk listen connect handshake s.hold s.binary=70000 s.text=3 s.zerocopy c.drain c.hold c.text=4 c.binary=9000 \
		c.zerocopy s.drain "${BYE[@]}" &&
		expect session_end '.close.clean and (.legs | map(.websocket | [.frames_in, .frames_out, .synchronised]))
			== [[3, 3, true], [3, 3, true]]'
}

needs_io_uring() {
	python3 -c 'import sys; sys.path.insert(0, "tests/bpf"); from io_uring import Ring; Ring()' 2>"$WORK/uring" ||
		skip "no io_uring: $(tail -n 1 "$WORK/uring")"
}

# uring_chat HOW: all that the server does with the socket is done by io_uring.
uring_chat() {
	needs_io_uring
	tracing && talk listen connect handshake "s.uring=$1" s.hold s.binary=70000 s.text=3 s.uring_send c.drain \
		c.text=4 c.binary=500 s.uring_receive=518 c.text=1 s.uring_receive=7 s.uring_close c.eof c.end &&
		expect_cause session.closed_without_close_frame ".close.initiator == \"server\" and
			.legs[1].process == {pid: $(pid server), comm: \"peer-server\"} and
			(.legs | map(.websocket | [.frames_in, .frames_out])) == [[2, 3], [3, 2]]"
}

test_io_uring() {
	uring_chat here
}

test_io_uring_in_a_thread_of_the_kernel() {
	uring_chat thread
}
