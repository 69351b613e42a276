# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
# More than there is room for: everything is accounted for, what was lost is said, and nothing of
# what is traced waits for it.

SESSIONS=1500
SESSIONS_PY=$PWD/sessions.py

# sessions PORT: opens them; `end_sessions` ends them.
sessions() {
	mkfifo orders
	python3 "$SESSIONS_PY" "$1" $SESSIONS <orders >sessions.out &
	started+=($!)
	exec 4>orders
	until_true 60 grep -q open sessions.out
}

end_sessions() {
	echo >&4
	until_true 60 grep -q ended sessions.out
}

ends_in() {
	jq -r 'select(.event.name == "session_end") | .cause.confidence' "$1"
}

all_ended() {
	[ "$(ends_in "$1" | wc -l)" -eq $SESSIONS ]
}

# The tracer does not run while they end, and the ring buffer holds a fraction of what there is to say.
test_lost_ends_are_accounted_for() {
	local port
	port=$(free_port)
	start lost "$WSTRACE" trace --port "$port" --buffer-mib 1
	sessions "$port"
	sleep 0.5
	kill -STOP "$pid"
	end_sessions
	kill -CONT "$pid"
	until_true 20 all_ended lost.out
	until_true 5 grep -q '"agent"' lost.out # while it goes on
	ends_in lost.out >confidence
	if grep -q high confidence; then fail "$(grep high confidence | wc -l) are sure"; fi
	says lost.out '"fact":"end_lost"' '"fact":"lost_events"' '"ended_by":"unseen"'
	jq -e 'select(.event.name == "agent" and .level == "warn") | .message' lost.out >agent
	says agent "records (ring buffer full)"
	stop "$pid" INT
	[ "$status" -eq 0 ] || fail "status $status: $(cat lost.err)"
	[ "$(jq -r 'select(.event.name == "session_end") | .session.id' lost.out | sort -u | wc -l)" -eq $SESSIONS ] ||
		fail "told twice"
}

# The same with a tracer that runs: nothing is lost, however small the buffer.
test_many_ends_at_once() {
	local port
	port=$(free_port)
	start many "$WSTRACE" trace --port "$port" --buffer-mib 4
	sessions "$port"
	end_sessions
	until_true 20 all_ended many.out
	stop "$pid" INT
	if grep -q "ring buffer full" many.err; then fail "$(cat many.err)"; fi
}

resident_mib() {
	echo $(($(sed -n 's/^VmRSS:\t *\([0-9]*\) kB/\1/p' "/proc/$1/status") / 1024))
}

# Nobody reads what it prints.
test_reader_that_does_not_read() {
	local port begin
	port=$(free_port)
	mkfifo pipe
	sleep 60 <pipe &
	started+=($!)
	start slow bash -c 'exec "$0" trace --port "$1" --buffer-mib 1 >pipe' "$WSTRACE" "$port"
	sessions "$port"
	begin=$SECONDS
	end_sessions
	[ $((SECONDS - begin)) -le 5 ] || fail "the sessions took $((SECONDS - begin)) s to end"
	sleep 2
	[ "$(resident_mib "$pid")" -lt 96 ] || fail "$(resident_mib "$pid") MiB"
	stop "$pid" INT
	[ "$status" -le 1 ] || fail "status $status"
}
