# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What the tests are made of.

fail() {
	echo "$*"
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# run STATUS COMMAND...: runs it, leaves ./out and ./err, and fails unless it exits with STATUS.
run() {
	local expected=$1 status=0
	shift
	if declare -F "$1" >/dev/null; then
		("$@") >out 2>err || status=$? # it may exec
	else
		timeout 60 "$@" >out 2>err || status=$?
	fi
	[ "$status" -eq "$expected" ] || {
		echo "exit status $status instead of $expected: $*"
		cat err
		exit 1
	}
}

# says FILE TEXT...: every TEXT is in FILE.
says() {
	local file=$1 text
	shift
	for text; do
		grep -qF -- "$text" "$file" || {
			echo "\"$text\" is not in $file:"
			cat "$file"
			exit 1
		}
	done
}

says_nothing() {
	[ ! -s "$1" ] || {
		echo "$1 should be empty:"
		cat "$1"
		exit 1
	}
}

# until_true SECONDS COMMAND...: tries it until it works.
until_true() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -le "$deadline" ] || fail "not in time: $*"
		sleep 0.05
	done
}

# start NAME COMMAND...: in the background, with NAME.out and NAME.err, until it traces. Sets $pid.
# Job control gives it default handling of SIGINT, which a plain background job ignores.
start() {
	local name=$1
	shift
	set -m
	"$@" >"$name.out" 2>"$name.err" &
	pid=$!
	set +m
	started+=("$pid")
	until_true 20 tracing_or_gone "$name" "$pid"
	grep -q tracing "$name.err" || {
		cat "$name.err"
		fail "$name did not start"
	}
}

tracing_or_gone() {
	grep -q tracing "$1.err" || ! kill -0 "$2" 2>/dev/null
}

# stop PID SIGNAL: sets $status.
stop() {
	status=0
	kill "-$2" "$1"
	wait "$1" || status=$?
}

started=()
end_of_test() {
	local status=$? one
	for one in "${started[@]}"; do
		# Job control gave each a process group.
		kill -KILL -- "-$one" "$one" 2>/dev/null || true
	done
	wait || true
	exit "$status"
}

# Programs of wstrace in the kernel that no process holds. Other tracers may run beside the tests.
loose_programs() {
	bpftool -j prog show |
		jq -r '.[] | select(.name // "" | startswith("handle_")) | .id' | sort >programs
	cat /proc/[0-9]*/fdinfo/* 2>/dev/null | sed -n 's/^prog_id:\t//p' | sort -u >held
	comm -23 programs held
}

# Its maps have common names: those that are there, and that no process and no program holds.
OUR_MAPS='events|notes|streams|owners|losses|listener_counts|served_ports|lost_ends'
loose_maps() {
	bpftool -j map show | jq -r ".[] | select(.name // \"\" | test(\"^($OUR_MAPS)\")) | .id" | sort >maps
	{
		cat /proc/[0-9]*/fdinfo/* 2>/dev/null | sed -n 's/^map_id:\t//p'
		bpftool -j prog show | jq -r '.[].map_ids // [] | .[]'
	} | sort -u >held
	comm -23 maps held
}

nothing_loose() {
	[ -z "$(loose_programs)" ] && [ -z "$(loose_maps)" ]
}

# The kernel frees programs some time after the last descriptor of them is closed.
nothing_is_left() {
	local deadline=$((SECONDS + 10))
	until nothing_loose; do
		[ $SECONDS -le $deadline ] ||
			fail "left in the kernel: programs $(loose_programs | xargs), maps $(loose_maps | xargs)"
		sleep 0.1
	done
	if ls /sys/fs/bpf/*wstrace* 2>/dev/null; then fail "pins left"; fi
	if grep -s wstrace /proc/self/mountinfo; then fail "mounts left"; fi
}

# A TCP port of loopback that nobody listens on, from below the range that connect() takes from.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 10000))
		if ! ss -Htln "sport = :$port" | grep -q .; then break; fi
	done
	echo "$port"
}

# A connection that fails: the shortest way to a line.
refuse() {
	if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then fail "port $1 is open"; fi
}

# A recording with at least one line in it.
make_recording() {
	local port
	port=$(free_port)
	start make_recording "$WSTRACE" record --port "$port" "$1"
	refuse "$port"
	sleep 1.5 # longer than the wait for other legs
	stop "$pid" INT
	[ "$status" -eq 0 ] || fail "record failed: $(cat make_recording.err)"
}

# The tracer as a user without any privilege, from where that user can read it.
unprivileged() {
	cp -f "$WSTRACE" "$WORK/wstrace"
	chmod 755 "$WORK/wstrace"
	exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$WORK/wstrace" "$@"
}

# with_capabilities LIST COMMAND...: root with these alone (comma-separated, without cap_).
with_capabilities() {
	local list=$1
	shift
	exec setpriv "--bounding-set=-all,+${list//,/,+}" "$@"
}
