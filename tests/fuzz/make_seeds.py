#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""make_seeds.py RECORDING_TEXT [FOLDER]: writes the seeds of tests/fuzz/corpus that are made, not found.

RECORDING_TEXT is build/tests/replay/recording_text, which turns the cases of tests/replay into records.
Files found by fuzzing are named found-*; this script leaves them alone.
"""

import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus")
CASES = os.path.join(HERE, "..", "replay", "cases")
SEED_BYTES_MAX = 4096

KEY = "d3N0cmFjZSB0ZXN0IGtleQ=="
ACCEPT = "U75xp6C7wEyx7oHqA+pP1H09dgM="

CLIENT, DEFLATE, WRAP = 1, 2, 4  # flags of fuzz_walk
RESPONSE, SERVER_SIDE = 1, 2  # flags of fuzz_http
TEXT, SECRET, REDACT, COLOUR = 1, 2, 4, 8  # flags of fuzz_pipeline


def write(target, name, data):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    assert len(data) <= SEED_BYTES_MAX, name
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def frame(first, payload, masked=False, length=None):
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (b"\x11\x22\x33\x44" if masked else b"") + payload


def with_plan(flags, plan, data):
    return bytes([flags, len(plan)]) + bytes(plan) + data


def make_walk():
    talk = (frame(0x81, b"hello") + frame(0x89, b"p") + frame(0x02, b"x" * 130) +
            frame(0x80, b"rest") + frame(0x8A, b"p") + frame(0x88, b"\x03\xe8bye"))
    masked = (frame(0x81, b"hello", True) + frame(0x82, b"x" * 200, True) +
              frame(0x88, b"\x03\xe9", True))
    write("walk", "server-talk", with_plan(0, [], talk))
    write("walk", "server-talk-bytewise", with_plan(0, [0], talk))
    write("walk", "server-talk-overlaps", with_plan(WRAP, [6, 0x4F, 0x83, 0xC1], talk))
    write("walk", "client-talk", with_plan(CLIENT, [9, 0x50, 0x85], masked))
    write("walk", "client-wrap", with_plan(CLIENT | WRAP, [2], masked))
    write("walk", "compressed", with_plan(DEFLATE, [3], frame(0xC1, b"abc") + frame(0xC2, b"")))
    write("walk", "huge-frame", with_plan(0, [5], frame(0x82, b"y" * 40, length=1 << 33)))
    write("walk", "bad-length", with_plan(0, [1], b"\x82\x7f" + b"\xff" * 8 + b"z"))
    write("walk", "bad-opcode", with_plan(0, [4], frame(0x81, b"a") + frame(0x83, b"b")))
    write("walk", "unmasked", with_plan(CLIENT, [4], frame(0x81, b"a") + frame(0x8A, b"", True)))
    write("walk", "http", with_plan(0, [63], frame(0x81, b"a") + b"HTTP/1.1 502 Bad\r\n\r\n"))
    write("walk", "one-byte-close", with_plan(0, [0], frame(0x88, b"x")))
    write("walk", "messages", with_plan(0, [6], frame(0x81, b"01234") * 12))


def make_http():
    request = ("GET /chat?token=abc HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\n"
               "Connection: keep-alive, Upgrade\r\nOrigin: https://chat.example\r\n"
               f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Protocol: chat.v2, chat.v1\r\nCookie: sid=1\r\n"
               "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
    accepted = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: chat.v2\r\n"
                "Sec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\n\r\n")
    moved = ("HTTP/1.1 302 Found\r\nServer: nginx\r\nContent-Type: text/html\r\n"
             "Location: https://user:pw@login.example/in?next=/chat#x\r\n\r\n")
    requests = {
        "request": request,
        "request-lf": request.replace("\r\n", "\n"),
        "request-lower": request.lower(),
        "request-fold": request.replace("Origin: ", "Origin:\r\n\t"),
        "request-absolute": request.replace("/chat?", "http://u:p@h:80/chat?"),
        "request-http10": request.replace("HTTP/1.1", "HTTP/1.0"),
        "request-cut": request[:130],
        "request-plain": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    }
    responses = {
        "response-101": accepted,
        "response-302": moved,
        "response-short": "HTTP/1.1 400\r\n\r\n",
        "response-continue": "HTTP/1.1 100 Continue\r\n\r\n" + accepted,
    }
    for name, text in requests.items():
        write("http", name, with_plan(SERVER_SIDE, [0x1F, 0x7F], text.encode()))
        write("http", name + "-bytewise", with_plan(0, [0], text.encode()[:300]))
    for name, text in responses.items():
        write("http", name, with_plan(RESPONSE, [0x20], text.encode()))


def records_of(tool, case):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([tool, "records", os.path.join(CASES, case), out.name], check=True)
        data = out.read()
    while data:
        size = struct.unpack_from("<H", data, 2)[0]
        yield data[:size]
        data = data[size:]


def cookie_of(record):
    return struct.unpack_from("<Q", record, 16)[0]


def small_enough(records):
    """All of them, or those of the last socket, or nothing."""
    records = list(records)
    if sum(map(len, records)) < SEED_BYTES_MAX:
        return b"".join(records)
    last = [cookie_of(r) for r in records if cookie_of(r)][-1]
    data = b"".join(r for r in records if cookie_of(r) in (0, last))
    return data if len(data) < SEED_BYTES_MAX else b""


PIPELINE = """connect.refused connect.timeout connect.firewall_dropped connect.backlog_overflow
    connect.tls_failed connect.fd_exhausted upgrade.unauthorized upgrade.redirected
    upgrade.bad_accept upgrade.bad_gateway session.normal session.peer_reset
    session.network_timeout session.keepalive_timeout session.process_killed-in-container
    session.process_oom_killed session.protocol_error-unmasked session.http_in_stream
    session.internal_error-midstream session.closed_without_close_frame-losses""".split()


def make_pipeline(tool):
    flags = (SECRET | REDACT, SECRET, TEXT, TEXT | COLOUR | REDACT)
    for number, name in enumerate(PIPELINE):
        data = small_enough(records_of(tool, name + ".txt"))
        if not data:
            raise SystemExit(name + " is too long for a seed")
        write("pipeline", name, bytes([flags[number % len(flags)]]) + data)


def make_recording():
    header = b"\x89WSTRC\r\n" + struct.pack("<IIII", 0x01020304, 64, 1, 0) + b"test".ljust(40, b"\0")
    tick = struct.pack("<HHIQQ", 36, 24, 0, 5, 0)
    write("recording", "empty", b"")
    write("recording", "header", header)
    write("recording", "ticks", header + tick * 3)
    write("recording", "cut-record", header + tick + tick[:20])
    write("recording", "cut-header", header[:30])
    write("recording", "bad-size", header + tick + struct.pack("<HHIQQ", 36, 3, 0, 5, 0))
    write("recording", "other-order", header[:8] + header[8:12][::-1] + header[12:])
    write("recording", "other-version", header[:16] + b"\x09" + header[17:] + tick)
    write("recording", "long-header", header[:12] + struct.pack("<I", 100) + header[16:] + b"\0" * 36 + tick)


def make_arguments():
    for name, line in (
            ("nothing", ""), ("help", "--help"), ("trace", "trace --all --port 80,443 --format text --duration 1.5 --count 3"),
            ("record", "record --buffer-mib 32 -- -file"), ("replay", "replay - --output=x"), ("explain", "explain 1006"),
            ("cause", "explain session.proces_killed"), ("causes", "causes --format json"), ("demo", "demo --cgroup /sys --btf /x"),
            ("short", "trace -v -p 1 -f json"), ("unknown", "trase --prot 1"), ("numbers", "trace --port 65536 --count 18446744073709551616")):
        write("arguments", name, "\n".join(line.split()).encode())


def main():
    global CORPUS
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    CORPUS = sys.argv[2] if len(sys.argv) == 3 else CORPUS
    make_walk()
    make_http()
    make_recording()
    make_arguments()
    make_pipeline(sys.argv[1])


if __name__ == "__main__":
    main()
