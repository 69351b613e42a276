# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Connections that never came to be, and handshakes that were not answered with 101.

# SYNs are given up after 3 s instead of two minutes.
IMPATIENT=c.sysctl=net.ipv4.tcp_syn_retries=1

test_connect_refused() {
	tracing && talk connect && peer_said "Connection refused" &&
		expect_cause connect.refused ".legs[0].process.pid == $(pid client) and
			.close.initiator == \"server\" and .legs[0].tcp.errno == \"ECONNREFUSED\""
}

test_connect_timeout() {
	CLIENT=$SERVER
	tracing && talk tun "$IMPATIENT" c.connect=198.18.1.2 && peer_said "timed out" &&
		expect_cause connect.timeout '.cause.confidence == "high"'
}

test_connect_dropped_by_the_servers_firewall() {
	tracing && talk "$IMPATIENT" listen "s.drop=input,dport $PORT" c.connect=198.18.0.1 &&
		peer_said "timed out" && expect_cause connect.firewall_dropped
}

test_connect_dropped_by_the_clients_firewall() {
	tracing && talk "$IMPATIENT" listen "c.drop=output,dport $PORT" c.connect=198.18.0.1 &&
		expect_cause connect.firewall_dropped
}

test_connect_answer_dropped() {
	tracing && talk "$IMPATIENT" listen "c.drop=input,sport $PORT" c.connect=198.18.0.1 &&
		expect_some '.cause.id == "connect.firewall_dropped"'
}

test_connect_unreachable_neighbour() {
	tracing && talk c.connect=198.18.0.99 && peer_said "No route to host" &&
		expect_cause connect.unreachable
}

# Fails inside of connect(), before there is a SYN.
test_connect_no_route() {
	tracing && talk c.connect=198.19.0.1 && peer_said "unreachable" &&
		expect_cause connect.unreachable
}

test_connect_ports_exhausted() {
	tracing && talk "c.sysctl=net.ipv4.ip_local_port_range=20001 20001" listen connect handshake \
		c.connect=198.18.0.1 "${BYE[@]}" && peer_said "Cannot assign requested address" &&
		expect connect_failed '.cause.id == "connect.ports_exhausted"'
}

test_connect_backlog_overflow() {
	tracing && talk "$IMPATIENT" listen=198.18.0.1,1 c.start_connect=198.18.0.1 c.start_connect=198.18.0.1 \
		pause=50 c.connect=198.18.0.1 && peer_said "timed out" &&
		expect_some ".cause.id == \"connect.backlog_overflow\" and .cause.confidence == \"high\" and
			(.cause.evidence | tostring | contains(\"pid $(pid server)\"))"
}

test_connect_fd_exhausted() {
	tracing && talk listen s.no_more_files c.connect=198.18.0.1 request s.accept_fails s.unlisten \
		c.eof c.end pause=1500 && peer_said "Too many open files" &&
		expect_cause connect.fd_exhausted
}

test_connect_closed_unserved() {
	tracing && talk listen connect request pause=50 s.end c.eof c.end &&
		expect_cause connect.closed_unserved ".legs[1].process.pid == $(pid server)"
}

# A ClientHello's first bytes, answered by the alert handshake_failure.
test_connect_tls_failed() {
	tracing && talk listen connect c.raw=16030100050100000100 s.drain s.raw=15030300020228 s.end c.eof c.end &&
		expect_cause connect.tls_failed '.cause.evidence | tostring | contains("handshake_failure")'
}

refuse_with() {
	tracing && talk listen connect request "response=$1" c.read_head s.end c.eof c.end &&
		expect_cause "$2" '.event.name == "handshake_failed"'
}

test_upgrade_401() {
	refuse_with 401 upgrade.unauthorized
}

test_upgrade_404() {
	refuse_with 404 upgrade.wrong_route
}

test_upgrade_503() {
	refuse_with 503 upgrade.unavailable
}

test_upgrade_no_response() {
	tracing && talk listen connect request s.read_head s.end c.eof c.end &&
		expect_cause upgrade.no_response '.session.path == "/chat"'
}

test_upgrade_client_gave_up() {
	tracing && talk listen connect request c.end s.eof s.end && expect_cause upgrade.client_gave_up
}

test_upgrade_bad_accept() {
	tracing && talk listen connect request s.read_head "s.ascii=HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: \
websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\\r\\n\\r\\n" \
		c.read_head c.end s.eof s.end && expect_cause upgrade.bad_accept
}

# A refused handshake and a good one on the same connection are two attempts.
test_upgrade_tried_again() {
	tracing && talk listen connect request response=401 c.read_head handshake c.text=5 "${BYE[@]}" &&
		expect session_end '.close.clean' && expect_some '.cause.id == "upgrade.unauthorized"'
}

# Listens, and eight times a look at a server that is down.
WATCHER='import os, socket, sys, time
listener = socket.create_server(("198.18.0.1", int(sys.argv[1])))
open(sys.argv[2], "w").close()
while os.path.exists(sys.argv[2]):
    time.sleep(0.02)
for i in range(8):
    with socket.socket() as s:
        s.connect_ex(("198.18.0.2", int(sys.argv[1])))
    time.sleep(0.3)
'

# Three lines until it is clear that they are regular, and one for the others.
test_failing_checks_of_a_proxy_from_before_the_tracer() {
	ip netns exec "$SERVER" /usr/bin/python3 -c "$WATCHER" "$PORT" "$WORK/ready" &
	local watcher=$!
	until [ -e "$WORK/ready" ]; do
		kill -0 "$watcher" || return
		sleep 0.02
	done
	tracing && rm "$WORK/ready" && wait "$watcher" && traced || return
	jq -e -s 'map(select(.cause.id == "connect.refused")) | length == 4 and
		(last.cause.evidence | any(.fact == "repeated" and (.detail | startswith("4 failures"))))' \
		"$LINES" >/dev/null && return
	jq -c '[.timestamp, .cause]' "$LINES"
	return 1
}
