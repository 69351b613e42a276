/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "demo/network.h"
#include "demo/scene.h"

#define CUE_TIMEOUT_MS 3000
#define SCENE_TIMEOUT_MS 10000

struct scene {
	const struct scenario *scenario;
	struct scene_result *result;
	struct peer peer; /* as the children get it */
	int cue_fd; /* read end */
	pid_t server, client;
};

__attribute__((format(printf, 2, 3))) static void set_problem(struct scene_result *result,
							      const char *format, ...)
{
	va_list args;

	if (result->problem[0])
		return;
	va_start(args, format);
	vsnprintf(result->problem, sizeof(result->problem), format, args);
	va_end(args);
}

/* -------------------------------------------------------------------------- address */

static int bind_to(union peer_address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, &a->any, peer_address_len(a)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int scene_reserve_port(const struct scenario *s, union peer_address *ret_address)
{
	socklen_t len = sizeof(*ret_address);
	int fd = -EAFNOSUPPORT;

	memset(ret_address, 0, sizeof(*ret_address));
	if (s->ipv6) {
		ret_address->v6.sin6_family = AF_INET6;
		ret_address->v6.sin6_addr = in6addr_loopback;
		fd = bind_to(ret_address);
	}
	if (fd < 0) {
		memset(ret_address, 0, sizeof(*ret_address));
		ret_address->v4.sin_family = AF_INET;
		ret_address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fd = bind_to(ret_address);
	}
	if (fd >= 0 && getsockname(fd, &ret_address->any, &len)) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* The reserved port keeps its number, so that what is traced is known beforehand. */
static int move_to_private_network(struct scene *sc)
{
	int err = network_make_private();

	if (err)
		return err;
	close(sc->peer.bound_fd);
	sc->peer.bound_fd = bind_to(&sc->peer.server);
	return sc->peer.bound_fd < 0 ? sc->peer.bound_fd : 0;
}

/* ------------------------------------------------------------------------ processes */

pid_t scene_fork(const char *name)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* it died before it could be watched */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, name);
	return 0;
}

static pid_t start_peer(struct scene *sc, const char *name, int (*act)(struct peer *))
{
	bool is_client = act == sc->scenario->client;
	pid_t pid = scene_fork(name);
	int err;

	if (pid < 0)
		set_problem(sc->result, "cannot fork: %s", strerror(errno));
	if (pid)
		return pid;
	close(sc->cue_fd);
	if (is_client)
		close(sc->peer.bound_fd);
	err = act(&sc->peer);
	if (is_client)
		sc->result->close_code = sc->peer.close_code;
	if (err)
		set_problem(sc->result, "%s: %s", name, strerror(-err));
	_exit(err ? 1 : 0);
}

/*
 * A third process, as an administrator or a supervisor would be: neither the peers nor their
 * parent.
 */
static void kill_server(struct scene *sc)
{
	pid_t pid = scene_fork("demo-operator");

	if (pid < 0) {
		set_problem(sc->result, "cannot fork: %s", strerror(errno));
	} else if (pid == 0) {
		_exit(kill(sc->server, sc->scenario->kill_signal) ? 1 : 0);
	} else {
		waitpid(pid, NULL, 0);
	}
}

static bool wait_cue(struct scene *sc, enum peer_cue wanted)
{
	struct pollfd pfd = { .fd = sc->cue_fd, .events = POLLIN };
	char cue;

	while (poll(&pfd, 1, CUE_TIMEOUT_MS) == 1 && read(sc->cue_fd, &cue, 1) == 1)
		if (cue == (char)wanted)
			return true;
	set_problem(sc->result, "no cue '%c' from the peers", wanted);
	return false;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Waits for a peer, and ends it when it takes too long. */
static void wait_peer(struct scene *sc, const char *name, pid_t pid, int wanted, uint64_t deadline)
{
	int status;
	pid_t ended;

	if (pid <= 0)
		return;
	while (!(ended = waitpid(pid, &status, WNOHANG)) && now_ms() < deadline)
		peer_sleep_ms(5);
	if (!ended) {
		set_problem(sc->result, "%s did not end", name);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	} else if (ended < 0 || (status & ~WCOREFLAG) != wanted) {
		set_problem(sc->result, "%s ended with wait status %#x, not %#x", name, status,
			    wanted);
	}
}

static void play(struct scene *sc)
{
	const struct scenario *s = sc->scenario;
	uint64_t deadline = now_ms() + SCENE_TIMEOUT_MS;
	bool ready = true;

	if (s->server) {
		sc->server = start_peer(sc, "demo-server", s->server);
		sc->result->server_pid = sc->server;
		ready = sc->server > 0 && wait_cue(sc, CUE_LISTENING);
		/* The listening socket has to die with the server. */
		close(sc->peer.bound_fd);
	}
	if (ready) {
		sc->client = start_peer(sc, "demo-client", s->client);
		sc->result->client_pid = sc->client;
		if (s->kill_signal && sc->client > 0 && wait_cue(sc, CUE_SESSION_UP))
			kill_server(sc);
	}
	wait_peer(sc, "demo-client", sc->client, 0, deadline);
	wait_peer(sc, "demo-server", sc->server, s->server_end, deadline);
	if (!s->server)
		close(sc->peer.bound_fd);
}

void scene_play(const struct scenario *s, int bound_fd, const union peer_address *address,
		struct scene_result *result)
{
	struct scene sc = {
		.scenario = s,
		.result = result,
		.peer = { .scenario = s, .server = *address, .bound_fd = bound_fd },
	};
	int cues[2] = { -1, -1 }, err = 0;

	sc.peer.ws.fd = -1;
	if (pipe2(cues, O_CLOEXEC))
		err = -errno;
	sc.cue_fd = cues[0];
	sc.peer.cue_fd = cues[1];
	if (!err && s->private_network)
		err = move_to_private_network(&sc);
	if (err) {
		set_problem(result, "cannot be played here: %s", strerror(-err));
		result->impossible = true;
	} else {
		play(&sc);
	}
	close(cues[0]);
	close(cues[1]);
	__atomic_store_n(&result->over, 1, __ATOMIC_RELEASE);
}
