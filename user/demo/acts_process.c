/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "demo/acts.h"

#define FLOOD_MESSAGES 5
#define FLOOD_TEXT "one more thing"
#define FLOOD_BYTES (FLOOD_MESSAGES * (2 + 4 + sizeof(FLOOD_TEXT) - 1)) /* header, mask, text */

int server_terminates_socket(struct peer *p)
{
	int err = peer_serve_greeting(p);

	return err ? err : peer_hang_up(p);
}

int client_floods(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_open_and_greet(p);

	for (int i = 0; !err && i < FLOOD_MESSAGES; i++)
		err = websocket_send_text(&p->ws, FLOOD_TEXT);
	err = err ? err : peer_expect(websocket_read_frame(&p->ws, &frame), -ECONNRESET);
	p->close_code = WEBSOCKET_ABNORMAL;
	return err ? err : peer_hang_up(p);
}

/*
 * Waits until all messages are in the socket, and leaves them there: the client is not to be hit
 * while it still sends.
 */
static int wait_unread(struct peer *p)
{
	for (int i = 0; i < 200; i++) {
		int bytes;

		if (ioctl(p->ws.fd, FIONREAD, &bytes))
			return -errno;
		if (bytes >= (int)FLOOD_BYTES)
			return 0;
		peer_sleep_ms(10);
	}
	return -ETIMEDOUT;
}

int server_leaves_data_unread(struct peer *p)
{
	int err = peer_serve_greeting(p);

	err = err ? err : wait_unread(p);
	return err ? err : peer_hang_up(p);
}

int server_aborts(struct peer *p)
{
	int err = peer_serve_greeting(p);

	return err ? err : peer_abort(p);
}

int server_exits(struct peer *p)
{
	int err = peer_serve_greeting(p);

	if (!err)
		_exit(3);
	return err;
}

int server_waits(struct peer *p)
{
	struct websocket_frame frame;
	int err = peer_serve_greeting(p);

	/* It does not come back: a signal ends the process first. */
	return err ? err : websocket_read_frame(&p->ws, &frame);
}

int server_crashes(struct peer *p)
{
	int err = peer_serve_greeting(p);
	volatile char *wall;

	if (err)
		return err;
	/* No core file left behind, nor one sent to the host's crash collector. */
	if (prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	/* Sanitizers catch it otherwise, and exit. */
	signal(SIGSEGV, SIG_DFL);
	wall = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (wall == MAP_FAILED)
		return -errno;
	*wall = 1;
	return -EPROTO;
}
