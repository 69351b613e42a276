#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Short sessions over loopback, as many as the machine can do, and hardly one with a proper end.

    stress.py NETNS PORT SECONDS

Two clients and two servers (which share a listener) keep all CPUs busy. Prints how many requests were sent whole: for
each of them one line is due, of a session or of a failed handshake.
"""

import os
import selectors
import socket
import struct
import sys
import time

import websocket
from endpoint import enter_netns, kill_all

SERVERS = CLIENTS = 2
RESET = struct.pack("ii", 1, 0)
TEXT = websocket.named_frame("text", "100", True)


def end(sock, by_reset):
    if by_reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Server:
    """How it ends the session is in the path: 0 waits for the client, 1 closes at once, 2 resets, 3 says no before."""

    def __init__(self, listener):
        self.ready = selectors.DefaultSelector()
        listener.setblocking(False)
        self.ready.register(listener, selectors.EVENT_READ, self.accept)

    def run(self):
        while True:
            for key, _ in self.ready.select():
                try:
                    key.data(key.fileobj)
                except OSError:
                    if key.fileobj.fileno() >= 0:
                        self.forget(key.fileobj)

    def forget(self, sock, by_reset=False):
        self.ready.unregister(sock)
        end(sock, by_reset)

    def accept(self, listener):
        sock = listener.accept()[0]
        sock.setblocking(False)
        self.ready.register(sock, selectors.EVENT_READ, self.answer)

    def answer(self, sock):
        came = sock.recv(65536)
        if not came.startswith(b"GET /stress/"):
            self.forget(sock)
            return
        way = came[12] - ord("0")
        key = came.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        sock.send(websocket.response(403 if way == 3 else 101, key))
        if way:
            self.forget(sock, way == 2)


def play(port, number):
    """One session. How the client ends it: closes, resets, both with and without waiting for the answer."""
    way, server_way = number % 6, number // 6 % 4
    sock = socket.create_connection(("127.0.0.1", port), 20)
    try:
        sock.sendall(websocket.request("/stress/%d" % server_way, websocket.new_key()) + (TEXT if way & 1 else b""))
        if way < 4:
            sock.recv(4096)
        if way & 1:
            sock.sendall(TEXT)
        if way == 2:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    except OSError:
        pass
    end(sock, way in (3, 5))


def start(run):
    pid = os.fork()
    if pid == 0:
        run()
        os._exit(0)
    return pid


def main():
    netns, port, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    enter_netns(netns)
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    servers = [start(Server(listener).run) for _ in range(SERVERS)]
    listener.close()
    end_at = time.monotonic() + seconds
    came, tell = os.pipe()

    def client():
        number = os.getpid()
        first = number
        while time.monotonic() < end_at:
            play(port, number)
            number += 1
        os.write(tell, b"%d\n" % (number - first))

    try:
        for pid in [start(client) for _ in range(CLIENTS)]:
            os.waitpid(pid, 0)
        os.close(tell)
        print(sum(map(int, os.read(came, 1000).split())))
    finally:
        kill_all(servers)


if __name__ == "__main__":
    main()
