# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Frames on the wire, however they are cut, and what is counted of them.

BYE=(s.close=1000 c.close=1000 s.drain s.end c.eof c.end)

test_one_message_each_way() {
	tracing && talk listen connect handshake c.text=5 s.binary=7 c.ping=4 s.pong=4 "${BYE[@]}" &&
		expect session_open '.session.path == "/chat" and .session.host == "chat.test"' &&
		expect session_end '.close.code == 1000 and .close.clean and
			.cause.id == "session.normal" and (.legs | length) == 2' &&
		expect session_end '.legs | map(.websocket | [.frames_in, .frames_out]) == [[3, 3], [3, 3]]'
}

test_header_in_many_segments() {
	tracing && talk listen connect handshake c.cut=1,1,1,1,1,1,1,1 c.text=300 \
		s.cut=1,1,1,1,1,1,1,1,1 s.text=66000 c.drain "${BYE[@]}" &&
		expect session_end '.close.clean and (.legs | map(.websocket.frames_in + .websocket.frames_out)
			== [4, 4])'
}

test_many_frames_in_one_segment() {
	tracing && talk listen connect handshake c.hold c.text=1 c.text=0 c.ping=0 c.binary=130 c.text=2 c.flush \
		"${BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_out == 6 and
			.legs[1].websocket.frames_in == 6'
}

test_first_frame_behind_the_101() {
	tracing && talk listen connect request s.hold response s.text=5 s.ping=0 s.flush c.read_head "${BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_in == 3 and
			.legs[1].websocket.frames_out == 3'
}

test_first_frame_and_close_behind_the_101() {
	tracing && talk listen connect request s.hold response s.close=1008,no s.flush c.read_head \
		s.end c.eof c.end &&
		expect session_end '.cause.id == "session.policy_violation" and
			.close.from_server == {"code": 1008, "reason": "no"}'
}

test_64_bit_length() {
	tracing && talk listen connect handshake c.binary=70000 s.drain s.binary=200000 c.drain "${BYE[@]}" &&
		expect session_end '.close.clean and
			(.legs | map(.websocket.frames_in + .websocket.frames_out) == [4, 4])'
}

test_head_in_many_segments() {
	tracing && talk listen connect c.cut=1,2,3,5,50 request s.cut=4,13,1 response c.read_head "${BYE[@]}" &&
		expect session_end '.close.clean and .session.path == "/chat"'
}

test_fragmented_message_with_a_ping_inside() {
	tracing && talk listen connect handshake c.fragment=10 c.ping=2 c.last=10 "${BYE[@]}" &&
		expect session_end '.close.clean and .cause.id == "session.normal"'
}

# The first copy of the segment is dropped by a packet filter, TCP sends it again.
test_retransmitted_segment() {
	tracing && talk listen connect handshake "s.drop=input,dport $PORT" c.text=500 pause=50 s.undrop pause=600 \
		s.drain "${BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].tcp.retransmits > 0 and
			.legs[0].websocket.frames_out == 2 and .legs[1].websocket.frames_in == 2'
}

WIRE_HELLO=(request response c.read_head)
WIRE_BYE=(c.close=1000 s.drain s.close=1000 c.drain s.end c.drain c.fin pause=50)

test_overlapping_segments() {
	tracing && talk wire "${WIRE_HELLO[@]}" c.hold c.text=30 c.text=40 c.ping=0 \
		c.segments=0-10,5-20,0-10,20-60,30-88,50-88 "${WIRE_BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_in == 4 and
			.legs[0].websocket.frames_out == 1'
}

test_sequence_numbers_wrap() {
	tracing && talk wire=0xffffff20 "${WIRE_HELLO[@]}" c.text=100 c.text=200 c.ping=3 "${WIRE_BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_in == 4'
}

# Payload that overtakes payload costs nothing.
test_out_of_order_payload() {
	tracing && talk wire "${WIRE_HELLO[@]}" c.hold c.text=300 c.text=5 c.segments=0-50,200-306,50-200,306-319 \
		"${WIRE_BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_in == 3'
}

# A header that overtakes a hole is held until the hole is filled.
test_out_of_order_header() {
	tracing && talk wire "${WIRE_HELLO[@]}" c.hold c.text=10 c.text=20 c.text=5 c.segments=0-10,30-53,10-30 \
		c.text=1 c.text=1 c.text=1 c.text=1 "${WIRE_BYE[@]}" &&
		expect session_end '.close.from_client.code == 1000 and .legs[0].websocket.synchronised and
			.legs[0].websocket.frames_in == 8'
}

# Their hole is never filled: then they are held until the socket is gone, and no longer.
test_held_bytes_go_with_their_socket() {
	tracing && talk_until_sync wire "${WIRE_HELLO[@]}" c.hold c.text=10 c.text=2000 c.text=3000 c.hole=0-10,30- sync \
		c.reset s.eof s.end || return
	entries_of held && [ "$entries" -ge 9 ] && talk_on && sleep 0.1 && entries_of held && [ "$entries" -eq 0 ] &&
		expect_cause session.peer_reset '.legs[0].websocket | .synchronised and .frames_in == 1'
}

test_held_bytes_of_a_head_go_with_their_socket() {
	tracing && talk_until_sync wire c.hold request c.hole=0-10,30- sync c.reset s.eof s.end || return
	entries_of held && [ "$entries" -ge 1 ] && talk_on && sleep 0.1 && entries_of held && [ "$entries" -eq 0 ]
}

# A request that met the listener, and was read from there.
test_held_bytes_of_an_early_request_go_with_their_socket() {
	tracing && talk_until_sync wire=1000,late 'c.ascii=GET / HTTP/1.1\r\nHost: a\r\n\r\n' s.accept s.read_head \
		's.ascii=HTTP/1.1 204 No\r\n\r\n' c.read_head sync c.reset s.eof s.end || return
	entries_of held && [ "$entries" -eq 1 ] && talk_on && sleep 0.1 && entries_of held && [ "$entries" -eq 0 ]
}

ONE_FRAME='.close.from_client.code == 1000 and .session.path == "/chat" and .legs[0].websocket.synchronised and
	.legs[0].websocket.frames_in'

test_out_of_order_request() {
	tracing && talk wire c.hold request c.segments=80-120,120-,30-80,0-30 response c.read_head c.text=5 \
		"${WIRE_BYE[@]}" &&
		expect session_end "$ONE_FRAME == 2"
}

# The client does not wait for the 101, and its frames overtake the request.
test_frames_overtake_the_request() {
	tracing && talk wire c.hold request c.text=5 c.text=300 c.ping=3 c.segments=195-,20-195,0-20 response \
		c.read_head c.text=5 "${WIRE_BYE[@]}" &&
		expect session_end "$ONE_FRAME == 5"
}

# The first bytes of a connection meet its listener.
test_request_in_place_of_the_last_ack() {
	tracing && talk wire=1000,late request s.accept response c.read_head c.text=5 "${WIRE_BYE[@]}" &&
		expect session_end "$ONE_FRAME == 2"
}

test_end_of_request_in_place_of_the_last_ack() {
	tracing && talk wire=0xfffffff0,late c.hold request c.segments=60-,0-60 s.accept response c.read_head c.text=5 \
		"${WIRE_BYE[@]}" &&
		expect session_end "$ONE_FRAME == 2"
}

test_request_in_the_syn() {
	local always=net.ipv4.tcp_fastopen=1543 # both roles, without a cookie, all listeners
	tracing && talk c.sysctl=$always s.sysctl=$always listen fastopen response c.read_head c.text=5 s.text=6 \
		"${BYE[@]}" && peer_said "accepted with the SYN" &&
		expect session_end '.close.clean and (.legs | map(.websocket.frames_in + .websocket.frames_out)) == [4, 4]'
}

# Its listener waits for data, so that the request always meets it, and nobody answers.
test_request_to_a_listener_that_waits_for_it() {
	tracing && talk listen s.defer_accept=3 c.connect=198.18.0.1 request s.accept s.read_head s.end c.eof c.end &&
		expect handshake_failed '.session.path == "/chat" and (.legs | length) == 2 and
			.legs[1].process.comm == "peer-server"'
}

# RFC 9112, 2.2
test_request_behind_an_empty_line() {
	tracing && talk listen connect c.hold 'c.ascii=\r\n' request c.flush response c.read_head "${BYE[@]}" &&
		expect session_end '.close.clean and .session.path == "/chat" and (.legs | length) == 2'
}

test_request_behind_a_proxy_line() {
	tracing && talk listen connect c.hold 'c.ascii=PROXY TCP4 192.0.2.100 192.0.2.200 54321 443\r\n' \
		request c.flush "response=401" c.read_head s.end c.eof c.end &&
		expect_cause upgrade.unauthorized '.session.path == "/chat"'
}

# 28 bytes with two addresses, in a segment of its own; then with a longer tail.
PROXY_V2=0d0a0d0a000d0a515549540a2111000cc0000264c00002c8d43101bb
PROXY_V2_TAIL=0d0a0d0a000d0a515549540a21110057c0000264c00002c8d43101bbea004800$(printf '%0142d' 0)

test_request_behind_a_proxy_header() {
	tracing && talk listen connect "c.raw=$PROXY_V2" s.read_head handshake c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean and .session.path == "/chat" and
			.legs[1].websocket.frames_in == 2'
}

test_request_behind_a_long_proxy_header() {
	tracing && talk listen connect c.hold "c.raw=$PROXY_V2_TAIL" request c.flush "response=401" c.read_head \
		s.end c.eof c.end && expect_cause upgrade.unauthorized '.session.path == "/chat"'
}

# RFC 1928 with the password of RFC 1929, to the end of what may come before a request
test_request_behind_socks() {
	tracing && talk listen connect c.raw=05020002 s.splice=4 s.raw=0502 c.splice=2 c.raw=0101610162 s.splice=5 \
		s.raw=0100 c.splice=2 c.raw=05010001c61200021f40 s.splice=10 s.raw=05000001c61200021f40 c.splice=10 \
		handshake c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean and .session.path == "/chat" and .legs[1].websocket.frames_in == 2'
}

# Nothing tells where the answer to the first one ends, but it comes in a segment of its own.
test_request_behind_another_request() {
	tracing && talk listen connect c.hold 'c.ascii=GET /page HTTP/1.1\r\nHost: chat.test\r\n\r\n' request c.flush \
		's.ascii=HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK' c.read_head response c.read_head c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean and .session.path == "/chat" and
			.legs[1].websocket.frames_in == 2'
}

# What comes first is like nothing that stands before a request: the answer shows that there was one.
test_request_that_only_the_answer_shows() {
	tracing && talk listen connect c.raw=00010203 pause=20 c.raw=04050607 pause=20 c.hold c.raw=08090a0b request c.flush \
		response c.read_head c.text=5 s.text=7 "${BYE[@]}" &&
		expect session_end '.close.clean and .session.path == null and (.session.id | length) == 32 and
			(.legs | map(.websocket | [.frames_in, .frames_out]) == [[2, 2], [2, 2]])'
}

test_frames_before_the_101() {
	tracing && talk listen connect request c.text=5 c.binary=3000 response c.read_head "${BYE[@]}" &&
		expect session_end '.close.clean and (.legs | map(.websocket.frames_in + .websocket.frames_out)) == [4, 4]'
}

# About 300 frames in each segment as the network card would cut it, and none of them at a boundary.
test_super_segments() {
	local frames
	mapfile -t frames < <(for ((i = 0; i < 900; i++)); do echo "s.text=$((i % 7 * 9))"; done)
	tracing && talk listen connect handshake s.hold "${frames[@]}" s.flush c.drain s.hold "${frames[@]}" s.flush c.drain \
		"${BYE[@]}" &&
		expect session_end '.close.clean and (.legs | map(.websocket.opcodes_in.text + .websocket.opcodes_out.text))
			== [1800, 1800]'
}

# Reading twice, or without reading, is no traffic.
test_peek() {
	tracing && talk listen connect handshake c.text=5 s.peek s.text=6 c.peek s.drain c.drain "${BYE[@]}" &&
		expect session_end '.close.clean and (.legs | map(.websocket.frames_in)) == [2, 2]'
}

test_splice_and_sendfile() {
	tracing && talk listen connect handshake s.hold s.binary=70000 s.text=3 s.file c.splice=70015 c.text=4 \
		"${BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_in == 3 and .legs[1].websocket.frames_out == 3'
}

# One direction ends long before the other.
test_half_closed() {
	tracing && talk listen connect handshake c.text=5 s.drain c.fin s.text=6 c.drain s.binary=300 c.drain s.close=1000 \
		c.drain s.end c.eof c.end &&
		expect session_end '.close.from_server.code == 1000 and .legs[0].websocket.frames_in == 3 and
			.legs[1].websocket.frames_in == 1'
}

# Nobody holds the lock of the socket yet when two CPUs bring its segments. Where one of them is kept from running for
# long, the other does not wait for it.
test_two_cpus_at_once() {
	local burst round
	mapfile -t burst < <(for ((i = 0; i < 1000; i++)); do echo c.text=4; done)
	burst=(c.hold "${burst[@]}" c.parallel=70 s.drain)
	[ "$(nproc)" -ge 2 ] || skip "one CPU only"
	for ((round = 0; round < 3; round++)); do burst+=("${burst[@]:0:1003}"); done
	tracing && talk wire "${WIRE_HELLO[@]}" "${burst[@]}" "${WIRE_BYE[@]}" &&
		expect session_end ".cause.id == \"session.normal\" and .legs[0].websocket.synchronised == false or ($ONE_FRAME == 4001)"
}

test_illegal_frame_from_the_client() {
	tracing && talk wire "${WIRE_HELLO[@]}" c.raw=810568656c6c6f s.close=1002 s.end c.drain c.fin pause=50 &&
		expect_cause session.protocol_error '.close.from_server.code == 1002'
}

test_http_text_in_the_stream() {
	tracing && talk listen connect handshake "s.ascii=HTTP/1.1 502 Bad Gateway\\r\\nServer: x\\r\\n\\r\\n" \
		s.end c.eof c.end &&
		expect_cause session.http_in_stream
}

test_ipv6() {
	SERVER=$CLIENT
	tracing && talk listen=::1 connect=::1 handshake c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean and .session.client.address == "::1" and
			.session.server == {"address": "::1", "port": '"$PORT"'}'
}

test_ipv4_mapped() {
	tracing && talk listen=:: connect handshake c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean and (.legs | length) == 2 and
			.session.client.address == "198.18.0.2" and .legs[1].local.address == "198.18.0.1"'
}

test_plain_http_says_nothing() {
	tracing && talk listen connect "c.ascii=GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" s.read_head \
		"s.ascii=HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok" c.read_head \
		"c.ascii=POST /form HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\nx" s.read_head \
		"s.ascii=HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n" c.read_head \
		c.end s.eof s.end &&
		expect_none
}

test_second_request_is_the_handshake() {
	tracing && talk listen connect "c.ascii=GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" s.read_head \
		"s.ascii=HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok" c.read_head c.drain \
		handshake c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean and .legs[0].websocket.frames_out == 2'
}

test_several_instances() {
	tracing && start_tracer "$WORK/second" && local second=$started &&
		talk listen connect handshake c.text=5 "${BYE[@]}" &&
		kill -INT "$second" && wait "$second" &&
		expect session_end '.close.clean' &&
		cmp <(jq -c '[.event.name, .trace_id, .cause.id]' "$LINES" | sort) \
			<(jq -c '[.event.name, .trace_id, .cause.id]' "$WORK/second" | sort)
}
