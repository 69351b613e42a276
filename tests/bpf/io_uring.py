# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Just enough of io_uring(7) for one operation at a time. Layouts: <linux/io_uring.h>."""

import ctypes
import mmap
import os
import struct

SYS_IO_URING_SETUP, SYS_IO_URING_ENTER = 425, 426
ENTRIES = 4
SETUP_SQPOLL = 1 << 1
ENTER_GETEVENTS, ENTER_SQ_WAKEUP = 1 << 0, 1 << 1
SQ_NEED_WAKEUP = 1 << 0
FEAT_SINGLE_MMAP = 1 << 0
OFF_SQ_RING, OFF_SQES = 0, 0x10000000
OP_CLOSE, OP_SEND, OP_RECV = 19, 26, 27
PARAMS_BYTES, SQE_BYTES, CQE_BYTES = 120, 64, 16
SQ_OFFSETS_AT, CQ_OFFSETS_AT = 40, 80

libc = ctypes.CDLL(None, use_errno=True)


def syscall(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Ring:
    def __init__(self, kernel_thread=False):
        params = ctypes.create_string_buffer(PARAMS_BYTES)
        struct.pack_into("=IIIII", params, 0, 0, 0, SETUP_SQPOLL if kernel_thread else 0, 0, 50)
        self.fd = syscall(SYS_IO_URING_SETUP, ENTRIES, params)
        sq_entries, cq_entries, _, _, _, features = struct.unpack_from("=6I", params)
        if not features & FEAT_SINGLE_MMAP:
            raise OSError("io_uring of before Linux 5.4")
        self.sq = struct.unpack_from("=7I", params, SQ_OFFSETS_AT)  # head, tail, mask, entries, flags, dropped, array
        self.cq = struct.unpack_from("=6I", params, CQ_OFFSETS_AT)  # head, tail, mask, entries, overflow, cqes
        size = max(self.sq[6] + 4 * sq_entries, self.cq[5] + CQE_BYTES * cq_entries)
        self.ring = mmap.mmap(self.fd, size, offset=OFF_SQ_RING)
        self.sqes = mmap.mmap(self.fd, SQE_BYTES * sq_entries, offset=OFF_SQES)
        self.kernel_thread = kernel_thread

    def word(self, at):
        return struct.unpack_from("=I", self.ring, at)[0]

    def set_word(self, at, value):
        struct.pack_into("=I", self.ring, at, value & 0xFFFFFFFF)

    def run(self, opcode, fd, address=0, size=0):
        """One operation, waited for; its result, or OSError."""
        tail = self.word(self.sq[1])
        slot = tail & self.word(self.sq[2])
        struct.pack_into("=BBHiQQIIQQQQ", self.sqes, slot * SQE_BYTES, opcode, 0, 0, fd, 0, address, size, 0, 0, 0, 0, 0)
        self.set_word(self.sq[6] + 4 * slot, slot)
        self.set_word(self.sq[1], tail + 1)
        wake = self.kernel_thread and self.word(self.sq[4]) & SQ_NEED_WAKEUP
        syscall(SYS_IO_URING_ENTER, self.fd, 1, 1, ENTER_GETEVENTS | (ENTER_SQ_WAKEUP if wake else 0), None, 0)
        head = self.word(self.cq[0])
        _, result, _ = struct.unpack_from("=QiI", self.ring, self.cq[5] + (head & self.word(self.cq[2])) * CQE_BYTES)
        self.set_word(self.cq[0], head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def send(self, fd, data):
        buffer = ctypes.create_string_buffer(data, len(data))
        return self.run(OP_SEND, fd, ctypes.addressof(buffer), len(data))

    def receive(self, fd, size):
        buffer = ctypes.create_string_buffer(size)
        return buffer.raw[:self.run(OP_RECV, fd, ctypes.addressof(buffer), size)]

    def close_descriptor(self, fd):
        self.run(OP_CLOSE, fd)
