# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bytes of RFC 6455, made by hand so that they can be wrong on purpose."""

import base64
import hashlib
import os
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OPCODES = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


def new_key():
    return base64.b64encode(os.urandom(16))


def head(*lines):
    return "\r\n".join(lines + ("", "")).encode()


def request(path, key, more=()):
    return head(f"GET {path} HTTP/1.1", "Host: chat.test", "Connection: Upgrade",
                "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: " + key.decode(), *more)


def response(status, key, more=()):
    if status != 101:
        return head(f"HTTP/1.1 {status} Test", "Content-Length: 0", *more)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    return head("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Accept: " + accept, *more)


def frame(opcode, payload, masked, fin=True):
    size = len(payload)
    start = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if masked else 0
    if size < 126:
        start += bytes([bit | size])
    elif size < 65536:
        start += struct.pack("!BH", bit | 126, size)
    else:
        start += struct.pack("!BQ", bit | 127, size)
    if not masked:
        return start + payload
    mask = os.urandom(4)
    stream = (mask * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return start + mask + hidden.to_bytes(size, "big")


def named_frame(name, argument, masked):
    """text:5, ping:4, close:1000,bye, fragment:5 (text without FIN), last:5 (its end)."""
    if name == "close":
        code, _, reason = argument.partition(",")
        payload = struct.pack("!H", int(code)) + reason.encode() if code else b""
        return frame(OPCODES["close"], payload, masked)
    payload = b"x" * int(argument or 0)
    if name == "fragment":
        return frame(OPCODES["text"], payload, masked, fin=False)
    if name == "last":
        return frame(OPCODES["continuation"], payload, masked)
    return frame(OPCODES[name], payload, masked)
