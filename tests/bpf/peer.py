#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two ends of a WebSocket connection that do just what they are told, step by step.

    peer.py CLIENT_NETNS SERVER_NETNS PORT STEP...

c.STEP is done by the client, s.STEP by the server, which is another process. A step ends before the next begins.

    listen[=ADDRESS[,BACKLOG]]  connect[=ADDRESS]  tun
    wire[=FIRST_SEQUENCE_NUMBER[,late]]         late: its last ACK never comes
    fastopen                    connects with the request in the SYN
    request[=PATH[|HEADER...]]  response[=STATUS[|HEADER...]]  handshake
    X.text=BYTES  X.ping=BYTES  X.close=CODE[,REASON]  X.raw=HEX  X.ascii=TEXT ...
    X.hold ... X.flush          what lies between goes out in one call
    X.hold ... X.file           the same, from a file by sendfile(); X.zerocopy, X.uring_send
    X.cut=1,2,3                 the next call is cut into segments of these sizes
    X.drain                     reads until all that the other end sent has come
    c.segments=0-10,5-20,20-    (wire only) held bytes as segments; c.hole: the same, and what follows
                                comes behind the first one; c.fill=SIZE fills the hole
    c.parallel=SIZE             (wire only) held bytes in segments of that size, from two CPUs at once
    s.worker  s.pass  s.hand_over   another process goes on in the server's place; after the last one the first exits
    kill=SIGNAL                 the client kills the server
    pause=MS  sync=FILE         FILE appears, and its disappearance is waited for
"""

import os
import signal
import socket
import sys
import time

import websocket
from endpoint import SEND_SECONDS, Endpoint, enter_netns, set_name
from wire import Wire, open_tun

SERVER_ADDRESS = "198.18.0.1"
WAYS_TO_SEND = {"file": "sendfile", "zerocopy": "zerocopy", "uring_send": "uring_send"}
WIRE_SECONDS = 1  # on a wire some of it may be lost on purpose
CALL_BYTES = 30000  # a packet of the socket pair holds it as hex digits


def say(text):
    print(text, flush=True)


class Remote:
    """An Endpoint in a process of its own: calls travel over a socket pair."""

    def __init__(self, netns, port):
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.line.close()
            set_name("peer-server")
            enter_netns(netns)
            serve(Endpoint(port), theirs)
        theirs.close()
        say("server=%d" % self.pid)

    def call(self, name, argument=""):
        self.line.send(("%s %s" % (name, argument)).encode())
        answer = self.line.recv(1 << 20).decode()
        if answer.startswith("pid "):
            _, self.pid, role = answer.split()
            self.pid = int(self.pid)
            say("%s=%d" % (role, self.pid))
            return ""
        if answer.startswith("failed"):
            raise SystemExit("server: %s %s: %s" % (name, argument, answer))
        return answer


def serve(end, line):
    while True:
        name, _, argument = line.recv(1 << 20).decode().partition(" ")
        if not name:
            os._exit(0)
        if name == "worker":
            become_worker(line)
            continue
        if name in ("pass", "hand_over"):
            become_helper(end, line, name == "hand_over")
            continue
        try:
            line.send((getattr(end, name)(argument) or "ok").encode())
        except BaseException as error:  # the other process reports it
            line.send(("failed: %r" % error).encode())


def end_with_child():
    os.wait()
    os._exit(0)


def become_worker(line):
    """Like a prefork server: the parent listens, a child accepts."""
    pid = os.fork()
    if pid:
        end_with_child()
    set_name("peer-worker")
    line.send(b"pid %d worker" % os.getpid())


def become_helper(end, line, leaves):
    """Passes the connection to another process by SCM_RIGHTS, keeps no copy, and may not even stay."""
    ours, theirs = socket.socketpair()
    if os.fork():
        socket.send_fds(ours, [b"x"], [end.sock.fileno()])
        end.sock.close()
        if leaves:
            os._exit(0)
        end_with_child()
    end.sock.close()
    set_name("peer-helper")
    fd = socket.recv_fds(theirs, 1, 1)[1][0]
    end.use(socket.socket(fileno=fd))
    line.send(b"pid %d helper" % os.getpid())


class Side:
    """Bytes on their way out of one end, which may be held and cut."""

    def __init__(self, call, masked):
        self.call = call
        self.masked = masked
        self.held = None
        self.cuts = []
        self.sent = 0

    def send(self, data):
        if self.held is not None:
            self.held += data
            return
        self.sent += len(data)
        for size in self.cuts:
            self.call("send", data[:size].hex())
            data = data[size:]
            time.sleep(0.02)
        self.cuts = []
        for at in range(0, len(data), CALL_BYTES):
            self.call("send", data[at:at + CALL_BYTES].hex())

    def do(self, name, argument):
        if name == "hold":
            self.held = b""
        elif name == "flush":
            data, self.held = self.held, None
            self.send(data)
        elif name in WAYS_TO_SEND:
            data, self.held = self.held, None
            self.sent += len(data)
            self.call(WAYS_TO_SEND[name], data.hex())
        elif name == "cut":
            self.cuts = list(map(int, argument.split(",")))
        elif name == "raw":
            self.send(bytes.fromhex(argument))
        elif name == "ascii":
            self.send(argument.encode().decode("unicode_escape").encode())
        elif name in ("close", "fragment", "last") or name in websocket.OPCODES:
            self.send(websocket.named_frame(name, argument, self.masked))
        else:
            return self.call(name, argument)
        return None


class Play:
    def __init__(self, client_netns, server_netns, port):
        self.port = port
        self.server_netns, self.client_netns = server_netns, client_netns
        self.remote = Remote(server_netns, port)
        self.key = b""
        self.wire = self.tun = None
        set_name("peer-client")
        say("client=%d" % os.getpid())
        enter_netns(client_netns)
        self.local = Endpoint(port)
        self.c = Side(self.call_client, masked=True)
        self.s = Side(self.remote.call, masked=False)

    def call_client(self, name, argument=""):
        if self.wire is None:
            return getattr(self.local, name)(argument)
        if name == "send":
            return self.wire.send(bytes.fromhex(argument))
        return getattr(self.wire, name)()

    def do_listen(self, argument):
        self.s.call("listen", argument or SERVER_ADDRESS)

    def do_connect(self, argument):
        result = self.local.connect(argument or SERVER_ADDRESS)
        if result == "connected":
            self.s.call("accept")
            self.c.sent = self.s.sent = 0
        else:
            say("connect: " + result)

    def do_tun(self, _):
        """198.18.1.2 is a host outside that never answers, until wire lends it a voice."""
        enter_netns(self.server_netns)
        self.tun = open_tun()
        enter_netns(self.client_netns)

    def do_wire(self, argument):
        isn, _, late = argument.partition(",")
        self.do_tun("")
        self.do_listen("198.18.1.1")
        self.wire = Wire(self.tun, self.port, int(isn or "1000", 0))
        self.wire.connect(acknowledge=not late)
        if not late:
            self.s.call("accept")

    def do_fastopen(self, _):
        self.key = websocket.new_key()
        data = websocket.request("/chat", self.key)
        self.local.fast_open(SERVER_ADDRESS, data)
        self.c.sent = len(data)
        self.s.call("accept")
        time.sleep(0.05)
        say("request " + self.local.fast_open_result())

    def do_request(self, argument):
        path, *more = argument.split("|")
        self.key = websocket.new_key()
        self.c.send(websocket.request(path or "/chat", self.key, more))

    def do_response(self, argument):
        status, *more = argument.split("|")
        self.s.call("read_head")
        self.s.send(websocket.response(int(status or 101), self.key, more))

    def do_handshake(self, _):
        self.do_request("")
        self.do_response("")
        self.c.call("read_head")

    def do_kill(self, number):
        os.kill(self.remote.pid, int(number))

    def do_reap(self, _):
        os.waitpid(self.remote.pid, 0)

    def do_pause(self, ms):
        time.sleep(int(ms) / 1000)

    def do_sync(self, path):
        with open(path, "w", encoding="ascii"):
            pass
        while os.path.exists(path):
            time.sleep(0.01)

    def do(self, step):
        name, _, argument = step.partition("=")
        if name in ("c.segments", "c.hole"):
            data, self.c.held = self.c.held, None
            self.wire.segments(data, argument, name == "c.hole")
            self.c.sent += len(data)
        elif name == "c.fill":
            self.wire.fill(int(argument))
        elif name == "c.parallel":
            data, self.c.held = self.c.held, None
            self.wire.parallel(data, int(argument))
            self.c.sent += len(data)
        elif name in ("c.drain", "s.drain"):
            end, other = (self.c, self.s) if name[0] == "c" else (self.s, self.c)
            end.call("drain", "%d,%d" % (other.sent, WIRE_SECONDS if self.wire else SEND_SECONDS))
        elif name[:2] in ("c.", "s."):
            result = getattr(self, name[0]).do(name[2:], argument)
            if result and result not in ("ok", "connected"):
                say("%s: %s" % (name, result))
        else:
            getattr(self, "do_" + name)(argument)


def main():
    play = Play(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    try:
        for step in sys.argv[4:]:
            try:
                play.do(step)
            except Exception as error:
                raise SystemExit("peer: %s: %r" % (step, error)) from error
    finally:
        # No process outlives the play: a server that serves on is asked to end.
        play.remote.line.close()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    main()
