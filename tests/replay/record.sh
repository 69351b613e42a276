#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2317 # steps of a case are called by name
#
# Records the cases of cases/ again, from real connections in network namespaces (as root). For when records have learnt to
# say more; cases that were made or changed by hand say so in their comment and are not in here.
#
#   tests/replay/record.sh [NAME]      those whose name contains NAME
#
# Look at the differences, then let run.sh --update write the lines.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/bpf/lib.sh
. tests/bpf/test_frames.sh
. tests/bpf/test_owner.sh

BUILD=${WSTRACE_BUILD:-$PWD/build}
WSTRACE=${WSTRACE:-$BUILD/wstrace}
TOOL=$BUILD/tests/replay/recording_text
# The same in every recording.
PORT=17900 PROXY_PORT=17901
filter=${1:-}

# nginx in front of the server, with these lines in its location.
start_nginx() {
	mkdir "$WORK/nginx"
	chmod 755 "$WORK" "$WORK/nginx"
	cat >"$WORK/nginx/conf" <<-END
		daemon off; worker_processes 1; pid $WORK/nginx/pid; error_log $WORK/nginx/log; events {}
		http { access_log off; server { listen $PROXY_PORT; location / {
			proxy_pass http://198.18.0.1:$PORT; proxy_http_version 1.1; proxy_set_header Host \$http_host;
			$1
		} } }
	END
	ip netns exec "$SERVER" nginx -p "$WORK/nginx" -c "$WORK/nginx/conf" -e "$WORK/nginx/log" &
	nginx=$!
	sleep 0.3
}

start_recorder() {
	: >"$WORK/recorder"
	"$WSTRACE" record "$WORK/recording" --port "$PORT,$PROXY_PORT" 2>"$WORK/recorder" &
	recorder=$!
	until grep -q tracing "$WORK/recorder"; do
		kill -0 "$recorder" || return
		sleep 0.05
	done
}

stop_recorder() {
	sleep 1.2 # the last words of processes, and the longest wait of a session
	kill -INT "$recorder" && wait "$recorder"
}

# What is this machine's own, and nobody's business.
without_names() {
	sed -E 's/hostname="[^"]*"/hostname="web-1"/; s#cgroup="[^"]*"#cgroup="/system.slice/chat.service"#'
}

clean_up() {
	[ -z "$nginx" ] || kill "$nginx"
	end_test
	rm -rf "$WORK"
}

# record CASE COMMENT STEP...
record() (
	name=$1 comment=$2
	shift 2
	case $name in *"$filter"*) ;; *) return ;; esac
	echo "$name"
	WORK=$(mktemp -d) tracers=() memory_cgroup='' nginx=''
	trap clean_up EXIT
	make_netns || return
	[ -z "${same_netns:-}" ] || CLIENT=$SERVER
	[ -z "${proxy:-}" ] || start_nginx "$proxy"
	if [ -n "${memory_limit:-}" ]; then
		make_memory_cgroup || return
		set -- "${@/MEMORY_CGROUP/$memory_cgroup}"
	fi
	if [ -n "${late:-}" ]; then talk_until_sync "$@" || return; fi
	start_recorder || return
	if [ -n "${late:-}" ]; then
		talk_on
	elif [ -n "${unix:-}" ]; then
		# shellcheck disable=SC2086 # a way to end, and how many connections
		tests/bpf/unix_backend.py "$CLIENT" "$SERVER" "$PORT" $unix >/dev/null
	else
		talk "$@"
	fi || return
	stop_recorder || return
	{
		printf '# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n# %s\n' "$comment"
		"$TOOL" dump "$WORK/recording" | without_names
	} >"tests/replay/cases/$name.txt"
)

# answer NAME COMMENT RESPONSE [REQUEST]: the server answers the handshake with something else than 101.
answer() {
	record "upgrade.$1" "$2" listen connect "${4:-request}" "response=$3" c.read_head s.end c.eof c.end
}

# code NAME CODE[,REASON]: Close from the server, answered.
code() {
	record "session.$1" "Close $2 from the server." "${OPEN[@]}" "s.close=$2" c.drain "c.close=${2%%,*}" s.drain \
		s.end c.eof c.end
}

IMPATIENT=c.sysctl=net.ipv4.tcp_syn_retries=1
OPEN=(listen connect handshake c.text=5 s.drain)
OUTSIDE=(wire request response c.read_head c.text=5 s.drain)
# shellcheck disable=SC2016 # nginx expands it
PASS_ON='proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;'
END=(s.end c.eof c.end)
VIA_PROXY="c.connect_port=198.18.0.1,$PROXY_PORT"

connect_cases() {
	record connect.refused "Nothing listens on the port." connect
	same_netns=1 record connect.timeout "The address is routed to a host that never answers." \
		tun "$IMPATIENT" c.connect=198.18.1.2
	record connect.firewall_dropped "A rule on the server's side of this host drops the SYN." \
		"$IMPATIENT" listen "s.drop=input,dport $PORT" c.connect=198.18.0.1
	record connect.unreachable "No neighbour has the address." c.connect=198.18.0.99
	record connect.ports_exhausted "One local port is allowed, and in use." \
		"c.sysctl=net.ipv4.ip_local_port_range=20001 20001" listen connect handshake c.connect=198.18.0.1 "${BYE[@]}"
	record connect.backlog_overflow "The server does not accept, two connections fill its queue, the third waits in vain." \
		"$IMPATIENT" listen=198.18.0.1,1 c.start_connect=198.18.0.1 c.start_connect=198.18.0.1 pause=50 \
		c.connect=198.18.0.1
	record connect.fd_exhausted "accept() fails with EMFILE until the server gives up listening." \
		listen s.no_more_files c.connect=198.18.0.1 request s.accept_fails s.unlisten c.eof c.end pause=1500
	record connect.closed_unserved "Accepted and closed, the request unread." \
		listen connect request pause=50 "${END[@]}"
	record connect.tls_failed "A TLS ClientHello is answered by the alert handshake_failure." \
		listen connect c.raw=16030100050100000100 s.drain s.raw=15030300020228 "${END[@]}"
	record connect.tls_failed-plain-port "A TLS ClientHello is answered by HTTP in clear." \
		listen connect c.raw=16030100050100000100 s.drain 's.ascii=HTTP/1.1 400 Bad Request\r\n\r\n' "${END[@]}"
	record connect.tls_failed-plain-request "A request in clear is answered by a TLS alert." \
		listen connect request s.read_head s.raw=1503030002020a "${END[@]}"
}

upgrade_cases() {
	answer unauthorized "401" 401
	answer forbidden "403 without an Origin in the request." 403
	answer forbidden_origin "403, and the Origin is not the Host." 403 "request=/chat|Origin: https://evil.example"
	answer login_redirect "302 to another host's login page." \
		"302|Location: https://login.example/signin?next=%2Fchat"
	answer redirected "301 to the same path with a slash." "301|Location: http://chat.test/chat/"
	answer wrong_route "404" 404
	answer rate_limited "429" "429|Retry-After: 5"
	answer unavailable "503" 503
	answer server_error "500" 500
	answer bad_request "400" 400
	answer unexpected_status "418: an answer that no rule knows." 418
	answer not_a_websocket_request "Something on the way took the Upgrade header out; 426." 426 \
		'c.ascii=GET /chat HTTP/1.1\r\nHost: chat.test\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: 3q2+78r+ur4AAQIDBAUGBw==\r\n\r\n'
	record upgrade.no_response "The server reads the request and closes without a word." \
		listen connect request s.read_head "${END[@]}"
	record upgrade.client_gave_up "The client closes before there is an answer." \
		listen connect request s.read_head pause=100 c.end s.eof s.end
	record upgrade.bad_accept "101 with a Sec-WebSocket-Accept of another key; the client closes." \
		listen connect request s.read_head \
		's.ascii=HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n' \
		c.read_head c.end s.eof s.end
	record upgrade.subprotocol_mismatch "The client offers a subprotocol, the 101 names none; the client closes at once." \
		listen connect "request=/chat|Sec-WebSocket-Protocol: chat.v2" response c.read_head c.end s.eof s.end
	proxy=' ' record upgrade.headers_not_forwarded "nginx without the lines that pass Upgrade on." \
		listen "$VIA_PROXY" request s.accept response=400 c.read_head s.end c.end pause=100
	proxy=' ' record upgrade.bad_gateway "nginx with a backend that is not there." \
		"$VIA_PROXY" request c.read_head c.end pause=100
	proxy="proxy_read_timeout 1s; $PASS_ON" record upgrade.gateway_timeout "nginx with a backend that does not answer." \
		listen "$VIA_PROXY" request s.accept s.read_head c.read_head c.end s.end pause=100
}

session_cases() {
	record session.normal "Text each way, a ping, then Close 1000 from the client." \
		"${OPEN[@]}" s.text=20 s.ping=4 c.drain c.pong=4 c.close=1000,bye s.drain s.close=1000 "${END[@]}"
	same_netns=1 record session.normal-ipv6 "Over IPv6 on loopback." \
		listen=::1 connect=::1 handshake c.text=5 "${BYE[@]}"
	record session.normal-constant-key "A key copied from RFC 6455 names no session." listen connect \
		'c.ascii=GET /chat HTTP/1.1\r\nHost: chat.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' \
		s.read_head \
		's.ascii=HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLBMiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n' \
		c.read_head c.text=5 "${BYE[@]}"
	record session.normal-secrets "Query string, cookie and token are in the request and in no line." listen connect \
		"request=/chat?token=hunter2&room=1|Cookie: sid=hunter2|Authorization: Bearer hunter2|Origin: https://chat.test|User-Agent: test/1.0|Sec-WebSocket-Protocol: chat.v2, chat.v1" \
		"response=101|Sec-WebSocket-Protocol: chat.v2|Set-Cookie: sid=hunter3" c.read_head c.text=5 "${BYE[@]}"
	record session.closed_without_close_frame "The server closes its socket." "${OPEN[@]}" "${END[@]}"
	record session.aborted_with_unread_data "The server closes its socket with a message unread." \
		"${OPEN[@]}" c.text=5 pause=50 "${END[@]}"
	record session.aborted_by_application "The server closes its socket with SO_LINGER of 0 s." \
		"${OPEN[@]}" s.reset c.eof c.end
	record session.peer_reset "RST from a client on another host." "${OUTSIDE[@]}" c.reset s.eof s.end
	record session.peer_closed_without_close_frame "FIN from a client on another host." \
		"${OUTSIDE[@]}" c.fin s.eof s.end c.drain
	record session.network_timeout "A client on another host falls silent; the server sends on. TCP_USER_TIMEOUT is 1 s." \
		"${OUTSIDE[@]}" s.option=user_timeout=1000 c.silence s.text=50 s.eof s.end
	record session.keepalive_timeout "A client on another host falls silent; keepalive finds out." \
		"${OUTSIDE[@]}" s.option=keepalive=1,1,2 c.silence s.eof s.end
	record session.http_in_stream "The server writes an HTTP answer into the open stream." \
		"${OPEN[@]}" 's.ascii=HTTP/1.1 502 Bad Gateway\r\nServer: x\r\n\r\n' "${END[@]}"
	record session.close_unanswered "The server sends Close 1000 and does not wait for the answer." \
		"${OPEN[@]}" s.close=1000 "${END[@]}"
}

process_cases() {
	record session.process_exited "The server exits with status 3." "${OPEN[@]}" s.exit=3 c.eof c.end
	record session.process_crashed "The server dies of SIGSEGV." "${OPEN[@]}" s.kill_self=11 c.eof c.end
	record session.process_terminated "The client's process sends SIGTERM to the server." \
		"${OPEN[@]}" kill=15 c.eof c.end
	record session.process_killed "The client's process sends SIGKILL to the server." "${OPEN[@]}" kill=9 c.eof c.end
	memory_limit=1 record session.process_oom_killed "The server exceeds the memory limit of its cgroup." \
		"${OPEN[@]}" s.enter_cgroup=MEMORY_CGROUP s.eat_memory c.eof c.end
	proxy=$PASS_ON record session.process_killed-behind-nginx \
		"Four sockets of one session: the backend is killed behind nginx." \
		listen "$VIA_PROXY" request s.accept response c.read_head c.text=5 s.drain kill=9 c.eof c.end pause=100
}

unix_cases() {
	unix="killed 2" record session.process_killed-behind-unix-socket \
		"A backend behind a Unix socket of a proxy named nginx is killed; two sessions end with it."
	unix=stops record session.process_terminated-behind-unix-socket \
		"The same gets SIGTERM, closes its connection, and exits."
	unix=closes record session.closed_without_close_frame-behind-unix-socket \
		"The same closes its connection and lives on: it is not told from the proxy."
}

code_cases() {
	code message_too_big "1009,too big"
	code protocol_error "1002,bad frame"
	record session.protocol_error-unmasked \
		"A frame of the client is not masked; the server closes without a Close frame." \
		"${OUTSIDE[@]}" c.raw=810568656c6c6f s.drain s.end c.drain c.fin pause=50
	code invalid_payload 1007
	code unsupported_data 1003
	code policy_violation "1008,token expired"
	code internal_error "1011,panic"
	code service_restart 1012
	code try_again_later 1013
	code application_code "4321,kicked"
	late=1 record session.internal_error-midstream \
		"Open before the tracer started: no handshake, frames synchronised on the way." \
		listen connect handshake sync "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" "${CHAT[@]}" \
		s.close=1011,oops c.close=1011 s.drain "${END[@]}"
}

connect_cases
upgrade_cases
session_cases
process_cases
unix_cases
code_cases
