/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clients that come back, and those that do not. */
#include "test.h"

#include <string.h>

#include "events.h"
#include "track/group.h"

#define SECOND 1000000000ull
#define CLIENT_KEY 7
#define LOST_NS (1000 * SECOND)
#define PORT 9000

struct setting {
	struct groups *g;
	struct process_table *processes;
	struct loss_of_client loss;
};

/* A client had one session, opened long before, and lost it. */
static struct setting begin(void)
{
	struct setting s = { .g = groups_new(), .processes = process_table_new(16) };

	REQUIRE(s.g && s.processes);
	s.loss.lost_ns = LOST_NS;
	s.loss.client_key = CLIENT_KEY;
	s.loss.endpoint.port = PORT;
	s.loss.netns = 1;
	absence_note_open(&s.g->absences, CLIENT_KEY, 900 * SECOND);
	absence_note_end(&s.g->absences, CLIENT_KEY, 900 * SECOND, true);
	absence_note_loss(&s.g->absences, &s.loss);
	return s;
}

static void done(struct setting *s)
{
	process_table_free(s->processes);
	groups_free(s->g);
}

static enum absence state_at(struct setting *s, uint64_t now_ns)
{
	struct loss_of_client loss;

	return absence_next(&s->g->absences, &s->g->listeners, s->processes, now_ns, &loss);
}

TEST(absence, gone_is_told_once)
{
	struct setting s = begin();

	absence_note_loss(&s.g->absences, &s.loss);
	CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS - 1), ABSENCE_NONE);
	CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS), ABSENCE_GONE);
	CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS), ABSENCE_NONE);
	done(&s);
}

TEST(absence, back_when_it_opens_or_tries)
{
	for (int opens = 0; opens < 2; opens++) {
		struct setting s = begin();

		if (opens)
			absence_note_open(&s.g->absences, CLIENT_KEY, LOST_NS + 60 * SECOND);
		else
			absence_note_end(&s.g->absences, CLIENT_KEY, LOST_NS + 60 * SECOND, false);
		CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS), ABSENCE_BACK);
		done(&s);
	}
}

TEST(absence, another_tab_is_open_still)
{
	struct setting s = begin();

	absence_note_open(&s.g->absences, CLIENT_KEY, 950 * SECOND);
	CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS), ABSENCE_BACK);
	done(&s);
}

TEST(absence, a_process_that_exited_is_not_waited_for)
{
	struct events *e = events_new();
	struct setting s = begin();
	struct wst_exit_event exit = {
		.h = { .type = WST_EV_EXIT, .size = sizeof(exit), .ts_ns = LOST_NS + SECOND },
		.start_ns = 5,
	};

	exit.h.tgid = s.loss.task.tgid = 100;
	s.loss.task.start_ns = 5;
	s.g->absences.count = 0;
	absence_note_loss(&s.g->absences, &s.loss);
	CHECK_EQ(process_note_task(s.processes, &s.loss.task), 0);
	CHECK_EQ(process_apply(s.processes, &exit.h), 0);
	CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS), ABSENCE_NONE);
	done(&s);
	events_free(e);
}

static void listen(struct setting *s, uint64_t ts_ns, bool stopped)
{
	struct wst_listen_event e = {
		.h = { .type = WST_EV_LISTEN, .size = sizeof(e), .ts_ns = ts_ns },
		.tuple = { .local_port = PORT, .netns = 1 },
		.task = { .tgid = 5, .start_ns = 1 },
		.listeners = !stopped,
		.flags = stopped ? WST_LISTEN_STOPPED : 0,
	};

	listeners_apply(&s->g->listeners, &e);
}

/* Who comes in vain is not seen where nobody listens. */
TEST(absence, the_wait_begins_when_the_service_is_back)
{
	uint64_t back_ns = LOST_NS + ABSENCE_WAIT_NS + 30 * SECOND;
	struct setting s = begin();

	listen(&s, 900 * SECOND, false);
	listen(&s, LOST_NS - SECOND, true);
	CHECK_EQ(state_at(&s, LOST_NS + ABSENCE_WAIT_NS), ABSENCE_NONE);
	listen(&s, back_ns, false);
	CHECK_EQ(state_at(&s, back_ns + ABSENCE_WAIT_NS - SECOND), ABSENCE_NONE);
	CHECK_EQ(state_at(&s, back_ns + 2 * ABSENCE_WAIT_NS), ABSENCE_GONE);
	done(&s);
}

TEST(absence, a_service_that_stays_away_is_no_clients_fault)
{
	struct setting s = begin();

	listen(&s, 900 * SECOND, false);
	listen(&s, LOST_NS - SECOND, true);
	for (unsigned int i = 1; i < 20; i++)
		CHECK_EQ(state_at(&s, LOST_NS + i * ABSENCE_WAIT_NS), ABSENCE_NONE);
	CHECK_EQ(s.g->absences.count, 0);
	done(&s);
}

TEST(absence, losses_are_bounded)
{
	struct setting s = begin();
	unsigned int seen = 0;

	for (unsigned int i = 0; i < 3 * ABSENCES_WAITING; i++) {
		s.loss.client_key = 1000 + i;
		absence_note_end(&s.g->absences, s.loss.client_key, LOST_NS - SECOND, false);
		absence_note_loss(&s.g->absences, &s.loss);
	}
	CHECK_EQ(s.g->absences.count, ABSENCES_WAITING);
	while (state_at(&s, LOST_NS + ABSENCE_WAIT_NS) == ABSENCE_GONE)
		seen++;
	CHECK_EQ(seen, ABSENCES_WAITING);
	done(&s);
}
