/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Goes into the sandbox of wstrace and tries to get out: prints the calls that the kernel lets through.
 *
 *   refused_calls trace|offline
 *
 * Every call has arguments that do no harm, and with which the kernel without a filter says anything
 * but ENOSYS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/sandbox.h"

#define PATH(s) ((long)(intptr_t)(s))

static const struct {
	const char *name;
	long call, arguments[6];
} calls[] = {
	{ "read", SYS_read, { -1 } },
	{ "execve", SYS_execve, { PATH("/nowhere") } },
	{ "execveat", SYS_execveat, { -1, PATH("nowhere") } },
	{ "clone", SYS_clone, { CLONE_THREAD } },
	{ "ptrace", SYS_ptrace, { PTRACE_CONT, INT32_MAX } },
	{ "process_vm_readv", SYS_process_vm_readv, { INT32_MAX } },
	{ "kill", SYS_kill, { INT32_MAX } },
	{ "tgkill another", SYS_tgkill, { 1, 1, 0 } },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM } },
	{ "connect", SYS_connect, { -1 } },
	{ "sendto", SYS_sendto, { -1 } },
	{ "open for reading", SYS_openat, { -1, PATH("nowhere"), O_RDONLY | O_CLOEXEC } },
	{ "open for writing", SYS_openat, { -1, PATH("nowhere"), O_WRONLY } },
	{ "open for both", SYS_openat, { -1, PATH("nowhere"), O_RDWR } },
	{ "create", SYS_openat, { -1, PATH("nowhere"), O_CREAT } },
	{ "cut", SYS_openat, { -1, PATH("nowhere"), O_TRUNC } },
	{ "unlinkat", SYS_unlinkat, { -1, PATH("nowhere") } },
	{ "renameat2", SYS_renameat2, { -1, PATH("nowhere"), -1, PATH("nowhere") } },
	{ "mount", SYS_mount, { PATH("nowhere"), PATH("/nowhere") } },
	{ "setns", SYS_setns, { -1 } },
	{ "unshare", SYS_unshare, { -1 } },
	{ "setuid", SYS_setuid, { -1 } },
	{ "capset", SYS_capset, { 0 } },
	{ "code", SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "mprotect to code", SYS_mprotect, { 1, 0, PROT_EXEC } },
	{ "load a program", SYS_bpf, { BPF_PROG_LOAD, 0, 0 } },
	{ "create a map", SYS_bpf, { BPF_MAP_CREATE, 0, 0 } },
	{ "change a map", SYS_bpf, { BPF_MAP_UPDATE_ELEM, 0, 0 } },
	{ "read a map", SYS_bpf, { BPF_MAP_LOOKUP_ELEM, 0, 0 } },
	{ "attach", SYS_bpf, { BPF_LINK_CREATE, 0, 0 } },
	{ "pin", SYS_bpf, { BPF_OBJ_PIN, 0, 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0 } },
	{ "type into the terminal", SYS_ioctl, { -1, TIOCSTI } },
	{ "seccomp", SYS_seccomp, { -1 } },
};

/* stdio asks for more than write(). */
static void say(const char *name)
{
	struct iovec line[] = { { (void *)name, strlen(name) }, { "\n", 1 } };

	if (writev(STDOUT_FILENO, line, 2) < 0)
		_exit(1);
}

int main(int argc, char **argv)
{
	const char *use = argc == 2 ? argv[1] : "";
	int err = sandbox_enter(!strcmp(use, "trace") ? SANDBOX_TRACE : SANDBOX_OFFLINE);

	if (err) {
		dprintf(STDERR_FILENO, "no sandbox: %s\n", strerror(-err));
		return 1;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const long *a = calls[i].arguments;

		if (syscall(calls[i].call, a[0], a[1], a[2], a[3], a[4], a[5]) >= 0 ||
		    errno != ENOSYS)
			say(calls[i].name);
	}
	return 0;
}
