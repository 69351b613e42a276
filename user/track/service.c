/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/service.h"

#include <string.h>

#define WINDOW_NS (60ull * 1000000000)
/* Fewer sessions than this are uneven by chance. */
#define SPREAD_SESSIONS 12
/* Fewer losses than this, in all and on each of two backends, are bad luck. */
#define CHURN_SESSIONS 8
#define CHURN_SESSIONS_EACH 2
#define BACKEND_UNUSED_NS (600ull * 1000000000)

void service_note_attempt(struct service *s, const struct service_attempt *attempt)
{
	s->attempts[s->attempt_next] = *attempt;
	s->attempt_next = (s->attempt_next + 1) % SERVICE_ATTEMPTS;
	if (s->attempt_count < SERVICE_ATTEMPTS)
		s->attempt_count++;
}

void service_note_failed(struct service *s, const struct service_attempt *failed, uint64_t opened_ns)
{
	for (uint32_t i = 0; opened_ns && i < s->attempt_count; i++) {
		struct service_attempt *a = &s->attempts[i];

		if (a->ts_ns != opened_ns || a->cause)
			continue;
		*a = *failed;
		return;
	}
	service_note_attempt(s, failed);
}

/* Ids are static: one cause has one address. */
static void count_cause(struct service_failures *f, const char *cause)
{
	uint32_t i = 0;

	while (i < SERVICE_CAUSES - 1 && f->causes[i].cause && f->causes[i].cause != cause)
		i++;
	if (!f->causes[i].cause)
		f->causes[i].cause = cause;
	if (f->causes[i].cause != cause)
		return;
	f->causes[i].count++;
	for (; i && f->causes[i].count > f->causes[i - 1].count; i--) {
		uint32_t count = f->causes[i].count;

		f->causes[i] = f->causes[i - 1];
		f->causes[i - 1].cause = cause;
		f->causes[i - 1].count = count;
	}
}

struct service_failures service_failures(const struct service *s, uint64_t now_ns)
{
	struct service_failures f = { 0 };

	for (uint32_t i = 0; i < s->attempt_count; i++) {
		const struct service_attempt *a = &s->attempts[i];

		if (a->ts_ns + WINDOW_NS < now_ns)
			continue;
		f.attempts++;
		if (!a->cause)
			continue;
		f.failed++;
		if (!f.first_ns || a->ts_ns < f.first_ns)
			f.first_ns = a->ts_ns;
		count_cause(&f, a->cause);
	}
	return f;
}

static bool same_endpoint(const struct service_endpoint *a, const struct service_endpoint *b)
{
	return a->port == b->port && !memcmp(a->address, b->address, sizeof(a->address));
}

void service_note_lost(struct service *s, uint64_t opened_ns, const struct service_endpoint *backend)
{
	for (uint32_t i = 0; i < s->attempt_count; i++) {
		struct service_attempt *a = &s->attempts[i];

		if (a->ts_ns == opened_ns && !a->cause && same_endpoint(&a->backend, backend))
			a->lost = true;
	}
}

static void count_churn(struct service_churn *c, const struct service_attempt *a)
{
	uint32_t i = 0;

	while (i < c->backend_count && !same_endpoint(&c->backends[i].endpoint, &a->backend))
		i++;
	if (i == SERVICE_BACKENDS)
		return;
	if (i == c->backend_count)
		c->backends[c->backend_count++].endpoint = a->backend;
	c->opened++;
	c->backends[i].opened++;
	if (!a->lost)
		return;
	c->lost++;
	c->backends[i].lost++;
	if (!c->first_ns || a->ts_ns < c->first_ns)
		c->first_ns = a->ts_ns;
}

struct service_churn service_churn(const struct service *s, uint64_t now_ns)
{
	struct service_churn c = { 0 };

	for (uint32_t i = 0; i < s->attempt_count; i++)
		if (s->attempts[i].backend.port && s->attempts[i].ts_ns + WINDOW_NS >= now_ns)
			count_churn(&c, &s->attempts[i]);
	return c;
}

bool service_churns(const struct service_churn *c)
{
	uint32_t losing = 0;

	for (uint32_t i = 0; i < c->backend_count; i++)
		losing += c->backends[i].lost >= CHURN_SESSIONS_EACH;
	return losing > 1 && c->lost >= CHURN_SESSIONS && 2 * c->lost >= c->opened;
}

static struct service_backend *find_backend(struct service *s, const struct service_endpoint *e)
{
	for (uint32_t i = 0; i < s->backend_count; i++)
		if (same_endpoint(&s->backends[i].endpoint, e))
			return &s->backends[i];
	return NULL;
}

/* The place for a new one: that of the one unused for longest when there is no room. */
static struct service_backend *add_backend(struct service *s, const struct service_endpoint *e)
{
	struct service_backend *b = &s->backends[0];

	if (s->backend_count < SERVICE_BACKENDS)
		b = &s->backends[s->backend_count++];
	for (uint32_t i = 0; s->backend_count == SERVICE_BACKENDS && i < s->backend_count; i++)
		if (s->backends[i].used_ns < b->used_ns)
			b = &s->backends[i];
	memset(b, 0, sizeof(*b));
	b->endpoint = *e;
	return b;
}

static void count_anew(struct service *s)
{
	for (uint32_t i = 0; i < s->backend_count; i++)
		s->backends[i].taken = 0;
}

void service_forget_spread(struct service *s)
{
	count_anew(s);
	for (uint32_t i = 0; i < s->backend_count; i++)
		s->backends[i].counted = false;
}

void service_note_open(struct service *s, const struct service_endpoint *backend, uint64_t ts_ns)
{
	struct service_backend *b = find_backend(s, backend);

	if (!b)
		b = add_backend(s, backend);
	/* Counted is from the moment on at which the last of them began to take sessions. */
	if (!b->counted)
		count_anew(s);
	b->counted = true;
	b->taken++;
	b->open++;
	b->used_ns = ts_ns;
	for (uint32_t i = 0; i < s->backend_count; i++) {
		struct service_backend *other = &s->backends[i];

		if (!other->open && other->used_ns + BACKEND_UNUSED_NS < ts_ns)
			*other = s->backends[--s->backend_count];
	}
}

void service_note_end(struct service *s, const struct service_endpoint *backend)
{
	struct service_backend *b = find_backend(s, backend);

	if (b && b->open)
		b->open--;
}

uint32_t service_taken(const struct service *s)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < s->backend_count; i++)
		taken += s->backends[i].taken;
	return taken;
}

/* More than 2.5 standard deviations above an even share: n draws with probability 1/k each. */
static bool is_beyond_chance(uint64_t most, uint64_t n, uint64_t k)
{
	uint64_t above = most * k > n ? most * k - n : 0; /* k times what it has too much */

	return 4 * above * above > 25 * n * (k - 1);
}

/*
 * Among those that took at least one. Who has fewer sessions open is given more on purpose
 * (least_conn), so the open ones have to be uneven too.
 */
bool service_is_uneven(const struct service *s, const struct service_backend **ret_most,
		       const struct service_backend **ret_least)
{
	const struct service_backend *most = NULL, *least = NULL;
	uint32_t n = 0, k = 0;

	for (uint32_t i = 0; i < s->backend_count; i++) {
		const struct service_backend *b = &s->backends[i];

		if (!b->taken)
			continue;
		n += b->taken;
		k++;
		if (!most || b->taken > most->taken)
			most = b;
		if (!least || b->taken < least->taken)
			least = b;
	}
	*ret_most = most;
	*ret_least = least;
	return k > 1 && n >= SPREAD_SESSIONS && most->taken >= 3 * least->taken &&
	       most->open >= 2 * least->open && is_beyond_chance(most->taken, n, k);
}
