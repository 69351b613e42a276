#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A piece of the network between two hosts, as seen from neither of them.

usage: middlebox.py NETNS_A ADDRESS_A NETNS_B ADDRESS_B [OPTION...]

Gives each of the two network namespaces an interface `wire0` and carries the packets between
them, in user space, so that no packet filter, queue or drop of the traced kernel's is involved.
It loses, delays, forgets and forges as its options say, and as lines on its standard input do:

    set NAME VALUE     changes one of the settings below
    mark               prints a line with the packets carried and lost so far
"""
import argparse
import ctypes
import fcntl
import heapq
import ipaddress
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001

FIN, SYN, RST, ACK = 1, 2, 4, 16

SETTINGS = {
    "cut": "lose everything: 1 both ways, a or b what comes from that side only",
    "loss": "share of packets to lose, 0 to 1",
    "delay_ms": "one-way delay",
    "reorder": "share of packets to overtake the others: they are not delayed, 0 to 1",
    "duplicate": "share of packets to carry twice, 0 to 1",
    "rate": "bytes per second and direction; 0 is unlimited",
    "lose_above": "lose packets longer than this many bytes, and say nothing",
    "forget_s": "forget flows that were silent for so long",
    "forgotten": "what a packet of a forgotten flow meets: drop or rst",
    "reset_age_s": "reset flows that are so old, in both directions",
    "unreachable": "answer data with ICMP host unreachable: a or b, what comes from that side",
}


def enter(netns):
    with open(f"/run/netns/{netns}", encoding="ascii") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {netns}")


def interface(netns, address, peer):
    """An open TUN device in that namespace; packets are read from it and written to it."""
    enter(netns)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"wire0", IFF_TUN_NO_PI))
    for command in (["address", "add", address, "peer", peer, "dev", "wire0"],
                    ["link", "set", "wire0", "up"]):
        subprocess.run(["ip", *command], check=True)
    return device


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segment:
    """The IPv4 and TCP headers of a packet."""

    def __init__(self, packet):
        self.packet = packet
        header = (packet[0] & 15) * 4
        self.source, self.target = packet[12:16], packet[16:20]
        (self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window
         ) = struct.unpack("!HHIIBBH", packet[header:header + 16])
        self.length = len(packet) - header - (offset >> 4) * 4

    @property
    def flow(self):
        return frozenset([(self.source, self.sport), (self.target, self.dport)])


def ip_header(source, target, protocol, length):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, random.getrandbits(16), 0,
                         64, protocol, 0, source, target)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


def reset(source, sport, target, dport, seq, ack, flags):
    """A RST packet from source to target."""
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 0, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    return ip_header(source, target, 6, len(tcp)) + tcp


def refusal(segment):
    """The RST with which a host answers a segment of a connection that it does not know."""
    return reset(segment.target, segment.dport, segment.source, segment.sport,
                 segment.ack, 0, RST)


def unreachable(segment, router):
    icmp = struct.pack("!BBHI", 3, 1, 0, 0) + segment.packet[:28]
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    return ip_header(router, segment.source, 1, len(icmp)) + icmp


class Flow:
    def __init__(self, now):
        self.born = self.last = now
        self.known = True
        self.latest = {}


class Middlebox:
    def __init__(self, options):
        self.settings = vars(options)
        a = interface(options.netns_a, options.address_a, options.address_b)
        b = interface(options.netns_b, options.address_b, options.address_a)
        self.side = {a: "a", b: "b"}
        self.other = {a: b, b: a}
        self.addresses = {"a": ipaddress.ip_address(options.address_a).packed,
                          "b": ipaddress.ip_address(options.address_b).packed}
        self.flows = {}
        self.queue = []
        self.busy_until = {a: 0.0, b: 0.0}
        self.carried = self.lost = 0

    def number(self, name):
        return float(self.settings[name] or 0)

    def flow_of(self, segment, now):
        flow = self.flows.get(segment.flow)
        if flow is None or (segment.flags & SYN and not segment.flags & ACK):
            flow = self.flows[segment.flow] = Flow(now)
        limit = self.number("forget_s")
        if limit and now - flow.last > limit:
            flow.known = False
        flow.last = now
        flow.latest[segment.source] = segment
        return flow

    def is_lost(self, side, packet):
        longest = self.number("lose_above")
        return (self.settings["cut"] in ("1", side) or random.random() < self.number("loss")
                or (longest and len(packet) > longest))

    def answer(self, device, segment, flow):
        """Deals with a segment in another way than carrying it, and tells whether it did."""
        if not flow.known:
            if self.settings["forgotten"] == "rst" and not segment.flags & RST:
                os.write(device, refusal(segment))
            return True
        if self.settings["unreachable"] == self.side[device]:
            os.write(device, unreachable(segment, self.addresses["a" if self.side[device] == "b" else "b"]))
            return True
        return False

    def receive(self, device):
        packet = os.read(device, 65536)
        now = time.monotonic()
        if packet[0] >> 4 != 4 or packet[9] != 6:
            return
        segment = Segment(packet)
        flow = self.flow_of(segment, now)
        if self.is_lost(self.side[device], packet) or self.answer(device, segment, flow):
            self.lost += 1
            return
        self.carried += 1
        start = max(now, self.busy_until[device])
        rate = self.number("rate")
        done = start + (len(packet) / rate if rate else 0)
        self.busy_until[device] = done
        for _ in range(2 if random.random() < self.number("duplicate") else 1):
            delay = 0 if random.random() < self.number("reorder") else self.number("delay_ms")
            heapq.heappush(self.queue, (done + delay / 1000, random.random(),
                                        self.other[device], packet))

    def deliver(self, now):
        while self.queue and self.queue[0][0] <= now:
            _, _, device, packet = heapq.heappop(self.queue)
            try:
                os.write(device, packet)
            except OSError:
                self.lost += 1

    def reset_old(self, now):
        limit = self.number("reset_age_s")
        for flow in list(self.flows.values()):
            if limit and flow.known and now - flow.born > limit and len(flow.latest) == 2:
                flow.known = False
                for device, side in self.side.items():
                    from_peer = next(s for source, s in flow.latest.items()
                                     if source != self.addresses[side])
                    end = from_peer.seq + from_peer.length
                    os.write(device, reset(from_peer.source, from_peer.sport, from_peer.target,
                                           from_peer.dport, end & 0xFFFFFFFF, from_peer.ack,
                                           RST | ACK))

    def obey(self, line):
        words = line.split()
        if words[:1] == ["set"] and words[1] in SETTINGS:
            self.settings[words[1]] = words[2]
            print(f"set {words[1]} {words[2]}", flush=True)
        elif words == ["mark"]:
            print(f"carried {self.carried}, lost {self.lost}", flush=True)

    def run(self):
        print("carrying", flush=True)
        devices = list(self.side)
        while True:
            now = time.monotonic()
            wait = min(self.queue[0][0] - now, 0.1) if self.queue else 0.1
            ready, _, _ = select.select([*devices, sys.stdin], [], [], max(wait, 0))
            for source in ready:
                if source is sys.stdin:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self.obey(line)
                else:
                    self.receive(source)
            now = time.monotonic()
            self.deliver(now)
            self.reset_old(now)


def main():
    parser = argparse.ArgumentParser()
    for name in ("netns_a", "address_a", "netns_b", "address_b"):
        parser.add_argument(name)
    for name, text in SETTINGS.items():
        parser.add_argument("--" + name.replace("_", "-"), default="", help=text)
    Middlebox(parser.parse_args()).run()


if __name__ == "__main__":
    main()
