# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# An apt of its own in a folder: the machine's package sources are read, its lists, cache and
# configuration are left alone. Needs no root. For scripts to source:
#
#   apt_apart FOLDER                  makes it (empty, no sources)
#   apt_sources_as_source             the machine's suites, as deb-src
#   apt_sources_of_suites SUITE...    other suites of the same archives: SUITE-security comes from
#                                     where the machine has its own security updates
#   apt_run update | source | download | ...

APT_ETC=${APT_ETC:-/etc/apt}

apt_apart() {
	apt_folder=$1
	mkdir -p "$apt_folder"/{parts,lists/partial,cache/archives/partial}
}

apt_run() {
	local tool=apt-get
	case $1 in search | show | policy) tool=apt-cache ;; esac
	set -- -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt_folder/parts" \
		-o Dir::State::lists="$apt_folder/lists" -o Dir::Cache="$apt_folder/cache" \
		-o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin \
		-o Acquire::Retries=3 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Sandbox::User= "$@"
	"$tool" -q=2 "$@"
}

# apt_rewrite SUITE-FROM=SUITE,SUITE...: prints the machine's sources with these suites instead;
# those of other suites are left out, and with no argument all stay as they are. TYPE: deb, deb-src.
# Options and Signed-By (a path, or a whole key over many lines) are kept.
apt_rewrite_line() {
	local type=$1
	shift
	awk -v type="$type" -v map="$*" '
		BEGIN { count = split(map, pairs, " "); for (i = 1; i <= count; i++) {
				split(pairs[i], pair, "="); to[pair[1]] = pair[2] } }
		$1 == "deb" || $1 == "deb-src" {
			# "deb [options] URI suite component...": the options may hold blanks
			match($0, /^[ \t]*deb(-src)?[ \t]+(\[[^]]*\][ \t]+)?/)
			head = substr($0, RSTART, RLENGTH)
			sub(/deb(-src)?/, type, head)
			n = split(substr($0, RLENGTH + 1), word, /[ \t]+/)
			rest = ""
			for (i = 3; i <= n; i++)
				rest = rest " " word[i]
			if (count && !(word[2] in to))
				next
			m = split(count ? to[word[2]] : word[2], suites, ",")
			for (i = 1; i <= m; i++)
				print head word[1] " " suites[i] rest
		}' "${APT_LISTS[@]}" | sort -u
}

apt_rewrite_stanza() {
	local type=$1
	shift
	awk -v type="$type" -v map="$*" '
		BEGIN { count = split(map, pairs, " "); for (i = 1; i <= count; i++) {
				split(pairs[i], pair, "="); to[pair[1]] = pair[2] } }
		FNR == 1 { flush() }
		/^#/ { next }
		/^[ \t]*$/ { flush(); next }
		tolower($1) == "types:" { stanza = stanza "Types: " type "\n"; next }
		tolower($1) == "suites:" && count {
			suites = ""
			for (i = 2; i <= NF; i++)
				if ($i in to)
					suites = suites " " to[$i]
			gsub(/,/, " ", suites)
			if (suites == "")
				off = 1
			stanza = stanza "Suites:" suites "\n"
			next
		}
		tolower($0) ~ /^enabled:[ \t]*(no|false|0|off|without|disable)/ { off = 1 }
		{ stanza = stanza $0 "\n" }
		END { flush() }
		function flush() {
			if (stanza != "" && !off)
				print stanza
			stanza = ""
			off = 0
		}' "${APT_STANZAS[@]}"
}

apt_rewrite() {
	local APT_LISTS APT_STANZAS
	shopt -s nullglob
	APT_LISTS=("$APT_ETC"/sources.list.d/*.list)
	APT_STANZAS=("$APT_ETC"/sources.list.d/*.sources)
	shopt -u nullglob
	if [ -e "$APT_ETC/sources.list" ]; then APT_LISTS+=("$APT_ETC/sources.list"); fi
	rm -f "$apt_folder"/parts/*
	if [ ${#APT_LISTS[@]} -gt 0 ]; then
		apt_rewrite_line "$@" >"$apt_folder/parts/derived.list"
	fi
	if [ ${#APT_STANZAS[@]} -gt 0 ]; then
		apt_rewrite_stanza "$@" >"$apt_folder/parts/derived.sources"
	fi
	cat "$apt_folder"/parts/derived.* 2>/dev/null | grep -q .
}

apt_sources_as_source() { apt_rewrite deb-src; }

apt_sources_of_suites() {
	local suite own plain='' security=''
	# shellcheck source=/dev/null
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$own" ] || return
	for suite in "$@"; do
		case $suite in
		*-security) security+=${security:+,}$suite ;;
		*) plain+=${plain:+,}$suite ;;
		esac
	done
	apt_rewrite deb ${plain:+"$own=$plain"} ${security:+"$own-security=$security"}
}
