# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2015,SC2016,SC2154
# What needs no kernel: help, options, the catalogue.

COMMANDS=(trace record replay explain causes demo)

# usage_error TEXT ARGUMENT...: refused with status 2, TEXT, and where to read on.
usage_error() {
	local text=$1
	shift
	run 2 "$WSTRACE" "$@"
	says_nothing out
	says err "$text" "--help"
}

options_of_page() {
	grep -oE -- '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u
}

test_help_lists_everything() {
	run 0 "$WSTRACE" --help
	says_nothing err
	says out "${COMMANDS[@]}" "Exit status" NO_COLOR
	options_of_page <out >global
	local command
	for command in "${COMMANDS[@]}"; do
		run 0 "$WSTRACE" "$command" --help
		says_nothing err
		says out "Usage: wstrace $command"
		options_of_page <out >>all
		[ -z "$(options_of_page <out | comm -23 - global)" ] || fail "--help lacks options of $command"
	done
	[ "$(wc -l <global)" -ge 12 ] || fail "too few options"
	# Every option of the whole page belongs to a command, but for --man.
	[ "$(sort -u all | comm -13 - global)" = --man ] || fail "options without a command"
}

test_help_fits_a_terminal() {
	local command
	for command in "" "${COMMANDS[@]}"; do
		# shellcheck disable=SC2086
		run 0 "$WSTRACE" $command --help
		[ "$(wc -L <out)" -le 80 ] || fail "'$command --help' is wider than 80 columns"
	done
}

test_version() {
	run 0 "$WSTRACE" --version
	grep -qE '^wstrace [0-9]+\.[0-9]+\.[0-9]+.* \(libbpf v?[0-9.]+\)$' out || fail "$(cat out)"
	says_nothing err
}

test_man_page_renders() {
	run 0 "$WSTRACE" --man
	local page=$PWD/out option
	if command -v groff >/dev/null; then
		groff -man -Tascii -ww -P-c -P-b -P-u -P-o "$page" >text 2>warnings
	elif command -v mandoc >/dev/null; then
		mandoc -T ascii -W warning "$page" >text 2>warnings
	elif command -v man >/dev/null; then
		MANWIDTH=100 man -l --warnings "$page" >text 2>warnings
	else
		skip "no groff, mandoc or man"
	fi
	says_nothing warnings
	says text NAME SYNOPSIS COMMANDS OPTIONS "EXIT STATUS" EXAMPLES
	"$WSTRACE" --help | options_of_page >options
	while read -r option; do
		says text "$option"
	done <options
}

test_no_command() {
	usage_error "a command is needed"
	usage_error "unknown command 'trase'" trase
	usage_error "unknown command ''" ""
	usage_error "the option --port goes after a command" --port 80 trace
}

test_bad_options() {
	usage_error "unknown or ambiguous option --prot" trace --prot 80
	usage_error "unknown or ambiguous option -x" trace -x
	usage_error "'replay' has no option --port" replay --port 80 file
	usage_error "'trace' does not take 'file'" trace file
	usage_error "'record' needs FILE" record
	usage_error "'replay' needs FILE" replay
	usage_error "'explain' needs CODE-or-CAUSE" explain
	usage_error "--port needs an argument" trace --port
	usage_error "--all takes no argument" trace --all=yes
}

test_bad_ports() {
	local port
	for port in 0 65536 99999999999999999999 http 80-90 -1 +80 0x50 "" "," "80," ",80" "80 " "80,,443"; do
		usage_error "a port is a number from 1 to 65535" trace "--port=$port"
	done
}

test_bad_values() {
	local value
	for value in xml "" JSON; do
		usage_error "the formats are json and text" trace "--format=$value"
	done
	for value in 0 0.0 -1 1s "" . 1e3 99999999999; do
		usage_error "a duration is a number of seconds" trace "--duration=$value"
	done
	for value in 0 -1 1.5 ten ""; do
		usage_error "a count is a number from 1 on" trace "--count=$value"
	done
	for value in 0 3 2048 16M; do
		usage_error "a power of two" trace "--buffer-mib=$value"
	done
	usage_error "a path is needed" trace --output=
	usage_error "a path is needed" trace --btf=
}

test_standard_output_fails() {
	local status=0
	"$WSTRACE" --help >/dev/full 2>err || status=$?
	[ $status -eq 1 ] || fail "status $status on a full disk"
	says err "No space left"
	status=0
	"$WSTRACE" --help >&- 2>err || status=$?
	[ $status -eq 1 ] || fail "status $status without standard output"
	says err "standard output"
	# A reader that has had enough is no failure, and needs no words.
	"$WSTRACE" --man 2>err | true
	[ "${PIPESTATUS[0]}" -eq 0 ] || fail "closed pipe: status ${PIPESTATUS[0]}"
	says_nothing err
}

test_catalogue() {
	run 0 "$WSTRACE" causes
	says out session.peer_reset connect.refused upgrade.unauthorized
	says_nothing err
	run 0 "$WSTRACE" causes --format json
	jq -e . out >/dev/null || fail "causes --format json is no JSON"
	says out session.peer_reset
	run 0 "$WSTRACE" explain session.peer_reset
	says out session.peer_reset
	local code
	for code in 1000 1001 1006 1009 1011 1015 3000 4000; do
		run 0 "$WSTRACE" explain "$code"
		says out "$code"
		says_nothing err
	done
}

test_explain_unknown() {
	local what
	for what in nonsense session.nonsense 999 5000 99999999999999999999 "1006 "; do
		usage_error "$what" explain -- "$what"
	done
}

test_unprivileged_commands() {
	local arguments
	for arguments in --help --version --man causes "explain 1006"; do
		# shellcheck disable=SC2086
		run 0 unprivileged $arguments
		says_nothing err
	done
}
