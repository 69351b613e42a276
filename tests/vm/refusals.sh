# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Kernels that cannot be traced, for run.sh: real ones, and wstrace says in one line what they lack.

# refused KERNEL NAME TEXT COMMAND...: its status is 1, and its output one line with TEXT.
refused() {
	local kernel=$1 name=$2 text=$3 status=0
	shift 3
	"$@" >"$work/refusal" 2>"$work/refusal.err" &
	alone=$!
	wait "$alone" || status=$?
	alone=
	if [ "$status" -eq 1 ] && [ "$(wc -l <"$work/refusal")" -eq 1 ] && grep -qF "$text" "$work/refusal"; then
		result ok "$kernel" "$name"
		return
	fi
	result FAIL "$kernel" "$name" "exit status $status, not one line with \"$text\""
	sed 's/^/     /' "$work/refusal" "$work/refusal.err"
}

# The kernel as a process (User-Mode Linux of Debian): it has BPF, but neither BTF nor tracepoints,
# as those from before Linux 5.2. Its root is a folder that holds wstrace and busybox.
in_user_mode_linux() {
	local root=$work/uml
	mkdir -p "$root"/{bin,proc,sys,dev}
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "${WSTRACE_STATIC:-$BUILD/static/wstrace}" "$root/wstrace"
	cat >"$root/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox mount -t proc none /proc
		/bin/busybox mount -t sysfs none /sys
		/wstrace trace >/output 2>&1
		echo $? >/status
		/bin/busybox poweroff -f
	END
	chmod +x "$root/init"
	timeout 60 linux.uml mem=128M uml_dir="$work/uml.run" rootfstype=hostfs rootflags="$root" rw \
		init=/init con=null ssl=null con0=null,fd:1 </dev/null >"$work/uml.console" 2>&1 &
	trap 'kill "$!"; exit 130' TERM
	wait "$!"
	if [ ! -s "$root/status" ]; then
		tail -n 20 "$work/uml.console" >&2
		return 125
	fi
	cat "$root/output"
	return "$(cat "$root/status")"
}

refuse_kernels() {
	local kernel
	if command -v linux.uml >/dev/null; then
		refused uml kernel_without_btf CONFIG_DEBUG_INFO_BTF in_user_mode_linux
	else
		result skip uml kernel_without_btf "no user-mode-linux on this machine"
	fi
	for kernel in "${KERNELS[@]:0:2}"; do
		if [ -e "$BUILD/vm/kernels/$kernel/release" ]; then
			refused "$kernel" kernel_locked_down "locked down (confidentiality" \
				tools/run-in-vm.sh -t 60 -a lockdown=confidentiality "$kernel" build/wstrace trace
		fi
	done
}
