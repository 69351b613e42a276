#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# wstrace as a sidecar on a real Docker engine: the image that tools/deploy/Dockerfile builds,
# run as tools/deploy/compose.yaml says, watches containers being stopped, killed, cut off and
# starved. `docker logs` of the sidecar holds exactly one right line for each.
#
# Needs root, mmdebstrap and Debian's Go packages. The first run makes two small Debian systems
# in build/deps/sidecar, in about a minute; later ones find them there.
set -euo pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
CACHE=${WSTRACE_BUILD:-$TOP/build}/deps/sidecar
STATE=
NETWORK=chat_default # what Compose makes for the project
passed=0 failed=0 skipped=0
sidecars=0 sidecar='' follower='' # how many were started, the last one's id, what reads its log
log='' said=''                    # ... its stdout and stderr
declare -A lines_wanted

# shellcheck source=tests/sidecar/engine.sh
. "$HERE/engine.sh"
# shellcheck source=tests/sidecar/images.sh
. "$HERE/images.sh"

ENGINE_ENV=(NGINX_IMAGE=nginx CHAT_BACKEND_IMAGE=peer)
compose() { in_engine docker compose --progress quiet -p chat -f /srv/deploy/compose.yaml "$@"; }

fail() {
	echo "sidecar: $*" >&2
	exit 1
}

finish() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	exec >&3 2>&4 # a signal may find us in a function whose output goes elsewhere
	if [ "$status" -ne 0 ]; then failed=$((failed + 1)); fi
	if [ "$failed" -gt 0 ] && [ -n "$log" ]; then
		# Of the whole machine's sessions only ours.
		cat "$said"
		grep -F '"path":"/sidecar/' "$log"
	fi
	engine_stop
	[ -z "$STATE" ] || rm -rf --one-file-system "$STATE"
	echo "sidecar: $passed passed, $failed failed, $skipped skipped"
	exit $((failed > 0))
}

# check NAME COMMAND...: one line of the test's result.
check() {
	local name=$1
	shift
	if "$@" >"$STATE/check.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok    $name"
	else
		failed=$((failed + 1))
		echo "FAIL  $name"
		sed 's/^/      /' "$STATE/check.log"
	fi
}

until_true() {
	local end=$((SECONDS + 30))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# The log is followed into a file that verdict.py reads; stderr says when tracing has begun.
sidecar_start() {
	compose "$@" up -d --no-build --wait || return 1
	sidecar=$(compose ps -q wstrace)
	log=$STATE/lines.$((++sidecars)) said=$STATE/said.$sidecars
	touch "$log" "$said"
	docker logs -f "$sidecar" >"$log" 2>"$said" &
	follower=$!
	until_true grep -q tracing "$said" || { cat "$said" >&2; return 1; }
}

sidecar_stop() {
	docker stop "$sidecar" && [ "$(docker inspect -f '{{.State.ExitCode}}' "$sidecar")" -eq 0 ]
}

# A client that came before its server would make a line of its own.
serving() { docker logs "$1" | grep -x serving; }

# backend NAME [DOCKER OPTION...] [-- PEER OPTION...]: a chat server in a container of that name.
backend() {
	local name=$1 options=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	docker run -d --name "$name" --network "$NETWORK" "${options[@]}" peer "${@:2}" serve :8080 &&
		until_true serving "$name"
}

# client NAME VERB [HOST:PORT] [PEER OPTION...]: talks to it from another container ...
client() {
	local name=$1 verb=$2 address=${3:-$1:8080}
	docker run -d --name "$name-client" --network "$NETWORK" \
		peer "${@:4}" "$verb" "ws://$address/sidecar/$name" || return 1
	until_true client_says open "$name" && return 0
	docker logs "$name-client"
	docker inspect -f '{{json .State}}' "$name" "$name-client"
	docker logs "$name"
	return 1
}

# ... or as a process of the host.
host_client() {
	local name=$1 address=$2
	beside_engine "$STATE/peer" talk "ws://$address/sidecar/$name" >"$STATE/$name.client" 2>&1 &
	until_true client_says open "$name" || { cat "$STATE/$name.client"; return 1; }
}

client_says() {
	if [ -e "$STATE/$2.client" ]; then
		grep "^$1" "$STATE/$2.client"
	else
		docker logs "$2-client" | grep "^$1"
	fi
}

id_of() { docker inspect -f '{{.Id}}' "$1"; }

# broken NAME CAUSES [CONTAINER]: the line says so, and the client saw the same.
broken() {
	local name=$1 causes=$2 container=${3:-$1}
	lines_wanted[/sidecar/$name]=1
	check "$name: ${causes//,/ or }" \
		"$HERE/verdict.py" "$log" wait "/sidecar/$name" "$causes" 1006 "$(id_of "$container")"
	check "$name: the client saw 1006" until_true client_says 'closed 1006' "$name"
}

quietly() { "$@" >"$STATE/quiet.log" 2>&1 || { cat "$STATE/quiet.log" >&2; return 1; }; }

# ------------------------------------------------------------------------------- scenarios

# An init as the container's first process hands SIGTERM on, and the default action ends the server.
scenario_stopped() {
	quietly backend stopped --init
	quietly client stopped talk
	quietly docker stop stopped
	broken stopped session.process_terminated,session.container_stopped
}

# Signals without a handler do not touch the first process of a PID namespace. Go's runtime has
# one, fails to end itself by the signal and exits with 2: still SIGTERM was what did it.
scenario_stopped_first_process() {
	quietly backend stopped-first
	quietly client stopped-first talk
	quietly docker stop stopped-first
	broken stopped-first session.process_terminated,session.container_stopped
}

scenario_stopped_after_grace() {
	quietly backend stubborn -- -ignore-term
	quietly client stubborn talk
	quietly docker stop -t 1 stubborn
	broken stubborn session.process_killed,session.container_stopped
}

scenario_killed() {
	quietly backend killed
	quietly client killed talk
	quietly docker kill killed
	broken killed session.container_stopped,session.process_killed
}

scenario_out_of_memory() {
	quietly backend hungry -m 64m --memory-swap 64m
	quietly client hungry eat
	broken hungry session.process_oom_killed
}

# Nobody tells either end. The client has unacknowledged messages and gives up; the backend's
# socket stays until its container goes, which must not make a second line.
scenario_disconnected() {
	quietly backend cut-off
	quietly client cut-off talk '' -user-timeout 2s
	quietly docker network disconnect "$NETWORK" cut-off
	broken cut-off session.network_timeout
	quietly docker kill cut-off
}

scenario_clean_close() {
	quietly backend polite
	quietly client polite bye
	check "clean close: the client saw 1000" until_true client_says 'closed 1000' polite
	lines_wanted[/sidecar/polite]=0
}

# A published port is reached on 127.0.0.1 through docker-proxy, which makes a second connection,
# and on any other address through a NAT rule, so that the two ends name different addresses.
scenario_published_port() {
	quietly backend proxied -p 127.0.0.1:9001:8080
	quietly host_client proxied 127.0.0.1:9001
	quietly docker kill proxied
	broken proxied session.container_stopped,session.process_killed
	quietly backend natted -p "$ENGINE_BRIDGE:9002:8080"
	quietly host_client natted "$ENGINE_BRIDGE:9002"
	quietly docker kill natted
	broken natted session.container_stopped,session.process_killed
}

# The stack of compose.yaml itself: host, published port, nginx, backend.
scenario_chat_stack() {
	quietly until_true serving "$(compose ps -q backend)"
	quietly host_client "$1" 127.0.0.1:8080
	quietly compose kill backend
	broken "$1" session.container_stopped,session.process_killed "$(compose ps -aq backend)"
}

# The answers of one sidecar: it ends in good order, and its whole log has each session once.
settle() {
	local path names
	mapfile -t names < <(docker ps -aq --filter ancestor=peer)
	quietly docker rm -f "${names[@]}"
	check "the sidecar ends with status 0" sidecar_stop
	wait "$follower"
	for path in "${!lines_wanted[@]}"; do
		check "$path: ${lines_wanted[$path]} line(s)" \
			"$HERE/verdict.py" "$log" count "$path" "${lines_wanted[$path]}"
	done
	lines_wanted=()
}

# ------------------------------------------------------------------------------------ main

exec 3>&1 4>&2
trap finish EXIT
trap 'exit 130' INT TERM HUP
[ "$(id -u)" -eq 0 ] || fail "needs root"
for tool in mmdebstrap nsenter setpriv unshare ip go python3; do
	command -v "$tool" >/dev/null || fail "$tool is missing: run tools/setup.sh test"
done
engine_sweep_killed
STATE=$(mktemp -d "${TMPDIR:-/tmp}/wstrace-sidecar.$$.XXXXXX")
cp -r "$TOP/tools/deploy" "$STATE/deploy"

# Two cores, two systems; nothing to do when they are there.
base_archive >/dev/null &
engine_root >/dev/null || fail "no system for the engine"
wait $! || fail "no system for the images"

engine_start || fail "the engine does not start"
image_base || fail "no base image"
image_peer || fail "no image of the peer"
image_nginx || fail "no image of nginx"
check "tools/deploy/Dockerfile builds" image_wstrace

sidecar_start || fail "the sidecar does not trace"
scenario_stopped
scenario_stopped_first_process
scenario_stopped_after_grace
scenario_killed
scenario_out_of_memory
scenario_disconnected
scenario_clean_close
scenario_published_port
scenario_chat_stack chat
settle

sidecar_start -f /srv/deploy/compose.privileged.yaml || fail "the privileged sidecar does not trace"
scenario_chat_stack privileged
settle
