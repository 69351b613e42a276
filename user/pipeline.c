/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/observe.h"
#include "track/event_check.h"

#define LOSSES_GATHER_NS 1000000000ull
#define LOSSES_AGAIN_NS 60000000000ull

struct pipeline {
	struct pipeline_config config;
	struct track *track;
	struct line_context lines;
	struct pipeline_stats stats;
	uint64_t last_ns; /* time of the latest record or tick */
	uint64_t losses_told; /* sum of what the last line about losses said */
	uint64_t losses_due_ns, losses_told_ns; /* 0: nothing to tell; never told */
};

/* The largest record that this build knows, aligned as records are. */
union record {
	struct wst_event h;
	struct wst_http_event http;
	struct wst_end_event end;
	struct wst_process_event process;
	uint8_t bytes[sizeof(struct wst_http_event)];
};

struct pipeline *pipeline_new(const struct pipeline_config *config)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->config = *config;
	p->track = track_new(&config->track);
	if (!p->track) {
		free(p);
		return NULL;
	}
	p->lines = (struct line_context){
		.format = config->format,
		.colour = config->colour,
		.track = p->track,
	};
	return p;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	track_free(p->track);
	free(p);
}

/* Takes the line. */
static int hand_over(struct pipeline *p, char *line)
{
	int result;

	if (!line)
		return -ENOMEM;
	p->stats.lines++;
	result = p->config.on_line(p->config.arg, line, strlen(line));
	free(line);
	return result;
}

static int report_open(struct pipeline *p, const struct session *s)
{
	p->stats.opened++;
	diagnose_open(s, p->track);
	return p->config.all ? hand_over(p, line_session_open(&p->lines, s)) : 0;
}

static int report_end(struct pipeline *p, struct session *s)
{
	struct verdict verdict;
	int result = 0;

	if (p->config.all)
		diagnose_session(s, p->track, &verdict);
	else
		diagnose_troubled(s, p->track, &verdict);
	if (verdict.stage == STAGE_SESSION)
		p->stats.ended++;
	else
		p->stats.failed++;
	if (p->config.all || !verdict_is_clean(&verdict))
		result = hand_over(p, line_session_end(&p->lines, s, &verdict));
	track_release(p->track, s);
	return result;
}

static int report_incidents(struct pipeline *p, uint64_t now_ns, bool final)
{
	struct incident incident;
	struct verdict verdict;
	int result = 0;

	observe_absences(p->track, now_ns);
	while (!result && track_next_incident(p->track, now_ns, final, &incident)) {
		diagnose_incident(&incident, p->track, &verdict);
		if (verdict.rule && (p->config.all || !incident.minor))
			result = hand_over(p, line_incident(&p->lines, &incident, &verdict));
	}
	return result;
}

static int report_sessions(struct pipeline *p, uint64_t now_ns)
{
	for (;;) {
		struct report r = track_next(p->track, now_ns);
		int result = 0;

		if (r.kind == REPORT_NOTHING)
			return 0;
		result = r.kind == REPORT_OPEN ? report_open(p, r.session) :
						 report_end(p, r.session);
		if (result)
			return result;
	}
}

/* NULL: losses of one stream, which are in its session's verdict. */
static const char *const loss_names[WST_LOSS_SITES] = {
	[WST_LOSS_RING] = "records (ring buffer full)",
	[WST_LOSS_STORAGE] = "sockets (no storage)",
	[WST_LOSS_LOAD] = "packets (unreadable)",
	[WST_LOSS_LOOP] = "segments (too many frames)",
	[WST_LOSS_DROP_EVENTS] = "drops (above the rate limit)",
	[WST_LOSS_OWNERS] = "processes (table full)",
	[WST_LOSS_SKIPPED] = "runs of programs (interrupted on their CPU)",
};

static uint64_t sum_of_losses(const struct pipeline *p)
{
	const struct host_facts *host = track_host(p->track);
	uint64_t sum = track_evicted(p->track) + track_texts_refused(p->track);

	for (unsigned int i = 0; i < WST_LOSS_SITES; i++)
		if (loss_names[i])
			sum += host->losses[i];
	return sum;
}

static size_t append_count(char *text, size_t size, size_t at, uint64_t count, const char *what)
{
	int n;

	if (!count || at >= size)
		return at;
	n = snprintf(text + at, size - at, "%s%" PRIu64 " %s", at ? ", " : "", count, what);
	return n < 0 ? at : at + (size_t)n;
}

/* All losses since the start, unless the last line said the same. */
static int tell_losses(struct pipeline *p)
{
	const struct host_facts *host = track_host(p->track);
	char lost[384] = "", message[448];
	uint64_t sum = sum_of_losses(p);
	size_t at = 0;

	p->losses_due_ns = 0;
	if (sum == p->losses_told)
		return 0;
	p->losses_told = sum;
	p->losses_told_ns = p->last_ns;
	for (unsigned int i = 0; i < WST_LOSS_SITES; i++)
		if (loss_names[i])
			at = append_count(lost, sizeof(lost), at, host->losses[i], loss_names[i]);
	at = append_count(lost, sizeof(lost), at, track_evicted(p->track),
			  "connections (too many at once)");
	append_count(lost, sizeof(lost), at, track_texts_refused(p->track),
		     "texts of handshakes (no room)");
	snprintf(message, sizeof(message), "not everything was seen: lost %s", lost);
	return hand_over(p, line_agent(&p->lines, "warn", message, p->last_ns));
}

/* A moment after the first, so that the line says more than one; then rarely. */
static int report_losses(struct pipeline *p, uint64_t now_ns)
{
	uint64_t next_ns = p->losses_told_ns ? p->losses_told_ns + LOSSES_AGAIN_NS : 0;

	if (p->losses_due_ns)
		return now_ns >= p->losses_due_ns ? tell_losses(p) : 0;
	if (sum_of_losses(p) != p->losses_told) {
		p->losses_due_ns = now_ns + LOSSES_GATHER_NS;
		if (p->losses_due_ns < next_ns)
			p->losses_due_ns = next_ns;
	}
	return 0;
}

static int report_due(struct pipeline *p, uint64_t now_ns)
{
	int result = report_sessions(p, now_ns);

	if (!result)
		result = report_incidents(p, now_ns, false);
	return result ? result : report_losses(p, now_ns);
}

int pipeline_tick(struct pipeline *p, uint64_t now_ns)
{
	if (now_ns > p->last_ns)
		p->last_ns = now_ns;
	return report_due(p, now_ns);
}

/*
 * Copies what this build knows of the record, so that it is aligned, and as long as this build makes
 * it.
 */
static bool read_record(union record *to, const void *from, size_t len)
{
	size_t known, least, has;

	if (len < sizeof(to->h))
		return false;
	memcpy(&to->h, from, sizeof(to->h));
	known = event_size(to->h.type);
	least = event_least_size(to->h.type);
	if (!known)
		known = least = sizeof(to->h);
	if (to->h.size < least || to->h.size > len)
		return false;
	has = to->h.size < known ? to->h.size : known;
	memcpy(to->bytes, from, has);
	memset(to->bytes + has, 0, known - has);
	if (has < known)
		to->h.size = (__u16)known;
	return true;
}

/*
 * The kernel side's records come in the order of time, so whatever is due before one of them can be
 * told. What user space adds is stamped when it is read and may run ahead of records that still
 * wait in the ring buffer.
 */
static bool tells_time(const struct wst_event *event)
{
	return event->type < WST_EV_HOST || event->type == WST_EV_TICK;
}

int pipeline_feed(struct pipeline *p, const void *record, size_t len)
{
	union record r;
	int result = 0;

	p->stats.events++;
	if (!read_record(&r, record, len)) {
		p->stats.bad_events++;
		return -EINVAL;
	}
	if (tells_time(&r.h))
		result = pipeline_tick(p, r.h.ts_ns);
	if (result)
		return result;
	result = track_apply(p->track, &r.h);
	if (result == -EINVAL)
		p->stats.bad_events++;
	return result;
}

int pipeline_flush(struct pipeline *p)
{
	int result;

	track_flush(p->track);
	result = report_sessions(p, p->last_ns);
	if (!result)
		result = report_incidents(p, p->last_ns, true);
	return result ? result : tell_losses(p);
}

uint64_t pipeline_next_due_ns(const struct pipeline *p)
{
	uint64_t due_ns = track_next_due_ns(p->track);

	return p->losses_due_ns && (!due_ns || p->losses_due_ns < due_ns) ? p->losses_due_ns :
									    due_ns;
}

size_t pipeline_open_sockets(const struct pipeline *p, uint64_t *ret_cookies, size_t max)
{
	return track_open_sockets(p->track, ret_cookies, max);
}

size_t pipeline_conn_count(const struct pipeline *p)
{
	return track_conn_count(p->track);
}

size_t pipeline_session_count(const struct pipeline *p)
{
	return track_session_count(p->track);
}

const struct pipeline_stats *pipeline_stats(const struct pipeline *p)
{
	return &p->stats;
}
