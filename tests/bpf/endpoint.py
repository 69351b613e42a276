# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One end of a connection that is a real socket, and what its process can do."""

import ctypes
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time

from io_uring import Ring

CLONE_NEWNET = 0x40000000
PR_SET_NAME = 15
SEND_SECONDS = 30  # far beyond what any network of these tests takes
TCPI_OPT_SYN_DATA = 32
TCP_REPAIR = 19
SO_ZEROCOPY = 60
MSG_ZEROCOPY = 0x4000000

libc = ctypes.CDLL(None, use_errno=True)


def enter_netns(name):
    fd = os.open("/run/netns/" + name, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns " + name)
    os.close(fd)


def kill_all(pids):
    """Kills children and waits for them."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def set_name(name):
    libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


class Endpoint:
    """Methods take and return text, so that they can be called in another process."""

    def __init__(self, port):
        self.port = port
        self.listener = self.sock = self.ring = None
        self.taken = 0  # bytes read so far
        self.others = []

    # -- connections

    def listen(self, argument):
        address, _, backlog = argument.partition(",")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.listener.bind((address, self.port))
        self.listener.listen(int(backlog or 16))

    def defer_accept(self, seconds):
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(seconds))

    def unlisten(self, _=""):
        self.listener.close()

    def accept(self, _=""):
        self.listener.settimeout(SEND_SECONDS)
        self.use(self.listener.accept()[0])
        self.taken = 0

    def accept_fails(self, _=""):
        try:
            self.accept()
        except OSError as error:
            return error.strerror
        raise SystemExit("accept worked")

    def use(self, sock):
        sock.settimeout(SEND_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock

    def connect_port(self, argument):
        address, _, port = argument.partition(",")
        return self.connect(address, int(port))

    def connect(self, address, port=None):
        """Says what went wrong instead of failing: that may be the point."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.connect((address, port or self.port))
        except OSError as error:
            sock.close()
            return error.strerror
        if self.sock:
            self.others.append(self.sock)
        self.use(sock)
        self.taken = 0
        return "connected"

    def fast_open(self, address, data):
        """The kernel's setting net.ipv4.tcp_fastopen has to allow it at both ends."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.sendto(data, socket.MSG_FASTOPEN, (address, self.port))
        self.use(sock)

    def fast_open_result(self):
        options = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
        return "accepted with the SYN" if options & TCPI_OPT_SYN_DATA else "sent again"

    def start_connect(self, address):
        """Does not wait for the answer."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex((address, self.port))
        self.others.append(sock)

    # -- bytes

    def send(self, data_hex):
        self.sock.sendall(bytes.fromhex(data_hex))

    def take(self, size=65536):
        data = self.sock.recv(size)
        self.taken += len(data)
        return data

    def read_head(self, _=""):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.take(1)
            if not byte:
                raise SystemExit("end of stream inside a head")
            head += byte
        return head.hex()

    def drain(self, argument):
        """SENT,SECONDS: reads until all that the other end sent has come, or nothing has for so long."""
        sent, seconds = map(int, argument.split(","))
        self.sock.settimeout(seconds)
        try:
            while self.taken < sent and self.take():
                pass
        except OSError:
            pass
        self.sock.settimeout(SEND_SECONDS)

    def peek(self, _=""):
        for _ in range(3):
            self.sock.recv(65536, socket.MSG_PEEK)

    def splice(self, count):
        """Takes so many bytes without reading them."""
        left, (out, into) = int(count), os.pipe()
        while left:
            moved = os.splice(self.sock.fileno(), into, left)
            left -= len(os.read(out, moved))
        self.taken += int(count)
        os.close(out)
        os.close(into)

    def sendfile(self, data_hex):
        with tempfile.TemporaryFile() as file:
            file.write(bytes.fromhex(data_hex))
            self.sock.sendfile(file)

    def zerocopy(self, data_hex):
        """The kernel sends from our pages and says when it is done with them."""
        data = memoryview(bytes.fromhex(data_hex))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        calls = 0
        while data:
            data = data[self.sock.send(data, MSG_ZEROCOPY):]
            calls += 1
        done = 0
        while done < calls:  # SO_EE_ORIGIN_ZEROCOPY tells of a range of calls
            select.select([], [], [self.sock], SEND_SECONDS)
            told = self.sock.recvmsg(1, 100, socket.MSG_ERRQUEUE)[1][0][2]
            done = struct.unpack_from("=IBBBBII", told)[6] + 1

    # -- the same calls by io_uring: in this thread or, with "thread", in one of the kernel's

    def uring(self, how):
        self.ring = Ring(kernel_thread=how == "thread")

    def uring_send(self, data_hex):
        data = bytes.fromhex(data_hex)
        while data:
            data = data[self.ring.send(self.sock.fileno(), data):]

    def uring_receive(self, count):
        left = int(count)
        while left:
            left -= len(self.ring.receive(self.sock.fileno(), left))
        self.taken += int(count)

    def uring_close(self, _=""):
        self.ring.close_descriptor(self.sock.detach())

    def eof(self, _=""):
        try:
            while self.sock.recv(65536):
                pass
        except OSError as error:
            return error.strerror or str(error)
        return None

    # -- ends

    def fin(self, _=""):
        self.sock.shutdown(socket.SHUT_WR)

    def end(self, _=""):
        self.sock.close()

    def vanish(self, _=""):
        """As a host that goes down: the socket goes without a segment (TCP_REPAIR)."""
        self.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        self.sock.close()

    def reset(self, _=""):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def exit(self, status):
        os._exit(int(status or 0))

    def kill_self(self, number):
        signal.signal(int(number), signal.SIG_DFL)
        os.kill(os.getpid(), int(number))
        time.sleep(5)

    # -- surroundings

    def option(self, argument):
        """keepalive:IDLE,INTERVAL,COUNT or user_timeout:MS"""
        name, _, values = argument.partition("=")
        if name == "user_timeout":
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(values))
            return
        idle, interval, count = map(int, values.split(","))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)

    def no_more_files(self, _=""):
        top = max(map(int, os.listdir("/proc/self/fd")))
        while True:  # the numbers below the limit have to be taken
            fd = os.dup(0)
            if fd > top:
                os.close(fd)
                break
        resource.setrlimit(resource.RLIMIT_NOFILE, (top + 1, top + 1))

    def sysctl(self, setting):
        name, _, value = setting.partition("=")
        with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as f:
            f.write(value)

    def nft(self, rules):
        subprocess.run(["nft", rules], check=True)

    def drop(self, rule):
        hook, _, match = rule.partition(",")
        self.nft("add table inet peer; add chain inet peer drops { type filter hook %s "
                 "priority 0; }; add rule inet peer drops tcp %s drop" % (hook, match))

    def undrop(self, _=""):
        self.nft("delete table inet peer")

    def enter_cgroup(self, path):
        with open(path + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(os.getpid()))

    def eat_memory(self, _=""):
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)))
