/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/tracer.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "platform/capabilities.h"
#include "platform/cgroup.h"
#include "platform/loop.h"
#include "platform/process_watch.h"
#include "platform/procfs.h"
#include "platform/recording.h"
#include "platform/sink.h"
#include "track/record_queue.h"

#define RECORD_BYTES_MAX 4096
/* Records evaluated in one go: the ring buffer, signals and the output get their turn in between. */
#define BATCH_MAX 256
/* Of records that wait for that: the ends of 20,000 sessions, whose sockets are all here. */
#define QUEUE_BYTES (40u << 20)
#define QUEUE_FULL (-ECANCELED)
#define TAKEN_BYTES_MAX (RECORD_BYTES_MAX + sizeof(struct wst_process_event))
/*
 * Where records come one after the other, they are gathered for so long: to wake up for each costs more
 * than all the rest, on their CPU and on ours.
 */
#define GATHER_MS 2
/* Losses are asked for so far apart, which is less than verdicts wait for: TRACK_SETTLE_NS. */
#define LOSSES_APART_NS 10000000ull
/* So many sockets fewer, and their memory is worth a look at the whole heap. */
#define TRIM_CONNS 4096

struct tracer {
	struct tracer_config config;
	struct loader *loader;
	struct loop *loop;
	struct ring_buffer *ring;
	struct redactor *redactor;
	struct process_watch *processes;
	uint64_t end_ns; /* CLOCK_BOOTTIME; 0: no limit */
	struct record_queue *queue;
	uint64_t losses[LOADER_LOSS_SITES];
	uint64_t losses_ns; /* when they were asked for */
	bool losses_due; /* something came since */
	bool ends_lost; /* records were lost since the sockets that are open were compared */
	size_t conns_high; /* most sockets followed since memory was given back */
	bool took; /* records, in the last go */
	bool more; /* records are left in the ring buffer or the queue: no sleep */
	enum tracer_state state;
	int stop_value;
	/* The ring buffer is mapped read-only, and redacting writes. */
	union {
		struct wst_event event;
		uint8_t bytes[RECORD_BYTES_MAX];
	} record;
};

static int stop(struct tracer *t, int value)
{
	t->state = TRACER_STOPPED;
	t->stop_value = value;
	return -EINTR;
}

/* 0, or -EINTR when the run has to stop. */
static int feed(struct tracer *t, const struct wst_event *record, size_t len)
{
	int err = 0;

	if (t->config.recording)
		err = recording_write(t->config.recording, record, len);
	if (!err)
		err = pipeline_feed(t->config.pipeline, record, len);
	if (err == -EINVAL) /* malformed: the pipeline counts it */
		err = 0;
	return err ? stop(t, err) : 0;
}

/* The kernel side leaves out bytes at the end of a record that are not in use. Returns its length. */
static size_t complete(struct tracer *t, size_t len)
{
	struct wst_event *event = &t->record.event;
	size_t whole = len;

	if (event->type == WST_EV_HTTP)
		whole = sizeof(struct wst_http_event);
	if (event->type == WST_EV_FRAME)
		whole = sizeof(struct wst_frame_event);
	if (len >= whole)
		return len;
	memset(t->record.bytes + len, 0, whole - len);
	event->size = (uint16_t)whole;
	return whole;
}

/* Callback of the ring buffer: a negative return ends this round of it. */
static int take_record(void *arg, void *data, size_t len)
{
	struct tracer *t = arg;
	struct wst_event *event = &t->record.event;
	struct wst_process_event process;
	int err = 0;

	if (len < sizeof(*event) || len > sizeof(t->record.bytes))
		return 0;
	t->took = true;
	memcpy(t->record.bytes, data, len);
	len = complete(t, len);
	redact_record(t->redactor, event, len);
	/* now: the process may be gone when its turn comes */
	if (process_watch_see(t->processes, event, len, &process))
		err = record_queue_add(t->queue, &process.h, sizeof(process));
	if (!err)
		err = record_queue_add(t->queue, event, len);
	if (err)
		return stop(t, err);
	return record_queue_has_room(t->queue, TAKEN_BYTES_MAX) ? 0 : QUEUE_FULL;
}

/* Empties the ring buffer as far as there is room. 0, -EINTR when the run has to stop, other -errno. */
static int drain(struct tracer *t)
{
	int ret = QUEUE_FULL;

	if (record_queue_has_room(t->queue, TAKEN_BYTES_MAX))
		ret = ring_buffer__consume(t->ring);
	t->more = ret == QUEUE_FULL;
	return ret < 0 && !t->more ? ret : 0;
}

static int feed_losses(struct tracer *t)
{
	struct wst_loss_event event = {
		.h = { .type = WST_EV_LOSS, .size = sizeof(event), .ts_ns = clock_boottime_ns() },
	};
	uint64_t total[LOADER_LOSS_SITES];

	t->losses_due = event.h.ts_ns < t->losses_ns + LOSSES_APART_NS;
	if (t->losses_due)
		return 0;
	t->losses_ns = event.h.ts_ns;
	if (loader_read_losses(t->loader, total) || !memcmp(total, t->losses, sizeof(total)))
		return 0;
	t->ends_lost |= total[WST_LOSS_RING] != t->losses[WST_LOSS_RING];
	memcpy(t->losses, total, sizeof(total));
	for (unsigned int i = 0; i < LOADER_LOSS_SITES; i++)
		event.total[i] = total[i];
	return feed(t, &event.h, sizeof(event));
}

static int feed_queue(struct tracer *t, unsigned int max)
{
	const void *record;
	size_t len;
	int err = 0;

	while (!err && max-- > 0 && (record = record_queue_first(t->queue, &len))) {
		err = feed(t, record, len);
		record_queue_remove_first(t->queue);
	}
	t->more |= record_queue_first(t->queue, &len) != NULL;
	return err;
}

/*
 * After a loss: the kernel side remembers the sockets whose end it could not tell. Their sessions
 * would stay open for ever.
 */
static int feed_lost_ends(struct tracer *t)
{
	struct wst_event event = { .type = WST_EV_GONE, .size = sizeof(event) };
	size_t count = pipeline_conn_count(t->config.pipeline);
	uint64_t *cookies = calloc(count + 1, sizeof(*cookies)), ended_ns;
	int err = cookies ? 0 : -ENOMEM;

	t->ends_lost = false;
	if (!err)
		count = pipeline_open_sockets(t->config.pipeline, cookies, count);
	for (size_t i = 0; !err && i < count; i++) {
		if (!loader_end_was_lost(t->loader, cookies[i], &ended_ns))
			continue;
		event.cookie = cookies[i];
		event.ts_ns = ended_ns;
		err = feed(t, &event, sizeof(event));
	}
	free(cookies);
	return err;
}

/*
 * One go. In this order: whatever was lost before a session came to its end is known before a verdict
 * is made of it.
 */
static int take(struct tracer *t, unsigned int max)
{
	int err = drain(t);

	if (!err)
		err = feed_losses(t);
	if (!err)
		err = feed_queue(t, max);
	if (!err && t->ends_lost && !t->more)
		err = feed_lost_ends(t);
	return err;
}

static int take_all(void *arg)
{
	struct tracer *t = arg;
	int err;

	do {
		t->losses_ns = 0; /* now */
		err = take(t, UINT_MAX);
	} while (!err && t->more);
	return err;
}

static int feed_host(struct tracer *t)
{
	struct wst_host_event event = {
		.h = { .type = WST_EV_HOST, .size = sizeof(event) },
		.version = WST_EVENT_VERSION,
		.flags = loader_host_flags(t->loader),
	};
	struct timespec real;

	event.h.ts_ns = clock_boottime_ns();
	clock_gettime(CLOCK_REALTIME, &real);
	event.realtime_offset_ns = (uint64_t)real.tv_sec * 1000000000ull + (uint64_t)real.tv_nsec -
				   event.h.ts_ns;
	if (gethostname(event.hostname, sizeof(event.hostname) - 1))
		event.hostname[0] = '\0';
	return feed(t, &event.h, sizeof(event));
}

static int feed_name(void *arg, uint32_t kind, uint32_t value, const char *name)
{
	struct tracer *t = arg;
	struct wst_name_event event = {
		.h = { .type = WST_EV_NAME, .size = sizeof(event), .ts_ns = clock_boottime_ns() },
		.kind = kind,
		.value = value,
	};

	memcpy(event.name, name, strnlen(name, sizeof(event.name) - 1));
	return feed(t, &event.h, sizeof(event));
}

/* What a verdict needs and no kernel event tells. */
static int feed_start(struct tracer *t)
{
	int err = feed_host(t);

	if (!err)
		err = loader_each_reason(t->loader, feed_name, t);
	loader_forget_types(t->loader);
	if (!err)
		err = loader_walk_open_sockets(t->loader, take_all, t);
	return err == -EINTR || err == -EOPNOTSUPP ? 0 : err; /* stopped: tracer_step() says so */
}

static int watch_descriptors(struct tracer *t, struct failure *f)
{
	int err = loop_watch(t->loop, ring_buffer__epoll_fd(t->ring));

	if (err)
		return failure_set(f, -err, "cannot watch the ring buffer: %s", strerror(-err));
	if (t->config.sink) {
		sink_set_stop_fd(t->config.sink, loop_signal_fd(t->loop));
		loop_watch_hangup(t->loop, sink_fd(t->config.sink));
	}
	if (t->config.recording) {
		recording_set_stop_fd(t->config.recording, loop_signal_fd(t->loop));
		loop_watch_hangup(t->loop, recording_fd(t->config.recording));
	}
	return 0;
}

static int set_up(struct tracer *t, struct failure *f)
{
	int err = loop_new(&t->loop, f);

	if (err)
		return err;
	err = loader_open(&t->config.loader, &t->loader, f);
	if (err)
		return err;
	t->ring = ring_buffer__new(loader_events_fd(t->loader), take_record, t, NULL);
	if (!t->ring)
		return failure_set(f, errno, "cannot map the ring buffer: %s", strerror(errno));
	t->redactor = redactor_new();
	t->processes = process_watch_new(loader_cgroup_fd(t->loader));
	t->queue = record_queue_new(QUEUE_BYTES);
	if (!t->redactor || !t->processes || !t->queue)
		return failure_set(f, ENOMEM, "out of memory");
	err = watch_descriptors(t, f);
	if (err)
		return err;
	if (t->config.duration_ns)
		t->end_ns = clock_boottime_ns() + t->config.duration_ns;
	err = feed_start(t);
	return err ? failure_set(f, -err, "cannot list the sockets that are open: %s",
				 strerror(-err)) :
		     0;
}

int tracer_start(const struct tracer_config *config, struct tracer **ret_tracer,
		 struct failure *ret_failure)
{
	struct tracer *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	t->config = *config;
	err = set_up(t, ret_failure);
	if (err)
		tracer_free(t);
	else
		*ret_tracer = t;
	return err;
}

static int try_losses(void *arg)
{
	struct tracer *t = arg;
	uint64_t total[LOADER_LOSS_SITES];

	return loader_read_losses(t->loader, total);
}

bool tracer_sees_host(const struct tracer *t)
{
	return cgroup_is_root(loader_cgroup_fd(t->loader));
}

int tracer_drop_privileges(struct tracer *t, struct failure *ret_failure)
{
	const struct capability_need needs[] = {
		/*
		 * Before Linux 6.0, bpf() refuses everything without it where
		 * kernel.unprivileged_bpf_disabled is set, also on maps that are open.
		 */
		{ try_losses, t, CAP_BPF },
		/* Where /proc is mounted with hidepid. */
		{ procfs_can_read, NULL, CAP_SYS_PTRACE },
		/* Before Linux 6.2, /proc/PID/fd of other users' processes has to be listed. */
		{ procfs_can_count_descriptors, NULL, CAP_DAC_READ_SEARCH },
	};

	return capabilities_drop(needs, sizeof(needs) / sizeof(needs[0]), ret_failure);
}

/* False: something is due now. In the steady state nothing is, and nothing wakes the process. */
static bool may_sleep(struct tracer *t)
{
	uint64_t due_ns = pipeline_next_due_ns(t->config.pipeline);

	if (t->end_ns && (!due_ns || t->end_ns < due_ns))
		due_ns = t->end_ns;
	if (t->losses_due && (!due_ns || t->losses_ns + LOSSES_APART_NS < due_ns))
		due_ns = t->losses_ns + LOSSES_APART_NS;
	if (t->more || (due_ns && due_ns <= clock_boottime_ns()))
		return false;
	loop_set_timer(t->loop, due_ns);
	return true;
}

/* A wait is over and no record came that said so: the recording has to know. */
static int tick(struct tracer *t, uint64_t now_ns)
{
	struct wst_event event = {
		.type = WST_EV_TICK,
		.size = sizeof(event),
		.ts_ns = now_ns,
	};
	uint64_t due_ns = pipeline_next_due_ns(t->config.pipeline);
	int err = 0;

	/* while records wait, they are the clock */
	if (!t->more && due_ns && due_ns <= event.ts_ns)
		err = feed(t, &event, sizeof(event));
	if (!err && t->end_ns && event.ts_ns >= t->end_ns)
		t->state = TRACER_TIME_UP;
	return err;
}

static int flush(struct tracer *t)
{
	int err = t->config.sink ? sink_flush(t->config.sink) : 0;

	if (!err && t->config.recording)
		err = recording_flush(t->config.recording);
	return err ? stop(t, err) : 0;
}

/*
 * What thousands of sessions held when they ended at once, malloc() keeps for as many that may never
 * come.
 */
static void give_back_memory(struct tracer *t)
{
	size_t conns = pipeline_conn_count(t->config.pipeline);

	if (conns > t->conns_high)
		t->conns_high = conns;
	if (t->more || conns + TRIM_CONNS > t->conns_high)
		return;
	malloc_trim(0);
	t->conns_high = conns;
}

int tracer_step(struct tracer *t, int timeout_ms)
{
	uint64_t now_ns;
	int wakes, err;

	if (t->state != TRACER_RUNNING || flush(t))
		return t->state;
	give_back_memory(t);
	if (t->took && !t->more)
		loop_pause(t->loop, GATHER_MS);
	t->took = false;
	wakes = loop_wait(t->loop, may_sleep(t) ? timeout_ms : 0);
	if (wakes < 0)
		return wakes;
	/* taken before: what comes meanwhile may still wait in the ring buffer */
	now_ns = clock_boottime_ns();
	err = take(t, BATCH_MAX);
	if (!err)
		err = tick(t, now_ns);
	if (err && t->state == TRACER_RUNNING)
		return err;
	if (wakes & LOOP_HANGUP && t->state == TRACER_RUNNING)
		stop(t, -EPIPE);
	if (wakes & LOOP_SIGNAL && t->state != TRACER_STOPPED)
		t->state = TRACER_SIGNALLED;
	return t->state;
}

int tracer_run(struct tracer *t)
{
	int state;

	do {
		state = tracer_step(t, -1);
	} while (state == TRACER_RUNNING);
	return state;
}

int tracer_finish(struct tracer *t)
{
	int err;

	if (t->state == TRACER_STOPPED)
		return 0;
	loader_detach(t->loader);
	err = take_all(t);
	if (!err)
		err = tick(t, clock_boottime_ns());
	if (!err)
		err = pipeline_flush(t->config.pipeline);
	if (!err)
		err = flush(t);
	if (err == -EINTR)
		err = t->stop_value;
	return err < 0 ? err : 0;
}

int tracer_stop_value(const struct tracer *t)
{
	return t->stop_value;
}

const uint64_t *tracer_losses(const struct tracer *t)
{
	return t->losses;
}

void tracer_free(struct tracer *t)
{
	if (!t)
		return;
	ring_buffer__free(t->ring);
	record_queue_free(t->queue);
	loader_close(t->loader);
	process_watch_free(t->processes);
	redactor_free(t->redactor);
	loop_free(t->loop);
	free(t);
}
