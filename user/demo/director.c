/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo/director.h"

struct director {
	pid_t pid; /* 0: has ended */
	int go_fd;
	int bound_fds[SCENARIOS_MAX];
	union peer_address addresses[SCENARIOS_MAX];
	struct scene_result *results; /* shared */
};

#define RESULTS_BYTES (SCENARIOS_MAX * sizeof(struct scene_result))

static void close_ports(struct director *d, unsigned int except)
{
	for (unsigned int i = 0; i < demo_scenario_count; i++) {
		if (i == except || d->bound_fds[i] < 0)
			continue;
		close(d->bound_fds[i]);
		d->bound_fds[i] = -1;
	}
}

static bool is_taken(const struct director *d, unsigned int scenario)
{
	for (unsigned int i = 0; i < scenario; i++)
		if (director_port(d, i) == director_port(d, scenario))
			return true;
	return false;
}

/* IPv4 and IPv6 give out the same numbers, but verdicts are told apart by the number alone. */
static int reserve_port(struct director *d, unsigned int i)
{
	int refused[8], tries = 0;

	do {
		d->bound_fds[i] = scene_reserve_port(&demo_scenarios[i], &d->addresses[i]);
		if (d->bound_fds[i] < 0 || !is_taken(d, i))
			break;
		/* Held until there is another: the kernel would give the same one again. */
		refused[tries++] = d->bound_fds[i];
		d->bound_fds[i] = -EADDRINUSE;
	} while (tries < 8);
	while (tries)
		close(refused[--tries]);
	return d->bound_fds[i] < 0 ? d->bound_fds[i] : 0;
}

static int reserve_ports(struct director *d)
{
	int err = 0;

	for (unsigned int i = 0; i < demo_scenario_count; i++)
		d->bound_fds[i] = -1;
	for (unsigned int i = 0; !err && i < demo_scenario_count; i++)
		err = reserve_port(d, i);
	return err;
}

/*
 * Each scene has a process of its own: it may move to another network namespace, and is the parent
 * of its peers alone.
 */
static pid_t start_scene(struct director *d, unsigned int i)
{
	pid_t pid = scene_fork("demo-scene");

	if (pid)
		return pid;
	close(d->go_fd);
	close_ports(d, i);
	scene_play(&demo_scenarios[i], d->bound_fds[i], &d->addresses[i], &d->results[i]);
	_exit(0);
}

static void wait_scene(pid_t pid)
{
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

/* The slow ones together, and after the others, so that nothing disturbs their timers. */
static void direct(struct director *d)
{
	pid_t slow[SCENARIOS_MAX] = { 0 };

	for (unsigned int i = 0; i < demo_scenario_count; i++)
		if (!demo_scenarios[i].slow)
			wait_scene(start_scene(d, i));
	for (unsigned int i = 0; i < demo_scenario_count; i++)
		if (demo_scenarios[i].slow)
			slow[i] = start_scene(d, i);
	for (unsigned int i = 0; i < demo_scenario_count; i++)
		wait_scene(slow[i]);
}

static void run(struct director *d)
{
	struct rlimit none = { 0, 0 };
	char go;

	setrlimit(RLIMIT_CORE, &none);
	if (read(d->go_fd, &go, 1) == 1)
		direct(d);
	_exit(0);
}

static int start(struct director *d)
{
	int pipe_fds[2], err = reserve_ports(d);

	if (err)
		return err;
	d->results = mmap(NULL, RESULTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	if (d->results == MAP_FAILED) {
		d->results = NULL;
		return -errno;
	}
	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	d->pid = scene_fork("demo-director");
	d->go_fd = pipe_fds[d->pid ? 1 : 0];
	close(pipe_fds[d->pid ? 0 : 1]);
	if (d->pid < 0)
		return -errno;
	if (!d->pid)
		run(d);
	close_ports(d, SCENARIOS_MAX);
	return 0;
}

int director_start(struct director **ret_director)
{
	struct director *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->go_fd = -1;
	err = start(d);
	if (err) {
		director_free(d);
		return err;
	}
	*ret_director = d;
	return 0;
}

uint16_t director_port(const struct director *d, unsigned int scenario)
{
	const union peer_address *a = &d->addresses[scenario];

	return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

int director_go(struct director *d)
{
	return write(d->go_fd, "g", 1) == 1 ? 0 : -errno;
}

const struct scene_result *director_result(const struct director *d, unsigned int scenario)
{
	const struct scene_result *result = &d->results[scenario];

	return __atomic_load_n(&result->over, __ATOMIC_ACQUIRE) ? result : NULL;
}

bool director_is_done(struct director *d)
{
	if (d->pid > 0 && waitpid(d->pid, NULL, WNOHANG) == d->pid)
		d->pid = 0;
	return d->pid <= 0;
}

void director_free(struct director *d)
{
	if (!d)
		return;
	close_ports(d, SCENARIOS_MAX);
	if (d->go_fd >= 0)
		close(d->go_fd);
	if (d->pid > 0) {
		/* Its children, and theirs, die with it. */
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	if (d->results)
		munmap(d->results, RESULTS_BYTES);
	free(d);
}
