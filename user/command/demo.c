/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `wstrace demo`: breaks real connections, and holds what the live tracer says of them against what
 * was done.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "demo/show.h"
#include "pipeline.h"
#include "platform/message.h"
#include "platform/sink.h"
#include "platform/tracer.h"

#define STEP_MS 50
/* Twice what the scenarios take: the demo ends whatever happens. */
#define LONGEST_NS 19000000000ULL
#define NS_PER_S 1000000000ULL

struct demo {
	struct director *director;
	struct sink *sink;
	struct show *show;
	struct pipeline *pipeline;
	struct tracer *tracer;
	bool json;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Only the ports of the demo: the host's own chats are nobody's business here. */
static int start_tracer(struct demo *d, const struct config *config, struct failure *f)
{
	struct chat_ports ports = { .only = true };
	struct tracer_config tracer = {
		.loader = {
			.chat_ports = ports.bits,
			.only_chat_ports = true,
			.verbose = config->verbose,
			.self_tgid = getpid(),
			.buffer_mib = config->buffer_mib,
			.btf_path = config->btf,
			.cgroup_path = config->cgroup,
		},
		.pipeline = d->pipeline,
		.sink = d->sink,
	};
	int err;

	for (unsigned int i = 0; i < demo_scenario_count; i++)
		chat_ports_add(&ports, director_port(d->director, i));
	err = tracer_start(&tracer, &d->tracer, f);
	return err ? err : tracer_drop_privileges(d->tracer, f);
}

static int start(struct demo *d, const struct config *config, struct failure *f)
{
	struct pipeline_config pipeline = { .format = FORMAT_JSON,
					    .all = true,
					    .on_line = show_line };
	int err = director_start(&d->director);

	if (err)
		return failure_set(f, -err, "cannot start the demo's peers: %s", strerror(-err));
	err = sink_open(NULL, &d->sink, f);
	if (err)
		return err;
	d->show = show_new(d->director, d->sink, d->json);
	pipeline.arg = d->show;
	d->pipeline = d->show ? pipeline_new(&pipeline) : NULL;
	if (!d->pipeline)
		return failure_set(f, ENOMEM, "out of memory");
	return start_tracer(d, config, f);
}

static int run(struct demo *d)
{
	uint64_t end_ns = now_ns() + LONGEST_NS;
	int err = director_go(d->director), state = TRACER_RUNNING;

	while (!err && state == TRACER_RUNNING && now_ns() < end_ns &&
	       !show_is_over(d->show, now_ns())) {
		state = tracer_step(d->tracer, STEP_MS);
		err = state < 0 ? state : show_update(d->show, now_ns());
	}
	if (!err && state == TRACER_STOPPED)
		err = tracer_stop_value(d->tracer);
	else if (!err && state != TRACER_RUNNING)
		err = -EINTR;
	err = err ? err : tracer_finish(d->tracer);
	return err ? err : show_finish(d->show);
}

/* The count belongs to the data when that is text, and beside it when that is JSON lines. */
static int report(struct demo *d)
{
	char text[96];
	bool right = show_count(d->show, text, sizeof(text));

	if (d->json)
		message("%s", text);
	else
		sink_line(d->sink, text, strlen(text));
	return right ? STATUS_OK : STATUS_FAILURE;
}

static void release(struct demo *d)
{
	tracer_free(d->tracer);
	director_free(d->director);
	pipeline_free(d->pipeline);
	show_free(d->show);
	sink_close(d->sink);
}

int command_demo(const struct config *config)
{
	struct demo d = { .json = config->format == CONFIG_FORMAT_JSON };
	struct failure f = { "" };
	int status = STATUS_FAILURE;
	int err = start(&d, config, &f);

	if (err) {
		message_failure(&f);
	} else {
		message("tracing %u connections that are about to break", demo_scenario_count);
		err = run(&d);
		/* A reader that went away has seen enough. */
		if (err && err != -EPIPE)
			message("the demo stopped early: %s",
				err == -EINTR ? "by a signal" : strerror(-err));
		status = report(&d);
	}
	release(&d);
	return status;
}
