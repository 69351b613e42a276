/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* kernfs numbers its nodes from 1: the root of the hierarchy, whatever the namespace shows of it. */
#define ROOT_INO 1
#define DEPTH_MAX 16

bool cgroup_is_root(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == ROOT_INO;
}

/* A directory of a cgroup v2 hierarchy, or -errno; -EMEDIUMTYPE for anything else. */
static int open_cgroup2(const char *path)
{
	struct statfs fs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	close(fd);
	return -EMEDIUMTYPE;
}

/* The mount table writes space, tab, newline and backslash as \ooo (mangle_path). */
static void unescape_octal(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/*
 * Opens the mount of this line of /proc/self/mountinfo if it is a cgroup v2 hierarchy, and a whole
 * one if so asked for: a bind mount of one cgroup, or the root of a cgroup namespace, would show
 * that cgroup's sockets alone.
 */
static int open_mount_of_line(char *line, bool whole)
{
	char *type = strstr(line, " - ");
	char *field[5], *save;
	int fd;

	if (!type || strncmp(type + 3, "cgroup2 ", 8))
		return -ENOENT;
	/* mount id, parent id, device, root, mount point */
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return -ENOENT;
	}
	unescape_octal(field[4]);
	fd = open_cgroup2(field[4]);
	if (fd < 0 || !whole || cgroup_is_root(fd))
		return fd;
	close(fd);
	return -ENOENT;
}

static int open_from_mount_table(bool whole)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int fd = -ENOENT;

	if (!table)
		return -errno;
	while (fd < 0 && getline(&line, &size, table) > 0)
		fd = open_mount_of_line(line, whole);
	free(line);
	fclose(table);
	return fd;
}

/*
 * Mounts the hierarchy without putting it anywhere in the file system: nobody else sees it, and it
 * is gone with the descriptor, also after kill -9. A v2 hierarchy without controllers can be
 * mounted beside v1. fsopen() is older (Linux 5.2) than the ring buffer that wstrace needs.
 */
static int open_private_mount(void)
{
	int fd = -1, mount_fd = -1, context = fsopen("cgroup2", FSOPEN_CLOEXEC);

	if (context < 0)
		return -errno;
	if (!fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mount_fd = fsmount(context, FSMOUNT_CLOEXEC,
				   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					   MOUNT_ATTR_NOEXEC);
	if (mount_fd >= 0)
		fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	if (mount_fd >= 0)
		close(mount_fd);
	close(context);
	return fd;
}

static int say_no_directory(const char *path, int err, struct failure *f)
{
	if (err == EMEDIUMTYPE)
		return failure_set(f, err, "--cgroup %s: not a directory of a cgroup v2 hierarchy",
				   path);
	return failure_set(f, err, "--cgroup %s: %s", path, strerror(err));
}

int cgroup_open(const char *path, int *ret_fd, struct failure *ret_failure)
{
	int fd, err;

	if (path) {
		fd = open_cgroup2(path);
		*ret_fd = fd;
		return fd < 0 ? say_no_directory(path, -fd, ret_failure) : 0;
	}
	fd = open_from_mount_table(true);
	if (fd < 0)
		fd = err = open_private_mount();
	if (fd < 0)
		fd = open_from_mount_table(false);
	*ret_fd = fd;
	if (fd >= 0)
		return 0;
	return failure_set(ret_failure, -err,
			   "no cgroup v2 hierarchy is mounted, and mounting one privately failed "
			   "(%s)%s; mount one (mount -t cgroup2 none DIR) and name it: --cgroup DIR",
			   strerror(-err), err == -EPERM ? ": CAP_SYS_ADMIN is missing" : "");
}

/* The id of a cgroup is the inode number of its directory, which readdir() gives without a stat(). */
static int find_below(int parent_fd, const char *name, uint64_t id, char *path, size_t len,
		      size_t size, int depth)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int ret = -ENOENT, n;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	while (ret == -ENOENT && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		n = snprintf(path + len, size - len, "/%s", entry->d_name);
		if (n < 0 || (size_t)n >= size - len)
			ret = entry->d_ino == id ? -ENAMETOOLONG : -ENOENT;
		else if (entry->d_ino == id)
			ret = 0;
		else if (depth < DEPTH_MAX)
			ret = find_below(fd, entry->d_name, id, path, len + (size_t)n, size,
					 depth + 1);
	}
	closedir(dir);
	return ret;
}

int cgroup_path_of_id(int root_fd, uint64_t id, char *ret_path, size_t size)
{
	struct stat root;

	if (id == 0 || fstat(root_fd, &root))
		return -ENOENT;
	if (root.st_ino != id)
		return find_below(root_fd, ".", id, ret_path, 0, size, 0);
	snprintf(ret_path, size, "/");
	return 0;
}
