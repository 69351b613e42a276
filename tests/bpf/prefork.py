#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several processes that serve one port, and a client with a session of each.

    prefork.py CLIENT_NETNS SERVER_NETNS PORT own|shared

own: each has a listener of its own (SO_REUSEPORT); shared: they inherit one. Every worker tells its pid in its first
message. One of them is killed, the sessions of the others end in order. Prints for each session

    CLIENT_PORT PID killed|normal
"""

import os
import selectors
import socket
import sys

import websocket
from endpoint import enter_netns, kill_all, set_name

SERVER = "198.18.0.1"
WORKERS = 3
SESSIONS_MAX = 200  # to have two at least of each worker


def serve(listener):
    set_name("worker")
    ready = selectors.DefaultSelector()
    listener.setblocking(False)  # another worker may be faster
    ready.register(listener, selectors.EVENT_READ, greet)
    while True:
        for key, _ in ready.select():
            key.data(key.fileobj, ready)


def greet(listener, ready):
    try:
        sock = listener.accept()[0]
    except BlockingIOError:
        return
    sock.setblocking(True)
    key = sock.recv(4096).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    sock.sendall(websocket.response(101, key) + websocket.frame(1, b"%d" % os.getpid(), False))
    ready.register(sock, selectors.EVENT_READ, say_goodbye)


def say_goodbye(sock, ready):
    sock.recv(4096)
    sock.sendall(websocket.named_frame("close", "1000", False))
    ready.unregister(sock)
    sock.close()


def start_worker(port, listener, ready):
    pid = os.fork()
    if pid:
        return pid
    if listener is None:
        listener = socket.create_server((SERVER, port), reuse_port=True, backlog=64)
    os.write(ready, b"x")
    serve(listener)
    os._exit(0)


def start_workers(netns, port, shared):
    came, ready = os.pipe()
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    enter_netns(netns)
    listener = socket.create_server((SERVER, port), backlog=64) if shared else None
    workers = [start_worker(port, listener, ready) for _ in range(WORKERS)]
    for _ in workers:
        os.read(came, 1)
    if listener:
        listener.close()
    os.close(here)
    return workers


def open_session(port):
    sock = socket.create_connection((SERVER, port), 10)
    sock.sendall(websocket.request("/prefork", websocket.new_key()))
    said = b""
    while not said.partition(b"\r\n\r\n")[2]:
        said += sock.recv(4096)
    return sock, int(said.partition(b"\r\n\r\n")[2][2:])


def main():
    client_netns, server_netns, port, kind = sys.argv[1:]
    workers = start_workers(server_netns, int(port), kind == "shared")
    try:
        enter_netns(client_netns)
        sessions, counts = [], dict.fromkeys(workers, 0)
        while min(counts.values()) < 2 and len(sessions) < SESSIONS_MAX:
            sessions.append(open_session(int(port)))
            counts[sessions[-1][1]] += 1
        kill_all([workers.pop(0)])
        for sock, pid in sessions:
            end = "normal" if pid in workers else "killed"
            print(sock.getsockname()[1], pid, end)
            if end == "normal":
                sock.sendall(websocket.named_frame("close", "1000", True))
            while sock.recv(4096):
                pass
            sock.close()
    finally:
        kill_all(workers)


if __name__ == "__main__":
    main()
