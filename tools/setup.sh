#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Installs what a fresh Debian 12 needs to build and test wstrace.
#
#   tools/setup.sh build    compilers and libraries: enough for `make` and `make demo`
#   tools/setup.sh test     what the test suites use: real servers, a browser, checkers
#   tools/setup.sh bench    compilers, libraries, and the tools that `make bench` measures beside wstrace
#   tools/setup.sh all      build and test (the default)
#
# Safe to run again: when everything is there it asks dpkg once and does nothing.
# It starts no service, and leaves none that would start at the next boot.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD_PACKAGES=(
	gcc libc6-dev make pkg-config
	clang bpftool libbpf-dev libelf-dev zlib1g-dev
	libcjson-dev libmbedtls-dev libutf8proc-dev libcap-ng-dev libseccomp-dev
	dpkg-dev # unpacks Debian's cJSON source for STATIC=1
)
TEST_PACKAGES=(
	libclang-rt-14-dev llvm # sanitizers, libFuzzer, symbols in their reports
	git clang-format cppcheck shellcheck # make check
	python3 python3-jsonschema jq # JSON against its schema
	iproute2 nftables procps curl strace # namespaces, faults, looking around
	nginx golang-go golang-github-gorilla-websocket-dev
	haproxy libnginx-mod-nchan python3-websockets openssl runc # the lab
	apache2-bin caddy h2o libnginx-mod-stream lighttpd microsocks nghttp2-proxy rinetd socat squid stunnel4
	varnish # its other proxies
	daphne gunicorn libmojolicious-perl libtomcat10-embed-java default-jdk-headless puma # its other servers
	libwebsockets-test-server python3-autobahn python3-gevent-websocket python3-hypercorn ruby-em-websocket
	golang-golang-x-net-dev python3-aiohttp python3-tornado python3-wsproto ruby-faye-websocket uvicorn
	chromium tshark
	qemu-system-x86 busybox-static xz-utils zstd # other kernels
	mmdebstrap debian-archive-keyring # the Docker engine and its base image, in a folder
	ca-certificates
)
UML_PACKAGES=(user-mode-linux) # on x86 alone: a kernel that cannot be traced
BENCH_PACKAGES=(
	iproute2 procps tcpdump tshark bpftrace libbpf-tools
)
NODE_PACKAGES=(nodejs npm)
NODE_MAJOR_MIN=18

POLICY=/usr/sbin/policy-rc.d
POLICY_SAVED=$POLICY.before-wstrace-setup
POLICY_MARK='written by the setup of wstrace'

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

node_is_recent() {
	command -v npm >/dev/null && command -v node >/dev/null &&
		node -e "process.exit(parseInt(process.versions.node) < $NODE_MAJOR_MIN ? 1 : 0)"
}

# One package a line. A Node.js from another source is good enough, and Debian's packages would
# conflict with it.
wanted_packages() {
	if [ "$1" != test ]; then printf '%s\n' "${BUILD_PACKAGES[@]}"; fi
	case $1 in
	build) return ;;
	bench) printf '%s\n' "${BENCH_PACKAGES[@]}" ;;
	*)
		printf '%s\n' "${TEST_PACKAGES[@]}"
		if [ "$(uname -m)" = x86_64 ]; then printf '%s\n' "${UML_PACKAGES[@]}"; fi
		;;
	esac
	node_is_recent || printf '%s\n' "${NODE_PACKAGES[@]}"
}

# Those of the packages on stdin that are not installed.
missing_packages() {
	local wanted
	mapfile -t wanted
	dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
		sed -n 's/^installed //p' |
		grep -vxFf - <(printf '%s\n' "${wanted[@]}") || true
}

# dpkg's own lock can be waited for; the locks of the package lists and of the download
# folder cannot, so another apt at work shows as a failure that passes.
apt_get() {
	local try
	for try in 1 2 3 4 5 6; do
		if DEBIAN_FRONTEND=noninteractive apt-get -q \
			-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
			-o Dpkg::Use-Pty=0 "$@" >&2; then
			return 0
		fi
		say "apt-get $1 failed (try $try of 6)"
		sleep $((try * 5))
	done
	return 1
}

restore_policy() {
	if grep -qsF "$POLICY_MARK" "$POLICY"; then rm -f "$POLICY"; fi
	if [ -e "$POLICY_SAVED" ]; then mv "$POLICY_SAVED" "$POLICY"; fi
}

# Debian starts a daemon as its package is configured unless policy-rc.d says no (101).
forbid_services() {
	restore_policy # of a run that was killed
	if [ -x "$POLICY" ] && { "$POLICY" nginx start >/dev/null 2>&1; [ $? -eq 101 ]; }; then
		return # already forbidden here, as in most containers
	fi
	trap restore_policy EXIT
	trap 'exit 130' INT TERM HUP
	if [ -e "$POLICY" ]; then mv "$POLICY" "$POLICY_SAVED"; fi
	printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
	chmod 755 "$POLICY"
}

# On a machine with systemd, the proxies would start at the next boot. Only if this run installed
# them: one that was there is somebody's.
disable_services() {
	local name
	[ -d /run/systemd/system ] || return 0
	for name in nginx haproxy caddy h2o lighttpd microsocks nghttpx rinetd squid stunnel4 varnish varnishncsa; do
		if printf '%s\n' "$@" | grep -qx "$name"; then
			systemctl -q disable "$name.service" || true
		fi
	done
}

install_packages() {
	local missing
	mapfile -t missing < <(wanted_packages "$1" | missing_packages)
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${missing[*]}"
	[ "$(id -u)" -eq 0 ] || die "these packages are missing, run as root: tools/setup.sh $1"
	command -v apt-get >/dev/null || die "no apt-get: install these packages by hand"
	apt_get update || die "cannot update the package lists"
	forbid_services
	apt_get install -y --no-install-recommends "${missing[@]}" ||
		die "cannot install the packages (see above)"
	disable_services "${missing[@]}"
	restore_policy
}

# The copy of the lock file beside the modules says for which lock file they were installed.
install_node_modules() {
	local lock=$1/package-lock.json have=$1/node_modules/.installed-lock.json
	[ -e "$lock" ] || return 0
	if cmp -s "$lock" "$have"; then return; fi
	say "installing Node modules for $1"
	(cd "$1" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2) ||
		die "npm ci failed in $1"
	cp "$lock" "$have"
}

group=${1:-all}
case $group in
build | test | bench | all) ;;
*)
	echo "usage: tools/setup.sh [build|test|bench|all]" >&2
	exit 2
	;;
esac
install_packages "$group"
if [ "$group" = test ] || [ "$group" = all ]; then
	install_node_modules tests/e2e
	install_node_modules tests/lab
fi
