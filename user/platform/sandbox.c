/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BOTH (SANDBOX_OFFLINE | SANDBOX_TRACE)

/* Names that some architectures lack are negative numbers here; libseccomp passes over them. */
static const struct {
	int call, use;
} allowed[] = {
	/* Lines, messages, recordings; their descriptors are open already. */
	{ SCMP_SYS(read), BOTH },
	{ SCMP_SYS(write), BOTH },
	{ SCMP_SYS(writev), BOTH },
	{ SCMP_SYS(poll), BOTH },
	{ SCMP_SYS(ppoll), BOTH },
	{ SCMP_SYS(close), BOTH },
	{ SCMP_SYS(fstat), BOTH },
	{ SCMP_SYS(ftruncate), SANDBOX_TRACE },
	/* Memory; mmap() and mprotect() below. */
	{ SCMP_SYS(brk), BOTH },
	{ SCMP_SYS(munmap), BOTH },
	{ SCMP_SYS(mremap), BOTH },
	{ SCMP_SYS(madvise), BOTH },
	{ SCMP_SYS(futex), BOTH },
	{ SCMP_SYS(getrandom), BOTH },
	/* The loop. The clock is a system call where the vDSO has none. */
	{ SCMP_SYS(epoll_wait), SANDBOX_TRACE },
	{ SCMP_SYS(epoll_pwait), SANDBOX_TRACE },
	{ SCMP_SYS(timerfd_settime), SANDBOX_TRACE },
	{ SCMP_SYS(clock_gettime), BOTH },
	/* /proc/PID and the folders of cgroups; openat() below. */
	{ SCMP_SYS(newfstatat), SANDBOX_TRACE },
	{ SCMP_SYS(statx), SANDBOX_TRACE },
	{ SCMP_SYS(getdents64), SANDBOX_TRACE },
	{ SCMP_SYS(lseek), SANDBOX_TRACE },
	{ SCMP_SYS(fcntl), SANDBOX_TRACE },
	/* Signals and the end. Who asserts has to come to an end as well; tgkill() below. */
	{ SCMP_SYS(rt_sigprocmask), BOTH },
	{ SCMP_SYS(rt_sigaction), BOTH },
	{ SCMP_SYS(rt_sigreturn), BOTH },
	{ SCMP_SYS(restart_syscall), BOTH },
	{ SCMP_SYS(getpid), BOTH },
	{ SCMP_SYS(gettid), BOTH },
	{ SCMP_SYS(exit), BOTH },
	{ SCMP_SYS(exit_group), BOTH },
};

/* One argument: its bits in the mask have this value. */
static const struct {
	int call, use;
	unsigned int argument;
	uint64_t mask, value;
} limited[] = {
	/* No file is made, changed or cut. */
	{ SCMP_SYS(openat), SANDBOX_TRACE, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
	/* No memory becomes code. */
	{ SCMP_SYS(mmap), BOTH, 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mmap2), BOTH, 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), BOTH, 2, PROT_EXEC, 0 },
	/* What was lost and skipped; programs and maps stay as they are. */
	{ SCMP_SYS(bpf), SANDBOX_TRACE, 0, UINT32_MAX, BPF_MAP_LOOKUP_ELEM },
	{ SCMP_SYS(bpf), SANDBOX_TRACE, 0, UINT32_MAX, BPF_OBJ_GET_INFO_BY_FD },
	/* isatty() */
	{ SCMP_SYS(ioctl), BOTH, 1, UINT32_MAX, TCGETS },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int add_rules(scmp_filter_ctx filter, int use)
{
	const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
	int err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);

	for (unsigned int i = 0; !err && i < COUNT(allowed); i++)
		if (allowed[i].use & use)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].call, 0);
	for (unsigned int i = 0; !err && i < COUNT(limited); i++) {
		const struct scmp_arg_cmp bits = SCMP_CMP64(limited[i].argument, SCMP_CMP_MASKED_EQ,
							    limited[i].mask, limited[i].value);

		if (limited[i].use & use)
			err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, limited[i].call, 1,
						     &bits);
	}
	return err;
}

int sandbox_enter(enum sandbox_use use)
{
	/* libc takes ENOSYS for an older kernel and does without; EPERM it takes for a failure. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (!filter)
		return -ENOMEM;
	/* All three are comforts that an older libseccomp or kernel may lack. */
	seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1); /* the kernel's own errno */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
	err = add_rules(filter, use);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
