/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/protocol.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define AUTH CATEGORY_AUTH
#define CONFIG CATEGORY_CONFIG
#define NET CATEGORY_NETWORK
#define NONE CATEGORY_NONE
#define SERVER CATEGORY_SERVER

/* discord-api-docs, Opcodes and Status Codes, 2025 */
static const struct protocol_code discord[] = {
	{ 4000, 4000, CODE_PLAIN, SERVER, RETRY_YES, "unknown error" },
	{ 4001, 4001, CODE_PLAIN, NONE, RETRY_YES, "unknown opcode sent" },
	{ 4002, 4002, CODE_PLAIN, NONE, RETRY_YES, "payload that could not be decoded" },
	{ 4003, 4003, CODE_PLAIN, AUTH, RETRY_YES, "payload sent before identifying" },
	{ 4004, 4004, CODE_PLAIN, AUTH, RETRY_NO, "the token is wrong: authentication failed" },
	{ 4005, 4005, CODE_PLAIN, NONE, RETRY_YES, "identified twice" },
	{ 4007, 4007, CODE_PLAIN, NONE, RETRY_YES, "resumed with a wrong sequence number" },
	{ 4008, 4008, CODE_PLAIN, NONE, RETRY_BACKOFF, "rate limited: too many payloads" },
	{ 4009, 4009, CODE_PLAIN, NONE, RETRY_YES, "the session timed out: begin a new one" },
	{ 4010, 4010, CODE_PLAIN, CONFIG, RETRY_NO, "invalid shard" },
	{ 4011, 4011, CODE_PLAIN, CONFIG, RETRY_NO, "sharding is required" },
	{ 4012, 4012, CODE_PLAIN, CONFIG, RETRY_NO, "invalid version of the API" },
	{ 4013, 4013, CODE_PLAIN, CONFIG, RETRY_NO, "invalid intents" },
	{ 4014, 4014, CODE_PLAIN, AUTH, RETRY_NO, "intents that are not allowed" },
};

static const struct protocol_code discord_voice[] = {
	{ 4001, 4002, CODE_PLAIN, NONE, RETRY_YES, "payload that could not be understood" },
	{ 4003, 4003, CODE_PLAIN, AUTH, RETRY_YES, "payload sent before identifying" },
	{ 4004, 4004, CODE_PLAIN, AUTH, RETRY_NO, "the token is wrong: authentication failed" },
	{ 4005, 4005, CODE_PLAIN, NONE, RETRY_YES, "identified twice" },
	{ 4006, 4006, CODE_PLAIN, NONE, RETRY_YES, "the session is no longer valid" },
	{ 4009, 4009, CODE_PLAIN, NONE, RETRY_YES, "the session timed out" },
	{ 4011, 4011, CODE_PLAIN, SERVER, RETRY_NO, "the voice server was not found" },
	{ 4012, 4012, CODE_PLAIN, CONFIG, RETRY_NO, "unknown protocol" },
	{ 4014, 4014, CODE_PLAIN, NONE, RETRY_NO,
	  "disconnected: kicked, moved, or channel deleted" },
	{ 4015, 4015, CODE_PLAIN, SERVER, RETRY_YES, "the voice server crashed: resume" },
	{ 4016, 4016, CODE_PLAIN, CONFIG, RETRY_NO, "unknown encryption mode" },
};

/* Pusher Channels protocol 7, also of Laravel Reverb and soketi; pusher-js, getCloseAction */
static const struct protocol_code pusher[] = {
	{ 4000, 4000, CODE_PLAIN, CONFIG, RETRY_NO, "the application accepts TLS connections only" },
	{ 4001, 4001, CODE_PLAIN, CONFIG, RETRY_NO, "the application key does not exist" },
	{ 4003, 4003, CODE_PLAIN, CONFIG, RETRY_NO, "the application is disabled" },
	{ 4004, 4004, CODE_PLAIN, CONFIG, RETRY_NO, "over the limit of connections" },
	{ 4005, 4005, CODE_PLAIN, CONFIG, RETRY_NO, "the path was not found" },
	{ 4006, 4008, CODE_PLAIN, CONFIG, RETRY_NO,
	  "the protocol version is missing or not supported" },
	{ 4009, 4009, CODE_PLAIN, AUTH, RETRY_NO, "the connection is not authorised in time" },
	{ 4010, 4099, CODE_PLAIN, CONFIG, RETRY_NO, "refused: do not reconnect unchanged" },
	{ 4100, 4100, CODE_PLAIN, SERVER, RETRY_BACKOFF, "over capacity" },
	{ 4101, 4199, CODE_PLAIN, SERVER, RETRY_BACKOFF, "reconnect with a growing pause" },
	{ 4201, 4201, CODE_NO_PONG, NET, RETRY_YES, "no pong came in answer to a ping" },
	{ 4202, 4202, CODE_PLAIN, NONE, RETRY_YES, "closed after inactivity" },
	{ 4200, 4299, CODE_PLAIN, SERVER, RETRY_YES, "reconnect at once" },
	{ 4301, 4301, CODE_PLAIN, NONE, RETRY_NO, "client events above the rate limit" },
	{ 4302, 4399, CODE_PLAIN, NONE, RETRY_NO, "refused by the application" },
};

/* centrifugal/centrifuge, disconnect.go; 3000-3499, 4000-4499 and 5000 up reconnect */
static const struct protocol_code centrifugo[] = {
	{ 3000, 3000, CODE_NORMAL, NONE, RETRY_YES, "the connection was closed without a reason" },
	{ 3001, 3001, CODE_PLAIN, SERVER, RETRY_YES, "the server shuts down" },
	{ 3004, 3004, CODE_PLAIN, SERVER, RETRY_BACKOFF, "internal error of the server" },
	{ 3005, 3005, CODE_PLAIN, AUTH, RETRY_YES, "the connection expired: fetch a new token" },
	{ 3006, 3006, CODE_PLAIN, AUTH, RETRY_YES, "a subscription expired: fetch a new token" },
	{ 3008, 3008, CODE_SLOW, SERVER, RETRY_BACKOFF,
	  "slow: the client did not read fast enough" },
	{ 3009, 3009, CODE_PLAIN, NET, RETRY_YES, "writing to the client failed" },
	{ 3010, 3010, CODE_PLAIN, SERVER, RETRY_YES, "insufficient state: messages were lost" },
	{ 3011, 3011, CODE_PLAIN, NONE, RETRY_YES, "told to reconnect" },
	{ 3012, 3012, CODE_NO_PONG, NET, RETRY_YES, "no pong came in answer to a ping" },
	{ 3013, 3013, CODE_PLAIN, CONFIG, RETRY_BACKOFF, "too many requests" },
	{ 3500, 3500, CODE_PLAIN, AUTH, RETRY_NO, "invalid token" },
	{ 3501, 3501, CODE_PLAIN, NONE, RETRY_NO, "bad request" },
	{ 3502, 3502, CODE_PLAIN, AUTH, RETRY_NO, "stale: the client did not authenticate in time" },
	{ 3503, 3503, CODE_PLAIN, NONE, RETRY_NO, "forced to disconnect" },
	{ 3504, 3504, CODE_PLAIN, CONFIG, RETRY_NO, "over the limit of connections" },
	{ 3505, 3505, CODE_PLAIN, CONFIG, RETRY_NO, "over the limit of channels" },
	{ 3506, 3506, CODE_PLAIN, CONFIG, RETRY_NO, "inappropriate protocol" },
	{ 3507, 3507, CODE_PLAIN, AUTH, RETRY_NO, "permission denied" },
	{ 3508, 3508, CODE_PLAIN, CONFIG, RETRY_NO, "not available" },
	{ 3509, 3509, CODE_PLAIN, CONFIG, RETRY_NO, "too many errors" },
	{ 3000, 3499, CODE_PLAIN, NONE, RETRY_YES, "reconnect" },
	{ 3500, 3999, CODE_PLAIN, NONE, RETRY_NO, "do not reconnect" },
	{ 4000, 4499, CODE_PLAIN, NONE, RETRY_YES, "of the application: reconnect" },
	{ 4500, 4999, CODE_PLAIN, NONE, RETRY_NO, "of the application: do not reconnect" },
};

/* graphql-ws, enumeration CloseCode */
static const struct protocol_code graphql_ws[] = {
	{ 4004, 4004, CODE_PLAIN, NONE, RETRY_BACKOFF, "the client got a bad answer" },
	{ 4005, 4005, CODE_PLAIN, NONE, RETRY_BACKOFF, "the client met an error of its own" },
	{ 4400, 4400, CODE_PLAIN, NONE, RETRY_NO,
	  "bad request: a message that breaks the protocol" },
	{ 4401, 4401, CODE_PLAIN, NONE, RETRY_NO,
	  "an operation before connection_ack (not an expired token)" },
	{ 4403, 4403, CODE_PLAIN, AUTH, RETRY_NO, "forbidden: onConnect refused the connection" },
	{ 4406, 4406, CODE_PLAIN, CONFIG, RETRY_NO, "the subprotocol is not acceptable" },
	{ 4408, 4408, CODE_PLAIN, NONE, RETRY_YES, "no connection_init came in time" },
	{ 4409, 4409, CODE_PLAIN, NONE, RETRY_NO, "an id of a subscription was used twice" },
	{ 4429, 4429, CODE_PLAIN, NONE, RETRY_NO, "more than one connection_init" },
	{ 4499, 4499, CODE_PLAIN, NONE, RETRY_YES, "terminated by the client" },
	{ 4500, 4500, CODE_PLAIN, SERVER, RETRY_BACKOFF, "internal error of the server" },
	{ 4504, 4504, CODE_PLAIN, SERVER, RETRY_BACKOFF, "no connection_ack came in time" },
};

/* SockJS 0.3 protocol; codes of its Close frame c[...] and of the socket under it */
static const struct protocol_code sockjs[] = {
	{ 3000, 3000, CODE_NORMAL, NONE, RETRY_NOT_NEEDED, "Go away!: an orderly close" },
	{ 2010, 2010, CODE_PLAIN, NONE, RETRY_BACKOFF, "another connection is still open" },
};

/* org.springframework.web.socket.CloseStatus */
static const struct protocol_code spring[] = {
	{ 4500, 4500, CODE_SLOW, SERVER, RETRY_BACKOFF,
	  "session not reliable: the time or the buffer for sending to the client ran out" },
};

/* "/PREFIX/NNN/SESSION/websocket" */
static int is_sockjs_path(const char *path)
{
	static const char tail[] = "/websocket";
	size_t len = strlen(path), end;

	if (len <= sizeof(tail) - 1 || strcmp(path + len - (sizeof(tail) - 1), tail) != 0)
		return 0;
	end = len - (sizeof(tail) - 1);
	while (end > 0 && path[end - 1] != '/')
		end--;
	return end >= 5 && path[end - 5] == '/' && isdigit((unsigned char)path[end - 4]) &&
	       isdigit((unsigned char)path[end - 3]) && isdigit((unsigned char)path[end - 2]);
}

/* Names of hubs are the application's: "/chatHub", "/hubs/chat"; Blazor's is "/_blazor". */
static int is_signalr_path(const char *path)
{
	const char *last = strrchr(path, '/');
	size_t len = strlen(path);

	if (!last || strcmp(last, "/GitHub") == 0)
		return 0;
	return strncmp(path, "/hubs/", 6) == 0 || strncmp(path, "/signalr/", 9) == 0 ||
	       strcmp(last, "/hub") == 0 || strcmp(last, "/chathub") == 0 ||
	       strcmp(last, "/_blazor") == 0 || (len > 4 && strcmp(path + len - 3, "Hub") == 0);
}

#define CODES(list) .codes = list, .count = sizeof(list) / sizeof((list)[0])

/* Names of subprotocols first: they were agreed on, a path may be anybody's. */
static const struct protocol protocols[] = {
	{ .name = "graphql-ws", .subprotocols = { "graphql-transport-ws" }, CODES(graphql_ws) },
	{ .name = "Centrifugo",
	  .subprotocols = { "centrifuge-json", "centrifuge-protobuf" },
	  .paths = { "*/connection/websocket" },
	  CODES(centrifugo) },
	{ .name = "ActionCable",
	  .subprotocols = { "actioncable-v1-json", "actioncable-v1-msgpack" },
	  .note = "the reason is in the message {\"type\":\"disconnect\"} before the Close frame: unauthorized, invalid_request, server_restart or remote" },
	{ .name = "Kubernetes",
	  .subprotocols = { "v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io",
			    "base64.channel.k8s.io", "v4.base64.channel.k8s.io" },
	  .note = "the result of the command is the status message on channel 3, not the close code" },
	{ .name = "STOMP",
	  .subprotocols = { "v12.stomp", "v11.stomp", "v10.stomp" },
	  CODES(spring),
	  .note = "an ERROR frame before the Close frame says why" },
	{ .name = "MQTT",
	  .subprotocols = { "mqtt", "mqttv3.1" },
	  .note = "the reason is in the DISCONNECT packet (MQTT 5), not in the close code" },
	{ .name = "Socket.IO",
	  .paths = { "/socket.io/", "/engine.io/", "*/socket.io/", "*/engine.io/" },
	  .note = "engine.io closes with an empty Close frame (1005) when a ping was not answered within pingTimeout, and on disconnect()" },
	{ .name = "Pusher", .paths = { "/app/" }, CODES(pusher) },
	{ .name = "Phoenix",
	  .paths = { "*/socket/websocket", "*/live/websocket" },
	  .note = "Cowboy closes with 1000 and Bandit with 1002 when the client's heartbeat (30 s) does not come within 60 s" },
	{ .name = "Home Assistant",
	  .paths = { "/api/websocket" },
	  .note = "auth_invalid or a missed 10 s deadline for the auth message come before the Close frame" },
	{ .name = "Discord", .hosts = { "discord.gg" }, CODES(discord) },
	{ .name = "Discord voice", .hosts = { "discord.media" }, CODES(discord_voice) },
	{ .name = "Slack Socket Mode",
	  .hosts = { "wss-primary.slack.com", "wss-backup.slack.com", "slack.com" },
	  .note = "the reason is in the message {\"type\":\"disconnect\"}: refresh_requested and warning ask to reconnect, link_disabled to stop" },
	{ .name = "SignalR",
	  .path_is = is_signalr_path,
	  .note = "the reason is in the message {\"type\":7} before the Close frame (error, allowReconnect); it has no close codes of its own" },
	{ .name = "SockJS", .path_is = is_sockjs_path, CODES(sockjs) },
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool speaks(const struct protocol *p, const char *subprotocol)
{
	for (size_t i = 0; i < 5 && p->subprotocols[i]; i++)
		if (strcasecmp(subprotocol, p->subprotocols[i]) == 0)
			return true;
	return false;
}

static bool has_end(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && strncasecmp(text + len - n, end, n) == 0;
}

static bool lives_at(const struct protocol *p, const char *path)
{
	for (size_t i = 0; i < 4 && p->paths[i]; i++) {
		const char *want = p->paths[i];

		if (want[0] == '*' ? has_end(path, strlen(path), want + 1) :
				     strncmp(path, want, strlen(want)) == 0)
			return true;
	}
	return p->path_is && p->path_is(path);
}

/* "gateway.discord.gg:443" ends with the host "discord.gg" */
static bool is_at_host(const struct protocol *p, const char *host)
{
	size_t len = p->hosts[0] ? strcspn(host, ":") : 0;

	for (size_t i = 0; i < 3 && p->hosts[i]; i++) {
		size_t n = strlen(p->hosts[i]);

		if (has_end(host, len, p->hosts[i]) && (len == n || host[len - n - 1] == '.'))
			return true;
	}
	return false;
}

const struct protocol *protocol_recognise(const struct handshake *request,
					  const struct handshake *answer)
{
	for (size_t i = 0; answer->subprotocol[0] && i < PROTOCOLS; i++)
		if (speaks(&protocols[i], answer->subprotocol))
			return &protocols[i];
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (lives_at(&protocols[i], request->path) ||
		    is_at_host(&protocols[i], request->host))
			return &protocols[i];
	return NULL;
}

const struct protocol_code *protocol_code_find(const struct protocol *p, uint16_t code)
{
	for (size_t i = 0; p && i < p->count; i++)
		if (code >= p->codes[i].from && code <= p->codes[i].to)
			return &p->codes[i];
	return NULL;
}

const struct protocol *protocol_list(size_t *ret_count)
{
	*ret_count = PROTOCOLS;
	return protocols;
}
