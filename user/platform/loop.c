/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull

struct loop {
	int epoll_fd, signal_fd, timer_fd;
	bool masked;
	sigset_t old_mask;
	uint64_t timer_ns; /* what the timer is set to; 0: nothing */
};

uint64_t clock_boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int add(struct loop *l, int fd, uint32_t events, enum loop_wake wake)
{
	struct epoll_event event = { .events = events, .data.u32 = wake };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int set_up(struct loop *l)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, &l->old_mask))
		return -errno;
	l->masked = true;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll_fd < 0 || l->signal_fd < 0 || l->timer_fd < 0)
		return -errno;
	if (add(l, l->signal_fd, EPOLLIN, LOOP_SIGNAL) || add(l, l->timer_fd, EPOLLIN, LOOP_TIMER))
		return -errno;
	return 0;
}

/* Takes what made the descriptor readable, so that the next wait sleeps. */
static void acknowledge(struct loop *l, uint32_t wake)
{
	struct signalfd_siginfo info;
	uint64_t expirations;

	if (wake == LOOP_SIGNAL)
		while (read(l->signal_fd, &info, sizeof(info)) > 0)
			continue;
	if (wake == LOOP_TIMER && read(l->timer_fd, &expirations, sizeof(expirations)) > 0)
		l->timer_ns = 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	/* A signal that was seen but not taken would end the process once it is no longer blocked. */
	if (l->signal_fd >= 0)
		acknowledge(l, LOOP_SIGNAL);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	if (l->masked)
		sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
	free(l);
}

int loop_new(struct loop **ret_loop, struct failure *ret_failure)
{
	struct loop *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	l->epoll_fd = l->signal_fd = l->timer_fd = -1;
	err = set_up(l);
	if (!err) {
		*ret_loop = l;
		return 0;
	}
	loop_free(l);
	return failure_set(ret_failure, -err, "cannot set up epoll: %s", strerror(-err));
}

int loop_watch(struct loop *l, int fd)
{
	return add(l, fd, EPOLLIN, LOOP_READABLE);
}

void loop_watch_hangup(struct loop *l, int fd)
{
	/* EPOLLERR and EPOLLHUP are always told; EPERM for a regular file is as good as no reader. */
	add(l, fd, 0, LOOP_HANGUP);
}

int loop_set_timer(struct loop *l, uint64_t at_ns)
{
	struct itimerspec spec = {
		.it_value = { .tv_sec = (time_t)(at_ns / NS_PER_S),
			      .tv_nsec = (long)(at_ns % NS_PER_S) },
	};

	/* what is due comes ever later where much happens: the timer finds out once it has run down */
	if (at_ns == l->timer_ns || (l->timer_ns && at_ns > l->timer_ns))
		return 0;
	l->timer_ns = at_ns;
	return timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) ? -errno : 0;
}

int loop_wait(struct loop *l, int timeout_ms)
{
	struct epoll_event events[8];
	int n = epoll_wait(l->epoll_fd, events, 8, timeout_ms), wakes = 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		acknowledge(l, events[i].data.u32);
		wakes |= (int)events[i].data.u32;
	}
	return wakes;
}

void loop_pause(const struct loop *l, int ms)
{
	struct pollfd signal = { .fd = l->signal_fd, .events = POLLIN };

	poll(&signal, 1, ms);
}

int loop_signal_fd(const struct loop *l)
{
	return l->signal_fd;
}
