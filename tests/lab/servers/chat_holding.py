#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat server whose helper program inherits the sockets of its sessions: PORT SECONDS.

The first message starts the helper, which lives for so many seconds and holds them open.
"""
import asyncio
import os
import subprocess
import sys

import websockets


async def chat(socket):
    await socket.send('{"type":"welcome"}')
    async for _ in socket:
        number = socket.transport.get_extra_info("socket").fileno()
        os.set_inheritable(number, True)
        subprocess.Popen(["/bin/sleep", sys.argv[2]], close_fds=False)
        await socket.send('{"type":"said"}')


async def main():
    async with websockets.serve(chat, "", int(sys.argv[1]), ping_interval=None):
        await asyncio.Future()


asyncio.run(main())
