#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Listens for its child, as systemd does for a service: activate.py PORT PROGRAM ARGUMENTS

The child has the listener as descriptor 3. Its pid is printed, and its end changes nothing here.
"""
import os
import signal
import socket
import sys

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", int(sys.argv[1])))
listener.listen(50)
child = os.fork()
if child == 0:
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.execv(sys.argv[2], sys.argv[2:])
print(child, flush=True)
os.waitpid(child, 0)
signal.pause()
