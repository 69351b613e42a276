# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# A backend behind a Unix socket of a proxy: who died, with whose connections.

# unix_backend HOW [SESSIONS]: see unix_backend.py.
unix_backend() {
	tracing && timeout 60 tests/bpf/unix_backend.py "$CLIENT" "$SERVER" "$PORT" "$@" >"$WORK/peer" 2>&1 && return
	cat "$WORK/peer"
	return 1
}

# upstream_is ROLE [COUNT]: a filter: the proxy's leg names that process, with so many connections of the proxy.
upstream_is() {
	echo "(.legs[] | select(.process.pid == $(pid proxy)) | .upstream | .process.pid == $(pid "$1") and
		.connections == ${2:-1} and .transport == \"unix\")"
}

test_unix_backend_killed() {
	unix_backend killed && expect_cause session.process_killed \
		"$(upstream_is backend) and .cause.confidence == \"high\" and .close.initiator == \"server\""
}

test_unix_backend_exits() {
	unix_backend exits && expect_cause session.process_exited "$(upstream_is backend) and .cause.confidence == \"high\""
}

test_unix_backend_of_several_sessions() {
	unix_backend killed 3 && traced || return
	[ "$(jq -c "select(.event.name == \"session_end\" and .cause.id == \"session.process_killed\" and
		.cause.confidence == \"high\" and $(upstream_is backend 3))" "$LINES" | wc -l)" -eq 3 ] && return
	jq . "$LINES"
	return 1
}

test_unix_backend_with_an_abstract_address() {
	unix_backend abstract && expect_cause session.process_killed "$(upstream_is backend)"
}

test_unix_backend_with_many_descriptors() {
	unix_backend far && expect_cause session.process_killed "$(upstream_is backend)"
}

# Not looked at, so not known.
test_unix_backend_with_too_many_descriptors() {
	unix_backend farther && expect_cause session.closed_without_close_frame \
		'.cause.confidence == "medium" and (.cause.evidence | any(.fact == "other_side_unseen"))'
}

# Its end leaves the connection open, that of its child does not.
test_unix_backend_whose_child_inherits() {
	unix_backend inherited && expect_cause session.process_exited "$(upstream_is holder)"
}

test_unix_backend_that_got_the_connection() {
	unix_backend passed && expect_cause session.process_killed "$(upstream_is holder)"
}

test_unix_backend_that_closes() {
	unix_backend closes && expect_cause session.closed_without_close_frame \
		'.cause.confidence == "medium" and (.cause.evidence | any(.fact == "other_side_unseen"))'
}

# At its exit it has no connection any more, but it had one when it was told to stop.
test_unix_backend_that_stops() {
	unix_backend stops && expect_cause session.process_terminated "$(upstream_is backend) and .cause.confidence == \"medium\""
}
