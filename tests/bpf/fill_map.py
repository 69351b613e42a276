#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fills a BPF map of a process until nothing more fits. Of an LRU map nothing is left then that was in it before.

    fill_map.py PID MAP_NAME        prints how many entries went in

Keys are numbers that no process, socket or port has. Layouts: union bpf_attr and struct bpf_map_info.
"""

import ctypes
import glob
import os
import re
import struct
import sys

SYS_BPF = 321 if os.uname().machine == "x86_64" else 280
DELETE_ELEM, GET_NEXT_KEY, GET_FD_BY_ID, GET_INFO, UPDATE_BATCH = 3, 4, 14, 15, 26
NAME_BYTES = 15
BATCH = 4096
LRU_HASH = 9

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr, len(attr))
    result = libc.syscall(SYS_BPF, command, buffer, len(attr))
    return (result, ctypes.get_errno() if result < 0 else 0, buffer.raw)


def info_of(fd):
    """(type, id, key size, value size, most entries), name"""
    info = ctypes.create_string_buffer(80)
    bpf(GET_INFO, struct.pack("=IIQ", fd, len(info), ctypes.addressof(info)))
    return struct.unpack_from("=5I", info), info.raw[24:40].split(b"\0")[0].decode()


def find_map(pid, name):
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        with open(path, encoding="ascii") as file:
            match = re.search(r"^map_id:\s*(\d+)", file.read(), re.M)
        if not match:
            continue
        fd = bpf(GET_FD_BY_ID, struct.pack("=III", int(match[1]), 0, 0))[0]
        if fd >= 0 and info_of(fd)[1] == name[:NAME_BYTES]:
            return fd
    raise SystemExit("process %d has no map %s" % (pid, name))


def keys_of(fd, size):
    key, after, keys = None, ctypes.create_string_buffer(size), []
    while True:
        address = ctypes.addressof(key) if key else 0
        if bpf(GET_NEXT_KEY, struct.pack("=IIQQ", fd, 0, address, ctypes.addressof(after)))[0] < 0:
            return keys
        key = ctypes.create_string_buffer(after.raw, size)
        keys.append(key)


def main():
    fd = find_map(int(sys.argv[1]), sys.argv[2])
    kind, _, key_size, value_size, most = info_of(fd)[0]
    values = ctypes.create_string_buffer(value_size * BATCH)
    before = keys_of(fd, key_size) if kind == LRU_HASH else []
    done, wanted = 0, most
    while done < wanted:
        keys = b"".join(struct.pack("=I", 0xC0000000 + done + n) * (key_size // 4) for n in range(BATCH))
        buffer = ctypes.create_string_buffer(keys, len(keys))
        attr = struct.pack("=QQQQIIQQ", 0, 0, ctypes.addressof(buffer), ctypes.addressof(values), BATCH, fd, 0, 0)
        _, error, attr = bpf(UPDATE_BATCH, attr)
        done += struct.unpack_from("=I", attr, 32)[0] if error else BATCH
        if error:
            print("then: " + os.strerror(error))
            break
    # Which entries give way to new ones is a matter of luck.
    for key in before:
        bpf(DELETE_ELEM, struct.pack("=IIQQ", fd, 0, ctypes.addressof(key), 0))
    print(done)


if __name__ == "__main__":
    main()
