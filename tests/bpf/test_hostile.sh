# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Traffic that is meant to hurt: bounded memory and time, and no session where there was none.

HOSTILE=$PWD/tests/bpf/hostile.py
MEMORY_MAX_KIB=98304 # 96 MiB
CPU_MAX_MS=6000

hostile() {
	timeout 60 "$HOSTILE" "$CLIENT" "$SERVER" "$PORT" "$@" >"$WORK/peer" 2>&1 && return 0
	cat "$WORK/peer"
	return 1
}

# What the tracer has used until now: most memory, and all processor time.
stays_small() {
	local kib ticks
	kib=$(sed -n 's/^VmHWM:[\t ]*\([0-9]*\) kB/\1/p' "/proc/$tracer/status")
	ticks=$(cut -d ' ' -f 14,15 "/proc/$tracer/stat" | tr ' ' +)
	echo "tracer: $kib KiB, $((ticks)) ticks"
	[ "$kib" -le $MEMORY_MAX_KIB ] && [ $((ticks * 1000 / $(getconf CLK_TCK))) -le $CPU_MAX_MS ]
}

# count_of EVENT NUMBER: so many lines whose event's name matches.
count_of() {
	traced || return
	local count
	count=$(jq -s --arg event "$1" 'map(select(.event.name | test($event))) | length' "$LINES")
	[ "$count" -eq "$2" ] && return 0
	echo "$count lines of $1, not $2"
	jq -c '[.event.name, .message]' "$LINES" | sort | uniq -c | head -n 20
	return 1
}

test_hostile_garbage() {
	tracing && hostile garbage 2000 && stays_small && count_of 'session|handshake' 0
}

# None of them is whole, so nobody was asked for anything: at most it is said that the client left.
test_hostile_endless_heads() {
	tracing && hostile heads 2000 && stays_small && count_of session 0
}

test_hostile_port_scan() {
	tracing && hostile scan 2000 && stays_small && expect_none
}

test_hostile_syn_flood() {
	tracing && hostile syns 20000 && stays_small && expect_none
}

test_hostile_frames() {
	tracing && hostile frames 100000 && stays_small && expect session_end \
		'.cause.id == "session.closed_without_close_frame" and .legs[0].websocket.synchronised and
		(.legs[0].websocket | .opcodes_out == {"binary": 1, "close": 0, "continuation": 100001, "ping": 100000, "pong": 0, "text": 1})'
}

# They never end, and their end is not made up when the tracer's comes.
test_hostile_forgotten_sessions() {
	tracing || return
	TRACER=$tracer SYNC=$WORK/sync hostile sessions 1000 &
	until [ -e "$WORK/sync" ]; do
		kill -0 $! 2>/dev/null || return
		sleep 0.05
	done
	sleep 1
	stays_small && count_of session_open 1000 && count_of session_end 0 && rm "$WORK/sync" && wait $!
}

# Not the pages of the ring buffer, which depend on how far behind the tracer was.
allocated_kib() {
	sed -n 's/^RssAnon:[\t ]*\([0-9]*\) kB/\1/p' "/proc/$tracer/status"
}

# churn_paced SESSIONS: the tracer is given the time to tell of all of them, or what it has yet to do would count as memory.
churn_paced() {
	local done=0 before
	while [ $done -lt "$1" ]; do
		before=$(grep -c '"session_end"' "$LINES")
		hostile churn 500 || return
		done=$((done + 500))
		for ((waited = 0; waited < 100; waited++)); do
			if [ $(($(grep -c '"session_end"' "$LINES") - before)) -ge 500 ]; then break; fi
			sleep 0.1
		done
	done
}

# After the tables have their size, thousands of sessions more need no more memory.
test_hostile_churn_is_forgotten() {
	local before after
	tracing && churn_paced 6000 || return
	before=$(allocated_kib)
	churn_paced 6000 || return
	after=$(allocated_kib)
	echo "$before KiB, then $after KiB"
	[ $((after - before)) -le 1024 ] && stays_small && expect_some '.event.name == "session_end"'
}

stress() {
	timeout 60 tests/bpf/stress.py "$CLIENT" "$PORT" "$1" >"$WORK/peer" 2>&1 || { cat "$WORK/peer"; return 1; }
	made=$(cat "$WORK/peer")
}

# told NAME: how many lines have that event's name.
told() {
	jq -r .event.name "$LINES" | grep -c "^$1\$"
}

# Nothing is lost: one line for every request that was sent.
test_hostile_abortive_ends_are_all_told() {
	local made
	tracing --buffer-mib 128 && stress 6 && traced || return
	cat "$LINES.err"
	[ $(($(told session_end) + $(told handshake_failed))) -eq "$made" ] &&
		[ "$(told session_open)" -eq "$(told session_end)" ] && grep -q ' 0 still open' "$LINES.err" || { echo "of $made"; return 1; }
}

# Much is lost: then it is said, and what was told to be open is told to have ended, if only that.
test_hostile_lost_records_leave_nothing_open() {
	local made second
	tracing --buffer-mib 1 || return
	for second in 1 3 5; do
		(sleep $second; kill -STOP "$tracer"; sleep 1; kill -CONT "$tracer") &
	done
	stress 6 && wait $! && sleep 3 && traced || return
	cat "$LINES.err"
	grep -q 'lost: .* ring buffer full' "$LINES.err" && grep -q ' 0 still open' "$LINES.err" &&
		expect_some '.event.name == "agent" and .level == "warn"' &&
		[ "$(told session_open)" -le "$(told session_end)" ]
}

HOSTILE_END=(s.end c.eof c.end)
UPGRADE='\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: '

# Other protocols switch as well.
test_hostile_switch_to_another_protocol() {
	tracing && talk listen connect "c.ascii=GET / HTTP/1.1${UPGRADE}h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" s.read_head \
		"s.ascii=HTTP/1.1 101 Switching Protocols${UPGRADE}h2c\r\n\r\n" s.raw=000000040000000000 "${HOSTILE_END[@]}" &&
		expect_none
}

test_hostile_post_that_switches() {
	tracing && talk listen connect "c.ascii=POST /exec HTTP/1.1${UPGRADE}tcp\r\n\r\n" s.read_head \
		"s.ascii=HTTP/1.1 101 UPGRADED${UPGRADE}tcp\r\n\r\n" s.raw=0100000000000004 "${HOSTILE_END[@]}" && expect_none
}

test_hostile_word_in_the_path() {
	tracing && talk listen connect 'c.ascii=GET /websocket HTTP/1.1\r\nHost: x\r\n\r\n' s.read_head \
		's.ascii=HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' "${HOSTILE_END[@]}" && expect_none
}

# Neither end proves that it speaks WebSocket.
test_hostile_upgrade_without_proof() {
	tracing && talk listen connect "c.ascii=GET /chat HTTP/1.1${UPGRADE}websocket\r\n\r\n" s.read_head \
		"s.ascii=HTTP/1.1 101 Yes${UPGRADE}websocket\r\n\r\n" "${HOSTILE_END[@]}" && expect_cause upgrade.bad_accept
}

test_hostile_answer_is_garbage() {
	tracing && talk listen connect request s.read_head s.raw=00ff00ff00ff00ff "${HOSTILE_END[@]}" &&
		expect_cause upgrade.no_response
}

# The top bit of a 64-bit length, and bits and an opcode that nobody has defined.
test_hostile_illegal_header() {
	tracing && talk listen connect handshake c.raw=f3ff800000000000000000000000 c.raw=4141 s.reset c.eof c.end &&
		expect_cause session.protocol_error
}

# Wherever a secret may stand, neither a line nor a recording has it.
test_hostile_secrets() {
	"$WSTRACE" record --port "$PORT" "$WORK/recording" 2>"$WORK/record.err" &
	local recorder=$!
	tracers+=("$recorder")
	tracing || return
	until grep -q tracing "$WORK/record.err"; do
		kill -0 "$recorder" || return
		sleep 0.02
	done
	talk listen connect 'request=/chat;jsessionid=hush/room?token=hush with hush#hush|Cookie: hush|X-Hush: hush| hush|Authorization: Bearer hush|Sec-WebSocket-Protocol: chat, hush0123456789abcdef|Origin: http://hush:hush@chat.test?hush' \
		'response=101|Set-Cookie: hush|Sec-WebSocket-Protocol: chat' c.read_head c.raw=818400000000 c.ascii=hush \
		's.close=4001,bad token=hush or hush0123456789abcdef' c.close=1000 s.drain s.end c.eof c.end || return
	kill -INT "$recorder" && wait "$recorder" && [ -s "$WORK/recording" ] || return
	expect session_end '.close.from_server.reason == "bad token=**** or ********************" and .session.path == "/chat;***************/room"' || return
	if grep -a hush "$LINES" "$WORK/recording"; then return 1; fi
}

# Hands lines on, but slower than they come, until the flood is over.
read_slowly() {
	local lines
	while mapfile -t -n 20 lines && [ ${#lines[@]} -gt 0 ]; do
		printf '%s\n' "${lines[@]}"
		[ -e "$WORK/over" ] || sleep 0.1
	done
}

# The reader holds the tracer up in the middle of its work, and meanwhile the buffer overflows. What
# was not told is no proof: not of a firewall's RST, not of a Close frame that was never sent.
test_hostile_flood_lowers_confidence() {
	mkfifo "$WORK/pipe"
	read_slowly <"$WORK/pipe" >"$LINES" &
	local reader=$! size=-1
	start_tracer "$WORK/pipe" --buffer-mib 1 && hostile churn 9000 && touch "$WORK/over" || return
	until [ "$(stat -c %s "$LINES")" -eq "$size" ]; do
		size=$(stat -c %s "$LINES")
		sleep 1
	done
	kill -INT "$started" && wait "$started" "$reader" || return
	grep lost "$WORK/pipe.err" || return
	jq -s -e 'map(select(.event.name == "session_end" and .cause.confidence == "high" and .session.path) |
		select((.session.path | ltrimstr("/churn/") | tonumber % 3) as $kind |
		["session.closed_without_close_frame", "session.close_unanswered", "session.aborted_by_application"][$kind] != .cause.id) |
		[.session.path, .cause.id]) == []' "$LINES"
}
