#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client, a proxy named nginx, and a backend behind its Unix socket, to which something happens.

    unix_backend.py CLIENT_NETNS SERVER_NETNS PORT HOW [SESSIONS]

killed     somebody sends it SIGKILL
exits      it exits with status 3
abstract   killed; its socket has an abstract address
far        killed; its connections are behind 900 other descriptors
farther    killed; they are behind so many that they are not looked at
inherited  killed, but its child has its connections open too, and exits with status 4 half a second later
passed     another process got its connections (SCM_RIGHTS) and is killed
closes     it closes its connections and lives on
stops      SIGTERM makes it close its connections, and exit 100 ms later

Prints proxy=PID, backend=PID, and the process that goes with the connections as holder=PID.
"""

import os
import selectors
import signal
import socket
import sys
import tempfile
import time

import websocket
from endpoint import enter_netns, kill_all, libc, set_name

SERVER = "198.18.0.1"
FAR = {"far": 900, "farther": 1100}
PR_SET_PDEATHSIG = 1


def say(text):
    print(text, flush=True)


def fork():
    """The child goes when the test does."""
    pid = os.fork()
    if not pid:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    return pid


def read_head(sock):
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(4096)
    return head


def serve(listener, sessions, how, ready):
    for _ in range(FAR.get(how, 0)):
        os.open("/dev/null", os.O_RDONLY)
    opened = [listener.accept()[0] for _ in range(sessions)]
    for sock in opened:
        key = read_head(sock).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        sock.sendall(websocket.response(101, key) + websocket.named_frame("text", "5", False))
    if how == "inherited":
        os.write(ready, b"holder=%d\n" % leave_to_child())
    if how == "passed":
        opened = pass_on(opened, ready)
    if how == "stops":
        signal.signal(signal.SIGTERM, lambda *_: [sock.close() for sock in opened] and os._exit(time.sleep(0.1) or 0))
    os.write(ready, b"ready\n")
    if how in ("exits", "closes"):
        time.sleep(0.3)
    if how == "exits":
        os._exit(3)
    if how == "closes":
        for sock in opened:
            sock.close()
    while True:
        signal.pause()


def leave_to_child():
    pid = os.fork()
    if not pid:
        time.sleep(0.8)
        os._exit(4)
    return pid


def pass_on(opened, ready):
    ours, theirs = socket.socketpair()
    pid = fork()
    if not pid:
        for sock in opened:
            sock.close()
        ours.close()
        held = socket.recv_fds(theirs, 1, len(opened))[1]
        while held:
            signal.pause()
    os.write(ready, b"holder=%d\n" % pid)
    socket.send_fds(ours, [b"x"], [sock.fileno() for sock in opened])
    for sock in opened:
        sock.close()
    time.sleep(0.1)
    return []


def relay(listener, address):
    """What nginx does behind the 101: bytes go to and fro, and one side's end is the other's."""
    set_name("nginx")
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                client, behind = listener.accept()[0], socket.socket(socket.AF_UNIX)
                behind.connect(address)
                ready.register(client, selectors.EVENT_READ, behind)
                ready.register(behind, selectors.EVENT_READ, client)
                continue
            try:
                data = key.fileobj.recv(65536)
            except ConnectionResetError:  # it left something unread
                data = b""
            if data:
                key.data.sendall(data)
                continue
            for sock in (key.fileobj, key.data):
                ready.unregister(sock)
                sock.close()
            break  # the other one may be in this list as well


def listen_on(address):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(16)
    return listener


def start(role, work):
    pid = fork()
    if not pid:
        work()
        os._exit(1)
    say("%s=%d" % (role, pid))
    return pid


def wait_until_ready(came):
    said = b""
    while b"ready\n" not in said:
        said += os.read(came, 4096)
    holders = [line[7:] for line in said.decode().split("\n") if line.startswith("holder=")]
    for pid in holders:
        say("holder=" + pid)
    return [int(pid) for pid in holders]


def open_sessions(port, count):
    """The backend answers when it has all of them."""
    sessions = [socket.create_connection((SERVER, port), 10) for _ in range(count)]
    for sock in sessions:
        sock.sendall(websocket.request("/unix", websocket.new_key()))
    for sock in sessions:
        read_head(sock)
        sock.sendall(websocket.named_frame("text", "5", True))
    return sessions


def main():
    client_netns, server_netns, port, how = sys.argv[1:5]
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    with tempfile.TemporaryDirectory() as folder:
        address = "\0" + folder if how == "abstract" else folder + "/socket"
        came, ready = os.pipe()
        enter_netns(server_netns)  # abstract addresses are a namespace's own
        listener = listen_on(address)
        backend = start("backend", lambda: (set_name("backend"), serve(listener, count, how, ready)))
        listener.close()
        front = socket.create_server((SERVER, int(port)), backlog=16)
        proxy = start("proxy", lambda: relay(front, address))
        front.close()
        enter_netns(client_netns)
        sessions = open_sessions(int(port), count)
        holders = wait_until_ready(came)
        time.sleep(0.3)
        if how == "passed":
            os.kill(holders[0], signal.SIGKILL)
        elif how not in ("exits", "closes"):
            os.kill(backend, signal.SIGTERM if how == "stops" else signal.SIGKILL)
        for sock in sessions:
            sock.settimeout(10)
            while sock.recv(4096):
                pass
            sock.close()
        time.sleep(0.2)  # until the tracer has said why: this is no part of it
        kill_all([proxy])
        try:
            kill_all([backend])
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    main()
