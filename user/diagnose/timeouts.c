/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/timeouts.h"

#include <string.h>

#define SECOND_NS 1000000000ull
#define EITHER "payload of either side"
#define CLIENT "payload of the client"

#define ROW(product_, knob_, seconds_, age_, reset_, place_, close_, source_, as_of_)            \
	{                                                                                        \
		.product = (product_), .knob = (knob_), .seconds = (seconds_), .age = (age_),    \
		.reset_by = (reset_), .place = (place_), .close = (close_), .source = (source_), \
		.as_of = (as_of_)                                                                \
	}

static const struct known_timeout timeouts[] = {
	ROW("Home Assistant", "auth message", 10, true, NULL, TIMEOUT_SERVER, TIMEOUT_FIN,
	    "home-assistant/core websocket_api/const.py", "2026-11"),
	ROW("Envoy", "route timeout", 15, true, NULL, TIMEOUT_PROXY, TIMEOUT_FIN,
	    "envoyproxy/envoy#20062", "2026-11"),
	ROW("SignalR", "HandshakeTimeout", 15, true, NULL, TIMEOUT_SERVER, TIMEOUT_CLOSE_FRAME,
	    "dotnet/AspNetCore.Docs#29761", "2026-11"),
	ROW("Centrifugo", "client stale_close_delay", 10, true, NULL, TIMEOUT_SERVER,
	    TIMEOUT_CLOSE_FRAME, "centrifugal/centrifuge disconnect.go", "2026-11"),
	ROW("SignalR", "ClientTimeoutInterval", 30, false, CLIENT, TIMEOUT_SERVER,
	    TIMEOUT_CLOSE_FRAME, "dotnet/AspNetCore.Docs#29761", "2026-11"),
	ROW("Google Cloud load balancer", "backend service timeout", 30, true, NULL,
	    TIMEOUT_NETWORK, TIMEOUT_FIN, "kubernetes/ingress-gce examples/websocket", "2026-11"),
	ROW("HAProxy", "timeout client or timeout server", 30, false, EITHER, TIMEOUT_PROXY,
	    TIMEOUT_FIN, "nextcloud/HaRP#115", "2026-11"),
	ROW("HAProxy", "timeout client or timeout server", 50, false, EITHER, TIMEOUT_PROXY,
	    TIMEOUT_FIN, "home-assistant/home-assistant.io#11708", "2026-11"),
	ROW("Heroku", "router idle timeout (H15)", 55, false, EITHER, TIMEOUT_NETWORK, TIMEOUT_FIN,
	    "montrealelixir/website#80", "2026-11"),
	ROW("nginx", "proxy_read_timeout", 60, false, EITHER, TIMEOUT_PROXY, TIMEOUT_FIN,
	    "nginx ngx_http_upstream.c", "2026-08"),
	ROW("Apache httpd", "ProxyTimeout", 60, false, EITHER, TIMEOUT_PROXY, TIMEOUT_FIN,
	    "gotify/server#245", "2026-11"),
	ROW("AWS ALB", "idle_timeout.timeout_seconds", 60, false, EITHER, TIMEOUT_NETWORK,
	    TIMEOUT_FIN, "AWS ELB edit-load-balancer-attributes", "2026-11"),
	ROW("Phoenix (Cowboy, Bandit)", "websocket timeout", 60, false, CLIENT, TIMEOUT_SERVER,
	    TIMEOUT_CLOSE_FRAME, "ninenines/cowboy, mtrudel/bandit", "2026-11"),
	ROW("gorilla/websocket chat example", "pongWait", 60, false, "pongs", TIMEOUT_SERVER,
	    TIMEOUT_FIN, "gorilla/websocket#256", "2026-11"),
	ROW("Cloudflare", "proxy read timeout (until 2025)", 100, false, EITHER, TIMEOUT_NETWORK,
	    TIMEOUT_FIN, "buildbot/buildbot#4078", "2026-07"),
	ROW("Cloudflare", "proxy read timeout", 120, false, EITHER, TIMEOUT_NETWORK, TIMEOUT_FIN,
	    "Cloudflare connection limits", "2026-07"),
	ROW("uWebSockets, Bun", "idleTimeout", 120, false, CLIENT, TIMEOUT_SERVER, TIMEOUT_FIN,
	    "uNetworking/uWebSockets.js#587", "2026-11"),
	ROW("Azure load balancer, App Service", "idle timeout", 240, false, EITHER, TIMEOUT_NETWORK,
	    TIMEOUT_SILENT, "azure-docs load-balancer-tcp-reset", "2026-11"),
	ROW("Azure App Service", "front end idle timeout", 230, false, EITHER, TIMEOUT_NETWORK,
	    TIMEOUT_FIN, "azure-docs load-balancer-tcp-reset", "2026-11"),
	ROW("Envoy", "stream_idle_timeout", 300, false, EITHER, TIMEOUT_PROXY, TIMEOUT_FIN,
	    "pomerium/pomerium#1744", "2026-11"),
	ROW("Jetty", "idleTimeout", 300, false, EITHER, TIMEOUT_SERVER, TIMEOUT_CLOSE_FRAME,
	    "itm/testbed-runtime#307", "2026-11"),
	ROW("Google Cloud Run", "request timeout", 300, true, NULL, TIMEOUT_NETWORK, TIMEOUT_FIN,
	    "Cloud Run triggering/websockets", "2026-11"),
	ROW("AWS NLB, NAT gateway, EC2 connection tracking", "idle timeout", 350, false,
	    "packets of either side, keepalives too", TIMEOUT_NETWORK, TIMEOUT_SILENT,
	    "kubernetes/ingress-nginx#5695", "2026-11"),
	ROW("Cloudflare", "client keep-alive", 400, false, EITHER, TIMEOUT_NETWORK, TIMEOUT_FIN,
	    "Cloudflare connection limits", "2026-07"),
	ROW("AWS API Gateway", "WebSocket idle timeout", 600, false, EITHER, TIMEOUT_NETWORK,
	    TIMEOUT_CLOSE_FRAME, "API Gateway quotas", "2026-11"),
	ROW("Google Cloud VPC", "connection tracking", 600, false,
	    "packets of either side, keepalives too", TIMEOUT_NETWORK, TIMEOUT_SILENT,
	    "Google Cloud firewall documents", "2026-11"),
	ROW("IPVS (Docker Swarm, kube-proxy)", "tcp timeout", 900, false,
	    "packets of either side, keepalives too", TIMEOUT_NETWORK, TIMEOUT_SILENT,
	    "moby/moby#31208", "2026-11"),
	ROW("Cloudflare", "proxy idle timeout", 900, false, EITHER, TIMEOUT_NETWORK, TIMEOUT_FIN,
	    "Cloudflare connection limits", "2026-07"),
	ROW("Google Cloud Run, App Engine", "longest request", 3600, true, NULL, TIMEOUT_NETWORK,
	    TIMEOUT_FIN, "Cloud Run triggering/websockets", "2026-11"),
	ROW("AWS API Gateway", "connection duration", 7200, true, NULL, TIMEOUT_NETWORK,
	    TIMEOUT_CLOSE_FRAME, "API Gateway quotas", "2026-11"),
	ROW("kubelet", "streamingConnectionIdleTimeout", 14400, false, EITHER, TIMEOUT_SERVER,
	    TIMEOUT_FIN, "Kubernetes kubelet configuration", "2026-11"),
	ROW("Daphne", "websocket_timeout", 86400, true, NULL, TIMEOUT_SERVER, TIMEOUT_CLOSE_FRAME,
	    "django/daphne", "2026-11"),
	ROW("Internet provider", "daily forced reconnect", 86400, true, NULL, TIMEOUT_NETWORK,
	    TIMEOUT_SILENT, "sta/websocket-sharp#4", "2026-11"),
};

#define TIMEOUTS (sizeof(timeouts) / sizeof(timeouts[0]))

const struct known_timeout *timeout_next(const struct known_timeout *after, uint64_t value_ns,
					 bool age, unsigned int place, enum timeout_close close)
{
	size_t i = after ? (size_t)(after - timeouts) + 1 : 0;
	uint64_t tolerance = pattern_tolerance_ns(value_ns);

	for (; i < TIMEOUTS; i++) {
		const struct known_timeout *t = &timeouts[i];
		uint64_t wanted = t->seconds * SECOND_NS;
		uint64_t apart = wanted > value_ns ? wanted - value_ns : value_ns - wanted;

		if (apart <= tolerance && t->age == age && t->place & place && t->close == close)
			return t;
	}
	return NULL;
}

#define NGINX_IDLE \
	"`proxy_read_timeout` in the location of the WebSocket (`proxy_timeout` in `stream`)"

static const struct known_proxy proxies[] = {
	{ "nginx", "nginx", NGINX_IDLE, "`worker_shutdown_timeout`", true, true, true },
	{ "openresty", "OpenResty", NGINX_IDLE, "`worker_shutdown_timeout`", true, true, true },
	{ "angie", "Angie", NGINX_IDLE, "`worker_shutdown_timeout`", true, true, true },
	{ "haproxy", "HAProxy",
	  "`timeout tunnel` (without it `timeout client` and `timeout server` count)",
	  "`hard-stop-after`", true, false, false },
	{ "envoy", "Envoy", "`timeout: 0s` and `idle_timeout` of the route, `stream_idle_timeout`",
	  "`drain_time_s`", false, false, false },
	{ "traefik", "Traefik",
	  "`respondingTimeouts.readTimeout` and `idleTimeout` of the entry point",
	  "`transport.lifeCycle.graceTimeOut`", false, false, false },
	{ "caddy", "Caddy", "`stream_timeout` of reverse_proxy", "`stream_close_delay`", false,
	  false, true },
	{ "apache2", "Apache httpd", "`ProxyTimeout`, or `timeout=` of ProxyPass",
	  "`GracefulShutdownTimeout`", true, false, true },
	{ "httpd", "Apache httpd", "`ProxyTimeout`, or `timeout=` of ProxyPass",
	  "`GracefulShutdownTimeout`", true, false, true },
	{ "lighttpd", "lighttpd", "`server.max-read-idle`", "`server.graceful-shutdown-bg`", true,
	  false, true },
	{ "squid", "Squid", "`read_timeout`", "`shutdown_lifetime`", true, false, false },
	{ "stunnel", "stunnel", "`TIMEOUTidle`", "its reload", true, false, false },
	{ "pound", "Pound", "`WSTimeOut`", "`Grace`", true, false, false },
	{ "h2o", "H2O", "`proxy.websocket.timeout`", "`proxy.timeout.io`", true, false, true },
	{ "nghttpx", "nghttpx", "`frontend-read-timeout` and `backend-read-timeout`", "its stop",
	  true, false, false },
	{ "[TS_MAIN]", "Apache Traffic Server", "`proxy.config.websocket.no_activity_timeout`",
	  "`proxy.config.stop.shutdown_timeout`", false, false, false },
	{ "docker-proxy", "docker-proxy", "its timeout", "its stop", false, false, false },
};

const struct known_proxy *known_proxy_find(const char *comm)
{
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		if (strncmp(comm, proxies[i].comm, strlen(proxies[i].comm)) == 0)
			return &proxies[i];
	return NULL;
}

/* nginx and others fire up to 0.3 s early; a loaded machine is late. */
bool timeout_is_round(uint64_t value_ns)
{
	static const uint16_t seconds[] = { 1,	 2,   3,   4,	5,    6,    8,	  10,	12,   15,
					    20,	 25,  30,  35,	40,   45,   50,	  55,	60,   75,
					    90,	 100, 110, 120, 150,  180,  200,  230,	240,  300,
					    350, 400, 600, 900, 1200, 1800, 3600, 7200, 14400 };

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		uint64_t at_ns = seconds[i] * SECOND_NS;

		if (value_ns + 300000000ull >= at_ns && value_ns <= at_ns + 100000000ull)
			return true;
	}
	return false;
}
