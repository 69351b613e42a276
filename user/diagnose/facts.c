/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "diagnose/format.h"
#include "diagnose/names.h"
#include "diagnose/timeouts.h"

enum session_stage facts_stage(const struct session *s)
{
	enum session_stage stage = session_stage(s);

	for (unsigned int i = 0; stage == STAGE_CONNECT && i < s->leg_count; i++)
		if (s->legs[i]->open_flags & WST_OPEN_MIDSTREAM)
			stage = STAGE_SESSION;
	return stage;
}

void facts_of_opening(struct facts *ret, const struct session *s, struct track *track)
{
	const struct conn *client = session_client_leg(s), *server = session_server_leg(s);

	memset(ret, 0, sizeof(*ret));
	ret->session = s;
	ret->track = track;
	ret->stage = facts_stage(s);
	ret->client = client ? client : &no_conn;
	ret->server = server ? server : &no_conn;
	facts_collect_request(ret);
	facts_collect_route(ret);
}

void facts_collect(struct facts *ret, const struct session *s, struct track *track)
{
	facts_of_opening(ret, s, track);
	facts_collect_end(ret);
	facts_collect_closer(ret);
	facts_collect_backend(ret);
	facts_collect_answer(ret);
	facts_collect_closing(ret);
	facts_collect_backend_of_goodbye(ret);
	facts_collect_path(ret);
	facts_collect_crowd(ret);
}

void facts_of_incident(struct facts *ret, const struct incident *i, struct track *track)
{
	static const struct session no_session;

	memset(ret, 0, sizeof(*ret));
	ret->session = &no_session;
	ret->track = track;
	ret->incident = i;
	ret->client = ret->server = ret->end.conn = &no_conn;
	ret->end.leg = ret->answer.origin_leg = -1;
}

static bool leads_to_server(const struct session *s, unsigned int leg)
{
	enum leg_role role = session_leg_role(s, leg);

	return role == LEG_CLIENT_TO_SERVER || role == LEG_PROXY_TO_SERVER;
}

/* A program that is nothing but a proxy connects for others, seen or not. */
static bool begins_at_proxy(const struct session *s, unsigned int leg)
{
	const struct conn *c = s->legs[leg];

	if (conn_is_server_side(c))
		c = session_peer_leg(s, leg);
	return c && known_proxy_find(c->owner->comm);
}

static enum initiator party_towards(const struct session *s, unsigned int leg, bool server)
{
	if (server)
		return leads_to_server(s, leg) ? BY_SERVER : BY_PROXY;
	return s->hop[leg] > 0 || begins_at_proxy(s, leg) ? BY_PROXY : BY_CLIENT;
}

enum initiator facts_owner(const struct session *s, unsigned int leg)
{
	return party_towards(s, leg, conn_is_server_side(s->legs[leg]));
}

enum initiator facts_far_party(const struct session *s, unsigned int leg)
{
	return party_towards(s, leg, !conn_is_server_side(s->legs[leg]));
}

uint32_t facts_errno(const struct conn *c)
{
	if (c->end->error)
		return c->end->error;
	return c->has_facts ? c->end->tcp.error : 0;
}

static bool walk_is_whole(const struct conn *c, int direction)
{
	uint32_t flags = c->end->walk[direction].flags;

	return c->has_facts && (flags & (WST_WALK_ON | WST_WALK_JOINED)) && !(flags & WST_WALK_LOST);
}

bool facts_frames_followed(const struct facts *f, bool to_server)
{
	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (walk_is_whole(c, to_server ? conn_from_client(c) : conn_from_server(c)))
			return true;
	}
	return false;
}

const struct bad_frame *facts_bad_frame(const struct facts *f, enum wst_frame_kind kind,
					const struct conn **ret_conn)
{
	const struct conn *found = NULL;

	for (unsigned int i = 0; i < f->session->leg_count; i++) {
		const struct conn *c = f->session->legs[i];

		if (c->frames->bad.kind == kind &&
		    (!found || c->frames->bad.ts_ns < found->frames->bad.ts_ns))
			found = c;
	}
	if (ret_conn)
		*ret_conn = found;
	return found ? &found->frames->bad : NULL;
}

const char *facts_name(char dst[FACTS_NAME_BYTES], const struct session *s, enum initiator party,
		       const struct wst_task *task)
{
	const char *role = party == BY_SERVER && s->hop_count > 1 ? "backend" :
								    name_of_initiator(party);

	if (task && task->tgid)
		snprintf(dst, FACTS_NAME_BYTES, "%s %.*s (pid %u)", role, WST_COMM_LEN, task->comm,
			 task->tgid);
	else
		snprintf(dst, FACTS_NAME_BYTES, "the %s", role);
	return dst;
}

static const char *name_far(char dst[FACTS_NAME_BYTES], const struct session *s, unsigned int leg)
{
	const struct wst_tuple *tuple = &s->legs[leg]->tuple;
	char endpoint[FORMAT_ENDPOINT];

	snprintf(dst, FACTS_NAME_BYTES, "the %s at %s", name_of_initiator(facts_far_party(s, leg)),
		 format_endpoint(endpoint, tuple->remote, tuple->remote_port));
	return dst;
}

const char *facts_name_ender(char dst[FACTS_NAME_BYTES], const struct facts *f)
{
	if (f->end.leg >= 0 && (f->end.outside || f->end.forged))
		return name_far(dst, f->session, (unsigned int)f->end.leg);
	if (!f->closer.task)
		return facts_name(dst, f->session, f->end.by, NULL);
	if (!facts_backend_closed(f))
		return facts_name(dst, f->session, f->closer.party, f->closer.task);
	snprintf(dst, FACTS_NAME_BYTES, "backend %.*s (pid %u)", WST_COMM_LEN, f->closer.task->comm,
		 f->closer.task->tgid);
	return dst;
}

const char *facts_name_answerer(char dst[FACTS_NAME_BYTES], const struct facts *f)
{
	const struct session *s = f->session;
	unsigned int leg;

	if (f->answer.origin_leg < 0)
		return facts_name(dst, s, BY_SERVER, NULL);
	leg = (unsigned int)f->answer.origin_leg;
	if (conn_is_server_side(s->legs[leg]))
		return facts_name(dst, s, f->answer.by, s->legs[leg]->owner);
	return name_far(dst, s, leg);
}
