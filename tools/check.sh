#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `make check`: what a machine can hold of the style of this code. Every check runs, prints what
# it objects to as FILE:LINE: WHY, and the exit status tells whether any objected.
#
#   tools/check.sh            all checks
#   tools/check.sh CHECK...   some, by the names in CHECKS below
set -euo pipefail
cd "$(dirname "$0")/.."

CHECKS=(format includes pure globals sizes banned spdx leftovers shell cppcheck compilers)
BUILD=${WSTRACE_BUILD:-build}

FUNCTION_LINES_MAX=80
C_LINES_MAX=500
BPF_LINES_MAX=350

# Tracked files, and those that are about to be.
mapfile -t FILES < <(git ls-files --cached --others --exclude-standard | sort -u |
	while read -r file; do [ ! -f "$file" ] || echo "$file"; done)

select_files() { printf '%s\n' "${FILES[@]}" | grep -E "$1" || true; }
mapfile -t C_FILES < <(select_files '^(bpf|user|include|tests)/.*\.[ch]$')
mapfile -t USER_FILES < <(select_files '^user/.*\.c$')
PURE='^(include/.*|user/(track|diagnose|output|config)/.*|user/pipeline)\.[ch]$'
mapfile -t PURE_FILES < <(select_files "$PURE")

# A C file without the text of comments and strings, every line where it was.
code_of() {
	perl -0pe '
		s{ (^[ \t]*\#[ \t]*include[^\n]*) | ("(?:\\.|[^"\\\n])*") | (\x27(?:\\.|[^\x27\\\n])*\x27)
		   | //[^\n]* | /\*.*?\*/ }
		 { defined $1 ? $1 : defined $2 ? "\"\"" : defined $3 ? "0" : ($& =~ tr/\n//cdr) }gemsx
	' "$1"
}

# Objects to code that matches. $1: extended regular expression, $2: why, the rest: files.
ban() {
	local pattern=$1 why=$2 file bad=0
	shift 2
	for file in "$@"; do
		if code_of "$file" | grep -nE "$pattern" |
			sed -E "s|^([0-9]+):[[:space:]]*|$file:\1: $why: |"; then bad=1; fi
	done
	return $bad
}

# A use of one of the names as a function: close( but not conn_close(, x->close( or x.close(.
call_of() { echo "(^|[^A-Za-z0-9_.>])($1)[[:space:]]*\("; }

check_format() {
	clang-format --dry-run -Werror "${C_FILES[@]}"
}

# Includes point one way. For each layer, what of the project it may include (besides files in
# its own folder); tests may include what they test.
allowed_includes() {
	local pure='wstrace/|config/|track/|diagnose/|output/|pipeline\.h$|version\.h$'
	case $1 in
	tests/*) echo '' ;;
	include/wstrace/*) echo 'wstrace/' ;;
	bpf/*) echo 'wstrace/' ;;
	user/track/*) echo 'wstrace/|track/' ;;
	user/diagnose/*) echo 'wstrace/|track/|diagnose/' ;;
	user/config/*) echo 'wstrace/|config/' ;;
	user/output/*) echo 'wstrace/|track/|diagnose/|output/|version\.h$' ;;
	user/pipeline.*) echo 'wstrace/|track/|diagnose/|output/|pipeline\.h$' ;;
	user/platform/*) echo "$pure|platform/|wstrace\.skel\.h$" ;;
	user/check/*) echo "$pure|platform/|check/" ;;
	user/demo/*) echo "$pure|platform/|demo/" ;;
	user/command/* | user/main.c) echo "$pure|platform/|check/|demo/|command/" ;;
	*) echo 'no layer' ;;
	esac
}

check_includes() {
	local file line name allowed bad=0
	for file in "${C_FILES[@]}"; do
		allowed=$(allowed_includes "$file")
		if [ "$allowed" = 'no layer' ]; then
			echo "$file:1: in no layer: give its folder a row in tools/check.sh"
			bad=1
		fi
		while IFS=: read -r line name; do
			if [[ $name =~ ^($allowed) ]]; then continue; fi
			if [[ $name != */* && $(dirname "$file") != user &&
				-e $(dirname "$file")/$name ]]; then continue; fi
			echo "$file:$line: may not include \"$name\""
			bad=1
		done < <(sed -nE 's/^ *# *include +("([^"]+)"|<(wstrace[^>]+)>).*/\2\3/;T;=;p' "$file" |
			paste -d: - -)
	done
	ban '^ *# *include.*\.c[">]' 'include of a .c file' "${C_FILES[@]}" || bad=1
	return $bad
}

# No syscalls, files, clocks, environment or logging where results must depend on arguments only.
check_pure() {
	local bad=0 headers calls
	headers='unistd|fcntl|pthread|threads|poll|dirent|syslog|cap-ng|bpf/[a-z_]+|linux/bpf'
	headers+='|sys/(epoll|eventfd|timerfd|signalfd|inotify|mman|ioctl|stat|statfs|wait|time'
	headers+='|resource|syscall|mount|prctl|select|poll|utsname|un|sysinfo|random)'
	ban "^ *# *include +<($headers)\.h>" 'no place for this header' "${PURE_FILES[@]}" || bad=1
	calls='v?f?printf|f?puts|f?putc|putchar|perror|fopen|fdopen|fclose|fread|fwrite|fflush|fgets'
	calls+='|getline|f?scanf|open|openat|read|write|pread|pwrite|close|ioctl|fcntl|mmap|socket'
	calls+='|sendto|sendmsg|recvfrom|recvmsg|getsockopt|setsockopt|epoll_wait|fork|execvp?e?|waitpid'
	calls+='|abort|exit|_exit|sleep|usleep|nanosleep|time|clock|clock_gettime|gettimeofday|localtime'
	calls+='|localtime_r|getenv|syscall|opendir|unlink|rename|getpid|gethostname|uname|getaddrinfo'
	calls+='|rand|random|syslog|system|popen|setlocale'
	ban "$(call_of "$calls")" 'not pure' "${PURE_FILES[@]}" || bad=1
	ban '(^|[^A-Za-z0-9_])(FILE|stdin|stdout|stderr|environ)($|[^A-Za-z0-9_])' 'not pure' \
		"${PURE_FILES[@]}" || bad=1
	ban '__bpf__' 'only wstrace/types.h may ask which side it is compiled for' \
		"${C_FILES[@]/include\/wstrace\/types.h//dev/null}" || bad=1
	return $bad
}

# Writable data in the object files of the pure layers is a global, whatever it is called.
check_globals() {
	local source object bad=0
	for source in "${PURE_FILES[@]}"; do
		if [[ $source != *.c ]]; then continue; fi
		object=$BUILD/obj/dynamic/${source%.c}.o
		if [ ! -e "$object" ]; then
			echo "$source:1: not compiled: use make check"
			bad=1
		elif size -A "$object" | awk '$1 ~ /^\.t?(data|bss)/ && $1 !~ /rel\.ro/ && $2 > 0 { n++ }
			END { exit !n }'; then
			echo "$source:1: global variables: $(nm "$object" |
				awk '$2 ~ /^[bBdDC]$/ { print $3 }' | paste -sd ' ')"
			bad=1
		fi
	done
	return $bad
}

median() { sort -n | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : 0 }'; }

# FILE:LINE LENGTH of every function: in kernel style its braces, and no others, are in column 0.
function_lengths() {
	awk 'FNR == 1 { start = 0 }
	     /^\{/ { start = FNR }
	     /^\}/ && start { print FILENAME ":" start, FNR - start + 1; start = 0 }' "$@"
}

check_sizes() {
	local file lines max bad=0
	for file in "${C_FILES[@]}"; do
		lines=$(wc -l <"$file")
		case $file in
		*.bpf.c) max=$BPF_LINES_MAX ;;
		*.c) max=$C_LINES_MAX ;;
		*) continue ;;
		esac
		if [ "$lines" -gt "$max" ]; then
			echo "$file:1: $lines lines, at most $max"
			bad=1
		fi
	done
	function_lengths "${C_FILES[@]}" | awk -v max=$FUNCTION_LINES_MAX \
		'$2 > max { print $1 ": function of " $2 " lines, at most " max; bad = 1 } END { exit bad }' || bad=1
	echo "medians: function $(function_lengths "${C_FILES[@]}" | awk '{ print $2 }' | median) lines," \
		".c file $(select_files '^(user|tests)/.*\.c$' | xargs -r -d '\n' -n 1 wc -l | median) lines"
	return $bad
}

check_banned() {
	local bad=0
	ban "$(call_of 'strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|strtok|strncpy|alloca')" 'banned function' \
		"${C_FILES[@]}" || bad=1
	# kernel_types.bpf.h has to repeat the kernel's typedefs (atomic_t and the like)
	ban '^[[:space:]]*typedef[[:space:]]+(struct|union)' 'no typedef of structs' \
		"${C_FILES[@]/bpf\/kernel_types.bpf.h//dev/null}" || bad=1
	return $bad
}

# JSON and recorded data cannot carry a comment.
check_spdx() {
	local file bad=0
	while read -r file; do
		if [ -s "$file" ] && grep -qI . "$file" &&
			! head -n 5 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause'; then
			echo "$file:1: no SPDX line"
			bad=1
		fi
	done < <(printf '%s\n' "${FILES[@]}" | grep -vE '\.(json|jsonl|sum|svg)$' |
		grep -vE '^tests/(fuzz/corpus/|replay/.*\.(txt|out|golden|expected)$)')
	return $bad
}

check_leftovers() {
	local words='TO''DO|FIX''ME|X''XX'
	if grep -nIwE "$words" -- "${FILES[@]}" | sed 's/^\([^:]*:[0-9]*\):/\1: unfinished: /'; then return 1; fi
}

check_shell() {
	if ! command -v shellcheck >/dev/null; then
		echo "shellcheck is not installed: skipped"
		return
	fi
	printf '%s\n' "${FILES[@]}" | while read -r file; do
		if head -c 64 "$file" | head -n 1 | grep -qaE '^#!.*[/ ](ba|da)?sh'; then echo "$file"; fi
	done | xargs -r -d '\n' shellcheck -x -P SCRIPTDIR -f gcc
}

check_cppcheck() {
	cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 --template='{file}:{line}: {id}: {message}' \
		--suppress=missingInclude --suppress=unknownMacro -j 2 \
		-Iinclude -Iuser "${USER_FILES[@]}" 2>&1
}

# Both compilers, whichever builds the rest.
check_compilers() {
	local cc file flags bad=0
	read -r -a flags <<<"${USER_CFLAGS:?is set by make check}"
	for cc in gcc clang; do
		for file in "${USER_FILES[@]}"; do
			"$cc" "${flags[@]}" -c "$file" -o /dev/null || bad=1
		done
	done
	return $bad
}

[ $# -gt 0 ] || set -- "${CHECKS[@]}"
objections=0
for name in "$@"; do
	declare -F "check_$name" >/dev/null || { echo "check: no check named $name" >&2; exit 2; }
	output=$("check_$name" 2>&1) && status=0 || status=$?
	if [ "$status" -eq 0 ]; then
		printf 'ok    %-10s%s\n' "$name" "${output:+ $output}"
	else
		printf 'FAIL  %-10s\n%s\n' "$name" "$output"
		objections=$((objections + 1))
	fi
done
[ "$objections" -eq 0 ] || { echo "check: $objections of $# checks object" >&2; exit 1; }
