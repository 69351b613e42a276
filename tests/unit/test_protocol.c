/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which protocol it is, and what its private codes mean. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/close_code.h"
#include "diagnose/protocol.h"
#include "story.h"

static const char *name_of(const char *path, const char *host, const char *subprotocol)
{
	struct handshake request = no_handshake(), answer = no_handshake();
	const struct protocol *p;

	request.path = path;
	request.host = host;
	answer.subprotocol = subprotocol;
	p = protocol_recognise(&request, &answer);
	return p ? p->name : "";
}

TEST(protocol, recognised_by_subprotocol_path_or_host)
{
	CHECK_STR(name_of("/graphql", "", "graphql-transport-ws"), "graphql-ws");
	CHECK_STR(name_of("/app/key", "", "graphql-transport-ws"), "graphql-ws");
	CHECK_STR(name_of("/connection/websocket", "", ""), "Centrifugo");
	CHECK_STR(name_of("/live/connection/websocket", "", ""), "Centrifugo");
	CHECK_STR(name_of("/app/0123", "", ""), "Pusher");
	CHECK_STR(name_of("/", "gateway.discord.gg:443", ""), "Discord");
	CHECK_STR(name_of("/", "eu1.discord.media", ""), "Discord voice");
	CHECK_STR(name_of("/echo/123/abcd/websocket", "", ""), "SockJS");
	CHECK_STR(name_of("/socket.io/", "", ""), "Socket.IO");
	CHECK_STR(name_of("/cable", "", "actioncable-v1-json"), "ActionCable");
	CHECK_STR(name_of("/socket/websocket", "", ""), "Phoenix");
	CHECK_STR(name_of("/x", "", "V5.channel.k8s.io"), "Kubernetes");
	CHECK_STR(name_of("/x", "", "v12.stomp"), "STOMP");
	CHECK_STR(name_of("/chatHub", "", ""), "SignalR");
	CHECK_STR(name_of("/hubs/chat", "", ""), "SignalR");
	CHECK_STR(name_of("/_blazor", "", ""), "SignalR");
}

TEST(protocol, not_by_resemblance)
{
	CHECK_STR(name_of("/chat", "chat.example", ""), "");
	CHECK_STR(name_of("/application/x", "", ""), "");
	CHECK_STR(name_of("/", "notdiscord.gg", ""), "");
	CHECK_STR(name_of("/echo/12/abcd/websocket", "", ""), "");
	CHECK_STR(name_of("/websocket", "", ""), "");
	CHECK_STR(name_of("/123/x/websocket", "", ""), "SockJS");
	CHECK_STR(name_of("", "", "graphql-ws-of-my-own"), "");
	CHECK_STR(name_of("/x", "", "v5.channel.k8s.io.example"), "");
	CHECK_STR(name_of("/connection/websockets", "", ""), "");
	CHECK_STR(name_of("/socket.iot/", "", ""), "");
	CHECK_STR(name_of("/socket/websocket2", "", ""), "");
	CHECK_STR(name_of("/webhooks/github", "", ""), "");
	CHECK_STR(name_of("/webhooks/GitHub", "", ""), "");
	CHECK_STR(name_of("/hubspot", "", ""), "");
}

TEST(protocol, tables_are_sound)
{
	size_t count;
	const struct protocol *list = protocol_list(&count);

	for (size_t i = 0; i < count; i++) {
		test_note("%s", list[i].name);
		CHECK(list[i].subprotocols[0] || list[i].paths[0] || list[i].hosts[0] ||
		      list[i].path_is);
		CHECK(list[i].count || list[i].note);
		for (size_t j = 0; j < list[i].count; j++) {
			const struct protocol_code *c = &list[i].codes[j];

			CHECK(c->from <= c->to && c->from >= 1000 && c->to <= 4999);
			CHECK(c->meaning && c->meaning[strlen(c->meaning) - 1] != '.');
			/* a range must not hide what comes after it */
			CHECK(protocol_code_find(&list[i], c->from) == c || c->to > c->from);
		}
	}
	CHECK(protocol_code_find(NULL, 4000) == NULL);
}

/* A path that is anybody's: the protocol shows in the subprotocol or the host, if at all. */
static const char *path_of(const struct protocol *p)
{
	if (p->path_is)
		return p->path_is("/chatHub") ? "/chatHub" : "/echo/000/x/websocket";
	return p->paths[0] ? p->paths[0] + (p->paths[0][0] == '*') : "/chat";
}

static void close_in(struct story *st, const struct protocol *p, uint16_t code)
{
	story_begin(st, STORY_DIRECT);
	for (unsigned int i = 0; p && i < st->s.leg_count; i++) {
		struct handshake *hs = &st->conns[i].handshake;

		hs->path = path_of(p);
		hs->host = p->hosts[0] ? p->hosts[0] : "";
		hs->subprotocol = p->subprotocols[0] ? p->subprotocols[0] : "";
	}
	story_close_frame(st, false, code, "");
	story_close_frame(st, true, code, "");
	story_fin(st, STORY_SERVER_LEG);
}

/* Each code of each protocol, in it and in a session of which nobody knows what it speaks. */
static void check_code(const struct protocol *p, const struct protocol_code *c)
{
	struct story in, out;

	test_note("%s %u", p->name, c->from);
	if (protocol_code_find(p, c->from) != c)
		return;
	close_in(&in, p, c->from);
	close_in(&out, NULL, c->from);
	story_verdict(&in);
	story_verdict(&out);
	REQUIRE(story_evidence(&in, "protocol") || c->kind == CODE_NORMAL);
	if (story_evidence(&in, "protocol"))
		CHECK(strstr(story_evidence(&in, "protocol"), c->meaning) != NULL);
	CHECK(!story_evidence(&out, "protocol"));
	CHECK(!strstr(out.v.summary, c->meaning));
	/* 2010 is no code that a frame may carry, and SockJS puts it into a message */
	if (strcmp(verdict_cause_id(&in.v), "session.application_code") == 0) {
		CHECK_EQ(in.v.advice.retry, c->retry);
		CHECK(strstr(in.v.summary, c->meaning) != NULL);
	}
	story_done(&in);
	story_done(&out);
}

TEST(protocol, codes_mean_something_only_where_it_is_recognised)
{
	size_t count;
	const struct protocol *list = protocol_list(&count);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < list[i].count; j++)
			check_code(&list[i], &list[i].codes[j]);
}

/* Those without codes of their own say where else to look. */
TEST(protocol, notes_are_for_what_is_recognised)
{
	size_t count;
	const struct protocol *list = protocol_list(&count);
	struct story in, out;

	close_in(&out, NULL, 4000);
	story_verdict(&out);
	CHECK(!story_evidence(&out, "protocol"));
	story_done(&out);
	for (size_t i = 0; i < count; i++) {
		if (list[i].count)
			continue;
		test_note("%s", list[i].name);
		close_in(&in, &list[i], 4000);
		story_verdict(&in);
		REQUIRE(story_evidence(&in, "protocol") != NULL);
		CHECK(strstr(story_evidence(&in, "protocol"), list[i].name) != NULL);
		story_done(&in);
	}
}

static void close_because(struct story *st, const char *path, uint16_t code, const char *reason)
{
	story_begin(st, STORY_DIRECT);
	for (unsigned int i = 0; i < st->s.leg_count; i++)
		st->conns[i].handshake.path = path;
	story_close_frame(st, false, code, reason);
	story_close_frame(st, true, code, "");
	story_fin(st, STORY_SERVER_LEG);
}

static void close_at(struct story *st, const char *path, uint16_t code)
{
	close_because(st, path, code, "");
}

TEST(protocol, the_same_code_calls_for_different_advice)
{
	const struct verdict *v;
	struct story st;

	close_at(&st, "/connection/websocket", 3500);
	v = story_verdict(&st);
	CHECK_STR(verdict_cause_id(v), "session.application_code");
	CHECK_EQ(v->advice.retry, RETRY_NO);
	CHECK_EQ(v->advice.category, CATEGORY_AUTH);
	CHECK(strstr(v->summary, "Centrifugo") && strstr(v->summary, "invalid token"));
	story_done(&st);

	close_at(&st, "/app/key", 4200);
	CHECK_EQ(story_verdict(&st)->advice.retry, RETRY_YES);
	story_done(&st);

	/* unknown protocol: says no more than the code */
	close_at(&st, "/chat", 4200);
	v = story_verdict(&st);
	CHECK_EQ(v->advice.retry, RETRY_BACKOFF);
	CHECK(!strstr(v->summary, "means"));
	story_done(&st);
}

TEST(protocol, go_away_is_a_normal_end_in_sockjs_alone)
{
	struct story st;

	close_at(&st, "/echo/000/x/websocket", 3000);
	CHECK(verdict_is_clean(story_verdict(&st)));
	story_done(&st);

	close_at(&st, "/chat", 3000);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.policy_violation");
	CHECK_EQ(st.v.confidence, CONFIDENCE_MEDIUM);
	story_done(&st);

	close_at(&st, "/connection/websocket", 3008);
	CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.application_code");
	story_done(&st);
}

/* Tokens are what a parser meets, too. */
TEST(protocol, a_reason_makes_an_ambiguous_code_sure)
{
	static const struct {
		const char *reason;
		enum confidence confidence;
	} cases[] = {
		{ "Unauthorized", CONFIDENCE_HIGH },
		{ "Token expired", CONFIDENCE_HIGH },
		{ "not authenticated", CONFIDENCE_HIGH },
		{ "Unexpected token < in JSON at position 0", CONFIDENCE_MEDIUM },
		{ "Go away!", CONFIDENCE_MEDIUM },
	};
	struct story st;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint16_t code = 3000; code <= 3003; code += 3) {
			test_note("%u %s", code, cases[i].reason);
			close_because(&st, "/chat", code, cases[i].reason);
			CHECK_STR(verdict_cause_id(story_verdict(&st)), "session.policy_violation");
			CHECK_EQ(st.v.confidence, cases[i].confidence);
			story_done(&st);
		}
}
