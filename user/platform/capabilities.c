/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct required_capability {
	unsigned int number;
	const char *name;
};

/* CAP_SYS_ADMIN stands in for each of them: it was the only one before Linux 5.8. */
static const struct required_capability required[] = {
	{ CAP_BPF, "CAP_BPF" }, /* maps, programs */
	{ CAP_PERFMON, "CAP_PERFMON" }, /* tracepoints, reading kernel memory */
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" }, /* cgroup_skb: loading and attaching */
};

#define REQUIRED_COUNT (sizeof(required) / sizeof(required[0]))

static bool have(unsigned int capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability) ||
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
}

bool capabilities_complete(void)
{
	capng_get_caps_process();
	for (size_t i = 0; i < REQUIRED_COUNT; i++)
		if (!have(required[i].number))
			return false;
	return true;
}

int capabilities_check(struct failure *ret_failure)
{
	char missing[96] = "";
	size_t len = 0, count = 0;

	capng_get_caps_process();
	for (size_t i = 0; i < REQUIRED_COUNT; i++) {
		if (have(required[i].number))
			continue;
		len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
					count++ ? ", " : "", required[i].name);
	}
	if (count == 0)
		return 0;
	if (geteuid() != 0)
		return failure_set(
			ret_failure, EPERM,
			"not root, and missing %s; run it as root (sudo), or give it the "
			"capabilities: setcap cap_bpf,cap_perfmon,cap_net_admin+ep wstrace",
			missing);
	return failure_set(ret_failure, EPERM,
			   "missing %s, although root; in a container, add them (cap_add: BPF, "
			   "PERFMON, NET_ADMIN) or run it privileged",
			   missing);
}

/* Tried with no effective capability; what has to be kept is still in the permitted set. */
static void keep_needed(const struct capability_need *needs, unsigned int count, uint64_t *ret_keep)
{
	int err;

	for (unsigned int i = 0; i < count; i++) {
		err = needs[i].works(needs[i].arg);
		if ((err == -EPERM || err == -EACCES) &&
		    capng_have_capability(CAPNG_PERMITTED, needs[i].capability))
			*ret_keep |= 1ull << needs[i].capability;
	}
}

/* Without CAP_SETPCAP the bounding set stays; no_new_privs keeps exec from using it. */
static int clear_bounding_set(void)
{
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS);
}

static int set_effective(uint64_t keep)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int i = 0; i < 64; i++)
		if (keep >> i & 1)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
	return capng_apply(CAPNG_SELECT_CAPS);
}

static int drop_all_but(const struct capability_need *needs, unsigned int count)
{
	uint64_t keep = 0;

	if (capng_get_caps_process() || clear_bounding_set())
		return -EPERM;
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, i);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	keep_needed(needs, count, &keep);
	return set_effective(keep) ? -EPERM : 0;
}

int capabilities_drop(const struct capability_need *needs, unsigned int count,
		      struct failure *ret_failure)
{
	if (drop_all_but(needs, count))
		return failure_set(ret_failure, EPERM, "cannot give up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failure_set(ret_failure, errno, "cannot set no_new_privs: %s",
				   strerror(errno));
	return 0;
}
