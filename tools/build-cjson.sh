#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Builds libcjson.a from Debian's patched source: Debian ships cJSON as a shared library only,
# and a static wstrace needs the archive.
#
#   tools/build-cjson.sh FOLDER     makes FOLDER/lib/libcjson.a, FOLDER/include/cjson/cJSON.h
#
# Nothing of the machine's apt is changed: the sources are derived from its own package sources
# into a folder of their own, lists and cache as well. Needs no root.
set -euo pipefail

die() { echo "build-cjson: $*" >&2; exit 1; }

[ $# -eq 1 ] || { echo "usage: tools/build-cjson.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
[ ! -e "$out/lib/libcjson.a" ] || [ ! -e "$out/include/cjson/cJSON.h" ] || exit 0

work=$(mktemp -d "$out/cjson.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# "deb [signed-by=...] URI SUITE PARTS" -> the same as deb-src; the options stay.
derive_one_line() {
	sed -nE 's/^[[:space:]]*deb(-src)?([[:space:]])/deb-src\2/p' "$@" | sort -u
}

# Stanzas of "Types: deb", with Signed-By (a path, or a whole key over many lines) kept as it is.
derive_deb822() {
	awk '
		FNR == 1 { flush() }
		/^#/ { next }
		/^[[:space:]]*$/ { flush(); next }
		tolower($0) ~ /^types:/ { stanza = stanza "Types: deb-src\n"; next }
		tolower($0) ~ /^enabled:[[:space:]]*(no|false|0|off|without|disable)/ { off = 1 }
		{ stanza = stanza $0 "\n" }
		END { flush() }
		function flush() {
			if (stanza != "" && !off)
				print stanza
			stanza = ""
			off = 0
		}
	' "$@"
}

derive_sources() {
	local etc=/etc/apt lists stanzas
	shopt -s nullglob
	lists=("$etc"/sources.list "$etc"/sources.list.d/*.list)
	stanzas=("$etc"/sources.list.d/*.sources)
	shopt -u nullglob
	[ -e "${lists[0]}" ] || lists=("${lists[@]:1}")
	if [ ${#lists[@]} -gt 0 ]; then derive_one_line "${lists[@]}" >"$1/derived.list"; fi
	if [ ${#stanzas[@]} -gt 0 ]; then derive_deb822 "${stanzas[@]}" >"$1/derived.sources"; fi
	cat "$1"/derived.* 2>/dev/null | grep -q . || die "no package source found in $etc"
}

apt() {
	apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
		-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
		-o Acquire::Retries=3 -o APT::Sandbox::User= "$@"
}

mkdir -p "$work"/{parts,lists/partial,cache/archives/partial,source,lib,include/cjson}
derive_sources "$work/parts"
# A source without deb-src (some third-party ones) fails alone; what counts is cJSON, below.
apt update >"$work/log" 2>&1 || true
(cd "$work/source" && apt source cjson) >>"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "cannot get the source package cjson (needs dpkg-dev and a Debian mirror with sources)"
}
source=$(find "$work/source" -mindepth 1 -maxdepth 1 -type d -name 'cjson-*')
[ -e "$source/cJSON.c" ] || die "no cJSON.c in the source package"

"${CC:-gcc}" -std=c99 -O2 -g -Wall -fstack-protector-strong -ffile-prefix-map="$source"=cjson \
	-c "$source/cJSON.c" -o "$work/cJSON.o"
"${AR:-ar}" rcs "$work/lib/libcjson.a" "$work/cJSON.o"
cp "$source/cJSON.h" "$work/include/cjson/"
mkdir -p "$out/lib" "$out/include/cjson"
# The archive last: it is what the Makefile and the check above look at.
mv "$work/include/cjson/cJSON.h" "$out/include/cjson/"
mv "$work/lib/libcjson.a" "$out/lib/"
