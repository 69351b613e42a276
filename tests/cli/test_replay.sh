# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2015,SC2016,SC2154
# Recordings: good, cut off, damaged, foreign.

# replay_fails TEXT FILE: status 1 and TEXT; ./out has what came before.
replay_fails() {
	run 1 "$WSTRACE" replay "$2"
	says err "$1"
}

# patch FILE OFFSET BYTES: as printf writes them.
patch() {
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

test_record_and_replay() {
	make_recording good.wst
	says_nothing make_recording.out
	says make_recording.err "sessions:" "bytes in good.wst"
	run 0 "$WSTRACE" replay good.wst
	says_nothing err
	[ "$(wc -l <out)" -ge 1 ] || fail "no line"
	[ "$(jq -r .cause.id out | sort -u)" = connect.refused ] || fail "$(cat out)"
	cp out expected
	# The same from a pipe, without privileges, into a file.
	run 0 sh -c '"$0" replay - <good.wst' "$WSTRACE"
	cmp out expected
	chmod 644 good.wst
	run 0 unprivileged replay "$PWD/good.wst"
	cmp out expected
	run 0 "$WSTRACE" replay good.wst --output file
	says_nothing out
	cmp file expected
}

test_record_to_a_pipe() {
	local port
	port=$(free_port)
	start pipe sh -c '"$0" record --port "$1" --count 1 - | "$0" replay -' "$WSTRACE" "$port"
	refuse "$port"
	wait "$pid"
	[ "$(jq -r .cause.id pipe.out)" = connect.refused ] || fail "$(cat pipe.out pipe.err)"
}

test_live_and_replay_agree() {
	local port live
	port=$(free_port)
	start live "$WSTRACE" trace --port "$port"
	live=$pid
	start recorder "$WSTRACE" record --port "$port" same.wst
	refuse "$port"
	refuse "$port"
	sleep 1.5
	stop "$pid" INT
	stop "$live" INT
	run 0 "$WSTRACE" replay same.wst
	jq -cS 'del(.timestamp, .trace_id, .session, .. | .timestamp?)' live.out >live.said
	jq -cS 'del(.timestamp, .trace_id, .session, .. | .timestamp?)' out >replay.said
	[ -s live.said ] && [ "$(wc -l <live.said)" -eq "$(wc -l <replay.said)" ] ||
		fail "$(wc -l live.said replay.said)"
	[ "$(jq -r .cause.id live.said)" = "$(jq -r .cause.id replay.said)" ] || fail "$(cat live.said replay.said)"
}

test_cut_off() {
	make_recording good.wst
	run 0 "$WSTRACE" replay good.wst
	cp out expected
	local size n
	size=$(stat -c %s good.wst)
	for n in $(seq 1 7) 8 20 63 65 66 87 88 100 $((size / 2 | 1)) $((size - 1)); do
		head -c "$n" good.wst >cut.wst
		run 1 "$WSTRACE" replay cut.wst
		grep -qE 'offset|no recording' err || fail "$n bytes: $(cat err)"
	done
	# All but the last byte: the line was complete long before.
	says err "cut off" "offset"
	cmp out expected
}

test_foreign() {
	: >empty
	replay_fails "is empty" empty
	replay_fails "no recording of wstrace" /etc/passwd
	replay_fails "no recording of wstrace" /dev/zero
	replay_fails "/no/such/file" /no/such/file
	replay_fails "directory" /tmp
	head -c 100000 /dev/urandom >noise
	replay_fails "no recording of wstrace" noise
}

test_damaged() {
	make_recording good.wst
	cp good.wst bad.wst
	patch bad.wst 8 '\01\02\03\04'
	replay_fails "byte order" bad.wst
	cp good.wst bad.wst
	patch bad.wst 16 '\0143'
	replay_fails "version" bad.wst
	cp good.wst bad.wst
	patch bad.wst 12 '\0377\0377\0377\0377'
	replay_fails "at offset 12" bad.wst
	# The size of the first record: none, too small, huge.
	local size
	for size in '\00\00' '\027\00' '\0377\0377'; do
		cp good.wst bad.wst
		patch bad.wst 66 "$size"
		replay_fails "at offset 64" bad.wst
	done
}

# A whole number of records, but what they say makes no sense.
test_senseless_records() {
	make_recording good.wst
	head -c 64 good.wst >noise.wst
	# type 7 (END), 24 bytes: a header alone
	printf '\07\00\030\00%020d' 0 >>noise.wst
	replay_fails "make no sense" noise.wst
}

# Random bytes behind a good header: any status but a crash, in bounded time and memory.
test_noise() {
	make_recording good.wst
	local i status
	for ((i = 0; i < 20; i++)); do
		{ head -c 64 good.wst; head -c 50000 /dev/urandom; } >noise.wst
		status=0
		(ulimit -v 400000; timeout 20 "$WSTRACE" replay noise.wst >/dev/null 2>err) || status=$?
		[ $status -le 1 ] || { cat err; fail "status $status"; }
	done
}

test_disk_full_while_recording() {
	run 1 unshare -m bash -c '
		mkdir small
		mount -t tmpfs -o size=8k tmpfs small
		"$0" record --duration 2 small/r.wst
		status=$?
		cp small/r.wst r.wst
		exit $status' "$WSTRACE"
	says err "stopped recording" "No space left"
	run 0 "$WSTRACE" replay r.wst # whole records only
}

# on_a_terminal COMMAND...: its output in ./typed.
on_a_terminal() {
	TERM=xterm script -qec "$*" /dev/null </dev/null >typed
}

test_colour() {
	command -v script >/dev/null || skip "no script(1) to make a terminal"
	make_recording good.wst
	local escape=$'\033['
	(unset NO_COLOR; on_a_terminal "$WSTRACE" replay --format text good.wst)
	says typed "$escape" connect.refused
	NO_COLOR=1 on_a_terminal "$WSTRACE" replay --format text good.wst
	says typed connect.refused
	if grep -qF "$escape" typed; then fail "colour in spite of NO_COLOR"; fi
	TERM=dumb script -qec "env -u NO_COLOR $WSTRACE replay --format text good.wst" /dev/null </dev/null >typed
	if grep -qF "$escape" typed; then fail "colour on a dumb terminal"; fi
	run 0 env -u NO_COLOR "$WSTRACE" replay --format text good.wst
	if grep -qF "$escape" out; then fail "colour in a file"; fi
	run 0 "$WSTRACE" replay good.wst
	if grep -qF "$escape" out; then fail "colour in JSON"; fi
}
