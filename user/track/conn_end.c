/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What ended a connection, and how two sockets relate: questions about facts that were gathered. */
#include <errno.h>
#include <string.h>

#include "track/conn.h"
#include "track/tcp_state.h"

/*
 * The kernel does several things in one go: a keepalive timer that gives up sends a RST and reports
 * ETIMEDOUT, a received RST is reported as ECONNRESET. Records of one such moment lie closer
 * together than this.
 */
#define SAME_MOMENT_NS 1000000ull

struct cause_of_end {
	enum ended_by by;
	uint64_t ts_ns;
};

static bool same_moment(uint64_t a, uint64_t b)
{
	return a && b && (a < b ? b - a : a - b) <= SAME_MOMENT_NS;
}

static struct cause_of_end earliest(const struct conn *c)
{
	/* of two at the same time the first of these */
	const struct cause_of_end all[] = {
		{ ENDED_RST_RECEIVED, c->end->rst_in_ns },
		{ ENDED_FIN_RECEIVED, c->end->fin_in_ns },
		{ ENDED_FIN_SENT, c->end->fin_out_ns },
		{ ENDED_RST_SENT, c->end->rst_out_ns },
		{ ENDED_ERROR, c->end->error_ns },
	};
	struct cause_of_end first = { ENDED_NOT, 0 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].ts_ns && (!first.ts_ns || all[i].ts_ns < first.ts_ns))
			first = all[i];
	return first;
}

/*
 * A timer of the kernel that gives up sends the RST and reports ETIMEDOUT in one go, which takes
 * milliseconds when an emulated or overcommitted processor is interrupted there. No later timeout
 * can follow: an active RST is the end of its socket.
 */
static bool timer_gave_up(const struct conn *c)
{
	const struct conn_end *end = c->end;

	return end->error == ETIMEDOUT && end->reset_active && !end->reset_by_process &&
	       !end->closed_by_process;
}

/*
 * The error is the kernel's reason for the RST it sent, or the other way round: see SAME_MOMENT_NS.
 */
static struct cause_of_end reconcile(const struct conn *c, struct cause_of_end first)
{
	if (first.by != ENDED_ERROR && first.by != ENDED_RST_SENT)
		return first;
	if (c->end->error == ETIMEDOUT &&
	    (same_moment(first.ts_ns, c->end->error_ns) || timer_gave_up(c)))
		return (struct cause_of_end){ ENDED_TIMEOUT, first.ts_ns };
	if (first.by == ENDED_ERROR && same_moment(first.ts_ns, c->end->rst_in_ns))
		return (struct cause_of_end){ ENDED_RST_RECEIVED, first.ts_ns };
	if (first.by == ENDED_ERROR && same_moment(first.ts_ns, c->end->rst_out_ns))
		return (struct cause_of_end){ ENDED_RST_SENT, first.ts_ns };
	return first;
}

/*
 * No record tells: it began before the socket was followed, or they were lost. The last snapshot
 * has states and the errno.
 */
static enum ended_by from_snapshot(const struct conn *c)
{
	for (unsigned int i = 0; c->has_facts && i < c->end->tcp.state_count; i++) {
		if (c->end->tcp.states[i] == STATE_FIN_WAIT1)
			return ENDED_FIN_SENT;
		if (c->end->tcp.states[i] == STATE_CLOSE_WAIT)
			return ENDED_FIN_RECEIVED;
	}
	if (c->end_lost)
		return c->end->closing.ts_ns ? ENDED_FIN_SENT : ENDED_UNSEEN;
	if (!c->has_end || c->end->closed_by_process || !c->end->tcp.error)
		return ENDED_ABORTED;
	if (c->end->tcp.error == ETIMEDOUT)
		return ENDED_TIMEOUT;
	if (c->end->tcp.error == ECONNRESET || c->end->tcp.error == EPIPE)
		return ENDED_RST_RECEIVED;
	return ENDED_ERROR;
}

enum ended_by conn_ended_by(const struct conn *c, uint64_t *ret_ns)
{
	struct cause_of_end end = reconcile(c, earliest(c));

	if (c->connect_failed)
		end = (struct cause_of_end){ ENDED_CONNECT_FAILED,
					     end.ts_ns ? end.ts_ns : c->end->closed_ns };
	else if (!end.ts_ns && c->end->closed_ns)
		end = (struct cause_of_end){ from_snapshot(c), c->end->closed_ns };
	if (ret_ns)
		*ret_ns = end.ts_ns;
	return end.by;
}

const char *ended_by_name(enum ended_by e)
{
	switch (e) {
	case ENDED_NOT:
		return "open";
	case ENDED_FIN_SENT:
		return "fin_sent";
	case ENDED_FIN_RECEIVED:
		return "fin_received";
	case ENDED_RST_SENT:
		return "rst_sent";
	case ENDED_RST_RECEIVED:
		return "rst_received";
	case ENDED_TIMEOUT:
		return "timeout";
	case ENDED_ERROR:
		return "error";
	case ENDED_ABORTED:
		return "aborted";
	case ENDED_CONNECT_FAILED:
		return "connect_failed";
	case ENDED_UNSEEN:
		return "unseen";
	}
	return "open";
}

static bool has_frames(const struct wst_walk_facts *w)
{
	for (unsigned int i = 0; i < 6; i++)
		if (w->frames[i])
			return true;
	return w->flags & WST_WALK_JOINED;
}

static bool has_frames_of(const struct conn *c, unsigned int direction)
{
	const struct bad_frame *bad = &c->frames->bad;

	return has_frames(&c->end->walk[direction]) || c->frames->close[direction].seen ||
	       (bad->kind && bad->direction == direction);
}

bool conn_is_websocket(const struct conn *c)
{
	const struct handshake *hs = &c->handshake;

	if (hs->response_seen)
		return hs->status == 101;
	if (hs->other_request)
		return false;
	/*
	 * What a client sends behind its request may be frames, the next request, or noise: only
	 * what comes behind a 101 makes a WebSocket.
	 */
	if (hs->request_seen)
		return has_frames_of(c, conn_from_server(c));
	return has_frames_of(c, WST_IN) || has_frames_of(c, WST_OUT);
}

bool conn_is_refused(const struct conn *c)
{
	return c->handshake.response_seen && c->handshake.status != 101;
}

bool conn_is_finished(const struct conn *c, uint64_t *ret_ns)
{
	uint64_t ts_ns = conn_is_refused(c) ? c->handshake.response_ns : c->end->closed_ns;

	if (ret_ns)
		*ret_ns = ts_ns;
	return ts_ns != 0;
}

uint64_t conn_began_ns(const struct conn *c)
{
	if (c->handshake.request_seen)
		return c->handshake.request_ns;
	if (c->handshake.response_seen)
		return c->handshake.response_ns;
	return c->connect_ns ? c->connect_ns : c->first_seen_ns;
}

static bool is_loopback(const uint8_t address[16])
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t v6_loopback[16] = { [15] = 1 };

	if (!memcmp(address, v4_mapped, sizeof(v4_mapped)))
		return address[12] == 127;
	return !memcmp(address, v6_loopback, sizeof(v6_loopback));
}

bool tuples_equal(const struct wst_tuple *a, const struct wst_tuple *b)
{
	return a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       !memcmp(a->local, b->local, 16) && !memcmp(a->remote, b->remote, 16) &&
	       (!a->netns || !b->netns || a->netns == b->netns);
}

bool tuples_mirrored(const struct wst_tuple *a, const struct wst_tuple *b)
{
	if (a->local_port != b->remote_port || a->remote_port != b->local_port ||
	    memcmp(a->local, b->remote, 16) || memcmp(a->remote, b->local, 16))
		return false;
	return !is_loopback(a->local) || !a->netns || !b->netns || a->netns == b->netns;
}

bool conn_owns_packet(const struct conn *c, const struct wst_tuple *t)
{
	struct wst_tuple anywhere = *t;

	if (!c->tuple_known)
		return false;
	if (!is_loopback(t->local))
		anywhere.netns = 0;
	return tuples_equal(&c->tuple, &anywhere) || tuples_mirrored(&c->tuple, &anywhere);
}

bool conns_mirrored(const struct conn *a, const struct conn *b)
{
	return a->tuple_known && b->tuple_known && tuples_mirrored(&a->tuple, &b->tuple);
}

bool conns_share_request(const struct conn *a, const struct conn *b)
{
	const struct handshake *x = &a->handshake, *y = &b->handshake;

	if (conn_is_server_side(a) == conn_is_server_side(b))
		return false;
	if (x->request_seen && y->request_seen)
		return x->request_seq == y->request_seq;
	return x->response_seen && y->response_seen && x->response_seq == y->response_seq;
}
