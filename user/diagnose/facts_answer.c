/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who answered the opening handshake. */
#include "diagnose/facts.h"
#include "diagnose/timeouts.h"

void facts_collect_request(struct facts *f)
{
	const struct session *s = f->session;

	for (unsigned int i = 0; i < s->leg_count; i++) {
		if (!s->legs[i]->handshake.request_seen)
			continue;
		if (!f->answer.request)
			f->answer.request = s->legs[i];
		f->answer.last_request = s->legs[i];
	}
}

void facts_collect_answer(struct facts *f)
{
	const struct session *s = f->session;
	struct answer_story *answer = &f->answer;

	answer->origin_leg = -1;
	for (unsigned int i = 0; i < s->leg_count; i++) {
		const struct conn *c = s->legs[i];

		if (!c->handshake.response_seen ||
		    (c->handshake.status == 101 && !session_is_open_way(s, i)))
			continue;
		if (!answer->conn) {
			answer->conn = c;
			answer->status = c->handshake.status;
		}
		if (c->handshake.status == answer->status)
			answer->origin_leg = (int)i;
	}
	/* Only who asks somebody else gives these answers, seen or not. */
	if (answer->status == 502 || answer->status == 504 ||
	    (answer->status == 503 && facts_failed_upstream(f)))
		answer->by = BY_PROXY;
	else if (answer->origin_leg >= 0)
		answer->by = conn_is_server_side(s->legs[answer->origin_leg]) ?
				     facts_owner(s, (unsigned int)answer->origin_leg) :
				     facts_far_party(s, (unsigned int)answer->origin_leg);
}

/*
 * A connection that was never made carried no key: it is the proxy's that failed between the
 * request and the answer.
 */
const struct failed_connect *facts_failed_upstream(const struct facts *f)
{
	const struct conn *gateway = session_gateway_leg(f->session);
	const struct failed_connect *failed = gateway ? groups_failed_connect(
								track_groups(f->track), gateway) :
							NULL;

	return failed && (!failed->aside || facts_is_gateway(f, gateway)) ? failed : NULL;
}

/* Who is none may have failed to reach a database: its affair, not the client's connection's. */
bool facts_is_gateway(const struct facts *f, const struct conn *c)
{
	return f->answer.status == 502 || f->answer.status == 504 ||
	       known_proxy_find(c->owner->comm);
}
