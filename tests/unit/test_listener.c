/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who takes over the port of a process that ended. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "track/listener.h"

#define MS 1000000ull
#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENDED_NS (EVENTS_START_NS + 1000 * MS)

struct stage {
	struct keyed listeners;
	struct process_table *processes;
	struct restart r;
};

/* SERVER listened, and has ended; its listener went with it. */
static void begin(struct stage *st, const char *cgroup)
{
	struct events *e = events_new();
	struct wst_task task = events_task(&SERVER);
	struct wst_tuple tuple = events_tuple(&SERVER);
	struct service_port at = { .netns = tuple.netns, .port = tuple.local_port };

	memset(st, 0, sizeof(*st));
	if (keyed_init(&st->listeners, LISTENERS_MAX, sizeof(struct listener)))
		abort();
	st->processes = process_table_new(0);
	memcpy(at.address, tuple.local, sizeof(at.address));
	process_note_task(st->processes, &task);
	process_apply(st->processes, &ev_process(e, SERVER.tgid, SERVER.comm, cgroup)->h);
	listeners_apply(&st->listeners, ev_listen(e, &SERVER, false));
	e->now_ns = ENDED_NS + MS;
	listeners_apply(&st->listeners, ev_listen(e, &SERVER, true));
	st->r = listeners_restart(&st->listeners, st->processes, &at, &task, ENDED_NS);
	events_free(e);
}

static void done(struct stage *st)
{
	keyed_free(&st->listeners);
	process_table_free(st->processes);
}

static struct side successor(void)
{
	struct side s = SERVER;

	s.tgid = 900;
	return s;
}

static void listen_later(struct stage *st, const struct side *s, const char *address,
			 const char *cgroup)
{
	struct events *e = events_new();
	struct side at = *s;
	struct wst_listen_event *l;

	e->now_ns = ENDED_NS + 2500 * MS;
	at.local = address;
	l = ev_listen(e, &at, false);
	l->task.start_ns = ENDED_NS + 2000 * MS;
	process_note_task(st->processes, &l->task);
	if (cgroup) {
		struct wst_process_event *p = ev_process(e, s->tgid, s->comm, cgroup);

		p->start_ns = l->task.start_ns;
		process_apply(st->processes, &p->h);
	}
	restart_note(&st->r, listeners_apply(&st->listeners, l), st->processes);
	events_free(e);
}

TEST(listener, the_same_port_listens_again)
{
	struct side s = successor();
	struct stage st;

	begin(&st, "/");
	CHECK_EQ(st.r.state, RESTART_AWAITED);
	listen_later(&st, &s, "0.0.0.0", NULL);
	CHECK_EQ(st.r.state, RESTART_BACK);
	CHECK_EQ(st.r.task.tgid, 900);
	CHECK_EQ(st.r.back_ns - st.r.ended_ns, 2500 * MS);
	CHECK(!st.r.accepted);
	done(&st);
}

TEST(listener, what_is_not_the_same_place)
{
	struct side s = successor();
	struct stage st;

	begin(&st, "/docker/" DIGITS);
	listen_later(&st, &s, "127.0.0.1", NULL);
	CHECK_EQ(st.r.state, RESTART_AWAITED); /* another address of that host */
	s.netns++;
	listen_later(&st, &s, "::", NULL);
	CHECK_EQ(st.r.state, RESTART_AWAITED); /* somewhere else, and where is not known */
	s.local_port++;
	s.netns--;
	listen_later(&st, &s, "0.0.0.0", NULL);
	CHECK_EQ(st.r.state, RESTART_AWAITED); /* another port */
	done(&st);
}

TEST(listener, a_container_comes_back_in_another_namespace)
{
	struct side s = successor();
	struct stage st;

	s.netns++;
	begin(&st, "/docker/" DIGITS);
	listen_later(&st, &s, "::", "/system.slice/docker-" DIGITS ".scope");
	CHECK_EQ(st.r.state, RESTART_BACK); /* the same container */
	done(&st);
	begin(&st, "/docker/" DIGITS);
	listen_later(&st, &s, SERVER.local, NULL);
	CHECK_EQ(st.r.state, RESTART_BACK); /* the same address */
	done(&st);
}

/* Made anew, with the address of the old one: known when it accepts its first connection. */
TEST(listener, a_new_container_has_the_address)
{
	struct side s = successor();
	struct wst_task task = events_task(&s);
	struct wst_tuple tuple = events_tuple(&s);
	struct stage st;

	begin(&st, "/docker/" DIGITS);
	s.netns = ++tuple.netns;
	task.start_ns = ENDED_NS + 2000 * MS;
	listen_later(&st, &s, "0.0.0.0", NULL);
	CHECK_EQ(st.r.state, RESTART_AWAITED);
	restart_note(&st.r,
		     listeners_note_accept(&st.listeners, &tuple, &task, true, ENDED_NS + 9000 * MS),
		     st.processes);
	CHECK_EQ(st.r.state, RESTART_BACK);
	CHECK_EQ(st.r.back_ns - st.r.ended_ns, 2500 * MS); /* since it listens */
	done(&st);
}

/* The parent keeps the socket that listens; a worker that began later accepts from it. */
TEST(listener, a_new_worker_accepts)
{
	struct events *e = events_new();
	struct side s = successor();
	struct wst_task task = events_task(&s), dead = events_task(&SERVER);
	struct wst_tuple tuple = events_tuple(&SERVER);
	struct service_port at = { .netns = tuple.netns, .port = tuple.local_port };
	struct stage st;

	begin(&st, "/");
	keyed_free(&st.listeners);
	REQUIRE(!keyed_init(&st.listeners, LISTENERS_MAX, sizeof(struct listener)));
	st.r = listeners_restart(&st.listeners, st.processes, &at, &dead, ENDED_NS);
	CHECK_EQ(st.r.state, RESTART_UNKNOWN);
	restart_note(&st.r,
		     listeners_note_accept(&st.listeners, &tuple, &task, false, ENDED_NS + MS),
		     st.processes);
	CHECK_EQ(st.r.state, RESTART_UNKNOWN); /* a sibling, as old as the one that ended */
	task.tgid++;
	task.start_ns = ENDED_NS + 5 * MS;
	restart_note(&st.r,
		     listeners_note_accept(&st.listeners, &tuple, &task, false, ENDED_NS + 30 * MS),
		     st.processes);
	CHECK_EQ(st.r.state, RESTART_BACK);
	CHECK(st.r.accepted);
	CHECK_EQ(st.r.task.tgid, 901);
	events_free(e);
	done(&st);
}

TEST(listener, another_socket_still_listens)
{
	struct events *e = events_new();
	struct wst_listen_event *l = ev_listen(e, &SERVER, true);
	struct keyed listeners;

	REQUIRE(!keyed_init(&listeners, 4, sizeof(struct listener)));
	l->listeners = 1; /* SO_REUSEPORT */
	CHECK(!listeners_apply(&listeners, l));
	keyed_free(&listeners);
	events_free(e);
}
