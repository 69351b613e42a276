#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Builds libcjson.a from Debian's patched source: Debian ships cJSON as a shared library only,
# and a static wstrace needs the archive.
#
#   tools/build-cjson.sh FOLDER     makes FOLDER/lib/libcjson.a, FOLDER/include/cjson/cJSON.h
#
# Nothing of the machine's apt is changed (tools/apt-apart.sh). Needs no root.
set -euo pipefail
# shellcheck source=tools/apt-apart.sh
. "$(dirname "$0")/apt-apart.sh"

die() { echo "build-cjson: $*" >&2; exit 1; }

[ $# -eq 1 ] || { echo "usage: tools/build-cjson.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
[ ! -e "$out/lib/libcjson.a" ] || [ ! -e "$out/include/cjson/cJSON.h" ] || exit 0

work=$(mktemp -d "$out/cjson.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

mkdir -p "$work"/{source,lib,include/cjson}
apt_apart "$work/apt"
apt_sources_as_source || die "no package source found in $APT_ETC"
# A source without deb-src (some third-party ones) fails alone; what counts is cJSON, below.
apt_run update >"$work/log" 2>&1 || true
(cd "$work/source" && apt_run source cjson) >>"$work/log" 2>&1 || {
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
