/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The TCP segment in a cgroup_skb context. */
#ifndef PACKET_BPF_H
#define PACKET_BPF_H

#include "compat.bpf.h"
#include "sock.bpf.h"
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

struct packet {
	u32 seq;
	u32 payload_offset; /* from the start of the network header */
	u32 len; /* payload bytes */
	u32 ack;
	u16 window; /* not scaled */
	u8 direction; /* enum wst_direction */
	bool syn;
	bool acks; /* ack and window mean something */
};

/* The socket of the packet, or NULL: none, or one that is not whole (TIME_WAIT, a SYN's). */
static __always_inline struct bpf_sock *packet_sock(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	return sk ? bpf_sk_fullsock(sk) : NULL;
}

static __always_inline struct sock *packet_kernel_sock(struct bpf_sock *sk)
{
	return (struct sock *)bpf_skc_to_tcp_sock(sk);
}

static __always_inline bool has_chat_port(const struct bpf_sock *sk)
{
	return is_chat_port(sk->src_port) || is_chat_port(bpf_ntohs(sk->dst_port));
}

/* The port on which the WebSocket is served. */
static __always_inline void note_websocket_port(const struct bpf_sock *sk, const struct note *note)
{
	note_port_use(note->flags & NOTE_PASSIVE ? sk->src_port : bpf_ntohs(sk->dst_port),
		      PORT_WEBSOCKET);
}

/*
 * Network and transport headers lie in the linear part: the stack has pulled them before these
 * hooks run. The payload's length comes from skb->len, because tot_len is 0 in the super-segments
 * of BIG TCP.
 */
static __always_inline bool packet_parse(struct __sk_buff *skb, struct packet *ret)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip4 = data;
	struct tcphdr *tcp;
	u32 header;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip4 + 1) > end || ip4->protocol != IPPROTO_TCP)
			return false;
		header = ip4->ihl * 4;
	} else {
		if ((void *)(ip6 + 1) > end || ip6->nexthdr != IPPROTO_TCP)
			return false;
		header = sizeof(*ip6);
	}
	tcp = data + header;
	if ((void *)(tcp + 1) > end)
		return false;
	ret->seq = bpf_ntohl(tcp->seq) + tcp->syn; /* of the first byte of payload */
	ret->ack = bpf_ntohl(tcp->ack_seq);
	ret->window = bpf_ntohs(tcp->window);
	ret->syn = tcp->syn;
	ret->acks = tcp->ack && !tcp->rst && !tcp->syn;
	ret->payload_offset = header + tcp->doff * 4;
	ret->len = skb->len > ret->payload_offset ? skb->len - ret->payload_offset : 0;
	return true;
}

/* The tuple of an incoming packet, which a listener does not have: local = where it goes. */
static __always_inline void packet_tuple(struct __sk_buff *skb, const struct sock *sk,
					 struct wst_tuple *ret)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip4 = data;
	struct tcphdr *tcp;
	u32 header;

	ret->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip4 + 1) > end)
			return;
		map_ipv4(ret->local, ip4->daddr);
		map_ipv4(ret->remote, ip4->saddr);
		header = ip4->ihl * 4;
	} else {
		if ((void *)(ip6 + 1) > end)
			return;
		__builtin_memcpy(ret->local, &ip6->daddr, 16);
		__builtin_memcpy(ret->remote, &ip6->saddr, 16);
		header = sizeof(*ip6);
	}
	tcp = data + header;
	if ((void *)(tcp + 1) > end)
		return;
	ret->local_port = bpf_ntohs(tcp->dest);
	ret->remote_port = bpf_ntohs(tcp->source);
}

#endif
