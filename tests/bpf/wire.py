# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A TCP client that is no socket: segments written by hand into a TUN device.

The kernel under test sees a host outside, which can do what no kernel would: choose sequence numbers, send
overlapping or misplaced segments, fall silent, reset at any moment.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

OUTSIDE, INSIDE = "198.18.1.2", "198.18.1.1"
PACKET_SECONDS = 2


def open_tun():
    """In the current network namespace."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN_NO_PI))
    subprocess.run(["ip", "addr", "add", INSIDE + "/24", "dev", "tun0"], check=True)
    subprocess.run(["ip", "link", "set", "tun0", "up"], check=True)
    return fd


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    def __init__(self, fd, port, isn, local_port=40000):
        self.fd = fd
        self.ports = (local_port, port)
        self.next = isn  # sequence number of the next byte that we send
        self.seen = 0  # next byte that we expect
        self.window = 60000
        self.silent = False
        self.received = b""
        self.finished = False
        self.missing = b""  # what is sent of it has not arrived

    def packet(self, flags, seq, payload=b""):
        source, target = socket.inet_aton(OUTSIDE), socket.inet_aton(INSIDE)
        head = struct.pack("!HHIIBBHHH", *self.ports, seq & 0xFFFFFFFF, self.seen, 5 << 4,
                           flags, self.window, 0, 0)
        pseudo = source + target + struct.pack("!BBH", 0, 6, len(head) + len(payload))
        head = head[:16] + struct.pack("!H", checksum(pseudo + head + payload)) + head[18:]
        size = 20 + len(head) + len(payload)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0x4000, 64, 6, 0, source, target)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        os.write(self.fd, ip + head + payload)

    def next_packet(self, seconds):
        """(flags, seq, ack, payload) of the next packet for us, or None."""
        end = time.monotonic() + seconds
        while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            data = os.read(self.fd, 65536)
            if data[0] >> 4 != 4 or data[9] != 6:
                continue
            tcp = data[(data[0] & 15) * 4:struct.unpack("!H", data[2:4])[0]]
            source, target, seq, ack, offset, flags = struct.unpack("!HHIIBB", tcp[:14])
            if (target, source) == self.ports:
                return flags, seq, ack, tcp[(offset >> 4) * 4:]
        return None

    def absorb(self, packet):
        flags, seq, _, payload = packet
        if self.silent or seq != self.seen:
            return
        self.received += payload
        self.seen = (self.seen + len(payload) + (flags & FIN)) & 0xFFFFFFFF
        self.finished = self.finished or bool(flags & (FIN | RST))
        if payload or flags & FIN:
            self.packet(ACK, self.next)

    def listen_for(self, wanted, seconds=PACKET_SECONDS):
        end = time.monotonic() + seconds
        while not wanted():
            packet = self.next_packet(max(0, end - time.monotonic()))
            if packet is None:
                raise SystemExit("wire: the other end did not answer")
            self.absorb(packet)

    def connect(self, acknowledge=True):
        """Without the last ACK, the first payload takes its place."""
        self.packet(SYN, self.next)
        packet = self.next_packet(PACKET_SECONDS)
        if packet is None or packet[0] & (SYN | ACK) != SYN | ACK:
            raise SystemExit("wire: no SYN-ACK: %r" % (packet,))
        self.seen = (packet[1] + 1) & 0xFFFFFFFF
        self.next += 1
        if acknowledge:
            self.packet(ACK, self.next)

    def send(self, data):
        for at in range(0, len(data), 1400):
            part = data[at:at + 1400]
            self.packet(PSH | ACK, self.next, part)
            self.next = (self.next + len(part)) & 0xFFFFFFFF
        time.sleep(0.01)

    def segments(self, data, ranges, hole=False):
        """Sends ranges of data, "0-10,5-20,20-", in this order. hole: what follows comes behind the first one."""
        for first, last in (r.split("-") for r in ranges.split(",")):
            first, last = int(first), int(last or len(data))
            self.packet(PSH | ACK, self.next + first, data[first:last])
            time.sleep(0.01)
        arrived = int(ranges.split(",")[0].split("-")[1]) if hole else len(data)
        self.next = (self.next + arrived) & 0xFFFFFFFF
        self.missing = data[arrived:]

    def fill(self, size):
        """Fills the hole, which is that large; what is behind it has come already."""
        self.packet(PSH | ACK, self.next, self.missing[:size])
        self.next = (self.next + len(self.missing)) & 0xFFFFFFFF
        time.sleep(0.01)

    def parallel(self, data, size):
        """Sends segments of that size from two CPUs at once, every other one from each."""
        cpus = sorted(os.sched_getaffinity(0))[:2]
        children = []
        for half, cpu in enumerate(cpus):
            children.append(os.fork())
            if children[-1] == 0:
                os.sched_setaffinity(0, [cpu])
                for at in range(half * size, len(data), len(cpus) * size):
                    self.packet(PSH | ACK, self.next + at, data[at:at + size])
                os._exit(0)
        for pid in children:
            os.waitpid(pid, 0)
        self.next = (self.next + len(data)) & 0xFFFFFFFF

    def read_head(self):
        self.listen_for(lambda: b"\r\n\r\n" in self.received)
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        return head

    def drain(self):
        packet = self.next_packet(0.1)
        while packet:
            self.absorb(packet)
            packet = self.next_packet(0.1)
        self.received = b""

    def read_eof(self):
        self.listen_for(lambda: self.finished)

    def fin(self):
        self.packet(FIN | ACK, self.next)
        self.next = (self.next + 1) & 0xFFFFFFFF

    def reset(self):
        self.packet(RST | ACK, self.next)

    def forget(self):
        """As a host that was restarted: what comes next belongs to no connection that it knows."""
        packet = self.next_packet(PACKET_SECONDS)
        if packet is None:
            raise SystemExit("wire: nothing came")
        self.packet(RST, packet[2])

    def silence(self):
        self.silent = True
