/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "demo/acts.h"
#include "demo/network.h"

#define GIVE_UP_MS 2000

int client_calls_nobody(struct peer *p)
{
	int err = network_cut();

	err = err ? err : peer_socket(p, GIVE_UP_MS);
	err = err ? err : peer_expect(peer_connect(p), -ETIMEDOUT);
	p->close_code = WEBSOCKET_ABNORMAL;
	return err ? err : peer_hang_up(p);
}

static int wait_timeout(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_expect(websocket_read_frame(&p->ws, &frame), -ETIMEDOUT);

	p->close_code = WEBSOCKET_ABNORMAL;
	return err ? err : peer_hang_up(p);
}

int client_loses_server(struct peer *p)
{
	int err = peer_socket(p, GIVE_UP_MS);

	err = err ? err : peer_open_and_greet(p);
	err = err ? err : network_cut();
	err = err ? err : websocket_send_text(&p->ws, "are you still there?");
	return err ? err : wait_timeout(p);
}

static int set_keepalive(int fd)
{
	int on = 1, second = 1, probes = 2;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &second, sizeof(second)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &second, sizeof(second)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes)))
		return -errno;
	return 0;
}

int client_probes_lost_server(struct peer *p)
{
	int err = peer_socket(p, 0);

	err = err ? err : set_keepalive(p->ws.fd);
	err = err ? err : peer_open_and_greet(p);
	err = err ? err : network_cut();
	return err ? err : wait_timeout(p);
}

/*
 * Hears nothing any more, and says nothing. The client is long gone when it closes; SO_LINGER 0
 * because a FIN that nobody can answer would keep the socket, and with it the namespace, for
 * minutes.
 */
int server_vanishes(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_serve_greeting(p);

	err = err ? err : peer_expect(websocket_read_frame(&p->ws, &frame), -EAGAIN);
	return err ? err : peer_abort(p);
}
