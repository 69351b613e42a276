/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "events.h"
#include "track/process.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define START (EVENTS_START_NS - 60 * 1000000000ull)

static void apply_all(struct process_table *t, struct events *e)
{
	for (size_t i = 0; i < e->count; i++)
		CHECK_EQ(process_apply(t, e->records[i]), 0);
	events_free(e);
}

TEST(process, life_and_death)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();
	const struct process *p;

	ev_process(e, 200, "chat-server", "/system.slice/docker-" DIGITS ".scope")->fds_limit = 1024;
	ev_signal(e, 200, SIGTERM, 1, "systemd");
	events_pass_ms(e, 10000);
	ev_signal(e, 200, SIGKILL, 77, "kill");
	ev_exit(e, 200, 9);
	apply_all(t, e);
	p = process_find(t, 200, START);
	REQUIRE(p);
	CHECK(p->exited);
	CHECK_EQ(p->exit_code, 9);
	CHECK_EQ(p->exit_ns, EVENTS_START_NS + 10000000000ull);
	CHECK_EQ(p->first_signal.signal, SIGTERM);
	CHECK(p->first_signal.from_parent);
	CHECK_STR(p->first_signal.sender.comm, "systemd");
	CHECK_EQ(p->kill_signal.signal, SIGKILL);
	CHECK_EQ(p->kill_signal.sender.tgid, 77);
	CHECK(!p->kill_signal.from_parent);
	CHECK_EQ(p->last_signal.signal, SIGKILL);
	CHECK_STR(p->container_id, DIGITS);
	CHECK_EQ(p->fds_limit, 1024);
	CHECK_STR(p->comm, "chat-server");
	CHECK_EQ(process_count(t), 1);
	process_table_free(t);
}

/* It ends nothing, and counts from the first SIGSTOP to the next SIGCONT. */
TEST(process, halted_and_continued)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();
	const struct process *p;
	uint64_t halted_ns;

	ev_signal(e, 200, SIGCONT, 1, "systemd");
	events_pass_ms(e, 100);
	halted_ns = ev_signal(e, 200, SIGSTOP, 77, "gdb")->h.ts_ns;
	events_pass_ms(e, 100);
	ev_signal(e, 200, SIGSTOP, 78, "bash");
	events_pass_ms(e, 100);
	apply_all(t, e);
	p = process_find(t, 200, 0);
	REQUIRE(p);
	CHECK_EQ(p->halt_signal.ts_ns, halted_ns);
	CHECK_STR(p->halt_signal.sender.comm, "gdb");
	CHECK_EQ(p->continued_ns, 0);
	CHECK_EQ(p->first_signal.signal, 0);
	CHECK_EQ(p->last_signal.signal, 0);
	e = events_new();
	events_pass_ms(e, 1000);
	ev_signal(e, 200, SIGCONT, 1, "systemd");
	apply_all(t, e);
	CHECK_EQ(p->continued_ns, EVENTS_START_NS + 1000000000ull);
	process_table_free(t);
}

TEST(process, unknown_processes_are_recorded)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();

	ev_oom(e, 5);
	ev_exit(e, 6, 0x0100);
	ev_signal(e, 7, SIGSEGV, 0, NULL);
	apply_all(t, e);
	CHECK(process_find(t, 5, 0)->oom_ns == EVENTS_START_NS);
	CHECK_EQ(process_find(t, 6, 0)->exit_code, 0x0100);
	CHECK_EQ(process_find(t, 7, 12345)->first_signal.signal, SIGSEGV);
	CHECK_EQ(process_find(t, 7, 0)->first_signal.sender.tgid, 0);
	CHECK(!process_find(t, 8, 0));
	CHECK(!process_find(t, 0, 0));
	process_table_free(t);
}

/* The victim is named first, its start later: it is one process. */
TEST(process, start_is_learnt)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();

	ev_oom(e, 5);
	ev_exit(e, 5, 9);
	apply_all(t, e);
	CHECK_EQ(process_count(t), 1);
	CHECK(process_find(t, 5, START)->oom_ns && process_find(t, 5, START)->exited);
	process_table_free(t);
}

TEST(process, reused_pid)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();
	struct wst_task younger = { .tgid = 5, .start_ns = EVENTS_START_NS + 5000000000ull };

	ev_exit(e, 5, 9);
	apply_all(t, e);
	memcpy(younger.comm, "second", 6);
	CHECK_EQ(process_note_task(t, &younger), 0);
	CHECK(process_find(t, 5, START)->exited);
	CHECK(process_find(t, 5, START + 9000000)->exited); /* /proc counts in ticks */
	CHECK(!process_find(t, 5, START + 20000000));
	CHECK(!process_find(t, 5, younger.start_ns)->exited);
	CHECK_STR(process_find(t, 5, 0)->comm, "second");
	/* a signal names no start: it is for the one that lives */
	e = events_new();
	events_pass_ms(e, 6000);
	ev_signal(e, 5, SIGTERM, 1, "x");
	apply_all(t, e);
	CHECK_EQ(process_find(t, 5, START)->first_signal.signal, 0);
	CHECK_EQ(process_find(t, 5, younger.start_ns)->first_signal.signal, SIGTERM);
	process_table_free(t);
}

TEST(process, signals_to_a_zombie_make_no_new_process)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();

	ev_exit(e, 5, 0);
	events_pass_ms(e, 100);
	ev_signal(e, 5, SIGKILL, 1, "runc");
	apply_all(t, e);
	CHECK_EQ(process_count(t), 1);
	CHECK(process_find(t, 5, START)->exited);
	/* a minute later the pid has another owner */
	e = events_new();
	events_pass_ms(e, 60000);
	ev_signal(e, 5, SIGTERM, 1, "x");
	apply_all(t, e);
	CHECK_EQ(process_count(t), 2);
	CHECK(process_find(t, 5, START)->exited);
	process_table_free(t);
}

TEST(process, oldest_use_goes_first)
{
	struct process_table *t = process_table_new(100);
	struct wst_task task = { 0 };

	for (uint32_t i = 1; i <= 1000; i++) {
		task.tgid = i;
		CHECK_EQ(process_note_task(t, &task), 0);
		task.tgid = 1; /* stays in use */
		CHECK_EQ(process_note_task(t, &task), 0);
	}
	CHECK_EQ(process_count(t), 100);
	CHECK(process_find(t, 1, 0));
	CHECK(process_find(t, 1000, 0));
	CHECK(process_find(t, 902, 0));
	CHECK(!process_find(t, 901, 0));
	process_table_free(t);
}

TEST(process, facts_of_proc_that_came_too_late_change_nothing)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();

	ev_process(e, 9, "a", "/docker/" DIGITS);
	ev_process(e, 9, "", "");
	ev_process(e, 9, "a", "/"); /* as cgroups of v1 read while it exits */
	apply_all(t, e);
	CHECK_STR(process_find(t, 9, 0)->container_id, DIGITS);
	CHECK_STR(process_find(t, 9, 0)->comm, "a");
	process_table_free(t);
}

TEST(process, hostile_records)
{
	struct process_table *t = process_table_new(0);
	struct events *e = events_new();
	struct wst_process_event *p = ev_process(e, 9, "x", "y");

	memset(p->comm, 'c', sizeof(p->comm));
	memset(p->cgroup, 'g', sizeof(p->cgroup));
	CHECK_EQ(process_apply(t, &p->h), 0);
	CHECK_EQ(strlen(process_find(t, 9, 0)->comm), WST_COMM_LEN);
	CHECK_EQ(strlen(process_find(t, 9, 0)->cgroup), WST_CGROUP_PATH_BYTES - 1);
	p->h.size--;
	CHECK_EQ(process_apply(t, &p->h), -EINVAL);
	p->h.size++;
	p->h.tgid = 0;
	CHECK_EQ(process_apply(t, &p->h), -EINVAL);
	p->h.type = WST_EV_TICK;
	CHECK_EQ(process_apply(t, &p->h), -EINVAL);
	events_free(e);
	process_table_free(t);
}

TEST(process, container_ids)
{
	static const struct {
		const char *path, *id;
	} rows[] = {
		{ "/docker/" DIGITS, DIGITS },
		{ "/system.slice/docker-" DIGITS ".scope", DIGITS },
		{ "/../../docker/" DIGITS, DIGITS },
		{ "/kubepods/besteffort/pod8c2f3d1e-0000-4a6b-9d1c-5b2e7f9a1c3d/" DIGITS, DIGITS },
		{ "/kubepods.slice/kubepods-pod8c2f.slice/cri-containerd-" DIGITS ".scope", DIGITS },
		{ "/kubepods.slice/crio-" DIGITS ".scope/container", DIGITS },
		{ "/machine.slice/libpod-" DIGITS ".scope/init.scope", DIGITS },
		{ "/docker/" DIGITS
		  "/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
		{ "/user.slice/user-1000.slice/session-3.scope", NULL },
		{ "/docker/" DIGITS "0", NULL },
		{ "/docker/x" DIGITS, NULL },
		{ "/docker/0123456789abcdef", NULL },
		{ "/", NULL },
		{ "", NULL },
	};
	char id[65];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_note("%s", rows[i].path);
		CHECK_EQ(container_id_from_cgroup(rows[i].path, id), rows[i].id != NULL);
		if (rows[i].id)
			CHECK_STR(id, rows[i].id);
	}
}
