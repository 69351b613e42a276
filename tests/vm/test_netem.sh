# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Networks that lose, reorder, double and delay packets. Written as those of tests/bpf, see lib.sh there.

ROUNDS=20 # of a message in each direction

# impair PARAMETER...: both ends of the link, see tc-netem(8).
impair() {
	tc -n "$CLIENT" qdisc add dev veth0 root netem "$@" && tc -n "$SERVER" qdisc add dev veth0 root netem "$@"
}

# What follows arrives, so that both ends are over when the tracer is asked.
repair() {
	tc -n "$CLIENT" qdisc del dev veth0 root && tc -n "$SERVER" qdisc del dev veth0 root
}

# Every size of header, messages larger than a segment among them.
long_chat() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		echo c.text=$((round * 97)) s.text=$((round % 3 * 4000 + 7))
	done
}

# Both sides have counted all, or one of them says that it lost track.
chat_is_counted() {
	local steps
	mapfile -t steps < <(long_chat | tr ' ' '\n')
	tracing && impair "$@" && talk_until_sync listen connect handshake "${steps[@]}" s.drain c.drain sync "${BYE[@]}" &&
		repair && talk_on &&
		expect session_end ".close.code == 1000 and (.legs | length) == 2 and
			([.legs[].websocket | select(.synchronised)] | length > 0 and
			 all(.[]; .opcodes_out.text == $ROUNDS and .opcodes_in.text == $ROUNDS))"
}

test_netem_loss() {
	chat_is_counted delay 2ms loss 5%
}

test_netem_reorder() {
	chat_is_counted delay 10ms reorder 25% 50%
}

test_netem_all() {
	chat_is_counted delay 10ms loss 5% reorder 25% duplicate 5%
}

test_netem_duplicate() {
	chat_is_counted delay 5ms duplicate 20%
}
