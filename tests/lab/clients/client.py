#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client on the websockets library: usage: client.py URL [JSON settings]

Settings: ping_interval, ping_timeout (seconds or null), stay_s, say_every_s, max_size, origin.
Prints "open", and in the end "closed CODE REASON" or "failed: WHY".
"""
import asyncio
import json
import sys

import websockets

SETTINGS = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}


async def chatter(socket):
    while True:
        await asyncio.sleep(SETTINGS["say_every_s"])
        await socket.send(json.dumps({"type": "say", "text": "hello"}))


async def talk(socket):
    print("open", flush=True)
    if SETTINGS.get("say_every_s"):
        asyncio.create_task(chatter(socket))
    try:
        async with asyncio.timeout(SETTINGS.get("stay_s", 60)):
            async for _ in socket:
                pass
    except TimeoutError:
        await socket.close()
    except websockets.ConnectionClosed:
        pass
    print("closed", socket.close_code, socket.close_reason, flush=True)


async def main():
    try:
        async with websockets.connect(
                sys.argv[1], ping_interval=SETTINGS.get("ping_interval"),
                ping_timeout=SETTINGS.get("ping_timeout"), origin=SETTINGS.get("origin"),
                max_size=SETTINGS.get("max_size", 2**20)) as socket:
            await talk(socket)
    except (OSError, websockets.InvalidHandshake, TimeoutError) as error:
        print("failed:", error, flush=True)
        sys.exit(1)


asyncio.run(main())
