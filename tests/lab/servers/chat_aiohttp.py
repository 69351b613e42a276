#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat server on aiohttp, started with a JSON object of settings:

port, or path of a Unix socket; heartbeat and receive_timeout (seconds); max_size (bytes);
late_s: think for so long before the 101. SIGTERM ends it as the documentation of aiohttp
shows: Close frames to everyone.
"""
import asyncio
import json
import sys
import weakref

from aiohttp import WSCloseCode, web

SETTINGS = json.loads(sys.argv[1])
SOCKETS = weakref.WeakSet()


async def chat(request):
    await asyncio.sleep(SETTINGS.get("late_s", 0))
    socket = web.WebSocketResponse(
        heartbeat=SETTINGS.get("heartbeat"), receive_timeout=SETTINGS.get("receive_timeout"),
        max_msg_size=SETTINGS.get("max_size", 2**20))
    await socket.prepare(request)
    SOCKETS.add(socket)
    await socket.send_str('{"type":"welcome"}')
    async for _ in socket:
        await socket.send_str('{"type":"said"}')
    return socket


async def page(_):
    return web.Response(text="chat\n")


async def say_goodbye(_):
    for socket in set(SOCKETS):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"server shutdown")


app = web.Application()
app.router.add_get("/lab/{room:.*}", chat)
app.router.add_get("/page", page)
app.on_shutdown.append(say_goodbye)
web.run_app(app, port=SETTINGS.get("port"), path=SETTINGS.get("path"), print=None)
