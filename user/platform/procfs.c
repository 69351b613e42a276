/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "track/process.h"

/* PROC_PID_INIT_INO of the kernel: the inode number of the first pid namespace. */
#define PID_NAMESPACE_HOST_INO 0xeffffffcu
#define PF_EXITING 0x4 /* include/linux/sched.h */
#define NS_PER_TICK 10000000ull /* USER_HZ is 100 on every architecture with BPF */

/* The file's first bytes as a string; its length or -errno. */
static ssize_t read_text(int dir_fd, const char *name, char *ret_text, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, ret_text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	ret_text[len] = '\0';
	return n < 0 ? n : (ssize_t)len;
}

/*
 * Fields 4, 9 and 22 of stat: parent, flags, and the start time in ticks since boot. The name in
 * field 2 may hold anything, ')' too.
 */
static int check_start(int dir_fd, uint64_t start_ns, uint32_t *ret_parent)
{
	char text[1024];
	const char *s;
	uint64_t ticks, wanted = start_ns / NS_PER_TICK;
	bool exiting = false;

	if (read_text(dir_fd, "stat", text, sizeof(text)) <= 0)
		return -ESRCH;
	s = strrchr(text, ')');
	for (int field = 2; s && field < 22; field++) {
		if (field == 4 && ret_parent)
			*ret_parent = (uint32_t)strtoul(s, NULL, 10);
		if (field == 9)
			exiting = strtoull(s, NULL, 10) & PF_EXITING;
		s = strchr(s + 1, ' ');
	}
	/* It has no descriptors any more, and its cgroups of v1 read as the root: it is gone. */
	if (!s || exiting)
		return -ESRCH;
	ticks = strtoull(s, NULL, 10);
	/* Both are the same number cut to ticks; one tick of tolerance for the rounding. */
	return start_ns == 0 || ticks + 1 == wanted || ticks == wanted || ticks == wanted + 1 ?
		       0 :
		       -ESRCH;
}

static void read_comm(int dir_fd, char *ret_comm)
{
	char text[WST_COMM_LEN + 1];
	ssize_t len = read_text(dir_fd, "comm", text, sizeof(text));

	if (len <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	memcpy(ret_comm, text, strnlen(text, WST_COMM_LEN - 1));
}

/*
 * How much a line of /proc/PID/cgroup tells. Where v1 is still in use, container engines may move a
 * process in the v1 hierarchies alone and leave it at the root, or in their own service, in v2.
 */
static int rank_of_path(const char *path, bool v2)
{
	char id[65];

	if (container_id_from_cgroup(path, id))
		return v2 ? 4 : 3;
	if (!strcmp(path, "/"))
		return 0;
	return v2 ? 2 : 1;
}

/* Lines are "0::PATH" for v2, "NUMBER:CONTROLLERS:PATH" for v1. */
static void read_cgroup(int dir_fd, char *ret_path)
{
	char text[8192], *save, *path;
	int rank, best = -1;

	if (read_text(dir_fd, "cgroup", text, sizeof(text)) <= 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		if (!path || strlen(++path) >= WST_CGROUP_PATH_BYTES)
			continue;
		rank = rank_of_path(path, !strncmp(line, "0::", 3));
		if (rank <= best)
			continue;
		best = rank;
		memcpy(ret_path, path, strlen(path) + 1);
	}
}

static uint32_t read_descriptor_limit(int dir_fd)
{
	static const char title[] = "Max open files";
	char text[4096];
	const char *line;
	unsigned long long soft;

	if (read_text(dir_fd, "limits", text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, title);
	if (!line)
		return 0;
	soft = strtoull(line + sizeof(title) - 1, NULL, 10); /* 0 for "unlimited" */
	return soft > UINT32_MAX ? UINT32_MAX : (uint32_t)soft;
}

/* Needs CAP_DAC_READ_SEARCH for other users' processes. Slow for a process with many. */
static int list_descriptors(int dir_fd, uint32_t *ret_count)
{
	int fd = openat(dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint32_t count = 0;
	int err = errno;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -err;
	}
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	*ret_count = count;
	return 0;
}

/* Since Linux 6.2 the size of the directory /proc/PID/fd is the number, for anyone to see. */
static int count_descriptors(int dir_fd, uint32_t *ret_count)
{
	struct stat st;

	if (!fstatat(dir_fd, "fd", &st, 0) && st.st_size > 0) {
		*ret_count = (uint32_t)st.st_size;
		return 0;
	}
	return list_descriptors(dir_fd, ret_count);
}

bool procfs_is_of_host(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino == PID_NAMESPACE_HOST_INO;
}

int procfs_can_read(void *unused)
{
	(void)unused;
	return access("/proc/1/stat", R_OK) ? -EACCES : 0;
}

int procfs_can_count_descriptors(void *unused)
{
	int dir_fd = open("/proc/1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t count;
	int err;

	(void)unused;
	if (dir_fd < 0)
		return -errno;
	err = count_descriptors(dir_fd, &count);
	close(dir_fd);
	return err;
}

int procfs_read_process(uint32_t tgid, uint64_t start_ns, struct wst_process_event *ret_event)
{
	const struct wst_process_event blank = {
		.h = { .type = WST_EV_PROCESS, .size = sizeof(blank), .tgid = tgid },
		.start_ns = start_ns,
	};
	char path[32];
	int dir_fd, err;

	*ret_event = blank;
	snprintf(path, sizeof(path), "/proc/%u", tgid);
	/* Every file is opened below this directory: all fail with ESRCH once the process is gone. */
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || check_start(dir_fd, start_ns, &ret_event->parent_tgid)) {
		if (dir_fd >= 0)
			close(dir_fd);
		return -ESRCH;
	}
	read_comm(dir_fd, ret_event->comm);
	read_cgroup(dir_fd, ret_event->cgroup);
	ret_event->fds_limit = read_descriptor_limit(dir_fd);
	if (count_descriptors(dir_fd, &ret_event->fds_used))
		ret_event->fds_used = 0;
	err = check_start(dir_fd, start_ns, NULL); /* it may have begun to exit meanwhile */
	close(dir_fd);
	if (err)
		*ret_event = blank;
	return err;
}
