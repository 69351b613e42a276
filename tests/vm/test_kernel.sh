# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What kernels tell differently, or not at all. Written as those of tests/bpf, see lib.sh there.

# A type, function or tracepoint (btf_trace_NAME) in the kernel's BTF.
kernel_knows() {
	grep -qazx "$1" /sys/kernel/btf/vmlinux
}

test_kernel_reset_reason() {
	local want='.legs[1].tcp.reset_reason == null'
	if kernel_knows sk_rst_reason; then want='.legs[1].tcp.reset_reason | . != null and (test("^[0-9]+$") | not)'; fi
	tracing && talk listen connect handshake c.text=5 c.text=5 s.end c.eof c.end &&
		expect_cause session.aborted_with_unread_data "$want"
}

# Without drop reasons a packet that the firewall ate is a packet that never came.
test_kernel_drop_reason() {
	local want=connect.timeout
	if kernel_knows skb_drop_reason; then want=connect.firewall_dropped; fi
	tracing && talk "$IMPATIENT" listen "s.drop=input,dport $PORT" c.connect=198.18.0.1 &&
		peer_said "timed out" && expect_cause $want
}

# Where the facts of sockets are in maps of ours, those of a closed socket go; elsewhere there are no such maps.
test_kernel_forgets_sockets() {
	local map
	tracing && talk listen connect handshake c.text=5 "${BYE[@]}" || return
	for map in notes_by_address streams_by_address listeners_by_port; do
		bpftool -j map dump name ${map:0:15} >"$WORK/map" 2>/dev/null # BPF_OBJ_NAME_LEN
		if kernel_knows bpf_get_socket_ptr_cookie; then
			jq -e '.error' "$WORK/map" || return
		else
			jq -e 'length == 0' "$WORK/map" || return
		fi
	done
	expect session_end .close.clean
}

# Where those maps are, they may be full: then that is said, and those who are in already are followed on.
test_kernel_has_no_room_for_sockets() {
	if kernel_knows bpf_get_socket_ptr_cookie; then skip "the kernel keeps the facts with the sockets"; fi
	tracing && talk_until_sync "${OPEN[@]}" sync "${BYE[@]}" || return
	tests/bpf/fill_map.py "$tracer" notes_by_address
	(exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null
	talk_on && expect session_end '.close.clean and (.legs | length) == 2' &&
		expect_some '.event.name == "agent" and (.message | contains("sockets (no storage)"))'
}

# One line says what is missing, and that is all.
test_kernel_without_types() {
	local status=0
	"$WSTRACE" trace --btf /nowhere >"$WORK/out" 2>&1 || status=$?
	cat "$WORK/out"
	[ $status -eq 1 ] && [ "$(wc -l <"$WORK/out")" -eq 1 ] && grep -q CONFIG_DEBUG_INFO_BTF "$WORK/out"
}
