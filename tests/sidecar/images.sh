# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The images of the test. No registry is asked: the base image is a Debian made here, and the
# engine has no network.
#
# Uses $TOP (the source tree), $CACHE, $STATE and the engine.

# The base of tools/deploy/Dockerfile, with what the Dockerfile would fetch from the network put
# in beforehand by the same scripts, so that its steps find it there. Made at the first call.
base_archive() {
	local base inside=$STATE/inside.sh
	base=$CACHE/base-$(cd "$TOP" && cat tools/setup.sh tools/build-cjson.sh tools/apt-apart.sh tests/sidecar/images.sh |
		sha256sum | cut -c1-12).tar
	[ -e "$base" ] || rm -f "$CACHE"/base-*.tar # of an older state of the scripts
	cat >"$inside" <<-'EOF'
		set -eu
		mkdir -p "$1/src/tools"
		cp -a "$TOP/tools/setup.sh" "$TOP/tools/build-cjson.sh" "$TOP/tools/apt-apart.sh" "$1/src/tools/"
		chroot "$1" /src/tools/setup.sh build
		chroot "$1" /src/tools/build-cjson.sh /src/build/deps
	EOF
	TOP=$TOP make_system "$base" bookworm nginx-light --format=tar \
		--customize-hook="sh $inside \"\$1\"" && echo "$base"
}

image_base() {
	local base
	base=$(base_archive) && docker import - debian:bookworm <"$base" >/dev/null
}

# image_build TAG [OPTION]... <CONTEXT
image_build() {
	docker build -q -t "$@" - >"$STATE/build.log" 2>&1 || {
		tail -n 40 "$STATE/build.log" >&2
		return 1
	}
}

# As a user would: the whole Dockerfile.
image_wstrace() {
	tar -C "$TOP" -c Makefile include bpf user tools | image_build wstrace -f tools/deploy/Dockerfile
}

# Both ends of the chat: a static binary and nothing else.
image_peer() {
	CGO_ENABLED=0 GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$CACHE/go \
		go build -ldflags '-s -w' -o "$STATE/peer" "$TOP/tests/sidecar/peer/main.go" || return 1
	cat >"$STATE/Dockerfile" <<-'EOF'
		FROM scratch
		COPY peer /peer
		ENTRYPOINT ["/peer"]
		CMD ["serve", ":8080"]
	EOF
	tar -C "$STATE" -c peer Dockerfile | image_build peer
}

# Debian's nginx in the shape of the official image: in the foreground, its site in conf.d.
image_nginx() {
	image_build nginx <<-'EOF'
		FROM debian:bookworm
		RUN rm /etc/nginx/sites-enabled/default
		CMD ["nginx", "-g", "daemon off;"]
	EOF
}
