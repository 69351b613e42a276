#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs a command under another kernel, in a virtual machine that is emulated all through (slow, but
# works anywhere), has no network and no disk, and is gone afterwards.
#
#   tools/run-in-vm.sh [-t SECONDS] [-a PARAMETER] KERNEL COMMAND [ARGUMENT...]
#
#   tools/run-in-vm.sh 5.10 build/wstrace demo
#   tools/run-in-vm.sh newest bash tests/bpf/run.sh ipv6
#
# KERNEL: see tools/fetch-kernel.sh; PARAMETER: for its command line. The root file system is made
# of this machine's programs, in $PROGRAMS below, and busybox. The command runs in a copy of this checkout that has tests/bpf,
# tests/vm and tools, build/wstrace (the static one, $WSTRACE_STATIC) and build/tests/vm; it finds
# the first in $WSTRACE. Its output (both streams) and its exit status are passed on; 125: the
# machine did not get that far, 124: it took longer than SECONDS.
set -euo pipefail
# Not the Python of some other place that happens to come first
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH

TOP=$(cd "$(dirname "$0")/.." && pwd)
CHECKOUT=$TOP
BUILD=${WSTRACE_BUILD:-$TOP/build}
CACHE=$BUILD/vm
PROGRAMS=(bash python3 jq ip tc nft timeout bpftool)
MEMORY_MIB=640 CPUS=2
seconds=300 parameter=

usage() { echo "usage: tools/run-in-vm.sh [-t SECONDS] [-a PARAMETER] KERNEL COMMAND [ARGUMENT...]" >&2; exit 2; }
fail() { echo "run-in-vm: $*" >&2; exit 125; }

while getopts t:a: option; do
	case $option in t) seconds=$OPTARG ;; a) parameter=$OPTARG ;; *) usage ;; esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
kernel=$1
shift
[ "$(uname -m)" = x86_64 ] || fail "knows how to emulate x86_64 only"
for program in qemu-system-x86_64 busybox flock "${PROGRAMS[@]}"; do
	command -v "$program" >/dev/null || fail "$program is missing: run tools/setup.sh test"
done
static=${WSTRACE_STATIC:-$BUILD/static/wstrace}
[ -x "$static" ] || fail "no $static: make STATIC=1"
"$TOP/tools/fetch-kernel.sh" "$CACHE/kernels" "$kernel" >&2 || fail "no kernel $kernel"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

pack() { (cd "$1" && find . | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null); }

# ---------------------------------------------------------------------------- the programs

# Copies files to the same place below $root, with the libraries they are linked with.
add_files() {
	local file
	for file in "$@"; do
		mkdir -p "$root${file%/*}"
		cp -Lp "$file" "$root$file"
		ldd "$file" 2>/dev/null | grep -oE '/[^ )]+' || true
	done | sort -u | while read -r file; do
		mkdir -p "$root${file%/*}"
		[ -e "$root$file" ] || cp -Lp "$file" "$root$file"
	done
}

# The modules that the tests import, compiled ones too, and what Python itself loads on demand.
list_python_files() {
	PYTHONPATH=$CHECKOUT/tests/bpf python3 - <<-'END'
		import os, sys
		import encodings, encodings.idna, peer, fill_map, unix_backend
		found = {os.path.join(folder, name) for folder, _, names in os.walk(encodings.__path__[0]) for name in names}
		for module in list(sys.modules.values()):
		    found.update((getattr(module, "__file__", None), getattr(module, "__cached__", None)))
		print(*(f for f in found if f and f.startswith("/usr/") and os.path.exists(f)), sep="\n")
	END
}

make_root() {
	local root=$work/root program files
	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run}
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	mkdir -p "$root"/usr/{lib,lib64}
	for program in busybox "${PROGRAMS[@]}"; do
		add_files "$(readlink -f "$(command -v "$program")")"
		[ -e "$root/usr/bin/$program" ] || [ -e "$root/usr/sbin/$program" ] ||
			ln -s "$(readlink -f "$(command -v "$program")")" "$root/usr/bin/$program"
	done
	mapfile -t files < <(list_python_files)
	add_files "${files[@]}"
	pack "$root" >"$CACHE/root.new"
	mv "$CACHE/root.new" "$CACHE/root.cpio"
}

# Made again when the machine's packages or what is asked of them have changed.
exec 9>"$CACHE/.root-lock"
flock 9
if [ ! "$CACHE/root.cpio" -nt /var/lib/dpkg/status ] || [ ! "$CACHE/root.cpio" -nt "$0" ] ||
	[ -n "$(find "$CHECKOUT/tests/bpf" -name '*.py' -newer "$CACHE/root.cpio")" ]; then
	make_root
fi
exec 9>&-

# ---------------------------------------------------------------------------- this run

run=$work/run
mkdir -p "$run"/wstrace/{build/tests,tests}
cp -r "$CACHE/kernels/$kernel/modules" "$run/modules"
cp -r "$CHECKOUT/tests/bpf" "$CHECKOUT/tests/vm" "$run/wstrace/tests/"
cp -r "$CHECKOUT/tools" "$run/wstrace/"
cp "$static" "$run/wstrace/build/wstrace"
if [ -e "$BUILD/tests/vm" ]; then cp -r "$BUILD/tests/vm" "$run/wstrace/build/tests/"; fi
{
	printf 'cd /wstrace && exec'
	printf ' %q' "$@"
	echo
} >"$run/command"

# COM1 is the console, COM2 the command's output, COM3 its exit status.
cat >"$run/init" <<'END'
#!/usr/bin/busybox sh
/usr/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C WSTRACE=/wstrace/build/wstrace
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t tmpfs none /run
ln -s /proc/self/fd /dev/fd
mkdir -p /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
hostname vm
ip link set lo up
# Modules need one another: again, until nothing more can be loaded.
for round in 1 2 3; do
	for module in /modules/*.ko; do
		insmod $module 2>/dev/null && rm $module
	done
done
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
echo started >/dev/ttyS2
bash /command >/dev/ttyS1 2>&1 </dev/null
echo $? >/dev/ttyS2
poweroff -f
END
chmod +x "$run/init"
{ cat "$CACHE/root.cpio"; pack "$run"; } >"$work/initrd"

# In the background, so that a signal reaches this script, and ends the machine, at once.
boot() {
	local status=0
	timeout --foreground --kill-after=5 "$seconds" qemu-system-x86_64 -accel tcg -cpu max -smp $CPUS -m $MEMORY_MIB \
		-no-user-config -nodefaults -display none -no-reboot \
		-serial "file:$work/console" -serial stdio -serial "file:$work/status" \
		-kernel "$CACHE/kernels/$kernel/vmlinuz" -initrd "$work/initrd" \
		-append "console=ttyS0 loglevel=4 panic=-1 8250.nr_uarts=4 $parameter" </dev/null &
	machine=$!
	trap 'kill "$machine"; wait "$machine"; exit 130' INT TERM HUP
	wait "$machine" || status=$?
	if [ "$status" -ne 124 ] && [ "$status" -ne 137 ]; then return; fi
	tail -n 5 "$work/console" >&2
	echo "run-in-vm: stopped after $seconds s" >&2
	exit 124
}

# Now and then an emulated kernel runs into code that it is just patching, and panics while it boots.
for try in 1 2 3; do
	boot
	if [ -s "$work/status" ]; then break; fi
	echo "run-in-vm: the kernel $kernel did not boot (try $try)" >&2
done
status=$(sed -n 2p "$work/status")
[ -n "$status" ] || {
	tail -n 30 "$work/console" >&2
	fail "the machine with the kernel $kernel came to no end"
}
exit "$status"
