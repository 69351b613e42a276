// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets that this host dropped itself, told when the reason is a decision (firewall, routing,
 * neighbour).
 */
#include "compat.bpf.h"
#include "sock.bpf.h"

#define EVENTS_PER_SECOND 200 /* per CPU; more are a loss */
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define SECOND_NS 1000000000ull

/* Values are looked up in the running kernel: the numbering changes. */
enum skb_drop_reason {
	SKB_DROP_REASON_NO_SOCKET = 2,
	SKB_DROP_REASON_SOCKET_FILTER = 3,
	SKB_DROP_REASON_NETFILTER_DROP = 4,
	SKB_DROP_REASON_IP_RPFILTER = 5,
	SKB_DROP_REASON_IP_OUTNOROUTES = 6,
	SKB_DROP_REASON_IP_INNOROUTES = 7,
	SKB_DROP_REASON_NEIGH_FAILED = 8,
	SKB_DROP_REASON_BPF_CGROUP_EGRESS = 9,
	SKB_DROP_REASON_TC_INGRESS = 10,
	SKB_DROP_REASON_TC_EGRESS = 11,
	SKB_DROP_REASON_XDP = 12,
	SKB_DROP_REASON_QDISC_DROP = 13,
};

struct rate {
	u64 second;
	u32 used;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct rate);
} drop_rates SEC(".maps");

#define IS_REASON(value, name)                                                       \
	(bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_##name) && \
	 (value) == (u32)bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_##name))

static __always_inline bool is_decision(u32 reason)
{
	return IS_REASON(reason, NETFILTER_DROP) || IS_REASON(reason, SOCKET_FILTER) ||
	       IS_REASON(reason, IP_RPFILTER) || IS_REASON(reason, IP_OUTNOROUTES) ||
	       IS_REASON(reason, IP_INNOROUTES) || IS_REASON(reason, NEIGH_FAILED) ||
	       IS_REASON(reason, BPF_CGROUP_EGRESS) || IS_REASON(reason, TC_INGRESS) ||
	       IS_REASON(reason, TC_EGRESS) || IS_REASON(reason, XDP) ||
	       IS_REASON(reason, QDISC_DROP);
}

static __always_inline bool within_rate(void)
{
	u64 second = bpf_ktime_get_boot_ns() / SECOND_NS;
	u32 key = 0;
	struct rate *rate = bpf_map_lookup_elem(&drop_rates, &key);

	if (!rate)
		return false;
	if (rate->second != second) {
		rate->second = second;
		rate->used = 0;
	}
	return rate->used++ < EVENTS_PER_SECOND;
}

/* Reads the headers where the stack has marked them. False: no TCP packet, or not marked yet. */
static __always_inline bool dropped_tuple(struct sk_buff *skb, struct wst_tuple *ret,
					  u8 *ret_tcp_flags)
{
	unsigned char *head = BPF_CORE_READ(skb, head);
	u16 network = BPF_CORE_READ(skb, network_header),
	    transport = BPF_CORE_READ(skb, transport_header);
	u16 protocol = bpf_ntohs(BPF_CORE_READ(skb, protocol));
	u8 ip[40], tcp[14];
	__be32 address;

	if (bpf_probe_read_kernel(ip, sizeof(ip), head + network))
		return false;
	if (protocol == ETH_P_IP && ip[0] >> 4 == 4 && ip[9] == IPPROTO_TCP) {
		__builtin_memcpy(&address, ip + 12, 4);
		map_ipv4(ret->local, address);
		__builtin_memcpy(&address, ip + 16, 4);
		map_ipv4(ret->remote, address);
		/*
		 * before the transport header is marked (netfilter ingress) it equals the network
		 * header or is unset
		 */
		if (transport == 0xffff || transport <= network)
			transport = network + (ip[0] & 0xf) * 4;
	} else if (protocol == ETH_P_IPV6 && ip[0] >> 4 == 6 && ip[6] == IPPROTO_TCP) {
		__builtin_memcpy(ret->local, ip + 8, 16);
		__builtin_memcpy(ret->remote, ip + 24, 16);
		if (transport == 0xffff || transport <= network)
			transport = network + 40;
	} else {
		return false;
	}
	if (bpf_probe_read_kernel(tcp, sizeof(tcp), head + transport))
		return false;
	ret->local_port = tcp[0] << 8 | tcp[1];
	ret->remote_port = tcp[2] << 8 | tcp[3];
	*ret_tcp_flags = tcp[13];
	return true;
}

/* Without a route there is no IP header yet (ip_queue_xmit()): the sending socket knows. */
static __always_inline bool sender_tuple(struct sk_buff *skb, u32 reason, struct wst_tuple *ret)
{
	struct sock *sk = BPF_CORE_READ(skb, sk);

	if (!IS_REASON(reason, IP_OUTNOROUTES) || !sk ||
	    BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return false;
	sock_tuple(sk, ret);
	return true;
}

SEC("tp_btf/kfree_skb")
int handle_kfree_skb(u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	u32 reason = compat_drop_reason(ctx);
	struct wst_tuple tuple = {};
	struct wst_drop_event *event;
	struct sock *sk;
	u8 tcp_flags = 0;

	if (!is_decision(reason) ||
	    (!dropped_tuple(skb, &tuple, &tcp_flags) && !sender_tuple(skb, reason, &tuple)))
		return 0;
	if (!is_websocket_port(tuple.local_port) && !is_websocket_port(tuple.remote_port))
		return 0;
	if (!within_rate()) {
		count_loss(WST_LOSS_DROP_EVENTS);
		return 0;
	}
	event = reserve_event(WST_EV_DROP, sizeof(*event), 0, 0);
	if (!event)
		return 0;
	sk = BPF_CORE_READ(skb, sk);
	if (sk)
		tuple.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	event->tuple = tuple;
	event->reason = reason;
	event->tcp_flags = tcp_flags;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
