/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The handshake was answered, and the answer blames the request: who asks, from where, for what,
 * and how.
 */
#include "diagnose/rule.h"

#include <string.h>
#include <strings.h>

#include "diagnose/evidence.h"
#include "diagnose/url.h"

static bool is_redirect(uint16_t status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Answers that say something of their own, whatever the headers of the request were. */
static bool speaks_for_itself(uint16_t status)
{
	return status == 401 || status == 407 || status == 429 || is_redirect(status) ||
	       (status >= 502 && status <= 504);
}

static enum confidence headers_not_forwarded(const struct facts *f, struct evidence *ev)
{
	const struct conn *first = f->answer.request, *last = f->answer.last_request;
	const struct handshake *hs;

	if (!first || first == last || !f->answer.status || speaks_for_itself(f->answer.status) ||
	    f->session->hop_count < 2 || !first->handshake.has_upgrade)
		return CONFIDENCE_NONE;
	hs = &last->handshake;
	if (hs->has_upgrade && hs->has_connection_upgrade && !hs->http_1_0)
		return CONFIDENCE_NONE;
	evidence_add(ev, "request_of_client", first->handshake.request_ns,
		     "the client's request has Upgrade: websocket, Connection: %s",
		     first->handshake.connection);
	evidence_add(ev, "request_of_proxy", hs->request_ns,
		     "the same request from the proxy: HTTP/1.%d, %s Upgrade header, Connection: %s",
		     hs->http_1_0 ? 0 : 1, hs->has_upgrade ? "with" : "without an",
		     hs->connection[0] ? hs->connection : "(absent)");
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

static enum confidence unauthorized(const struct facts *f, struct evidence *ev)
{
	if (f->answer.status != 401 && f->answer.status != 407)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

static enum confidence forbidden_origin(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->answer.last_request;
	struct url origin, host;

	if (f->answer.status != 403 || f->answer.by != BY_SERVER || !c || !c->handshake.origin[0])
		return CONFIDENCE_NONE;
	url_parse(&origin, c->handshake.origin);
	url_parse_authority(&host, c->handshake.host);
	if (strcasecmp(origin.host, host.host) == 0 &&
	    (origin.port == host.port || !origin.port || !host.port))
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	evidence_add(ev, "origin_mismatch", 0, "Origin is %.90s, but the Host it saw is %.90s",
		     c->handshake.origin, c->handshake.host);
	return CONFIDENCE_HIGH;
}

static enum confidence forbidden(const struct facts *f, struct evidence *ev)
{
	if (f->answer.status != 403)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

enum redirect {
	REDIRECT_NONE,
	REDIRECT_SAME,
	REDIRECT_LOGIN,
	REDIRECT_OTHER_HOST,
	REDIRECT_OTHER_PATH
};

static enum redirect redirect_kind(const struct facts *f, struct evidence *ev)
{
	const char *location;
	struct url to, host;

	if (!is_redirect(f->answer.status) || !f->answer.request)
		return REDIRECT_NONE;
	location = f->answer.conn->handshake.location;
	url_parse(&to, location);
	url_parse_authority(&host, f->answer.request->handshake.host);
	evidence_answer(ev, f);
	evidence_add(ev, "location", 0, "it points to %.180s", location);
	if ((!to.host[0] || url_same_site(&to, &host)) &&
	    url_same_path(to.path, f->answer.request->handshake.path))
		return REDIRECT_SAME;
	if (url_is_login(location))
		return REDIRECT_LOGIN;
	return to.host[0] && !url_same_site(&to, &host) ? REDIRECT_OTHER_HOST : REDIRECT_OTHER_PATH;
}

static enum confidence login_redirect(const struct facts *f, struct evidence *ev)
{
	switch (redirect_kind(f, ev)) {
	case REDIRECT_LOGIN:
		return CONFIDENCE_HIGH;
	case REDIRECT_OTHER_HOST:
		return CONFIDENCE_MEDIUM;
	default:
		return CONFIDENCE_NONE;
	}
}

static enum confidence redirected(const struct facts *f, struct evidence *ev)
{
	switch (redirect_kind(f, ev)) {
	case REDIRECT_NONE:
		return CONFIDENCE_NONE;
	case REDIRECT_SAME:
		return CONFIDENCE_HIGH;
	default:
		return CONFIDENCE_MEDIUM;
	}
}

static bool version_is_bad(const struct handshake *hs)
{
	return hs->version[0] && strcmp(hs->version, "13") != 0;
}

static enum confidence not_a_websocket_request(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->answer.request;
	bool stripped;

	if (!c || !f->answer.status)
		return CONFIDENCE_NONE;
	stripped = c->handshake.has_key && !c->handshake.has_upgrade;
	if (f->answer.status != 426 && !version_is_bad(&c->handshake) && !stripped)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	if (stripped)
		evidence_add(
			ev, "upgrade_missing", c->handshake.request_ns,
			"the request has a Sec-WebSocket-Key but no Upgrade: websocket: something on the way removed it");
	if (version_is_bad(&c->handshake))
		evidence_add(ev, "version", c->handshake.request_ns,
			     "Sec-WebSocket-Version is %s, RFC 6455 has 13", c->handshake.version);
	return CONFIDENCE_HIGH;
}

static enum confidence wrong_route(const struct facts *f, struct evidence *ev)
{
	const char *type;

	if (f->answer.status != 404 && f->answer.status != 200)
		return CONFIDENCE_NONE;
	type = f->answer.conn->handshake.content_type;
	if (f->answer.status == 200 && strncasecmp(type, "text/html", 9) != 0)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	if (type[0])
		evidence_add(ev, "content_type", 0, "the answer's Content-Type is %s", type);
	/* A page: which one, nobody reads. */
	return f->answer.status == 404 ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* It goes on from a session that began with polling (Socket.IO, engine.io). */
static bool has_transport_session(const struct handshake *hs)
{
	return hs->has_sid && (strstr(hs->path, "socket.io") || strstr(hs->path, "engine.io") ||
			       strlen(hs->path) < 2);
}

static bool body_names_session(const struct facts *f)
{
	for (unsigned int i = 0; i < f->session->leg_count; i++)
		if (f->session->legs[i]->handshake.body_names_session)
			return true;
	return false;
}

/*
 * A whole request is refused, and it names a session: maybe one that this server does not have.
 * Sure is what the server says. (Which session that is, is not read.)
 */
static enum confidence session_unknown(const struct facts *f, struct evidence *ev)
{
	const struct conn *c = f->answer.last_request;
	const struct service *service = facts_service(f);
	bool several = service && service->backend_count > 1;
	bool served = f->crowd.route && f->crowd.route->opened;

	if (f->answer.status != 400 || f->answer.by != BY_SERVER || !c ||
	    !has_transport_session(&c->handshake) || !c->handshake.has_upgrade)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	evidence_add(
		ev, "request_is_whole", c->handshake.request_ns,
		"the request reached the server with its Upgrade headers, and names a session (sid=)");
	if (several)
		evidence_add(ev, "backends", 0,
			     "the sessions of this address are spread over %u backends",
			     service->backend_count);
	if (served)
		evidence_add(ev, "served_before", 0,
			     "handshakes on this path have succeeded before");
	if (!body_names_session(f))
		return CONFIDENCE_MEDIUM;
	evidence_add(ev, "answer_names_session", 0,
		     "the body of the answer, of which nothing else is read, speaks of a session");
	return CONFIDENCE_HIGH;
}

static enum confidence bad_request(const struct facts *f, struct evidence *ev)
{
	if (f->answer.status != 400)
		return CONFIDENCE_NONE;
	evidence_answer(ev, f);
	return CONFIDENCE_HIGH;
}

static const struct rule rules[] = {
	{
		.id = "upgrade.headers_not_forwarded",
		.when = headers_not_forwarded,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES,
		.summary = "the proxy does not forward the Upgrade headers, so {answerer} saw an ordinary request (HTTP {status})",
		.user_message = "Live chat is not set up correctly on the server. Trying again will not help; please tell the support.",
		.steps = {
			"nginx, in the location of the WebSocket: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;`",
			"and in http {}: `map $http_upgrade $connection_upgrade { default upgrade; '' close; }`.",
		},
	},
	{
		.id = "upgrade.unauthorized",
		.when = unauthorized,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES,
		.summary = "{answerer} demands credentials: HTTP {status}",
		.user_message = "Your session has expired. Please sign in again.",
		.steps = {
			"Fetch a fresh token inside of the reconnect function, not once when the page loads.",
			"Stop reconnecting after a 401: the same token gets the same answer. Browsers only show 1006, so learn of it from an ordinary request, such as `fetch()` of an endpoint that asks for the same token.",
		},
	},
	{
		.id = "upgrade.forbidden_origin",
		.when = forbidden_origin,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES,
		.summary = "{answerer} refuses the page's Origin: HTTP 403",
		.user_message = "Live chat is not allowed from this address of the site. Please tell the support.",
		.steps = {
			"Add the Origin in the evidence to the server's list: CheckOrigin (gorilla), allowedOrigins, ALLOWED_HOSTS.",
			"If a proxy stands in between, let it pass the name on: `proxy_set_header Host $host;` (nginx).",
		},
	},
	{
		.id = "upgrade.forbidden",
		.when = forbidden,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES,
		.summary = "{answerer} forbids the connection: HTTP 403",
		.user_message = "You do not have access to live chat. If you think that you should, please tell the support.",
		.steps = {
			"Look into the log of the one that answered: permissions of the user, an address list (nginx `deny`, `auth_request`; HAProxy `http-request deny`), or a web application firewall that does not know WebSocket.",
		},
	},
	{
		.id = "upgrade.login_redirect",
		.when = login_redirect,
		.category = CATEGORY_AUTH,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.alternatives = { "upgrade.redirected" },
		.summary = "{answerer} sends the handshake to a login page: HTTP {status}",
		.user_message = "Your session has expired. Please reload the page and sign in again.",
		.steps = {
			"WebSocket clients do not follow redirects: answer 401 instead for requests with an Upgrade header (oauth2-proxy: `--api-route=PATH`).",
			"In the page: after a failed connection probe an HTTP endpoint, and reload when it redirects.",
		},
	},
	{
		.id = "upgrade.redirected",
		.when = redirected,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.alternatives = { "upgrade.login_redirect" },
		.summary = "{answerer} redirects the handshake, and WebSocket clients do not follow redirects: HTTP {status}",
		.user_message = "Live chat is not set up correctly. Trying again will not help; please tell the support.",
		.steps = {
			"Open the address that the evidence shows as the target: wss:// instead of ws://, the slash at the end.",
			"Or exclude the WebSocket path from the redirect on the server: nginx `return 301` and `rewrite`, HAProxy `http-request redirect`, a framework's APPEND_SLASH.",
		},
	},
	{
		.id = "upgrade.not_a_websocket_request",
		.when = not_a_websocket_request,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_FALLBACK,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES,
		.summary = "what arrived at {answerer} is not a WebSocket handshake: HTTP {status}",
		.user_message = "Something on the way to the chat service does not let live connections through. Another network may help.",
		.steps = {
			"Use wss:// on port 443: middleboxes that remove the Upgrade header can only do so in clear text.",
			"Is there a proxy before this host that does not forward Upgrade and Connection, or that speaks HTTP/2 to it? Set it to HTTP/1.1 for this path (nginx: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;`).",
			"If the version is wrong, update the client's WebSocket library.",
		},
	},
	{
		.id = "upgrade.wrong_route",
		.when = wrong_route,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES,
		.alternatives = { "upgrade.login_redirect" },
		.summary = "no WebSocket endpoint at this path: {answerer} answered HTTP {status}",
		.user_message = "Live chat is not set up correctly. Trying again will not help; please tell the support.",
		.steps = {
			"Compare the path in the evidence with the server's route, and the slash at the end of proxy_pass.",
			"nginx: put `location /ws/ { proxy_pass ...; }` before the fallback (`try_files ... /index.html`) of a single-page application.",
		},
	},
	{
		.id = "upgrade.session_unknown",
		.when = session_unknown,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_BACKOFF,
		.strategy = STRATEGY_EXPONENTIAL_BACKOFF,
		.at = AT_UPGRADE,
		.alternatives = { "upgrade.bad_request" },
		.summary = "{answerer} does not know the Socket.IO session that the handshake belongs to: HTTP 400",
		.user_message = "The connection to the chat could not be made. It may work when you try again.",
		.steps = {
			"With several backends: make sessions sticky (`ip_hash` or `hash $cookie_...` in nginx, a cookie in HAProxy), since polling and upgrade have to reach the same one.",
			"Or let clients start with WebSocket: `transports: ['websocket']`.",
			"With one backend: it was restarted between the polling and the upgrade, or client and server speak different versions (EIO).",
		},
	},
	{
		.id = "upgrade.bad_request",
		.when = bad_request,
		.category = CATEGORY_CONFIG,
		.retry = RETRY_NO,
		.strategy = STRATEGY_MANUAL,
		.at = AT_UPGRADE,
		.flags = RULE_QUOTES | RULE_OTHERWISE,
		.summary = "{answerer} rejects the handshake as malformed: HTTP 400",
		.user_message = "Live chat is not set up correctly. Trying again will not help; please tell the support.",
		.steps = {
			"The server's log or the body of the answer says what it misses: Upgrade, Connection, version, subprotocol.",
			"Socket.IO and SockJS answer 400 if a session id belongs to another backend: use sticky sessions (ip_hash, a cookie) or `transports: ['websocket']`.",
		},
	},
};

const struct rule_table rules_upgrade_refused = RULE_TABLE(rules);
