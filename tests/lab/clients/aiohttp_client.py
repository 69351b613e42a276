#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client on aiohttp: aiohttp_client.py URL JSON, with heartbeat in seconds.

Prints "open", and in the end "closed CODE".
"""
import asyncio
import json
import sys

import aiohttp


async def main():
    settings = json.loads(sys.argv[2])
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(sys.argv[1], heartbeat=settings.get("heartbeat")) as socket:
            print("open", flush=True)
            async for _ in socket:
                pass
            print("closed", socket.close_code, flush=True)


asyncio.run(main())
