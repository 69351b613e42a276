# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2015,SC2016,SC2154
# Runs that end: by signal, time, count, reader; and what they leave.

test_signals_end_it() {
	local signal
	for signal in INT TERM HUP; do
		start "$signal" "$WSTRACE" trace
		stop "$pid" $signal
		[ "$status" -eq 0 ] || fail "SIG$signal: status $status"
		says "$signal.err" "sessions:"
		nothing_is_left
	done
}

test_kill_leaves_nothing() {
	start killed "$WSTRACE" trace
	local kind id
	# Links are gone with their programs, but their ids say so themselves.
	for kind in prog map link; do
		cat /proc/"$pid"/fdinfo/* 2>/dev/null | sed -n "s/^${kind}_id:\t//p" | sort -u >$kind.ids
		[ "$(wc -l <$kind.ids)" -gt 5 ] || fail "no ${kind}s while tracing"
	done
	stop "$pid" KILL
	[ "$status" -eq 137 ] || fail "status $status"
	for kind in prog map link; do
		while read -r id; do
			until_true 10 is_gone $kind "$id"
		done <$kind.ids
	done
	nothing_is_left
}

is_gone() {
	! bpftool "$1" show id "$2" >/dev/null 2>&1
}

# From before its first call to well into its work, also while it loads and attaches.
test_kill_at_any_moment() {
	local ms killed=0 status
	for ((ms = 2; ms <= 300; ms += 7)); do
		status=0
		timeout -s KILL "0.$(printf %03d $ms)" "$WSTRACE" trace >/dev/null 2>&1 || status=$?
		killed=$((killed + (status == 137)))
	done
	[ $killed -gt 30 ] || fail "only $killed were killed"
	nothing_is_left
}

test_duration() {
	local begin=$EPOCHREALTIME
	run 0 "$WSTRACE" trace --duration 0.5
	local took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
	[ $took -ge 500 ] && [ $took -lt 5000 ] || fail "took $took ms"
	says err tracing
}

test_port_and_count() {
	local port
	port=$(free_port)
	start count "$WSTRACE" trace --port "$port" --count 2
	refuse "$port"
	refuse $((port + 1)) # not traced
	refuse "$port"
	refuse "$port"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 0 ] || fail "status $status: $(cat count.err)"
	[ "$(wc -l <count.out)" -eq 2 ] || fail "$(cat count.out)"
	[ "$(jq -r .cause.id count.out | sort -u)" = connect.refused ] || fail "$(cat count.out)"
	[ "$(jq -r .session.server.port count.out | sort -u)" = "$port" ] || fail "$(cat count.out)"
}

test_output_appends_whole_lines() {
	local port
	port=$(free_port)
	echo '{"first":1}' >file
	start append "$WSTRACE" trace --port "$port" --count 1 --output file
	refuse "$port"
	wait "$pid"
	says_nothing append.out
	[ "$(wc -l <file)" -eq 2 ] || fail "$(cat file)"
	jq -e . file >/dev/null
}

# Both see the connection, once.
test_two_side_by_side() {
	local port one two
	port=$(free_port)
	start one "$WSTRACE" trace --port "$port" --count 1
	one=$pid
	start two "$WSTRACE" trace --port "$port" --count 1
	two=$pid
	refuse "$port"
	wait "$one" && wait "$two" || fail "$(cat one.err two.err)"
	local file
	for file in one two; do
		jq -r '.cause.id, .legs[0].local.port' $file.out >$file.said
	done
	[ -s one.said ] && cmp one.said two.said || fail "$(cat one.out two.out)"
}

test_reader_goes_away() {
	local begin=$SECONDS status
	"$WSTRACE" trace --duration 30 2>err | true
	status=${PIPESTATUS[0]}
	[ "$status" -eq 0 ] || fail "status $status: $(cat err)"
	[ $((SECONDS - begin)) -lt 10 ] || fail "did not notice"
	if grep -qi -e pipe -e error err; then fail "$(cat err)"; fi
}

# A reader that takes nothing must not keep Ctrl-C from working. A pipe holds 64 KiB.
test_reader_is_stuck() {
	local port begin
	port=$(free_port)
	mkfifo pipe
	(exec 3<pipe; exec sleep 30) &
	started+=($!)
	start stuck sh -c 'exec "$0" trace --port "$1" >pipe' "$WSTRACE" "$port"
	for ((i = 0; i < 150; i++)); do
		refuse "$port"
	done
	sleep 1.5
	begin=$SECONDS
	stop "$pid" INT
	[ $((SECONDS - begin)) -le 5 ] || fail "took $((SECONDS - begin)) s to stop"
	[ "$status" -le 1 ] || fail "status $status"
}

test_disk_is_full() {
	local port
	port=$(free_port)
	start full sh -c 'exec "$0" trace --port "$1" >/dev/full' "$WSTRACE" "$port"
	refuse "$port"
	sleep 1.5
	kill -0 "$pid" || fail "gave up: $(cat full.err)"
	stop "$pid" INT
	[ "$status" -eq 1 ] || fail "status $status"
	says full.err "1 line could not be written" "No space left"
}

# Lines that found no room are missing, but none is torn.
test_disk_is_full_for_a_while() {
	local port
	port=$(free_port)
	run 1 unshare -m bash -c '
		set -e
		mkdir small
		mount -t tmpfs -o size=16k tmpfs small
		head -c 12k /dev/zero >small/ballast
		"$0" trace --port "$1" --output small/lines 2>trace.err &
		until grep -q tracing trace.err; do sleep 0.05; done
		for i in 1 2 3; do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null || true; done
		sleep 1.5
		rm small/ballast
		for i in 4 5 6; do (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null || true; done
		sleep 1.5
		kill -INT $!
		status=0
		wait $! || status=$?
		cp small/lines lines
		exit $status' "$WSTRACE" "$port"
	says trace.err "could not be written" "No space left"
	jq -e . lines >/dev/null || fail "torn: $(cat lines)"
	[ "$(wc -l <lines)" -ge 1 ] && [ "$(wc -l <lines)" -lt 6 ] || fail "$(wc -l <lines) lines"
}

# Nothing to do, nothing to wake up for.
test_idle_tracer_sleeps() {
	local before
	start idle "$WSTRACE" trace --port "$(free_port)"
	sleep 0.5
	before=$(sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$pid/status")
	sleep 2
	[ "$(sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$pid/status")" -eq "$before" ] ||
		fail "woke up"
	stop "$pid" INT
}

test_private_file_modes() {
	run 0 "$WSTRACE" record --duration 0.2 recording.wst
	[ "$(stat -c %a recording.wst)" = 600 ] || fail "$(stat -c %a recording.wst)"
}

# A tracer that is stopped cannot empty the ring buffer: what did not fit is counted and said, after
# all capabilities are gone.
test_losses_are_counted() {
	local port
	port=$(free_port)
	start losses "$WSTRACE" trace --port "$port" --buffer-mib 1
	kill -STOP "$pid"
	for ((i = 0; i < 2500; i++)); do
		# No subshell: a thousand processes would take their time.
		{ exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || true
	done
	kill -CONT "$pid"
	sleep 1.5
	stop "$pid" INT
	[ "$status" -eq 0 ] || fail "status $status"
	says losses.err "ring buffer full"
	jq -e 'select(.event.name == "agent" and .level == "warn") | .message' losses.out >agent ||
		fail "no agent line"
	says agent lost
}

# At any moment from its start to well into its work, while another tracer goes on beside it.
test_kill_at_random_moments_beside_another() {
	local port other round status killed=0
	port=$(free_port)
	start other "$WSTRACE" trace --port "$port"
	other=$pid
	for ((round = 0; round < 20; round++)); do
		"$WSTRACE" trace --port "$port" >/dev/null 2>&1 &
		pid=$!
		started+=("$pid")
		sleep "$((RANDOM % 2)).$(printf %03d $((RANDOM % 1000)))"
		refuse "$port"
		status=0
		kill -KILL "$pid"
		wait "$pid" || status=$?
		killed=$((killed + (status == 137)))
	done
	[ $killed -eq 20 ] || fail "only $killed were killed"
	sleep 1.5
	stop "$other" INT
	[ "$status" -eq 0 ] || fail "status $status: $(cat other.err)"
	jq -r 'select(.event.name == "connect_failed") | .cause.id' other.out >other.said
	[ "$(wc -l <other.said)" -eq 20 ] || fail "the other saw $(wc -l <other.said) of 20"
}
