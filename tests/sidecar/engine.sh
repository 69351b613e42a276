# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A Docker engine that leaves the machine alone. Debian's docker.io runs out of a folder of its
# own, in its own mount and network namespace: the bridges, the packet filter rules and the
# mounts that it makes vanish with its last process. What remains is cgroups; engine_stop
# removes them.
#
# The engine is the one of Debian 13 because engines before Docker 23 do not know CAP_BPF.
#
# Uses $CACHE (kept between runs) and $STATE (this run's). Inside the engine's namespaces $STATE
# is /srv.

ENGINE_SUITE=trixie
ENGINE_PACKAGES=docker.io,docker-cli,docker-compose,iptables,mount
ENGINE_PID=

# No network of the machine may overlap with the engine's: RFC 2544's benchmark range is nobody's.
ENGINE_BRIDGE=198.18.0.1
ENGINE_POOL=base=198.18.64.0/18,size=24

# make_system TARGET SUITE PACKAGES [OPTION]...: a small Debian, made aside and then renamed, so
# that an interrupted run leaves no half of one.
make_system() {
	local target=$1 suite=$2 packages=$3 mirror log
	shift 3
	[ ! -e "$target" ] || return 0
	log=$STATE/$(basename "$target").log
	# The machine's own mirror, if it is a Debian machine; mmdebstrap knows one otherwise.
	mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
	mkdir -p "$(dirname "$target")"
	mmdebstrap --quiet --variant=apt --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$@" "$suite" "$target.new" ${mirror:+"$mirror"} >"$log" 2>&1 || {
		cat "$log" >&2
		rm -rf "$target.new"
		return 1
	}
	mv "$target.new" "$target"
}

# Where the engine's own system is; makes it at the first call.
engine_root() {
	local root
	root=$CACHE/engine-$ENGINE_SUITE-$(sha256sum <<<"$ENGINE_PACKAGES" | cut -c1-12)
	make_system "$root" "$ENGINE_SUITE" "$ENGINE_PACKAGES" --format=directory && echo "$root"
}

# Runs as the engine's first process, in its new namespaces: enters its system and becomes it.
engine_enter() {
	local root=$1 dir kind name
	ip link set lo up
	mount --bind "$root" "$root"
	for dir in proc sys dev; do mount --rbind "/$dir" "$root/$dir"; done
	mount -t tmpfs none "$root/run"
	mount -t tmpfs none "$root/tmp"
	mount --bind "$STATE" "$root/srv"
	cd "$root" || exit
	pivot_root . mnt
	umount -l /mnt
	cd /
	# Kernels have either the old tables or nf_tables, or both; the old ones are better tried.
	for kind in legacy nft; do
		if "iptables-$kind" -t nat -L -n >/dev/null 2>&1; then break; fi
	done
	mkdir -p /srv/bin
	for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
		ln -s "/usr/sbin/xtables-$kind-multi" "/srv/bin/$name"
	done
	echo '{}' >/srv/daemon.json
	PATH=/srv/bin:$PATH exec dockerd --host unix:///srv/docker.sock --config-file /srv/daemon.json \
		--data-root /srv/data --exec-root /srv/exec --pidfile /srv/docker.pid \
		--bip "$ENGINE_BRIDGE/24" --default-address-pool "$ENGINE_POOL" \
		--exec-opt native.cgroupdriver=cgroupfs
}

engine_start() {
	local root waited
	root=$(engine_root) || return 1
	CGROUPS_BEFORE=$(engine_cgroups)
	export -f engine_enter
	export STATE ENGINE_BRIDGE ENGINE_POOL
	# shellcheck disable=SC2016 # $1 is of the inner shell
	# Should this script die, the engine gets the signal that ends it and its containers.
	PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
		setsid setpriv --pdeathsig TERM unshare --net --mount --propagation private \
		bash -euc 'engine_enter "$1"' - "$root" >"$STATE/engine.log" 2>&1 &
	ENGINE_PID=$!
	for ((waited = 0; waited < 300; waited++)); do
		if [ -S "$STATE/docker.sock" ] && docker version >/dev/null 2>&1; then return 0; fi
		kill -0 "$ENGINE_PID" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 20 "$STATE/engine.log" >&2
	return 1
}

# in_engine COMMAND...: in the engine's namespaces and system.
in_engine() {
	nsenter --target "$ENGINE_PID" --mount --net --root --wd \
		env -i PATH=/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv \
		DOCKER_HOST=unix:///srv/docker.sock DOCKER_BUILDKIT=0 ${ENGINE_ENV[@]+"${ENGINE_ENV[@]}"} "$@"
}

# beside_engine COMMAND...: in its network namespace alone, as a process of the host would be.
beside_engine() { nsenter --target "$ENGINE_PID" --net "$@"; }

docker() { in_engine docker "$@"; }

# The cgroups of containers, by default named alike by all engines: those below /docker.
engine_cgroups() {
	local mounts
	mapfile -t mounts < <(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts)
	[ ${#mounts[@]} -eq 0 ] || find "${mounts[@]/%//docker}" -depth -type d 2>/dev/null || true
}

engine_stop() {
	local mount_ns containers waited
	[ -n "$ENGINE_PID" ] || return 0
	mount_ns=$(readlink "/proc/$ENGINE_PID/ns/mnt" || true)
	mapfile -t containers < <(ls "$STATE/data/containers" 2>/dev/null)
	[ ${#containers[@]} -eq 0 ] || docker rm -f "${containers[@]}" >/dev/null 2>&1 || true
	kill -TERM "$ENGINE_PID" 2>/dev/null || true
	for ((waited = 0; waited < 150; waited++)); do
		kill -0 "$ENGINE_PID" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$ENGINE_PID" 2>/dev/null || true
	wait "$ENGINE_PID" 2>/dev/null || true
	ENGINE_PID=
	engine_sweep "$mount_ns" "${containers[@]}"
}

# engine_sweep MOUNT_NAMESPACE CONTAINER...: what an engine that did not end well leaves behind.
engine_sweep() {
	local mount_ns=$1 container cgroup pid
	shift
	for pid in $(processes_in_mount_namespace "$mount_ns"); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for container in "$@"; do
		for cgroup in $(engine_cgroups | grep -F "/$container"); do
			while read -r pid; do kill -KILL "$pid" 2>/dev/null; done <"$cgroup/cgroup.procs"
			rmdir "$cgroup" 2>/dev/null || true
		done
	done
	# The common parent: only if this engine made it, and only if nobody else uses it now.
	engine_cgroups | grep -vxF "$CGROUPS_BEFORE" | grep '/docker$' |
		while read -r cgroup; do rmdir "$cgroup" 2>/dev/null || true; done
}

# What runs left behind that were killed: their pid is in the folder's name. Their engines ended with them.
engine_sweep_killed() {
	local folder pid containers
	CGROUPS_BEFORE=$(engine_cgroups)
	for folder in "${TMPDIR:-/tmp}"/wstrace-sidecar.*.*; do
		pid=${folder#*/wstrace-sidecar.}
		if [ ! -d "$folder" ] || [ -e "/proc/${pid%%.*}" ]; then continue; fi
		mapfile -t containers < <(ls "$folder/data/containers" 2>/dev/null)
		engine_sweep none "${containers[@]}"
		rm -rf --one-file-system "$folder"
	done
}

processes_in_mount_namespace() {
	local proc
	for proc in /proc/[0-9]*; do
		if [ "$(readlink "$proc/ns/mnt" 2>/dev/null)" = "$1" ]; then echo "${proc#/proc/}"; fi
	done
}
