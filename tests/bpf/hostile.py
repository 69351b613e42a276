#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client that means no good, and a server that is no better.

    hostile.py CLIENT_NETNS SERVER_NETNS PORT ACT [COUNT]

Every act is bounded by its count. What a random byte is does not depend on the run.
"""

import os
import random
import selectors
import signal
import socket
import struct
import sys
import time

import websocket
from endpoint import enter_netns
from wire import SYN, checksum

SERVER = "198.18.0.1"
AT_ONCE = 200
SECONDS = 30

GREETINGS = (
    b"", b"GET ", b"GET / HTTP/1.1\r\n", b"GET /chat HTTP/1.1\r\nHost: ", b"HTTP/1.1 101 ", b"POST / HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x15\x03\x03\x00\x02\x02\x28",
    b"SSH-2.0-x\r\n", b"\x81\xfe\xff\xff", b"GET /websocket HTTP/1.0\r\nA: b\r\n\r\n", b"\0" * 16,
)


def serve(listener, answer):
    """answer(number of the connection, what came) says what to send, and whether that is the end."""
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    accepted = 0
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                sock = listener.accept()[0]
                ready.register(sock, selectors.EVENT_READ, accepted)
                accepted += 1
                continue
            sock = key.fileobj
            try:
                came = sock.recv(65536)
                said, ends = answer(key.data, came) if came else (b"", True)
                sock.sendall(said)
                if not ends:
                    continue
            except OSError:
                pass
            ready.unregister(sock)
            sock.close()


def start_server(netns, port, answer):
    at, to = os.pipe()
    pid = os.fork()
    if pid:
        os.read(at, 1)
        return pid
    enter_netns(netns)
    listener = socket.create_server((SERVER, port), backlog=1024)
    os.write(to, b"x")
    serve(listener, answer)
    os._exit(0)


def wait_until_asleep(pid):
    """A tracer that has read all that there is sleeps until there is more."""
    for _ in range(SECONDS * 100):
        with open("/proc/%s/stat" % pid, encoding="ascii") as f:
            if f.read().rpartition(")")[2].split()[0] == "S":
                return
        time.sleep(0.01)
    raise SystemExit("the tracer has never read all")


class Hostile:
    def __init__(self, port, count):
        self.port, self.count = port, count
        self.dice = random.Random(1)

    def connect(self, port=None):
        return socket.create_connection((SERVER, port or self.port), SECONDS)

    def noise(self, most):
        return self.dice.randbytes(self.dice.randrange(1, most))

    @staticmethod
    def answer_garbage(number, _):
        return GREETINGS[number % len(GREETINGS)] + random.Random(number).randbytes(number % 700), True

    def garbage(self):
        """Bytes that are not HTTP, or begin as it, into a port where WebSockets are spoken."""
        for number in range(self.count):
            sock = self.connect()
            try:
                sock.sendall(GREETINGS[number % len(GREETINGS)] + self.noise(4000))
                if number % 3:
                    while sock.recv(65536):
                        pass
            except OSError:
                pass
            sock.close()

    @staticmethod
    def answer_heads(_, __):
        return b"", False

    def heads(self):
        """Heads of handshakes that go on and on, many at a time, and never come to an end."""
        for _ in range(self.count // AT_ONCE):
            socks = [self.connect() for _ in range(AT_ONCE)]
            for sock in socks:
                sock.sendall(b"GET /flood HTTP/1.1\r\nUpgrade: websocket\r\n")
            for part in range(4):
                for sock in socks:
                    sock.sendall(b"X-%d: %s\r\n" % (part, b"y" * 8000))
            for sock in socks:
                sock.close()

    answer_scan = answer_heads

    def scan(self):
        """Ports that are closed, and one that is open: with a FIN, with a RST, with nothing said."""
        for number in range(self.count):
            try:
                self.connect(1 + number).close()
            except OSError:
                pass
            sock = self.connect()
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    answer_syns = answer_heads

    def syns(self):
        """SYNs from addresses that nobody has."""
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        target = socket.inet_aton(SERVER)
        for number in range(self.count):
            source = struct.pack("!BBH", 198, 18, 256 + number % 65000)
            head = struct.pack("!HHIIBBHHH", 1024 + number % 60000, self.port, number, 0, 5 << 4, SYN, 8192, 0, 0)
            pseudo = source + target + struct.pack("!BBH", 0, 6, len(head))
            head = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]
            packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, target) + head
            try:
                raw.sendto(packet, (SERVER, 0))
            except BlockingIOError:
                time.sleep(0.001)

    @staticmethod
    def answer_frames(_, came):
        """101 to a handshake, nothing to anything else."""
        if not came.startswith(b"GET "):
            return b"", False
        key = came.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        return websocket.response(101, key), False

    def handshake(self, path):
        sock = self.connect()
        sock.sendall(websocket.request(path, websocket.new_key()))
        sock.recv(4096)
        return sock

    def frames(self):
        """One session: pings without end, a message of many fragments, a frame longer than any disk."""
        sock = self.handshake("/chat")
        mask = b"\0\0\0\0"
        sock.sendall((b"\x89\x80" + mask) * self.count)
        sock.sendall(b"\x01\x80" + mask + (b"\x00\x81" + mask + b"x") * self.count + b"\x80\x80" + mask)
        sock.sendall(b"\x82\xff" + b"\x7f" + b"\xff" * 7 + mask + b"x" * 100000)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass

    answer_sessions = answer_frames

    def sessions(self):
        """Sessions that are opened, no faster than the tracer reads of them, and then forgotten by both ends."""
        self.forgotten = []
        for number in range(self.count):
            self.forgotten.append(self.handshake("/forgotten"))
            if number % 50 == 49:
                wait_until_asleep(os.environ["TRACER"])
        with open(os.environ["SYNC"], "w", encoding="ascii"):
            pass
        while os.path.exists(os.environ["SYNC"]):
            time.sleep(0.02)

    answer_churn = answer_frames

    def churn(self):
        """Sessions that come and go, each with a message and an end of one of three kinds: its path tells which."""
        for number in range(self.count):
            sock = self.handshake("/churn/%d" % (number % 150))
            sock.sendall(websocket.named_frame("text", "20", True))
            if number % 3 == 1:
                sock.sendall(websocket.named_frame("close", "1000", True))
            elif number % 3 == 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()


    @staticmethod
    def answer_mixed(number, came):
        """As answer_frames(), but not everyone is let in."""
        if came.startswith(b"GET /refused"):
            return websocket.response(403, b""), True
        return Hostile.answer_frames(number, came)

    def mixed(self):
        """What a server meets in a long day, slowly: of every eight, five are sessions that end in a way of their own."""
        for number in range(self.count):
            kind = number % 8
            if kind < 5:
                sock = self.handshake("/mixed/%d" % self.dice.randrange(1 << 30) if kind == 4 else "/mixed")
                sock.sendall(websocket.named_frame("text", "200", True))
                if kind == 1:
                    sock.sendall(websocket.named_frame("close", "1001,bye", True))
                elif kind == 2:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif kind == 3:
                    sock.sendall(b"\x83\x80\0\0\0\0")  # an opcode that nobody has defined
            elif kind == 5:
                sock = self.connect()
                sock.sendall(websocket.request("/refused/%d" % number, websocket.new_key()))
                sock.recv(4096)
            elif kind == 6:
                sock = self.connect()
                sock.sendall(self.noise(4000))
            else:
                sock = socket.socket()
                sock.connect_ex((SERVER, self.port + 1))
            time.sleep(self.dice.random() * 0.04)
            sock.close()


def main():
    client_netns, server_netns, port, act, count = sys.argv[1:]
    hostile = Hostile(int(port), int(count))
    server = start_server(server_netns, int(port), getattr(hostile, "answer_" + act))
    try:
        enter_netns(client_netns)
        getattr(hostile, act)()
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


if __name__ == "__main__":
    main()
