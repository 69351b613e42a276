#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Gets Debian's kernels for tools/run-in-vm.sh, in the small flavour for virtual machines.
#
#   tools/fetch-kernel.sh FOLDER KERNEL...     5.10, 6.1, ... or newest
#
# Makes FOLDER/KERNEL with vmlinuz, release (the kernel's name for itself) and modules/, the few
# that the tests use. What is there stays, newest too: remove the folder to get it again. Exit
# status 1 when one of them cannot be had; the others are there then. Nothing of the machine's apt
# is changed. Needs no root.
set -euo pipefail
# shellcheck source=tools/apt-apart.sh
. "$(dirname "$0")/apt-apart.sh"

# Where kernels are looked for: 5.10, 6.1 and 6.12, and what is new
SUITES=(bullseye-security bookworm bookworm-security trixie-backports sid)
# With what they need; a kernel may have some of it built in
MODULES=(veth tun sch_netem nfnetlink nf_tables nft_counter libcrc32c crc32c_generic)

die() { echo "fetch-kernel: $*" >&2; exit 1; }

[ $# -ge 2 ] || { echo "usage: tools/fetch-kernel.sh FOLDER KERNEL..." >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift

wanted=()
for kernel in "$@"; do
	if [ ! -e "$folder/$kernel/release" ]; then wanted+=("$kernel"); fi
done
[ ${#wanted[@]} -gt 0 ] || exit 0
# One at a time: others that wait here find what they want when it is their turn.
exec 9>"$folder/.lock"
flock 9
work=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

apt_apart "$work/apt"
apt_sources_of_suites "${SUITES[@]}" || die "no source of this Debian release in $APT_ETC"
# A suite that the archive does not have fails alone; what counts is the kernel, below.
apt_run update >"$work/log" 2>&1 || true

# Kernels of the archive: "VERSION PACKAGE" a line, the newest last.
list_kernels() {
	apt_run search --names-only "^linux-image-[0-9].*-cloud-$(dpkg --print-architecture)\$" |
		sed -nE 's/^(linux-image-([0-9]+\.[0-9]+\.[0-9]+([-+].*)?)-cloud-[a-z0-9]+) .*/\2 \1/p' |
		sort -V
}

# The image, and the parts that newer releases keep in packages of their own, at one version.
download() {
	local image=$1 name=${1#linux-image-} part
	(
		cd "$work/packages"
		apt_run download "$image" || exit
		for part in linux-binary linux-modules; do
			if [ -n "$(apt_run show "$part-$name" 2>/dev/null)" ]; then
				apt_run download "$part-$name" || exit
			fi
		done
	) >>"$work/log" 2>&1
}

unpack_module() {
	case $1 in
	*.xz) xz -dc "$1" >"$2" ;;
	*.zst) zstd -q -dc "$1" >"$2" ;;
	*) cp "$1" "$2" ;;
	esac
}

# Puts a kernel together in $work/kernel.
assemble() {
	local image=$1 package module file
	rm -rf "$work"/{packages,files,kernel}
	mkdir -p "$work"/{packages,files,kernel/modules}
	download "$image" || return
	for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$work/files" || return; done
	file=$(find "$work/files" -type f -name 'vmlinuz*' | head -n 1)
	[ -n "$file" ] || { echo "no vmlinuz in $image" >>"$work/log"; return 1; }
	cp "$file" "$work/kernel/vmlinuz"
	for module in "${MODULES[@]}"; do
		file=$(find "$work/files" -type f -name "$module.ko*" | head -n 1)
		if [ -z "$file" ]; then continue; fi
		unpack_module "$file" "$work/kernel/modules/$module.ko" || return
	done
	echo "${image#linux-image-}" >"$work/kernel/release"
}

status=0
for kernel in "${wanted[@]}"; do
	if [ -e "$folder/$kernel/release" ]; then continue; fi
	pattern="^${kernel//./\\.}\\."
	if [ "$kernel" = newest ]; then pattern=''; fi
	image=$(list_kernels | grep -E "$pattern" | tail -n 1 | cut -d ' ' -f 2) || true
	if [ -z "$image" ]; then
		echo "fetch-kernel: no kernel $kernel in the archive" >&2
		cat "$work/log" >&2
		status=1
	elif assemble "$image"; then
		rm -rf "${folder:?}/$kernel"
		mv "$work/kernel" "$folder/$kernel"
		echo "fetch-kernel: $kernel is $(cat "$folder/$kernel/release")" >&2
	else
		echo "fetch-kernel: cannot get $image" >&2
		cat "$work/log" >&2
		status=1
	fi
done
exit $status
