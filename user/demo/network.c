/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo/network.h"

#define LOOPBACK "lo"

/*
 * A demo that is killed leaves sockets whose FIN nobody answers, and they keep their namespace: for
 * seconds with this, for minutes without it (where /proc/sys is read-only).
 */
static void shorten_orphans(void)
{
	int fd = open("/proc/sys/net/ipv4/tcp_orphan_retries", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "1");
	close(fd);
}

int network_make_private(void)
{
	struct ifreq request = { .ifr_name = LOOPBACK, .ifr_flags = IFF_UP };
	int fd, err = 0;

	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		err = -errno;
	close(fd);
	shorten_orphans();
	return err;
}

static int read_ack(int fd)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256]; /* the request, repeated */
	} answer;
	ssize_t n = recv(fd, &answer, sizeof(answer), 0);

	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(answer.header) + sizeof(answer.error) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

/*
 * The qdisc "blackhole" comes with every kernel that has packet scheduling; its sender is told that
 * all went well.
 */
int network_cut(void)
{
	static const char kind[] = "blackhole";
	struct {
		struct nlmsghdr header;
		struct tcmsg qdisc;
		struct rtattr attribute;
		char kind[RTA_ALIGN(sizeof(kind))];
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWQDISC,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
					   NLM_F_REPLACE },
		.qdisc = { .tcm_family = AF_UNSPEC,
			   .tcm_ifindex = if_nametoindex(LOOPBACK),
			   .tcm_parent = TC_H_ROOT },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(kind)), .rta_type = TCA_KIND },
	};
	int err = 0, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	memcpy(request.kind, kind, sizeof(kind));
	if (send(fd, &request, sizeof(request), 0) < 0)
		err = -errno;
	err = err ? err : read_ack(fd);
	close(fd);
	return err;
}
