/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "command/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/message.h"
#include "platform/procfs.h"
#include "platform/sandbox.h"

#define PORTS_SHOWN 8

static const char *const loss_sites[WST_LOSS_SITES] = {
	[WST_LOSS_RING] = "ring buffer full (try --buffer-mib)",
	[WST_LOSS_STORAGE] = "no memory for a socket",
	[WST_LOSS_SYNC] = "frames of a stream lost track of",
	[WST_LOSS_LOAD] = "packet bytes unreadable",
	[WST_LOSS_LOOP] = "too many frames in one segment",
	[WST_LOSS_DROP_EVENTS] = "dropped packets not told one by one",
	[WST_LOSS_OWNERS] = "too many processes",
	[WST_LOSS_SKIPPED] = "runs of programs skipped by the kernel",
};

static void say_tracing(const struct config *config)
{
	char list[PORTS_SHOWN * 7 + 8] = "";
	unsigned int shown = 0;
	size_t len = 0;

	for (unsigned int port = 1; port < 65536 && shown <= PORTS_SHOWN; port++) {
		if (!chat_ports_has(&config->ports, (uint16_t)port))
			continue;
		if (shown++ == PORTS_SHOWN)
			len += (size_t)snprintf(list + len, sizeof(list) - len, ", ...");
		else
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%u",
						len ? ", " : "", port);
	}
	if (config->ports.only)
		message("tracing WebSocket connections on port %s (Ctrl-C ends)", list);
	else
		message("tracing WebSocket connections on every port; failures to connect on %s "
			"(Ctrl-C ends)",
			list);
}

/* Of a container that is not set up to look out of itself. */
static void say_limits(const struct config *config, const struct tracer *tracer)
{
	if (!config->cgroup && !tracer_sees_host(tracer))
		message("warning: the cgroup hierarchy is not the host's: only sockets of this "
			"container are seen (Docker: --cgroupns host)");
	if (!procfs_is_of_host())
		message("warning: this pid namespace is not the host's: containers and file "
			"descriptors of processes stay unknown (Docker: --pid host)");
}

static void say_summary(const struct pipeline *pipeline, const uint64_t *losses)
{
	const struct pipeline_stats *stats = pipeline_stats(pipeline);

	message("sessions: %" PRIu64 " opened, %" PRIu64 " ended, %zu still open, %" PRIu64
		" failed to open",
		stats->opened, stats->ended, pipeline_session_count(pipeline), stats->failed);
	for (unsigned int site = 0; site < WST_LOSS_SITES; site++)
		if (losses[site])
			message("lost: %" PRIu64 " x %s", losses[site], loss_sites[site]);
}

static int start(const struct config *config, struct tracer_config *tracer_config,
		 struct tracer **ret_tracer, struct failure *f)
{
	int err;

	tracer_config->loader = (struct loader_config){
		.chat_ports = config->ports.bits,
		.only_chat_ports = config->ports.only,
		.verbose = config->verbose,
		.self_tgid = (uint32_t)getpid(),
		.buffer_mib = (uint32_t)config->buffer_mib,
		.btf_path = config->btf,
		.cgroup_path = config->cgroup,
	};
	tracer_config->duration_ns = config->duration_ns;
	err = tracer_start(tracer_config, ret_tracer, f);
	if (err)
		return err;
	err = tracer_drop_privileges(*ret_tracer, f);
	if (err) {
		tracer_free(*ret_tracer);
		return err;
	}
	err = sandbox_enter(SANDBOX_TRACE);
	if (err && config->verbose)
		message("without a seccomp filter: %s", strerror(-err));
	return 0;
}

static int run(struct tracer *t)
{
	int state = tracer_run(t);

	if (state < 0)
		return state;
	return state == TRACER_STOPPED ? tracer_stop_value(t) : tracer_finish(t);
}

int live_run(const struct config *config, struct lines *lines, struct recording_writer *recording,
	     struct failure *ret_failure)
{
	struct tracer_config tracer_config = { .recording = recording, .sink = lines->sink };
	struct tracer *tracer;
	int err = lines_open(lines, config, &tracer_config.pipeline, ret_failure);

	if (err)
		return err;
	err = start(config, &tracer_config, &tracer, ret_failure);
	if (!err) {
		say_limits(config, tracer);
		say_tracing(config);
		err = run(tracer);
		say_summary(tracer_config.pipeline, tracer_losses(tracer));
		tracer_free(tracer);
	}
	pipeline_free(tracer_config.pipeline);
	return err;
}
