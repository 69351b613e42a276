# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2015,SC2016,SC2154
# Starts that must fail with a clear message, and the least that is needed to start.

LIVE=(trace "record recording.wst" demo)

# start_fails TEXT COMMAND...: status 1 and TEXT.
start_fails() {
	local text=$1
	shift
	run 1 "$@"
	says err "$text"
	says_nothing out
}

test_not_root() {
	local command
	for command in trace demo; do
		start_fails "not root" unprivileged "$command"
		says err CAP_BPF CAP_PERFMON CAP_NET_ADMIN sudo
	done
	chmod 777 .
	start_fails "not root" unprivileged record recording.wst
	[ ! -e recording.wst ] || fail "a file was left"
}

test_missing_capability() {
	start_fails "missing CAP_PERFMON," with_capabilities bpf,net_admin "$WSTRACE" trace
	start_fails "missing CAP_BPF," with_capabilities perfmon,net_admin "$WSTRACE" trace
	start_fails "missing CAP_NET_ADMIN," with_capabilities bpf,perfmon "$WSTRACE" trace
	start_fails "missing CAP_BPF, CAP_NET_ADMIN," with_capabilities perfmon "$WSTRACE" trace
}

# CAP_BPF and the like are not there in a user namespace, whatever its root holds.
test_user_namespace() {
	unshare -Ur true || skip "no user namespaces"
	start_fails "" unshare -Ur "$WSTRACE" trace
	says err "refuses" namespace
}

capabilities_of() {
	sed -n "s/^Cap$2:\t//p" "/proc/$1/status"
}

test_least_privileges() {
	start least with_capabilities bpf,perfmon,net_admin "$WSTRACE" trace
	local set allowed
	# CAP_BPF, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE: what old kernels or hidepid may ask for.
	allowed=$((1 << 39 | 1 << 2 | 1 << 19))
	for set in Eff Prm Inh Amb; do
		[ $((0x$(capabilities_of "$pid" $set) & ~allowed)) -eq 0 ] ||
			fail "Cap$set: $(capabilities_of "$pid" $set)"
	done
	grep -qP '^NoNewPrivs:\t1$' "/proc/$pid/status" || fail "no_new_privs is not set"
	stop "$pid" TERM
	[ "$status" -eq 0 ] || fail "status $status: $(cat least.err)"
}

test_full_root_is_dropped() {
	start full "$WSTRACE" trace
	local set
	for set in Eff Prm Inh Amb Bnd; do
		[ $((0x$(capabilities_of "$pid" $set))) -eq 0 ] ||
			fail "Cap$set: $(capabilities_of "$pid" $set)"
	done
	stop "$pid" INT
}

test_no_btf() {
	local command
	for command in "${LIVE[@]}"; do
		# shellcheck disable=SC2086
		start_fails "/no/such/btf" "$WSTRACE" $command --btf /no/such/btf
		says err CONFIG_DEBUG_INFO_BTF
	done
	[ ! -e recording.wst ] || fail "a file was left"
	start_fails /etc/passwd "$WSTRACE" trace --btf /etc/passwd
	: >empty
	start_fails empty "$WSTRACE" trace --btf empty
}

test_no_cgroup() {
	start_fails "/no/such/dir" "$WSTRACE" trace --cgroup /no/such/dir
	start_fails "cgroup v2" "$WSTRACE" trace --cgroup /tmp
	start_fails "cgroup v2" "$WSTRACE" demo --cgroup /tmp
}

# In a mount namespace without any cgroup v2 mount.
without_cgroup2() {
	unshare -m bash -c '
		awk "\$3 == \"cgroup2\" { print \$2 }" /proc/self/mounts | while read -r dir; do
			umount -l "$dir"
		done
		exec "$@"' bash "$@"
}

test_no_cgroup2_mounted() {
	run 0 without_cgroup2 "$WSTRACE" trace --duration 0.2
	says err tracing
	start_fails CAP_SYS_ADMIN without_cgroup2 \
		setpriv --bounding-set=-sys_admin "$WSTRACE" trace
	says err "no cgroup v2" --cgroup
}

test_unwritable_output() {
	start_fails "/no/such/dir/out" "$WSTRACE" trace --output /no/such/dir/out
	start_fails "/no/such/dir/out" "$WSTRACE" record /no/such/dir/out
	start_fails "directory" "$WSTRACE" trace --output /tmp
	start_fails "directory" "$WSTRACE" record /tmp
}

test_output_is_kept_when_the_start_fails() {
	echo precious >file
	start_fails "" "$WSTRACE" trace --output file --btf /no/such/btf
	start_fails "" "$WSTRACE" record file --btf /no/such/btf
	[ "$(cat file)" = precious ] || fail "overwritten"
}

test_verifier_log_is_for_the_verbose() {
	run 0 "$WSTRACE" trace --duration 0.2
	if grep -q libbpf err; then fail "$(cat err)"; fi
	start_fails "refuse" unshare -Ur "$WSTRACE" trace
	if grep -q libbpf: err; then fail "$(cat err)"; fi
	start_fails "refuse" unshare -Ur "$WSTRACE" trace --verbose
	says err libbpf:
}

test_static_binary_needs_no_file() {
	[ -x "$WSTRACE_STATIC" ] || skip "no static binary"
	mkdir -p root/proc root/sys
	cp "$WSTRACE_STATIC" root/wstrace
	run 0 chroot root /wstrace --version
	run 0 chroot root /wstrace causes
	run 0 unshare -m bash -c '
		mount --rbind /proc root/proc && mount --rbind /sys root/sys &&
		exec chroot root /wstrace trace --duration 0.3'
	says err tracing
}

# in_own_cgroup SCRIPT: as in a container with --cgroupns private; $host is where the hierarchy is mounted.
in_own_cgroup() {
	local host cgroup status=0
	host=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
	[ -n "$host" ] || skip "no cgroup v2 hierarchy is mounted"
	cgroup=$host/wstrace-cli-$$
	mkdir "$cgroup"
	(
		echo "$BASHPID" >"$cgroup/cgroup.procs"
		host=$host exec unshare -Cm bash -c "$1" "$WSTRACE"
	) || status=$?
	rmdir "$cgroup"
	return "$status"
}

# A container that sees only itself works, but says so.
test_own_namespaces_are_told() {
	run 0 in_own_cgroup 'umount -l "$host" && mount -t cgroup2 none "$host" && exec "$0" trace --duration 0.2'
	says err tracing "cgroup hierarchy" "--cgroupns host"
	# The host's hierarchy was given to it, before or besides its own.
	run 0 in_own_cgroup 'exec "$0" trace --duration 0.2'
	if grep -q warning err; then fail "$(cat err)"; fi
	mkdir -p given
	run 0 in_own_cgroup 'mount --bind "$host" given && umount -l "$host" &&
		mount -t cgroup2 none "$host" && exec "$0" trace --duration 0.2'
	if grep -q warning err; then fail "$(cat err)"; fi
	run 0 unshare -fp --mount-proc "$WSTRACE" trace --duration 0.2
	says err tracing "pid namespace" "--pid host"
	run 0 "$WSTRACE" trace --duration 0.2
	if grep -q warning err; then fail "$(cat err)"; fi
}
