#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A chat server on the websockets library, started with a JSON object of settings:

port, or path of a Unix socket; ping_interval and ping_timeout (seconds or null), max_size (bytes), and "habit":
"raise" (the handler fails on the first message), "block" (it computes for block_s seconds
without giving the event loop a chance). SIGTERM closes the server as the library does it.
"""
import asyncio
import json
import signal
import sys
import time

import websockets

SETTINGS = json.loads(sys.argv[1])


async def chat(socket):
    await socket.send('{"type":"welcome"}')
    async for message in socket:
        if SETTINGS.get("habit") == "raise":
            raise RuntimeError("the database is down")
        if SETTINGS.get("habit") == "block":
            time.sleep(SETTINGS["block_s"])
        text = message if isinstance(message, str) else ""
        await socket.send(json.dumps({"type": "said", "text": text[:1000]}, separators=(",", ":")))


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    options = {name: SETTINGS.get(name) for name in ("ping_interval", "ping_timeout")}
    options["max_size"] = SETTINGS.get("max_size", 2**20)
    path = SETTINGS.get("path")
    serve = websockets.unix_serve(chat, path, **options) if path else websockets.serve(
        chat, "", SETTINGS["port"], **options)
    async with serve:
        print("listening on", path or SETTINGS["port"], flush=True)
        await stop


asyncio.run(main())
